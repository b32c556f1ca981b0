"""The cluster page in a real browser: events, clusters, and that it stays up to date by itself."""
import pytest
from hub_client import log_message
from servers.process import wait_for

SPACE = "\ue00d"


def toggle(page):
    """Uses the switch as a keyboard user does."""
    page.find("#show-all").send_keys(SPACE)


def test_an_empty_cluster(open_page):
    page = open_page()
    assert page.is_shown("#events-empty")
    wait_for(lambda: page.is_shown("#targets-empty"), "no targets")
    page.wait_for_nodes("execute-1")
    assert page.texts("#node-rows .phase") == ["Installing"]
    assert page.is_shown("#no-conditions")
    page.picture("empty")


def test_new_events_appear_without_a_reload(open_page, hub):
    page = open_page()
    page.script("window.notReloaded = true")
    hub.log("medium by itself", level="warn")
    page.wait_for_events("medium by itself")
    hub.log("low by itself", priority="low")
    hub.log("high by itself", level="error")
    page.wait_for_events("high by itself", "medium by itself")
    toggle(page)
    page.wait_for_events("high by itself", "low by itself", "medium by itself")
    hub.log("low again", priority="low")
    page.wait_for_events("low again", "high by itself", "low by itself", "medium by itself")
    toggle(page)
    page.wait_for_events("high by itself", "medium by itself")
    wait_for(lambda: page.texts("#node-rows .contact") != ["never"], "the node's contact")
    assert page.script("window.notReloaded")


def test_messages_of_jetpack_log_are_shown(open_page, hub):
    page = open_page("/")
    done = hub.jetpack("log", "said on the node", "--level", "warn")
    assert done.returncode == 0, done.stderr
    page.wait_for_events("said on the node")
    assert page.texts("#events .origin") == ["execute-1  ·  demo"]


def test_a_restart_of_the_hub_loses_and_repeats_nothing(open_page, hub):
    page = open_page()
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


def test_without_a_stream_the_page_polls(open_page, hub):
    """A proxy may not pass streams on; the page must not depend on them."""
    page = open_page()
    page.browser.execute_cdp_cmd("Network.enable", {})
    page.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/api/events/stream*"]})
    try:
        toggle(page)
        page.wait_for_state("polling")
        hub.log("asked for", priority="low")
        page.wait_for_events("asked for")
        hub.say("condition", {"name": "gpu", "status": "Error"})
        page.wait_for_texts("#node-rows .conditions .tag", "Error: gpu")
    finally:
        page.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})


def test_many_events_and_older_ones(open_page, hub):
    hub.post([log_message(f"number {i}") for i in range(250)])
    page = open_page()
    assert page.events() == [f"number {i}" for i in range(249, 149, -1)]
    for shown in (200, 250):
        page.script("document.getElementById('older').click()")
        wait_for(lambda count=shown: len(page.events()) == count, f"{shown} events")
    assert page.events() == [f"number {i}" for i in range(249, -1, -1)]
    assert not page.is_shown("#older")


def test_all_clusters(open_page, hub):
    hub.enroll("login", cluster="other")
    hub.log("of demo")
    hub.say("condition", {"name": "gpu", "status": "Error"})
    page = open_page("/")
    page.wait_for_texts("#clusters tbody th", "demo", "other")
    page.wait_for_texts("#clusters tbody .tag", "1 Error")
    assert page.texts("#clusters .parts")[1] == "1 Preparing"
    page.wait_for_events("of demo")
    page.picture("all-clusters")
    wait_for(lambda: page.texts("#cluster option") ==
             ["All clusters", "demo · 1 node", "other · 1 node"], "the choice")
    page.find("#cluster").send_keys("other")
    wait_for(lambda: page.browser.current_url.endswith("/clusters/other"), "the other page")
    page.wait_for_state("live")
    page.wait_for_nodes("login")
    assert page.events() == []


def test_a_node_is_found_in_all_clusters(open_page, hub):
    for name, cluster in (("login-1", "other"), ("login-2", "demo"), ("gpu-1", "other")):
        hub.enroll(name, cluster=cluster)
    hub.say("condition", {"name": "ib", "status": "OK"})
    page = open_page("/")
    page.wait_for_texts("#clusters tbody .tag", "OK")
    page.press("/")
    assert page.focus() == "find"
    page.press("LOGIN")
    page.wait_for_texts("#found tbody th", "login-2", "login-1")
    assert page.texts("#found tbody td:nth-child(2)") == ["demo", "other"]
    page.picture("found")
    page.find("#find").clear()
    page.find("#find").send_keys("host-exec")  # of its host
    page.wait_for_texts("#found tbody th", "execute-1")
    page.find("#find").clear()
    page.find("#find").send_keys("100%_")  # no pattern
    wait_for(lambda: page.texts("#found-text") == ["No node matches '100%_'."], "that there is none")
    assert not page.is_shown("#found")
    page.find("#find").clear()
    page.find("#find").send_keys("gpu\n")
    wait_for(lambda: page.browser.current_url.endswith("/clusters/other/nodes/gpu-1"), "its page")
    # A node's account finds those of its own cluster.
    found = hub.get("/api/nodes?text=login", hub.node).json["nodes"]
    assert [(node["cluster"], node["name"]) for node in found] == [("demo", "login-2")]


MARKUP = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


def is_harmless(page):
    """Whether nothing from a node became markup."""
    return (page.script("document.querySelectorAll('main :is(script, img, b)').length") == 0
            and page.browser.title != "owned")


def test_markup_is_shown_as_text(open_page, hub):
    texts = {name: f"{name} {MARKUP}" for name in
             ("message", "description", "recommendations", "details")}
    hub.say("condition", {"name": f"a{MARKUP}", "status": "Error", **texts})
    hub.say("properties", {"properties": {MARKUP: {MARKUP: MARKUP}}})
    hub.post([{**log_message(MARKUP, **{MARKUP: MARKUP}), "hostname": MARKUP,
               "instance_id": MARKUP}])
    page = open_page()
    page.wait_for_events(MARKUP)
    wait_for(lambda: MARKUP in page.texts("#node-rows .hostname"), "the node's hostname")
    page.wait_for_texts("#node-rows .conditions .tag", f"Error: a{MARKUP}")
    assert is_harmless(page)
    page.open("/clusters/demo/nodes/execute-1")
    page.wait_for_texts("#node-conditions strong", f"a{MARKUP}")
    shown = page.texts("#node-conditions li")[0]
    assert all(text in shown for text in texts.values())
    shown = dict(zip(page.texts("#properties th[scope=row]"), page.texts("#properties td")))
    assert shown.pop("cores").isdigit()
    assert shown == {f"{MARKUP}.{MARKUP}": MARKUP}
    assert MARKUP in page.texts("#node-facts dd")
    assert is_harmless(page)


@pytest.mark.parametrize("name", [f"b{MARKUP}", "<b>", "__proto__", "constructor"])
def test_hostile_targets(open_page, hub, name):
    """Names of arrays and request sets, as far as the hub accepts them."""
    hub.post([{**log_message(""), "type": "autoscale", "data": {
        "request_set": name, "expiration_interval": 300,
        "definitions": [{"Name": name, "TargetCoreCount": 8},
                        {"Name": "execute", "TargetCoreCount": 4}]}}])
    hub.log("after it")
    page = open_page()
    page.wait_for_events("after it")
    assert is_harmless(page)
