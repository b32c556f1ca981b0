"""healthcheck runs the checks that plugins offer, jetpackd their timers and hooks; settings are judged."""

import json
import signal
import time

import pytest

NOTE = {"schema": 1, "id": "com.example.site", "version": "1", "program": "site.sh", "commands": []}
# Answers by what is in the file beside it.
CHECK = """#!/bin/bash
echo "$JETPACK_OFFER $JETPACK_OFFER_NAME" >> "$JETPACK_PLUGIN_DIR/ran"
. "$JETPACK_PLUGIN_DIR/answer"
"""


def check(name="rack", **more):
    return {**NOTE, "checks": [{"name": name, "summary": "The rack is well", "interval": 3600000, **more}]}


def answer(plugins, script):
    (plugins.directory / "answer").write_text(script)


def runs(plugins):
    path = plugins.directory / "ran"
    return path.read_text().splitlines() if path.exists() else []


def states(jetpack, *args):
    listed = jetpack("healthcheck", *args, "--json")
    return {result["name"]: result for result in json.loads(listed.stdout)}


def conditions(home):
    path = home / "run/conditions.json"
    return json.loads(path.read_text()) if path.exists() else {}


def test_a_check_of_a_plugin_becomes_a_condition(jetpack, home, plugins):
    plugins.add(check(), CHECK)
    answer(plugins, """echo '{"condition":{"status":"Error","message":"no power","details":"rack 7"}}'; exit 1""")
    assert states(jetpack)["rack"]["state"] == "failed"
    assert conditions(home)["rack"]["message"] == "no power" and conditions(home)["rack"]["status"] == "Error"
    answer(plugins, "exit 0")
    assert states(jetpack)["rack"]["state"] == "passed" and "rack" not in conditions(home)
    assert json.loads((home / "run/health.json").read_text())["checks"]["rack"]["passes"] == 1


def test_a_check_that_exits_with_254_is_unhealthy(jetpack, home, server, plugins):
    plugins.add(check(), CHECK)
    answer(plugins, "echo gone; exit 254")
    assert states(jetpack)["rack"]["state"] == "unhealthy"
    assert conditions(home)["rack"]["status"] == "Error"
    history = json.loads(jetpack.answer("healthcheck", "history", "--json"))
    assert "termination requested" in [event["what"] for event in history]


def test_a_check_has_a_deadline_of_its_own(jetpack, plugins):
    plugins.add(check(deadline=300), CHECK)
    answer(plugins, "sleep 60")
    assert states(jetpack)["rack"]["state"] == "hung"


def test_a_name_that_a_script_has_is_told_from_it(jetpack, home, plugins):
    plugins.add(check(), CHECK)
    answer(plugins, "exit 0")
    home.write("config/healthcheck.d/rack", "#!/bin/sh\nexit 0\n").chmod(0o755)
    assert {"rack", "com.example.site/rack"} <= set(states(jetpack))
    assert states(jetpack, "run", "com.example.site/rack").keys() == {"com.example.site/rack"}


def test_only_what_is_due_runs(jetpack, home, plugins):
    plugins.add(check(), CHECK)
    answer(plugins, "echo '{\"condition\":{\"status\":\"Warning\",\"message\":\"m\"}}'; exit 1")
    first = jetpack("healthcheck", "--due", "--plugins")
    assert runs(plugins) == ["check rack"] and first.stdout.startswith("next: 36")
    assert "converge_timeout" not in first.stdout
    before = (home / "run/conditions.json").read_bytes()
    assert jetpack("healthcheck", "--due", "--plugins").stdout.startswith("next: 3")
    assert jetpack("healthcheck", "--due").stdout.startswith("next: 3")
    # It was left out, so what it said last stays.
    assert runs(plugins) == ["check rack"] and (home / "run/conditions.json").read_bytes() == before
    jetpack("healthcheck")
    assert len(runs(plugins)) == 2


def test_a_plugin_that_is_removed_takes_its_condition_with_it(jetpack, home, plugins):
    program = plugins.add(check(), CHECK)
    answer(plugins, "exit 1")
    jetpack("healthcheck")
    assert "rack" in conditions(home)
    program.with_suffix(".json").unlink()
    jetpack("healthcheck")
    assert "rack" not in conditions(home)


