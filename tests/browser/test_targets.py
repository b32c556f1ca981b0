"""The chart of the targets on the cluster page."""
import re
import time

from cluster_page import copy_rows
from servers.process import wait_for

LEFT, RIGHT, ESCAPE = "\ue012", "\ue014", "\ue00c"


def lines(page):
    """The drawn lines, as the browser has them."""
    return page.script("[...document.querySelectorAll('#chart path.line')]"
                       ".map((line) => line.getAttribute('d'))")


def legend(page):
    """[(node array, cores or nodes)] beside the chart."""
    return list(zip(page.texts("#targets .series"), page.texts("#targets td.figure:not(.ready)")))


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


def test_lines_are_announced_and_turned_off(open_page, hub):
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


def test_what_is_ready_is_drawn_beside_what_is_wanted(open_page, hub):
    hub.demand({"Name": "execute", "TargetCoreCount": 240}, {"Name": "login", "TargetCount": 2})
    now = int(time.time() * 1000)
    with hub.database() as db:
        for minutes, array, nodes, cores in ((50, "execute", 1, 120), (30, "execute", 2, -1), (10, "execute", 3, 360),
                                             (50, "login", 1, -1)):
            db.execute("INSERT INTO ready_history (time, cluster, nodearray, nodes, cores) VALUES (?, 'demo', ?, ?, ?)",
                       (now - minutes * 60_000, array, nodes, cores))
    page = open_page()
    page.find("#chart-hours").send_keys("hour")

    def ready():
        return page.texts("#targets td.ready"), page.script(
            "[...document.querySelectorAll('#chart path.ready')].map((line) => line.getAttribute('d'))")

    wait_for(lambda: ready()[0] == ["360"], "ready cores")
    line, = ready()[1]
    # From the first to the second, nothing while a node does not say how many it has, and from the third on.
    assert [part[0] for part in re.findall(r"[MHV][^MHV]*", line)] == ["M", "V", "H", "M", "V", "H"], line
    page.find("#chart-unit").send_keys("nodes")
    wait_for(lambda: ready()[0] == ["1"], "ready nodes")


HOUR = 3_600_000
CORES = (0, 240, 960, 960, 1440, 1920, 1920, 1680, 2400, 2400, 1200, 480)


def a_day_of_targets(db):
    """For each of three arrays a change every five minutes, from 26 hours ago on."""
    now = int(time.time() * 1000)
    for place, (array, share) in enumerate((("execute", 1), ("gpu", 0.2), ("htc", 0.6))):
        for step in range(26 * 12):
            hour = (step + place * 40) / 12
            cores = int(CORES[int(hour) % len(CORES)] * share) + step % 4 * 8
            db.execute("INSERT INTO target_history (time, cluster, nodearray, target_count, "
                       "target_core_count) VALUES (?, 'demo', ?, -1, ?)",
                       (now - 26 * HOUR + step * HOUR // 12, array, cores))


def a_cluster_at_work(hub):
    """Some hundred nodes, most of them well, and what they said."""
    hub.enroll("gpu-1")
    hub.say("installation", {"status": "ok"})
    hub.say("installation", {"status": "ok"}, "gpu-1")
    hub.say("condition", {"name": "ib", "status": "OK"})
    hub.say("condition", {"name": "gpu", "status": "OK"}, "gpu-1")
    unique = {"node_id": "'id-' || name || i", "userdata_id": "'data-' || name || i",
              "last_contact": "last_contact - i % 7 * 40000"}
    with hub.database() as db:
        for array, count in (("execute", 420), ("gpu", 24)):
            copy_rows(db, "nodes", f"name = '{array}-1'", count, {
                **unique, "name": f"'{array}-' || i", "hostname": f"'{array}-' || i",
                "phase": "CASE WHEN i % 97 = 5 THEN 'Failed' WHEN i % 19 = 4 THEN 'Installing' "
                         "WHEN i > 405 THEN 'Preparing' ELSE phase END",
                "properties": "json_object('rack', printf('r%02d', i / 40 + 1))",
                "template": f"'{array}'",
                "status_message": "CASE WHEN i % 97 = 5 THEN '00-install.sh failed' ELSE '' END",
                "keepalive_until": "CASE WHEN i % 11 = 0 THEN -1 ELSE 0 END"})
            copy_rows(db, "conditions", f"node = '{array}-1'", count, {
                "node": f"'{array}-' || i",
                "message": "CASE WHEN i % 53 = 3 THEN 'port 1 is down' WHEN i % 23 = 7 "
                           "THEN 'symbol errors' ELSE '' END",
                "status": "CASE WHEN i % 53 = 3 THEN 'Error' WHEN i % 23 = 7 THEN 'Warning' "
                          "ELSE status END"})
        a_day_of_targets(db)
    hub.demand({"Name": "execute", "TargetCoreCount": 1680},
               {"Name": "gpu", "TargetCoreCount": 480},
               {"Name": "htc", "TargetCoreCount": 1152})
    hub.log("Software configuration finished in 41 s")
    hub.say("log", {"level": "error", "message": "GPU 3 has fallen off the bus", "xid": 79},
            "gpu-1")
    hub.log("/shared is 91 % full", level="warn", mount="/shared", used_percent=91)
    hub.log("Failed to execute cluster-init script '00-install.sh' in project 'slurm' (return "
            "code: 1)\nRecommendation: edit and re-upload the script, then try again",
            level="error", exit_code=1)
    hub.log("Scheduled maintenance is over", level="info")


def test_a_day_of_targets(open_page, hub):
    """Also the picture in the README."""
    a_cluster_at_work(hub)
    page = open_page("/clusters/demo", width=1280, height=1120)
    wait_for(lambda: legend(page) == [("execute", "1,680"), ("gpu", "480"), ("htc", "1,152")],
             "the targets")
    wait_for(lambda: page.texts("#node-count") == ["444"], "the nodes")
    drawn = lines(page)
    assert len(drawn) == 3 and all(len(line) > 500 for line in drawn)
    assert len(page.texts("#chart text.middle")) >= 5
    wait_for(lambda: page.is_shown("#problems") and page.texts("#problems .chip"), "the problems")
    wait_for(lambda: any(text.startswith("r01") for text in page.texts("#problems .chip")), "the racks")
    page.picture("screenshot")
    page.find("#chart-table summary").click()
    wait_for(lambda: len(page.texts("#changes tbody tr")) == 200, "the table")
    assert "older changes" in page.texts("#changes-more")[0]
    page.find("#chart-hours").send_keys("hour")
    wait_for(lambda: all(len(line) < 500 for line in lines(page)), "an hour")
