"""The sign-in page, what a viewer sees, and pages of other sites that would use the browser's credentials."""

import http.server
import json
import threading
import urllib.parse

import pytest
from cluster_page import SESSION_COOKIE, Page
from servers.process import wait_for

def field(browser, name, text):
    found = browser.find_element("css selector", f"#{name}")
    found.clear()
    found.send_keys(text)


def submit(browser, name, password):
    field(browser, "name", name)
    field(browser, "password", password)
    browser.find_element("css selector", "#submit").click()


@pytest.fixture
def fresh(browser):
    """The browser without cookies and credentials."""
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    yield browser
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    browser.get_log("browser")


def path_of(browser):
    return urllib.parse.urlsplit(browser.current_url).path


def test_signing_in_and_out(fresh, hub):
    page = Page.__new__(Page)
    page.browser, page.hub, page.expected = fresh, hub, ["net::ERR", "401"]
    fresh.get(hub.about["hub"] + "/clusters/demo?phase=Ready")
    assert path_of(fresh) == "/sign-in"
    wait_for(lambda: page.focus() == "name", "the focus")  # comes with the first drawing, after the load
    submit(fresh, "admin", "wrong")
    wait_for(lambda: page.texts("#problem") == ["wrong user name or password"], "the reason")
    submit(fresh, *hub.admin)
    wait_for(lambda: path_of(fresh) == "/clusters/demo", "the page that was asked for")
    assert fresh.current_url.endswith("?phase=Ready")
    page.wait_for_state("live")
    cookie = next(found for found in fresh.get_cookies() if found["name"] == SESSION_COOKIE)
    assert cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "Strict"
    assert page.script("document.cookie") == ""
    wait_for(lambda: page.is_shown("#sign-out"), "the way out")
    page.find("#sign-out").click()
    wait_for(lambda: path_of(fresh) == "/sign-in", "the sign-in page")
    assert hub.ask("GET", "/", None, headers={"Cookie": f"{SESSION_COOKIE}={cookie['value']}"}).status == 401
    fresh.get(hub.about["hub"] + "/sign-in?next=https://evil.example/")
    submit(fresh, *hub.admin)
    wait_for(lambda: path_of(fresh) == "/", "the hub's own page")
    assert fresh.current_url.startswith(hub.about["hub"])
    # Whoever is signed in already is led on.
    fresh.get(hub.about["hub"] + "/sign-in?next=/clusters/demo")
    wait_for(lambda: path_of(fresh) == "/clusters/demo", "the page")
    page.wait_for_state("live")


def test_a_session_that_ends_leads_to_the_sign_in_page(fresh, hub):
    page = Page(fresh, hub)
    assert hub.administer("hub", "admin", "--data", hub.data).returncode == 0  # a new password
    wait_for(lambda: path_of(fresh) == "/sign-in", "the sign-in page")
    assert "next=%2Fclusters%2Fdemo" in page.browser.current_url


def test_a_viewer_sees_the_page_without_what_it_cannot_do(fresh, hub):
    password = hub.administer("hub", "admin", "--name", "wall", "--role", "viewer", "--data", hub.data).stdout.strip()
    page = Page(fresh, hub)
    page.wait_for_nodes("execute-1")

    def shown():
        return page.script("""(() => {
          const action = document.createElement("button");
          action.className = "administrators";
          document.body.append(action);
          return [document.documentElement.dataset.role, action.checkVisibility()];
        })()""")

    wait_for(lambda: shown() == ["administrator", True], "the administrator's role")
    page.sign_in(hub.session(("wall", password)))
    fresh.get(hub.about["hub"] + "/clusters/demo")
    page.wait_for_state("live")
    page.wait_for_nodes("execute-1")
    wait_for(lambda: shown() == ["viewer", False], "the viewer's role")
    fresh.get(hub.about["hub"] + "/clusters/demo/nodes/execute-1")
    page.wait_for_texts("#node-phase", "Installing")
    assert not page.is_shown("#configuration-section")


# -- pages of other sites ---------------------------------------------------------------------------------

