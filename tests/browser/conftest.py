"""What the tests of the cluster page share: a hub, a browser, and the page open in it."""
import json
import os
import pathlib
import shutil
import sys
import tempfile
import urllib.parse

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

from hub_client import DevCluster, log_message, wait_for

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")


class Cluster(DevCluster):
    """A hub with the cluster demo, and what its nodes say to it."""

    def enroll(self, *nodes, cluster="demo"):
        """Makes nodes; the credentials of each, by name."""
        made = {}
        for node in nodes:
            home = self.folder / "homes" / cluster / node
            home.mkdir(parents=True)
            done = self.keeper("hub", "enroll", "--data", self.data, "--cluster", cluster,
                               "--node", node, "--home", home)
            assert done.returncode == 0, done.stderr
            connection = json.loads((home / "config" / "connection.json").read_text())
            made[node] = connection["username"], connection["password"]
        return made

    def say(self, kind, data, credentials=None, **members):
        """A message of any type, as the node or as whom is named."""
        message = {**log_message(""), **members, "type": kind, "data": data}
        reply = self.post([message], credentials)
        assert reply.status == 202, reply.body

    def demand(self, *definitions, interval=300):
        """What a scheduler asks for."""
        self.say("autoscale", {"request_set": "standard", "expiration_interval": interval,
                               "definitions": list(definitions)})


@pytest.fixture
def hub():
    """A hub of the test's own."""
    cluster = Cluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def browser():
    """One browser for all."""
    webdriver = pytest.importorskip("selenium.webdriver",
                                    reason="python3-selenium is not installed")
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium or chromedriver is not installed")
    from selenium.webdriver.chrome.service import Service
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                         "--no-first-run", "--disable-background-networking",
                         "--disable-component-update", "--disable-sync",
                         "--disable-dev-shm-usage", "--ignore-certificate-errors",
                         f"--user-data-dir={profile}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        driver.set_page_load_timeout(60)
        yield driver
        driver.quit()


class Page:
    """The cluster page, open in the browser."""

    def __init__(self, browser, hub, path="/clusters/demo", width=1280, height=1000):
        self.browser = browser
        self.hub = hub
        browser.get_log("browser")
        self.resize(width, height)
        self.open(path)

    def open(self, path):
        """Goes to another view, and waits until it is up to date."""
        url = urllib.parse.urlsplit(self.hub.about["hub"])
        name, password = self.hub.admin
        self.browser.get(f"https://{name}:{password}@{url.netloc}{path}")
        self.wait_for_state("live")

    def resize(self, width, height):
        """The size of what is seen."""
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def prefer(self, scheme):
        """What the system prefers: light or dark; None for its own choice."""
        features = [{"name": "prefers-color-scheme", "value": scheme}] if scheme else []
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def find(self, selector):
        return self.browser.find_element("css selector", selector)

    def script(self, text):
        """The value of an expression."""
        return self.browser.execute_script("return " + text)

    def texts(self, selector):
        """The texts of all that match, in one step: the page changes meanwhile."""
        return self.script(f"[...document.querySelectorAll({json.dumps(selector)})]"
                           ".map(found => found.textContent)")

    def wait_for_texts(self, selector, *expected):
        wait_for(lambda: self.texts(selector) == list(expected), f"{selector}: {expected}")

    def is_shown(self, selector):
        return self.script(f"document.querySelector({json.dumps(selector)}).checkVisibility()")

    def events(self):
        """The events' texts, newest first."""
        return self.texts("#events .text")

    def wait_for_events(self, *expected):
        self.wait_for_texts("#events .text", *expected)

    def nodes(self):
        """The names of the nodes that are drawn."""
        return self.texts("#node-rows .name")

    def wait_for_nodes(self, *expected):
        self.wait_for_texts("#node-rows .name", *expected)

    def wait_for_state(self, *states):
        wait_for(lambda: self.script("document.getElementById('connection')?.dataset.state")
                 in states, f"connection {states}")

    def press(self, *keys):
        """Presses keys, wherever the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains
        for key in keys:
            ActionChains(self.browser).send_keys(key).perform()

    def focus(self):
        """What has the focus: its id, class or tag."""
        return self.script("document.activeElement.id || document.activeElement.className"
                           " || document.activeElement.tagName")

    def complaints(self):
        """What the browser has to say, but for the network's absence in fault tests."""
        return [entry["message"] for entry in self.browser.get_log("browser")
                if entry["level"] == "SEVERE" and "net::ERR" not in entry["message"]]

    def picture(self, name):
        """Saves what is seen, light and dark, where JETPACK_SCREENSHOT_DIR says."""
        folder = os.environ.get("JETPACK_SCREENSHOT_DIR")
        if not folder:
            return
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        for scheme in ("light", "dark"):
            self.prefer(scheme)
            self.browser.save_screenshot(f"{folder}/{name}-{scheme}.png")
        self.prefer(None)


@pytest.fixture
def open_page(browser, hub):
    """Opens the page of the test's hub; afterwards the browser has nothing to complain about."""
    pages = []

    def opened(path="/clusters/demo", **size):
        pages.append(Page(browser, hub, path, **size))
        return pages[-1]

    yield opened
    browser.execute_script("localStorage.clear()")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    for page in pages:
        assert page.complaints() == []
