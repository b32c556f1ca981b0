"""The cluster page for everybody: by keyboard alone, with a screen reader, in light and dark, on
narrow and wide screens."""
import functools
import json
import pathlib

import pytest
from cluster_page import Cluster
from servers.process import wait_for

TAB, ENTER, ESCAPE, DOWN, END, HOME = "\ue004", "\ue007", "\ue00c", "\ue015", "\ue010", "\ue011"
VIEWS = ("/", "/clusters/demo", "/clusters/demo/nodes/execute-3")
CONTRAST = (pathlib.Path(__file__).parent / "contrast.js").read_text()


@pytest.fixture(scope="module")
def lively():
    """A cluster with a bit of everything; no test changes it."""
    hub = Cluster()
    try:
        fill(hub)
        yield hub
    finally:
        hub.stop()


def fill(hub):
    """What happened."""
    hub.enroll("execute-2", "execute-3", "gpu-1", "login-1", "scheduler")
    for node in hub.credentials:
        hub.say("log", {"level": "info", "priority": "low", "message": f"{node} joined"}, node)
    for node in ("execute-1", "execute-2", "execute-3", "scheduler"):
        hub.say("installation", {"status": "ok"}, node)
    hub.say("installation", {"status": "error", "message": "00-install.sh failed"}, "gpu-1")
    hub.say("condition", {"name": "gpu", "status": "OK"}, "scheduler")
    hub.say("condition", {"name": "ib", "status": "Warning",
                          "message": "port 1 went down 14 times"}, "execute-2")
    hub.say("condition", {"name": "gpu", "status": "Error",
                          "message": "GPU 3 has fallen off the bus",
                          "description": "The driver reports XID 79 for the device.",
                          "recommendations": "Drain the node and ask for a reset.",
                          "details": "nvidia-smi: GPU 0000:C1:00.0 is lost", "action_type": "GHR",
                          "ghr_category": "Resource.Hpc.Unhealthy.HpcMissingGpu"}, "execute-3")
    hub.say("properties", {"properties": {"vm": {"size": "Standard_ND96isr_H100_v5"}}},
            "execute-3")
    hub.say("keepalive", {"until": "forever"}, "execute-3")
    for cores in (40, 480, 960, 720):
        hub.demand({"Name": "execute", "TargetCoreCount": cores},
                   {"Name": "gpu", "TargetCoreCount": cores // 5 + 96})
    hub.log("Software configuration finished in 41 s")
    hub.log("/shared is 91 % full", level="warn", mount="/shared", used_percent=91)
    hub.log("Failed to execute cluster-init script '00-install.sh' in project 'slurm' (return "
            "code: 1)\nRecommendation: edit and re-upload the script, then try again",
            level="error", exit_code=1, output="E: Unable to locate package slurm\n")


@pytest.fixture
def open_page(open_page_of, lively):
    """Opens the page of that cluster."""
    return functools.partial(open_page_of, lively)


def test_by_keyboard_alone(open_page):
    page = open_page("/clusters/demo?sort=name")
    page.wait_for_nodes("execute-1", "execute-2", "execute-3", "gpu-1", "login-1", "scheduler")
    wait_for(lambda: page.texts("#targets .series") == ["execute", "gpu"], "the targets")
    reached = []
    for _ in range(50):
        page.press(TAB)
        reached.append(page.focus())
    wanted = ["skip", "brand", "cluster", "appearance", "stat error", "node-filter", "nodes",
              "chart-hours", "chart", "series", "show-all", "events-card", "SUMMARY"]
    assert [name for name in reached if name in wanted][:4] == wanted[:4]
    assert set(wanted) <= set(reached), reached

    page.script("document.activeElement.blur()")
    page.press("/")
    assert page.focus() == "node-filter"
    page.press("execute", DOWN)
    page.wait_for_nodes("execute-1", "execute-2", "execute-3")
    assert page.focus() == "nodes"
    assert page.texts("#node-rows .active .name") == ["execute-1"]
    page.press(DOWN)
    assert page.texts("#node-rows .active .name") == ["execute-2"]
    assert page.script("document.querySelector('#nodes').getAttribute('aria-activedescendant')")
    page.press(END)
    assert page.texts("#node-rows .active .name") == ["execute-3"]
    page.press(HOME, DOWN, DOWN, ENTER)
    wait_for(lambda: page.browser.current_url.endswith("/nodes/execute-3"), "the node's page")
    page.wait_for_state("live")
    page.press("/")
    assert page.focus() == "properties-filter"
    page.browser.back()
    page.wait_for_state("live")
    page.wait_for_nodes("execute-1", "execute-2", "execute-3")
    page.press("/", ESCAPE)
    page.wait_for_nodes("execute-1", "execute-2", "execute-3", "gpu-1", "login-1", "scheduler")


def test_keys_move_and_are_shown(open_page):
    page = open_page("/clusters/demo?sort=name")
    page.wait_for_nodes("execute-1", "execute-2", "execute-3", "gpu-1", "login-1", "scheduler")
    page.press("j", "j", "k")
    assert page.texts("#node-rows .active .name") == ["execute-1"]
    page.press("j")
    assert page.texts("#node-rows .active .name") == ["execute-2"]
    page.press("?")
    assert page.is_shown("#keys")
    page.picture("keys")
    page.press("j", ESCAPE)
    assert not page.is_shown("#keys") and page.texts("#node-rows .active .name") == ["execute-2"]
    page.press("/", "j?")
    assert page.script("document.querySelector('#node-filter').value") == "j?" and not page.is_shown("#keys")


@pytest.mark.parametrize("view", VIEWS)
def test_everything_has_a_name(open_page, view):
    page = open_page(view)
    wait_for(lambda: page.script("document.querySelectorAll('main a').length"), "the content")
    tree = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {"button", "link", "textbox", "searchbox", "combobox", "switch", "checkbox", "grid",
             "region", "columnheader", "rowheader", "heading", "image"}
    nameless = [node["role"]["value"] for node in tree
                if not node["ignored"] and node["role"]["value"] in named
                and not node.get("name", {}).get("value", "").strip()]
    assert nameless == []
    assert page.script("document.querySelectorAll('h1').length") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(open_page, scheme):
    """WCAG 2.1 AA for every visible text."""
    for view in VIEWS:
        page = open_page(view)
        page.prefer(scheme)
        wait_for(lambda shown=page: shown.script("document.querySelectorAll('main .tag').length"),
                 "the content")
        page.browser.execute_script(
            "document.querySelectorAll('details').forEach((found) => { found.open = true; })")
        found = page.browser.execute_script(CONTRAST)
        assert found["checked"] > 20
        assert found["faint"] == [], json.dumps(found["faint"], indent=1)


def test_appearance_is_chosen_and_remembered(open_page):
    page = open_page()

    def ground():
        return page.script("getComputedStyle(document.body).backgroundColor")

    page.prefer("light")
    light = ground()
    page.prefer("dark")
    dark = ground()
    assert dark != light
    page.find("#appearance").send_keys("Light")
    wait_for(lambda: ground() == light, "light")
    page.open("/clusters/demo/nodes/execute-1")
    assert ground() == light and page.script("document.querySelector('#appearance').value")
    page.find("#appearance").send_keys("System")
    wait_for(lambda: ground() == dark, "what the system prefers")


def test_narrow_and_wide(open_page):
    for view in VIEWS:
        page = open_page(view)
        for width in (360, 600, 900, 1280, 1920, 3000):
            page.resize(width, 1000)
            wait_for(lambda width=width: page.script("document.documentElement.scrollWidth") <= width,
                     f"{view} to fit into {width}", seconds=10)
            if width in (360, 1920):
                name = f"lively{view.replace('/', '-').rstrip('-')}-{width}"
                page.picture(name)
