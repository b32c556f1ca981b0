"""The cluster page in a real browser: what it shows, and that it stays up to date by itself."""
import json
import os
import pathlib
import shutil
import urllib.parse

import pytest

pytest.importorskip("selenium", reason="python3-selenium is not installed")

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from hub_client import DevCluster, log_message, wait_for

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER),
                                reason="chromium or chromedriver is not installed")

MARKUP = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture
def hub():
    cluster = DevCluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                     "--no-first-run", "--disable-background-networking",
                     "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
                     "--ignore-certificate-errors", "--window-size=1280,1000",
                     f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service(DRIVER), options=options)
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


class Page:
    """The cluster page, open in the browser."""

    def __init__(self, browser, hub, path="/"):
        self.browser = browser
        browser.get_log("browser")
        url = urllib.parse.urlsplit(hub.about["hub"])
        name, password = hub.admin
        browser.get(f"https://{name}:{password}@{url.netloc}{path}")
        self.wait_for_state("live")

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def script(self, text):
        return self.browser.execute_script("return " + text)

    def texts(self, selector):
        """The texts of all that match, in one step: the page changes meanwhile."""
        return self.script(f"[...document.querySelectorAll({json.dumps(selector)})]"
                           ".map(found => found.textContent)")

    def events(self):
        """The events' texts, newest first."""
        return self.texts("#events .text")

    def wait_for_events(self, *expected):
        wait_for(lambda: self.events() == list(expected), f"events {expected}")

    def wait_for_state(self, *states):
        wait_for(lambda: self.script("document.getElementById('connection')?.dataset.state")
                 in states, f"connection {states}")

    def toggle(self):
        """Uses the switch as a keyboard user does."""
        self.find("#show-all").send_keys(Keys.SPACE)

    def complaints(self):
        """What the browser has to say, but for the network's absence in fault tests."""
        return [entry["message"] for entry in self.browser.get_log("browser")
                if entry["level"] == "SEVERE" and "net::ERR" not in entry["message"]]

    def picture(self, name):
        """Saves the page, light and dark, where JETPACK_SCREENSHOT_DIR says."""
        folder = os.environ.get("JETPACK_SCREENSHOT_DIR")
        if not folder:
            return
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        for scheme in ("light", "dark"):
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
                "features": [{"name": "prefers-color-scheme", "value": scheme}]})
            self.browser.save_screenshot(f"{folder}/{name}-{scheme}.png")
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_an_empty_cluster(browser, hub):
    page = Page(browser, hub)
    assert page.find("#events-empty").is_displayed()
    assert page.texts("#nodes tbody th") == ["execute-1"]
    assert page.texts("#nodes tbody .tag") == ["Not seen yet"]
    page.picture("empty")
    assert page.complaints() == []


def test_new_events_appear_without_a_reload(browser, hub):
    page = Page(browser, hub, "/clusters/demo")
    page.script("window.notReloaded = true")
    hub.log("medium by itself", level="warn")
    page.wait_for_events("medium by itself")
    hub.log("low by itself", priority="low")
    hub.log("high by itself", level="error")
    page.wait_for_events("high by itself", "medium by itself")
    page.toggle()
    page.wait_for_events("high by itself", "low by itself", "medium by itself")
    hub.log("low again", priority="low")
    page.wait_for_events("low again", "high by itself", "low by itself", "medium by itself")
    page.toggle()
    page.wait_for_events("high by itself", "medium by itself")
    wait_for(lambda: page.texts("#nodes tbody .tag") == ["In contact"], "the node's contact")
    assert page.script("window.notReloaded")
    assert page.complaints() == []


def test_what_jetpack_log_says_is_shown(browser, hub):
    page = Page(browser, hub)
    done = hub.jetpack("log", "said on the node", "--level", "warn")
    assert done.returncode == 0, done.stderr
    page.wait_for_events("said on the node")


def test_markup_is_shown_as_text(browser, hub):
    page = Page(browser, hub)
    hub.post([{**log_message(MARKUP, note=MARKUP), "hostname": MARKUP, "instance_id": MARKUP}])
    page.wait_for_events(MARKUP)
    wait_for(lambda: MARKUP in page.texts("#nodes td"), "the node's hostname")
    assert page.script("document.querySelectorAll('main script, main img').length") == 0
    assert page.browser.title != "owned"
    assert page.complaints() == []


