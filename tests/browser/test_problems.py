"""The cluster page at 3 a.m.: what is wrong, where, and what to do about it."""
import time

import pytest
from cluster_page import copy_rows
from servers.process import wait_for

NODES = 500
CHECKS = (("lustre", "Error", "lustre: mount /work hangs"), ("ib-link", "Error", "port 1 is down"),
          ("gpu", "Warning", "GPU 3 is hot"))
BAD_RACK = "r07"
ILL = {check: [number for number in range(1, NODES) if number % 60 == 7 + place]
       for place, (check, _, _) in enumerate(CHECKS)}  # 25 nodes, 5 %
SILENT = (101, 202, 303)


def name_of(number):
    return f"cc{number:03}"


def fill(hub):
    """500 nodes in racks, 25 of them ill in three ways, 3 silent; all of lustre's are in one rack."""
    hub.say("installation", {"status": "ok"})
    with hub.database() as db:
        now = int(time.time() * 1000)
        rack = "printf('r%02d', i / 50 + 1)"
        for number in ILL["lustre"]:
            rack = f"CASE WHEN i = {number} THEN '{BAD_RACK}' ELSE {rack} END"
        copy_rows(db, "nodes", "name = 'execute-1'", NODES, {
            "name": "printf('cc%03d', i)", "hostname": "'host-' || i", "node_id": "'id-' || i",
            "userdata_id": "'data-' || i", "properties": f"json_object('rack', {rack}, 'n', i)",
            "last_contact": f"CASE WHEN i IN {SILENT} THEN {now - 3_600_000} ELSE {now} END"})
        db.executemany("INSERT OR REPLACE INTO contacts VALUES ('demo', ?, ?, 60000, 0, 0)",
                       [(name_of(number), now - (3_600_000 if number in SILENT else 0))
                        for number in range(2, NODES + 1)])
        for check, status, message in CHECKS:
            db.executemany(
                "INSERT INTO conditions VALUES ('demo', ?, ?, ?, ?, '', '', '', '', '', ?, ?)",
                [(name_of(number), check, status, message, now - number * 1000, now)
                 for number in ILL[check]])
        db.executemany("UPDATE contacts SET silent_since = heard WHERE of_node = ?",
                       [(name_of(number),) for number in SILENT])


def problems(page):
    """{(check, status): (nodes, where)}"""
    return {(check, status): (int(nodes), where) for check, status, nodes, where in page.script(
        "[...document.querySelectorAll('#problems tbody tr')].map((row) => "
        "[row.cells[0].textContent, row.cells[1].textContent, row.cells[2].textContent, "
        "[...row.cells[3].querySelectorAll('button')].map((b) => b.textContent)])")}


@pytest.fixture
def ill(hub):
    """A cluster that is ill."""
    fill(hub)
    return hub


def test_which_check_fails_in_which_rack(open_page, ill):
    page = open_page("/clusters/demo", width=1280, height=1000)
    lustre = ("lustre", "Error")
    wait_for(lambda: problems(page).get(lustre) == (len(ILL["lustre"]), [
        f"{BAD_RACK} ×{len(ILL['lustre'])}"]), "which rack lustre fails in, without a click")
    found = problems(page)
    assert {key: number for key, (number, _) in found.items()} == {
        **{(check, status): len(ILL[check]) for check, status, _ in CHECKS}, ("Node", "Silent"): 3}
    assert list(found)[0] == ("Node", "Silent")
    urgent = sum(len(ILL[check]) for check, status, _ in CHECKS if status == "Error") + 3
    wait_for(lambda: page.browser.title == f"({urgent}) demo – jetpack hub", "the number in the title")
    page.picture("problems")

    # One click: the nodes.
    button = "#problems button[data-filter='condition:lustre:Error rack:r07']"
    page.script(f'document.querySelector("{button}").click()')
    wait_for(lambda: page.texts("#node-count") == [f"{len(ILL['lustre'])} of {NODES}"], "the nodes")
    assert page.nodes() == [name_of(number) for number in ILL["lustre"]]
    assert set(page.texts("#node-rows .reason")) == {CHECKS[0][2]}

    # One filter does the same.
    page.open("/clusters/demo?q=condition:lustre+rack:r07")
    wait_for(lambda: page.texts("#node-count") == [f"{len(ILL['lustre'])} of {NODES}"], "the filter")


def test_the_filter(open_page, ill):
    page = open_page("/clusters/demo")
    wait_for(lambda: page.texts("#node-count") == [str(NODES)], "the nodes")
    assert set(page.nodes()[:3]) == {name_of(number) for number in SILENT}, "the worst first"

    def shown(text, expected):
        page.browser.execute_script(
            "const f = document.querySelector('#node-filter'); f.value = arguments[0];"
            "f.dispatchEvent(new Event('input'));", text)
        wait_for(lambda: page.texts("#node-count") == [f"{expected} of {NODES}"], text)

    shown("phase:silent", 3)
    shown("-phase:ready", 3)
    shown("cc[100-110]", 11)
    shown("cc[100-110] -phase:silent", 10)
    shown("condition:gpu", len(ILL["gpu"]))
    shown("condition:gpu:error", 0)
    assert page.is_shown("#filter-help")
    shown("rack:r10", 50 - sum(450 <= number < 500 for number in ILL["lustre"]))
    shown("n:[1", 0)  # what is no set and matches nothing
    shown("RACK:r10", 0)
    shown("status:error reason:hangs", len(ILL["lustre"]))


