"""A hub with a cluster, and its page in a browser, as the tests of the page use them."""
import contextlib
import json
import os
import pathlib
import sqlite3

from hub_client import DevCluster, log_message
from servers.process import wait_for


SESSION_COOKIE = "__Host-jetpack-session"


class Cluster(DevCluster):
    """A hub with the cluster demo, and messages from its nodes."""

    start_options = ("--no-daemon",)  # the tests alone speak for the nodes

    def __init__(self):
        super().__init__()
        self.credentials = {"execute-1": self.node}
        self.sessions = {}

    def session(self, account=None):
        """The token of a session of the administrator, or of another account, (name, password)."""
        name, password = account or self.admin
        if name not in self.sessions:
            reply = self.ask("POST", "/sign-in", None, json.dumps({"name": name, "password": password}))
            assert reply.status == 200, reply.body
            self.sessions[name] = reply.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
        return self.sessions[name]

    def enroll(self, *nodes, cluster="demo"):
        """Creates nodes."""
        for node in nodes:
            home = self.directory / "homes" / cluster / node
            home.mkdir(parents=True)
            done = self.administer("hub", "enroll", "--data", self.data, "--cluster", cluster,
                               "--node", node, "--home", home)
            assert done.returncode == 0, done.stderr
            connection = json.loads((home / "config" / "connection.json").read_text())
            self.credentials[node] = connection["username"], connection["password"]

    def say(self, kind, data, node="execute-1"):
        """A message of any type, as the node."""
        message = {**log_message(""), "type": kind, "data": data, "hostname": f"host-{node}",
                   "instance_id": f"vm-{node}"}
        reply = self.post([message], self.credentials[node])
        assert reply.status == 202, reply.body

    @contextlib.contextmanager
    def database(self):
        """The hub's database, in one transaction: for what would take too long over HTTP."""
        with contextlib.closing(sqlite3.connect(self.data / "hub.db")) as db, db:
            yield db

    def demand(self, *definitions, interval=300):
        """A scheduler's demand."""
        self.say("autoscale", {"request_set": "standard", "expiration_interval": interval,
                               "definitions": list(definitions)})


def copy_rows(db, table, source, count, changed):
    """Copies a row count - 1 times; `changed` gives columns in terms of i, which counts from 2."""
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(changed.get(column, column) for column in columns)
    db.execute(f"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
               f"INSERT INTO {table} ({', '.join(columns)}) "
               f"SELECT {values} FROM n, (SELECT * FROM {table} WHERE {source})")


class Page:
    """The cluster page, open in the browser."""

    def __init__(self, browser, hub, path="/clusters/demo", width=1280, height=1000):
        self.browser = browser
        self.hub = hub
        self.expected = ["net::ERR"]  # in complaints: tests of faults take the network away
        browser.get_log("browser")
        self.resize(width, height)
        self.open(path)

    def open(self, path):
        """Goes to another view, signed in as the administrator, and waits until it is up to date."""
        self.sign_in(self.hub.session())
        self.browser.get(self.hub.about["hub"] + path)
        self.wait_for_state("live")

    def sign_in(self, token):
        """Gives the browser the cookie of a session."""
        self.browser.execute_cdp_cmd("Network.setCookie", {
            "url": self.hub.about["hub"], "name": SESSION_COOKIE, "value": token, "path": "/", "secure": True,
            "httpOnly": True, "sameSite": "Strict"})

    def resize(self, width, height):
        """The size of the viewport."""
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
        """The names of the drawn nodes."""
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
        """What the browser logged, without what the test expects."""
        return [entry["message"] for entry in self.browser.get_log("browser")
                if entry["level"] == "SEVERE"
                and not any(text in entry["message"] for text in self.expected)]

    def picture(self, name):
        """Saves screenshots, light and dark, in JETPACK_SCREENSHOT_DIR."""
        directory = os.environ.get("JETPACK_SCREENSHOT_DIR")
        if not directory:
            return
        pathlib.Path(directory).mkdir(parents=True, exist_ok=True)
        for scheme in ("light", "dark"):
            self.prefer(scheme)
            self.browser.save_screenshot(f"{directory}/{name}-{scheme}.png")
        self.prefer(None)