def test_a_restart_of_the_hub_loses_and_doubles_nothing(browser, hub):
    page = Page(browser, hub)
    page.script("window.notReloaded = true")
    hub.log("before")
    page.wait_for_events("before")
    hub.tool("hub-stop")
    page.wait_for_state("lost")
    hub.tool("hub-start")
    hub.log("while away")
    page.wait_for_events("while away", "before")
    page.wait_for_state("live")
    hub.log("after")
    page.wait_for_events("after", "while away", "before")
    assert page.script("window.notReloaded")


def test_without_a_stream_the_page_asks(browser, hub):
    """A proxy may not pass streams on; the page must not depend on them."""
    page = Page(browser, hub)
    page.browser.execute_cdp_cmd("Network.enable", {})
    page.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/api/events/stream*"]})
    try:
        page.toggle()
        page.wait_for_state("polling")
        hub.log("asked for", priority="low")
        page.wait_for_events("asked for")
    finally:
        page.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})


def test_many_events_and_older_ones(browser, hub):
    hub.post([log_message(f"number {i}") for i in range(450)])
    page = Page(browser, hub)
    assert page.events() == [f"number {i}" for i in range(449, 249, -1)]
    for shown in (400, 450):
        page.script("document.getElementById('older').click()")
        wait_for(lambda count=shown: len(page.events()) == count, f"{shown} events")
    assert page.events() == [f"number {i}" for i in range(449, -1, -1)]
    assert not page.find("#older").is_displayed()


def test_clusters_are_chosen(browser, hub, tmp_path):
    assert hub.keeper("hub", "enroll", "--data", hub.data, "--cluster", "other", "--node", "login",
                      "--home", tmp_path).returncode == 0
    hub.log("of demo")
    page = Page(browser, hub)
    page.wait_for_events("of demo")
    wait_for(lambda: page.texts("#cluster option") ==
             ["All clusters", "demo · 1 node", "other · 1 node"], "the choice")
    page.find("#cluster").send_keys("other")
    wait_for(lambda: page.browser.current_url.endswith("/clusters/other"), "the other page")
    page.wait_for_state("live")
    wait_for(lambda: page.texts("#nodes tbody th") == ["login"], "the other node")
    assert page.events() == []


def test_the_keyboard_reaches_everything(browser, hub):
    hub.log("with details", exit_code=3)
    page = Page(browser, hub)
    page.wait_for_events("with details")
    reached = []
    for _ in range(6):
        page.browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(page.script("document.activeElement.id || document.activeElement.className"
                                   " || document.activeElement.tagName"))
    assert reached[:5] == ["skip", "cluster", "nodes-card", "show-all", "SUMMARY"]
    assert page.script("[...document.querySelectorAll('input, select')]"
                       ".every(field => field.labels.length === 1)")


def test_a_lively_cluster(browser, hub, tmp_path):
    """For its picture."""
    for node in ("execute-2", "execute-3", "login-1", "scheduler"):
        home = tmp_path / node
        home.mkdir()
        hub.keeper("hub", "enroll", "--data", hub.data, "--cluster", "demo", "--node", node,
                   "--home", home)
        connection = json.loads((home / "config" / "connection.json").read_text())
        if node != "execute-3":
            message = {**log_message(f"{node} joined the cluster", priority="low"),
                       "hostname": f"ip-0a00000{len(node) % 10}", "instance_id": f"vm-{node}"}
            hub.post([message], (connection["username"], connection["password"]))
    hub.log("Software configuration finished in 41 s")
    hub.log("/shared is 91 % full", level="warn", mount="/shared", used_percent=91)
    hub.log("Failed to execute cluster-init script '00-install.sh' in project 'slurm' "
            "(return code: 1)\nRecommendation: edit and re-upload the script, then try again",
            level="error", exit_code=1, output="E: Unable to locate package slurm\n")
    hub.log("Slurm prolog took 12 ms", priority="low")
    page = Page(browser, hub, "/clusters/demo")
    page.toggle()
    wait_for(lambda: len(page.events()) == 7, "the events")
    wait_for(lambda: page.texts("#nodes tbody .tag").count("In contact") == 4, "the nodes")
    page.browser.execute_script("document.querySelector('summary').click()")
    page.picture("lively")
    page.browser.set_window_size(420, 900)
    page.picture("narrow")
    assert page.script("document.documentElement.scrollWidth <= innerWidth")
    page.browser.set_window_size(1280, 1000)
    assert page.complaints() == []