SETTINGS = {**NOTE, "settings": [
    {"key": "site.racks", "type": "integer", "default": "4", "min": 1, "max": 9, "help": "How many racks"},
    {"key": "site.pause", "type": "duration", "default": "5m", "help": "How long to wait"}]}


def test_settings_of_plugins_are_in_help_and_in_doctor(jetpack, home, plugins):
    plugins.add(SETTINGS, CHECK)
    text = jetpack.answer("help", "settings")
    assert "Plugin com.example.site:" in text
    assert "site.racks\n    How many racks\n    Values: a whole number from 1 to 9\n    Default: 4\n" in text
    listed = {entry["key"]: entry for entry in json.loads(jetpack.answer("help", "settings", "--json"))}
    assert listed["site.pause"]["plugin"] == "com.example.site" and listed["site.pause"]["default"] == "5m"
    home.node({"site": {"racks": 10, "pause": "1m"}})
    problems = jetpack("doctor", "--json").stdout
    assert ("site.racks is '10'; expected a whole number from 1 to 9, using 4 (plugin com.example.site)" in problems)
    assert "site.pause is" not in problems


@pytest.mark.parametrize("change, text", [
    ({"checks": [{"name": "A b", "summary": "s"}]}, "'A b' cannot be a name"),
    ({"checks": [{"name": "a", "summary": "s", "interval": 5}]}, "'interval' is not from 1000 milliseconds"),
    ({"checks": [{"name": "a"}, {"name": "a"}]}, "are named 'a'"),
    ({"hooks": [{"event": "on-boot"}]}, "the event 'on-boot' is unknown"),
    ({"settings": [{"key": "a..", "help": "h"}]}, "is not a dotted key"),
    ({"settings": [{"key": "a", "type": "blob"}]}, "type 'blob' is unknown"),
    ({"timers": "x"}, "'timers' is not a list"),
    ({"timers": [{"name": f"t{i}"} for i in range(65)]}, "more than 64 timers"),
])
def test_a_faulty_declaration_is_reported_and_offers_nothing(jetpack, plugins, change, text):
    plugins.add({**NOTE, **change}, CHECK)
    result = jetpack("plugin", "list", "--offers", "--json")
    assert (result.returncode, json.loads(result.stdout)) == (0, []) and text in result.stderr


EVENTS = {**NOTE, "timers": [{"name": "beat", "summary": "Beat", "interval": 1000}],
          "hooks": [{"event": "on-config-change"}, {"event": "on-condition"}]}
RECORD = """#!/bin/bash
if [ "$JETPACK_OFFER" = hook ]; then cat >> "$JETPACK_PLUGIN_DIR/events"; echo >> "$JETPACK_PLUGIN_DIR/events"; fi
echo "$JETPACK_OFFER $JETPACK_OFFER_NAME" >> "$JETPACK_PLUGIN_DIR/ran"
[ "$JETPACK_OFFER" = hook ]
"""


def wait_for(holds, seconds=30):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_jetpackd_runs_timers_and_hooks(jetpack, home, plugins):
    home.node({"cyclecloud": {"jetpack": {"http_port": 0}, "monitor_scheduled_events": False}})
    plugins.add(EVENTS, RECORD)
    daemon = jetpack.start("jetpackd")
    try:
        wait_for(lambda: runs(plugins).count("timer beat") >= 2)
        jetpack("condition", "set", "-n", "rack", "-s", "Warning", "-m", "hot")

        def told():
            events = plugins.directory / "events"
            return [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []

        wait_for(lambda: any(event["event"] == "on-condition" for event in told()))
        assert {"event": "on-condition", "conditions": [{"name": "rack", "status": "Warning", "message": "hot"}]} in told()
        jetpack("props", "set", "a.b", "c")
        wait_for(lambda: any(event["event"] == "on-config-change" for event in told()))
        # A plugin that comes later is found.
        late = {**NOTE, "id": "com.example.late", "program": "late.sh",
                "timers": [{"name": "late", "summary": "s", "interval": 1000}]}
        plugins.add(late, RECORD)
        home.write("config/jetpack.ini", (home / "config/jetpack.ini").read_text() + "\n")
        jetpack("condition", "clear", "-n", "rack")
        wait_for(lambda: "timer late" in runs(plugins))
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(20) == 0
    log = (home / "logs/jetpackd.log").read_text()
    assert log.count("timer beat of plugin com.example.site: exited with 1") == 1
