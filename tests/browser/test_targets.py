"""The chart of the targets on the cluster page."""
from hub_client import wait_for

LEFT, RIGHT, ESCAPE = "\ue012", "\ue014", "\ue00c"


def lines(page):
    """The drawn lines, as the browser has them."""
    return page.script("[...document.querySelectorAll('#chart path.line')]"
                       ".map((line) => line.getAttribute('d'))")


def legend(page):
    """[(node array, cores or nodes)] beside the chart."""
    return list(zip(page.texts("#targets .series"), page.texts("#targets td.figure")))


def test_the_chart_changes_without_a_reload(open_page, hub):
    page = open_page()
    page.script("window.notReloaded = true")
    wait_for(lambda: page.is_shown("#targets-empty"), "no targets")
    hub.demand({"Name": "execute", "TargetCoreCount": 120}, {"Name": "gpu", "TargetCoreCount": 48})
    wait_for(lambda: legend(page) == [("execute", "120"), ("gpu", "48")], "two targets")
    before = lines(page)
    assert len(before) == 2 and not page.is_shown("#targets-empty")
    hub.demand({"Name": "execute", "TargetCoreCount": 960}, {"Name": "gpu", "TargetCoreCount": 48})
    wait_for(lambda: legend(page) == [("execute", "960"), ("gpu", "48")], "the new target")
    assert lines(page) != before
    assert page.texts("#chart text.end")[-1] == "1,000"
    assert "execute 960" in page.script("document.querySelector('#chart').ariaLabel")

    # Demand that is no longer there is demand for nothing.
    hub.demand({"Name": "execute", "TargetCoreCount": 960})
    wait_for(lambda: dict(legend(page)).get("gpu") in ("0", None), "no demand for gpu")
    assert page.script("window.notReloaded")
    page.picture("targets")


def test_lines_are_read_out_and_turned_off(open_page, hub):
    hub.demand({"Name": "execute", "TargetCoreCount": 8}, {"Name": "htc", "TargetCoreCount": 16})
    hub.demand({"Name": "execute", "TargetCoreCount": 24}, {"Name": "htc", "TargetCoreCount": 16})
    page = open_page()
    wait_for(lambda: legend(page) == [("execute", "24"), ("htc", "16")], "the targets")

    page.script("document.querySelector('#chart').focus()")
    page.press(LEFT)
    wait_for(lambda: page.texts("#targets-at") != ["Now"], "the readout")
    assert page.texts("#chart-news")[0].endswith(": execute 24, htc 16")
    page.press(LEFT)
    wait_for(lambda: page.texts("#chart-news")[0].endswith(": execute 8, htc 16"), "before it")
    assert page.script("document.querySelectorAll('#chart line.cursor').length") == 1
    page.press(ESCAPE)
    page.wait_for_texts("#targets-at", "Now")

    page.find("#targets .series").click()
    wait_for(lambda: len(lines(page)) == 1, "one line")
    assert page.script("document.querySelector('#targets .series').ariaPressed") == "false"
    assert page.script("document.activeElement.textContent") == "execute"

    page.find("#chart-table summary").click()
    wait_for(lambda: page.texts("#changes tbody th")[:1] == ["execute"], "the table")
    assert page.texts("#changes tbody td.figure")[:2] == ["–", "24"]


def test_cores_and_nodes(open_page, hub):
    hub.demand({"Name": "execute", "TargetCoreCount": 8}, {"Name": "login", "TargetCount": 2})
    page = open_page()
    wait_for(lambda: legend(page) == [("execute", "8")], "cores")
    page.find("#chart-unit").send_keys("nodes")
    wait_for(lambda: legend(page) == [("login", "2")], "nodes")
