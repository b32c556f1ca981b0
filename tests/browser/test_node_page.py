"""A node's own page."""
import json

from servers.process import wait_for

CONDITION = {"name": "gpu", "status": "Error", "message": "GPU 3 is lost",
             "description": "The driver reports XID 79.", "recommendations": "Ask for a reset.",
             "details": "nvidia-smi:\n  GPU is lost", "action_type": "GHR",
             "ghr_category": "Resource.Hpc.Reset"}


def test_everything_about_a_node(open_page, hub):
    hub.enroll("execute-2")
    hub.say("condition", {"name": "ib", "status": "OK"})
    hub.say("condition", CONDITION)
    hub.say("properties", {"properties": {"vm": {"size": "ND96", "gpus": 8},
                                         "roles": ["login", "gpu"]}})
    hub.say("log", {"level": "info", "message": "of the other"}, "execute-2")
    hub.log("of this one")
    page = open_page("/clusters/demo/nodes/execute-1")
    page.wait_for_texts("#node-conditions strong", "gpu", "ib")
    shown = page.texts("#node-conditions li")[0]
    assert all(text in shown for text in CONDITION.values())
    assert page.texts("#properties th[scope=row]") == ["cores", "roles", "vm.gpus", "vm.size"]
    assert page.texts("#properties td")[1:] == ['["login","gpu"]', "8", "ND96"]
    page.wait_for_events("of this one")
    facts = dict(zip(page.texts("#node-facts dt"), page.texts("#node-facts dd")))
    assert facts["Hostname"] == "ip-7f000001" and facts["Instance"] == "i-1"
    assert page.texts("#node-phase") == ["Installing"]
    page.browser.execute_script("document.querySelector('#node-conditions details').open = true")
    page.picture("node")

    page.find("#properties-filter").send_keys("nd96")
    page.wait_for_texts("#properties th[scope=row]", "vm.size")
    page.find("#back").click()
    wait_for(lambda: page.browser.current_url.endswith("/clusters/demo"), "the cluster")


def test_who_asked_for_its_end(open_page, hub):
    page = open_page("/clusters/demo/nodes/execute-1")
    for action, reason in (("terminate", "bad <b>fans</b>"), ("restart", "")):
        done = hub.administer("hub", "node", action, "--data", hub.data, "-c", "demo", "execute-1",
                              *(["--reason", reason] if reason else []))
        assert done.returncode == 0, done.stderr
        wait_for(lambda: any(text.startswith(f"{action} by ") and text.endswith(reason)
                             for text in page.texts("#node-facts dd")), "who asked")
    wait_for(lambda: [text.split(" by ")[0] for text in page.texts("#events .text")] == [
        "restart requested", "terminate requested"], "the events, newest first")
    page.wait_for_texts("#operations tbody th", "restart", "terminate")
    assert page.texts("#operations tbody .message") == ["–", "bad <b>fans</b>"]
    assert page.texts("#operations-count") == ["2"]


def test_a_check_that_asked_for_its_end(open_page, hub):
    check = hub.home / "config/healthcheck.d/gpu.sh"
    check.parent.mkdir(exist_ok=True)
    check.write_text("echo 'GPU 3 <b>fell</b> off the bus' >&2; exit 254\n")
    (hub.home / "config/userdata.json").touch()
    page = open_page("/clusters/demo/nodes/execute-1")
    assert hub.jetpack("healthcheck").returncode == 1

    def facts():
        return dict(zip(page.texts("#node-facts dt"), page.texts("#node-facts dd")))

    reason = "unhealthy: check gpu.sh exited with 254"
    asked = wait_for(lambda: [text for text in facts().values() if text.startswith("terminate by ")],
                     "who asked")[0]
    assert asked.startswith("terminate by demo/execute-1") and reason in asked
    assert asked.endswith("GPU 3 <b>fell</b> off the bus")
    request = hub.get("/api/node?cluster=demo&node=execute-1").json["node"]["last_request"]
    assert (request["action"], request["by"]) == ("terminate", "demo/execute-1")
    times = page.script("[...document.querySelectorAll('#node-facts time')].map(t => t.dateTime)")
    assert request["time"] in times, "when it asked"
    wait_for(lambda: page.texts("#node-phase") == ["Stopping"], "the phase")
    wait_for(lambda: [text for text in page.texts("#events .text") if reason in text
                      and text.startswith("terminate requested by demo/execute-1")], "the event")

    # The output stands behind "Details".
    page.wait_for_texts("#node-conditions li:has(details) strong", "gpu.sh")
    output = "#node-conditions details pre"
    assert not page.is_shown(output)
    page.find("#node-conditions summary").click()
    wait_for(lambda: page.is_shown(output), "the details")
    assert "GPU 3 <b>fell</b> off the bus" in page.texts(output)[0]

    page.open("/clusters/demo")
    wait_for(lambda: [text for text in page.texts("#node-rows .reason") if reason in text],
             "the reason in the node's row")