ATTACKS = {
    "form": """<form id="f" method="post" enctype="text/plain" action="HUB/clusters/demo/nodes/terminate">
      <input name='{"names":["execute-1"],"x":"' value='"}'></form><script>f.submit()</script>""",
    "form of the old address": """<form id="f" method="post" action="HUB/cloud/actions/autoscale/demo/stop?instance=ID">
      </form><script>f.submit()</script>""",
    "navigation": """<script>location = "HUB/cloud/actions/autoscale/demo/stop?instance=ID"</script>""",
    "window": """<script>open("HUB/cloud/actions/autoscale/demo/stop?instance=ID")</script>""",
    "frame": """<iframe src="HUB/cloud/actions/autoscale/demo/stop?instance=ID" onload="done = 1"></iframe>""",
    "image": """<img src="HUB/cloud/actions/autoscale/demo/stop?instance=ID" onerror="done = 1">""",
    "fetch": """<script>fetch("HUB/clusters/demo/nodes/terminate", {method: "POST", mode: "no-cors",
      credentials: "include", headers: {"Content-Type": "text/plain"}, body: '{"names":["execute-1"]}'})
      .then(() => { done = 1 }, () => { done = 1 })</script>""",
    "fetch of JSON": """<script>fetch("HUB/clusters/demo/nodes/terminate", {method: "POST", credentials: "include",
      headers: {"Content-Type": "application/json"}, body: '{"names":["execute-1"]}'})
      .then(() => { done = 1 }, () => { done = 1 })</script>""",
    "beacon": """<script>navigator.sendBeacon("HUB/clusters/demo/nodes/terminate",
      new Blob(['{"names":["execute-1"]}'], {type: "text/plain"})); done = 1</script>""",
    "sign-out": """<script>fetch("HUB/sign-out", {method: "POST", mode: "no-cors", credentials: "include"})
      .then(() => { done = 1 }, () => { done = 1 })</script>""",
    "sign-out as the page does it": """<script>fetch("HUB/sign-out", {method: "POST", credentials: "include",
      headers: {"Content-Type": "application/json"}, body: "{}"})
      .then(() => { done = 1 }, () => { done = 1 })</script>""",
}


class OtherSite:
    """A web server with pages that attack a hub. By its name it is another site, by its address only another
    origin of the same one."""

    def __init__(self, hub):
        instance = hub.get("/api/node?cluster=demo&node=execute-1").json["node"]["instance_id"]
        pages = {"/" + urllib.parse.quote(name): text.replace("HUB", hub.about["hub"]).replace("ID", instance)
                 for name, text in ATTACKS.items()}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(("<!doctype html><body>" + pages.get(self.path, "")).encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize("credentials", ["cookie", "basic"])
def test_a_page_of_another_site_changes_nothing(fresh, hub, credentials):
    hub.log("execute-1 is here")
    page = Page(fresh, hub)
    if credentials == "basic":
        fresh.execute_cdp_cmd("Network.clearBrowserCookies", {})
        url = urllib.parse.urlsplit(hub.about["hub"])
        # The browser keeps what it was given for this address, and would send it again.
        fresh.get(f"https://{':'.join(hub.admin)}@{url.netloc}/api/account")
        assert json.loads(page.script("document.body.textContent"))["role"] == "administrator"
        fresh.get(f"https://{url.netloc}/clusters/demo/status")
        assert "nodearrays" in page.script("document.body.textContent")
    site = OtherSite(hub)
    first = fresh.current_window_handle
    try:
        for host in ("localhost", "127.0.0.1"):
            for name in ATTACKS:
                fresh.get(f"http://{host}:{site.port}/{urllib.parse.quote(name)}")
                wait_for(lambda: is_over(fresh), f"{name} by {host}")
                if fresh.execute_script("return location.protocol") == "https:":
                    assert "other sites" in page.script("document.body.textContent"), name
                for handle in fresh.window_handles:
                    if handle != first:
                        fresh.switch_to.window(handle)
                        wait_for(lambda: "other sites" in page.script("document.body.textContent"), "the refusal")
                        fresh.close()
                fresh.switch_to.window(first)
        assert hub.get("/operations").json == []
        assert hub.get("/api/node?cluster=demo&node=execute-1").json["node"]["phase"] != "Stopping"
        if credentials == "cookie":
            # Nor did they end the session.
            fresh.get(hub.about["hub"] + "/clusters/demo")
            page.wait_for_state("live")
        else:
            fresh.get(hub.about["hub"] + "/clusters/demo/status")
            assert "nodearrays" in page.script("document.body.textContent")
        # The same requests of the hub's own page do change it: the browser had the credentials all along.
        from_own_page(fresh, "fetch of JSON")
        operation, = hub.get("/operations").json
        assert operation["action"] == "terminate"
        assert hub.get("/api/node?cluster=demo&node=execute-1").json["node"]["phase"] == "Stopping"
        if credentials == "cookie":
            assert is_signed_in(hub)
            from_own_page(fresh, "sign-out as the page does it")
            assert not is_signed_in(hub)
    finally:
        site.stop()


def from_own_page(browser, name):
    """Does in the page that is open what the page of the other site does."""
    script = ATTACKS[name].replace("HUB", "").removeprefix("<script>").removesuffix("</script>")
    browser.execute_script("delete window.done; " + script)
    wait_for(lambda: browser.execute_script("return window.done === 1"), f"{name} by the hub's own page")


def is_signed_in(hub):
    """Whether the administrator's session goes on."""
    cookie = {"Cookie": f"{SESSION_COOKIE}={hub.session()}"}
    return hub.ask("GET", "/api/account", None, headers=cookie).status == 200


def is_over(browser):
    """Whether the attack of a page has been answered: its script was told so, or the answer took its place."""
    return len(browser.window_handles) > 1 or browser.execute_script(
        "return window.done === 1 || location.protocol === 'https:'")