def test_names_are_copied_and_nodes_acted_on(open_page, ill):
    page = open_page("/clusters/demo?q=phase:silent")
    wait_for(lambda: page.texts("#copy-names") == ["Copy names of 3 nodes"], "the button")
    page.browser.execute_cdp_cmd("Browser.grantPermissions", {
        "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    page.find("#copy-names").click()
    wait_for(lambda: "cc[101,202,303]" in page.texts("#copied")[0], "the folded set")

    page.find("#act").click()
    assert page.texts("#action-nodes") == ["cc[101,202,303]"]
    assert "hub node terminate -c demo cc101 cc202 cc303" in page.texts("#action-command")[0]
    assert page.script("document.querySelector('#action-run').disabled")
    page.picture("actions")
    page.find("#action-reason").send_keys("bad 'fans'")
    page.find("#action-typed").send_keys("3")
    page.find("#action-run").click()
    wait_for(lambda: not page.is_shown("#actions"), "that it was done")
    wait_for(lambda: {ill.get(f"/api/node?cluster=demo&node={name_of(number)}").json["node"]["phase"]
                      for number in SILENT} == {"Stopping"}, "that they stop")
    page.open("/clusters/demo/nodes/cc001")
    page.expected.append("/api/node?")
    page.open("/clusters/demo/nodes/cc002")
    page.find("#node-act").click()
    page.find("#action-choice").send_keys("Keep alive until")
    page.find("#action-run").click()
    wait_for(lambda: "forever" in page.texts("#node-facts dd"), "the keep-alive")


def test_what_is_unknown_says_so(open_page, hub):
    page = open_page("/clusters/nosuch")
    wait_for(lambda: page.texts("#gone-text") == ["There is no cluster 'nosuch'."], "the text")
    assert page.texts("#gone-clusters a") == ["demo"]
    assert not page.is_shown("#nodes-heading")


def test_a_hub_that_is_away_dims_the_page(open_page, hub):
    page = open_page()
    page.wait_for_nodes("execute-1")
    assert not page.is_shown("#outage")
    hub.tool("hub-stop")
    wait_for(lambda: page.is_shown("#outage"), "the banner")
    assert "No response from the hub since" in page.texts("#outage")[0]
    assert float(page.script("getComputedStyle(document.querySelector('main')).opacity")) < 1
    hub.tool("hub-start")
    wait_for(lambda: not page.is_shown("#outage"), "the hub")


def test_events_are_folded_filtered_and_counted(open_page, hub):
    for text in ("looping", "another", "looping", "looping"):
        hub.log(text, level="warn")
    hub.log("an error", level="error")
    for number in range(3):
        hub.log(f"detail {number}", priority="low")
    page = open_page()
    page.wait_for_events("an error", "looping", "another")
    assert page.texts("#events .times") == ["×3"]
    wait_for(lambda: page.texts("#low-count") == ["3 of low priority hidden"], "what is hidden")
    hub.log("looping", level="warn")
    page.wait_for_events("looping", "an error", "another")
    page.wait_for_texts("#events .times", "×4")

    def choose_level(level):
        page.browser.execute_script(
            "const level = document.querySelector('#event-level'); level.value = arguments[0];"
            "level.dispatchEvent(new Event('change'));", level)

    choose_level("error")
    page.wait_for_events("an error")
    choose_level("")
    page.find("#event-filter").send_keys("ANOTH")
    page.wait_for_events("another")
    page.find("#event-filter").clear()
    page.browser.execute_script(
        "document.querySelector('#event-filter').dispatchEvent(new Event('input'))")
    page.script("document.querySelector('#low-show').click()")
    wait_for(lambda: len(page.events()) == 6, "all")
    assert not page.is_shown("#low-hidden")


def test_times_and_history(open_page, hub):
    for status in ("Error", "OK", "Error", "OK", "Error"):
        hub.say("condition", {"name": "gpu", "status": status, "message": "flaps"})
    hub.say("installation", {"status": "ok"})
    page = open_page("/clusters/demo/nodes/execute-1")
    page.wait_for_texts("#history tbody th", "Phase", "gpu", "gpu", "gpu", "gpu", "gpu", "Phase")
    assert page.texts("#history .tag")[:2] == ["Ready", "Error"]
    assert "gpu changed 5 times" in page.texts("#history-note")[0]
    page.find("#times").send_keys("UTC")
    when = page.script("document.querySelector('#history time').dateTime")
    wait_for(lambda: when[11:19] in page.texts("#history time")[0], "the time in UTC")
    page.picture("history")
    assert page.script("localStorage.getItem('times')") == "utc"