def test_what_it_is_configured_with_and_since_when_it_is_up(open_page, hub, tmp_path):
    for what, name, given in (("cluster", "demo", {"slurm": {"version": "24.05", "nodes": 4}}),
                              ("node", "execute-1", {"slurm": {"nodes": 5}})):
        file = tmp_path / "given.json"
        file.write_text(json.dumps(given))
        done = hub.administer("hub", what, "configure", name, "--data", hub.data, "--file", file,
                              *(["-c", "demo"] if what == "node" else []))
        assert done.returncode == 0, done.stderr
    with hub.database() as db:
        (userdata,), = db.execute("SELECT userdata_id FROM nodes WHERE name = 'execute-1'")
    assert hub.get(f"/clusterlink/userdata/{userdata}?interval=60&booted=1700000000", hub.node).status == 200
    page = open_page("/clusters/demo/nodes/execute-1")
    wait_for(lambda: "2023-11-14T22:13:20.000Z" in page.script(
        "[...document.querySelectorAll('#node-facts time')].map(t => t.dateTime)"), "since when it is up")
    assert "Up since" in page.texts("#node-facts dt")

    # Folded at first: it may say what not everybody in the room should read.
    assert not page.is_shown("#configuration") and not page.is_shown("#configuration-filter")
    page.find("#configuration-fold").click()
    page.find("#configuration-filter").send_keys("slurm")
    page.wait_for_texts("#configuration th[scope=row]", "slurm.nodes", "slurm.version")
    assert page.texts("#configuration td") == ["5", "24.05"]
    page.picture("configuration")
    page.open("/clusters/demo/nodes/execute-1")
    assert page.is_shown("#configuration"), "remembered"


def test_texts_that_are_carried_elsewhere_are_copied(open_page, hub):
    hub.log("what has a host and an address")
    page = open_page("/clusters/demo/nodes/execute-1")
    page.browser.execute_cdp_cmd("Browser.grantPermissions", {
        "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    wait_for(lambda: page.texts("#node-facts .copied") == ["ip-7f000001", "127.0.0.1", "i-1"], "the facts")
    page.find("#node-facts button[value='127.0.0.1']").click()
    wait_for(lambda: page.script("!!document.querySelector(\"#node-facts button[value='127.0.0.1'][data-done]\")"),
             "that it was copied")
    copied = page.browser.execute_async_script(
        "navigator.clipboard.readText().then(arguments[0], (failure) => arguments[0](String(failure)))")
    assert copied == "127.0.0.1"


def test_its_converge(open_page, hub):
    page = open_page("/clusters/demo/nodes/execute-1")
    assert not page.is_shown("#converge-section")

    def say(status, *steps, run="a", message=""):
        hub.say("converge", {"run": run, "mode": "install", "status": status, "message": message,
                             "started": "2026-11-28T10:00:00Z", "steps": list(steps)})

    def script(number, status, **more):
        return {"number": number, "name": "script", "project": "pbs", "spec": "execute",
                "script": f"{number}-x.sh", "status": status, **more}

    say("running", {"number": 0, "name": "projects", "status": "ok", "duration_ms": 1234},
        script(1, "running"), script(2, "pending"))
    page.wait_for_texts("#converge-steps th[scope=row]", "projects", "pbs/execute: 1-x.sh",
                        "pbs/execute: 2-x.sh")
    assert page.texts("#converge-steps .tag") == ["ok", "running", "pending"]
    assert page.texts("#converge-count") == ["1 of 3 steps"]
    say("error", script(1, "error", duration_ms=65_000, return_code=3,
                        output="first\n<b>no such package</b>"), message="it failed")
    page.wait_for_texts("#converge-steps .tag", "ok", "error", "pending")
    assert "1.2 s" in page.texts("#converge-steps .figure")
    assert "1 min 5 s" in page.texts("#converge-steps .figure")
    assert page.texts("#converge-steps summary") == ["Return code 3, output"]
    assert page.texts("#converge-steps pre") == ["first\n<b>no such package</b>"]
    assert "it failed" in page.texts("#converge-summary")[0]
    page.picture("converge")
    say("ok", {"number": 0, "name": "projects", "status": "skipped"}, run="b")
    page.wait_for_texts("#converge-steps th[scope=row]", "projects")


def test_it_stays_up_to_date(open_page, hub):
    hub.enroll("execute-2")
    page = open_page("/clusters/demo/nodes/execute-1")
    page.script("window.notReloaded = true")
    assert page.is_shown("#node-conditions-empty")
    hub.say("log", {"level": "info", "message": "of the other"}, "execute-2")
    hub.log("of this one")
    page.wait_for_events("of this one")
    hub.say("condition", {"name": "gpu", "status": "Warning", "message": "hot"})
    page.wait_for_texts("#node-conditions strong", "gpu")
    hub.say("condition", {"name": "gpu", "status": "OK"})
    page.wait_for_texts("#node-conditions .tag", "OK")
    assert page.events() == ["of this one"]
    assert page.script("window.notReloaded")


def test_an_unknown_node(open_page, hub):
    hub.log("of another")
    page = open_page("/clusters/demo/nodes/nobody")
    page.expected.append("/api/node?")
    wait_for(lambda: page.is_shown("#node-gone"), "that there is none")
    assert page.events() == [] and not page.is_shown("#node-known")
