"""Scheduled events of the cloud: the scripts that jetpackd runs for them, and what it acknowledges."""

import fcntl
import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from event_nodes import KINDS, EventNode, starts_of, wait_for_start
from servers.process import wait_for
from simulated_azure import Azure


@pytest.fixture(scope="module")
def azure():
    """One for all tests."""
    hub = Azure()
    yield hub
    hub.remove()


@pytest.fixture
def node(azure, request):
    """node(NAME, ...) creates a node and starts its daemon."""
    nodes = []

    def create(**settings):
        nodes.append(EventNode(azure, f"n{len(azure.made)}", **settings))
        azure.made.append(nodes[-1].name)
        return nodes[-1]

    azure.made = getattr(azure, "made", [])
    yield create
    azure.simulate("clear")
    for event in azure.simulate("list")["events"]:
        azure.simulate("cancel", event["id"])
    for made in nodes:
        made.end()


def test_each_kind_of_event(azure, node):
    one, other = node(), node()
    for kind in KINDS:
        one.script(f"on{kind}.sh", "[ \"$JETPACK_EVENT_TYPE\" = " + kind + " ] && jetpack --version && note done")
    registered = [one.script(f"registered-{n}", "note done") for n in (2, 1)]
    for script in registered:
        assert one.run("run_on_shutdown", script).returncode == 0
    other.script("onFreeze.sh", "note done")
    one.start().watching()
    other.start().watching()
    for kind in KINDS:
        event = azure.schedule(one.name, "--type", kind, "--in", "40s", "--description", f"why {kind}")
        wait_for_start(azure, event)
        ran = [f"on{kind}.sh"] + (["registered-2", "registered-1"] if kind == "Terminate" else [])
        assert one.whats(event) == [what for name in ran for what in (f"start:{name}", "done")]
        wait_for(lambda: one.journal()[event] == "acknowledged", "the record")
    assert other.notes() == [] and other.journal() == {}, "events of other nodes"
    # Without a script it is acknowledged at once.
    wait_for_start(azure, azure.schedule(other.name, "--type", "Reboot"))
    texts = [m["data"]["message"] for m in azure.messages(kind="log") if m["node"] == one.name]
    assert [t for t in texts if t.startswith("Preempt")][0].endswith("why Preempt")
    assert "Preempt: acknowledged" in texts


def test_the_server_is_told_first_and_shows_the_reason(azure, node):
    one = node()
    one.script("onPreempt.sh", "while [ ! -e $CYCLECLOUD_HOME/go ]; do sleep 0.05; done; note done")
    one.start().watching()
    event = azure.schedule(one.name, "--type", "Preempt", "--in", "40s", "--description", "spot")
    wait_for(lambda: one.whats(), "the script")
    wait_for(lambda: azure.node(one.name)["phase"] == "Stopping", "the node to be Stopping")
    shown = azure.node(one.name)
    assert shown["last_request"]["action"] == "preempt" and shown["last_request"]["by"] == "the cloud"
    assert "spot" in shown["last_request"]["reason"]

    def kinds():
        return [m["type"] for m in azure.messages() if m["node"] == one.name and m["type"] != "installation"]

    wait_for(lambda: len(kinds()) >= 2, "its messages")
    assert kinds()[:2] == ["scheduled_event", "log"]
    wait_for(lambda: "Preempt" in one.run("status").stdout, "the event in jetpack status")
    status = one.run("status").stdout
    assert "scheduled event  Preempt, not before 20" in status and "running " in status
    assert starts_of(azure, event) == []
    (one.home / "go").touch()
    wait_for_start(azure, event)


def test_a_script_that_does_not_succeed_is_not_acknowledged(azure, node):
    one = node(jetpack={"events_margin": 1})
    one.script("onFreeze.sh", "echo out of luck >&2; exit 3")
    one.script("onReboot.sh", "note done", mode=0o777)
    one.script("onRedeploy.sh", "yes; note never")
    one.script("onTerminate.sh", "trap '' TERM; exec 2>/dev/null; while :; do :; done & wait", mode=0o700)
    one.script("onPreempt.sh", "note done", mode=0o640)
    one.start().watching()
    events = {kind: azure.schedule(one.name, "--type", kind, "--in", "5s" if kind in ("Terminate", "Redeploy") else "40s")
              for kind in ("Freeze", "Reboot", "Redeploy", "Terminate", "Preempt")}
    # One that is not executable runs all the same, and none waits for another.
    wait_for_start(azure, events["Preempt"])
    one.wait_for_log("onFreeze.sh exited with 3: out of luck")
    one.wait_for_log("onReboot.sh was not run: ")
    one.wait_for_log("onTerminate.sh was still running")
    one.wait_for_log("onRedeploy.sh was still running")
    assert "can be written by others" in one.log() or "written" in one.log()
    for kind in ("Freeze", "Reboot", "Redeploy", "Terminate"):
        assert starts_of(azure, events[kind]) == []
        wait_for(lambda kind=kind: one.journal()[events[kind]] == "failed", f"{kind} to be failed")
    texts = [m["data"]["message"] for m in azure.messages(kind="log") if m["node"] == one.name]
    assert any("onFreeze.sh exited with 3: out of luck" in text for text in texts)
    # Of 'yes' nothing is left, in memory or on disk.
    sizes = {f.name: f.stat().st_size for f in one.home.rglob("*") if f.is_file() and not f.is_symlink()}
    assert sum(sizes.values()) < 8 << 20, sizes
    status = Path(f"/proc/{one.process.pid}/status").read_text()
    assert int(status.split("VmHWM:")[1].split()[0]) < 64 << 10


@pytest.mark.parametrize("fault", ["404", "410", "429", "500", "garbage", "truncated", "refuse", "stale", "duplicate"])
def test_faults_of_the_metadata_service(fault, azure, node):
    one = node()
    one.script("onFreeze.sh", "note done")
    azure.simulate("fault", fault, "--count", "3", "--on", "all")
    one.start().watching()
    for on in ("scheduledevents", "startrequests"):
        azure.simulate("clear")
        azure.simulate("fault", fault, "--count", "2", "--on", on)
        event = azure.schedule(one.name, "--type", "Freeze", "--in", "60s")
        wait_for_start(azure, event, 60)
        wait_for(lambda: one.journal()[event] == "acknowledged", "the record", 60)
        assert one.whats(event) == ["start:onFreeze.sh", "done"]
        assert [result for result, _ in starts_of(azure, event)] == ["started"]


def test_jetpackd_is_killed_half_way(azure, node):
    one = node()
    one.script("onTerminate.sh", "note done")
    slow = one.script("slow", "[ -e $CYCLECLOUD_HOME/go ] || sleep 100; note done")
    assert one.run("run_on_shutdown", slow).returncode == 0
    one.start().watching()
    event = azure.schedule(one.name, "--type", "Terminate", "--in", "60s")
    wait_for(lambda: one.whats(event)[-1:] == ["start:slow"], "the second script")
    one.end(signal.SIGKILL)
    (one.home / "go").touch()
    one.start()
    wait_for_start(azure, event)
    assert one.whats(event) == ["start:onTerminate.sh", "done", "start:slow", "start:slow", "done"]
    one.end(signal.SIGKILL)
    one.start()
    one.end()
    assert [result for result, _ in starts_of(azure, event)] == ["started"]
    mode = (one.home / "config/scheduled_events.json").stat().st_mode
    assert mode & 0o777 == 0o600


def test_an_acknowledgement_that_was_cut_off_is_not_repeated(azure, node):
    """jetpackd is killed while the POST is under way: the cloud's list says what became of it."""
    one = node()

    def cut_off(fault, *options, lasts="60s"):
        one.start().watching()
        azure.simulate("fault", fault, "--count", "1", "--on", "startrequests", *options)
        event = azure.schedule(one.name, "--type", "Freeze", "--in", "120s", "--lasts", lasts)
        wait_for(lambda: azure.simulate("list")["faults"] == [], "the acknowledgement")
        one.end(signal.SIGKILL)
        return event

    def settled(event):
        one.start()
        wait_for(lambda: one.journal()[event] == "acknowledged", "the record")
        one.end()
        return [result for result, _ in starts_of(azure, event)]

    late = cut_off("slow", "--delay", "1s")
    assert one.journal()[late] == "acknowledging"
    assert settled(late) == ["started"], "one that arrived late was repeated"
    assert settled(cut_off("truncated")) == ["started"], "one whose answer was lost was repeated"
    assert settled(cut_off("refuse")) == ["started"], "one that was lost was not sent again"
    gone = cut_off("truncated", lasts="1s")
    wait_for(lambda: gone not in azure.events()[1], "the end of the event")
    assert settled(gone) == ["started"]


def test_answers_that_fail_or_never_come_delay_little(azure, node):
    one = node()
    one.script("onFreeze.sh", "note done")
    one.start().watching()

    def hang(count):
        azure.simulate("fault", "slow", "--delay", "60s", "--count", count, "--on", "scheduledevents")

    def starts_within(seconds):
        event = azure.schedule(one.name, "--type", "Freeze", "--in", "120s")
        appeared = time.time()
        wait_for(lambda: one.whats(event), "the script", 120)
        assert one.notes(event)[0][2] - appeared < seconds
        wait_for_start(azure, event)

    hang("2")
    wait_for(lambda: azure.simulate("list")["faults"] == [], "both requests")
    starts_within(6)
    # One that was killed knows that there is a service.
    one.end(signal.SIGKILL)
    hang("1")
    azure.simulate("fault", "500", "--count", "6", "--on", "scheduledevents")
    one.start()
    starts_within(20)


def test_a_server_that_hangs_and_a_full_queue_delay_no_script(azure, node):
    """What cannot be queued is delivered at once, and the server never answers."""
    one = node()
    one.script("onPreempt.sh", "note done")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = one.home / "config/connection.json"
        connection = json.loads(path.read_text())
        connection["url"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        path.write_text(json.dumps(connection))
        for name in ("outbox.db", "outbox.db-wal", "outbox.db-shm"):
            (one.home / "run" / name).unlink(missing_ok=True)
        (one.home / "run/outbox.db").mkdir()
        one.start().watching()
        event = azure.schedule(one.name, "--type", "Preempt", "--in", "30s")
        appeared = time.time()
        wait_for(lambda: one.whats(event), "the script")
        assert one.notes(event)[0][2] - appeared < 4
        wait_for_start(azure, event)
        one.end()


def test_a_damaged_record_is_moved_aside(azure, node):
    one = node()
    (one.home / "config/scheduled_events.json").write_text("{")
    one.start().watching()
    wait_for_start(azure, azure.schedule(one.name, "--type", "Freeze"))
    assert list((one.home / "config").glob("scheduled_events.json.corrupt-*"))


def test_a_record_that_others_could_write_is_not_used(azure, node):
    one = node()
    one.script("onFreeze.sh", "note done")
    event = azure.schedule(one.name, "--type", "Freeze", "--in", "60s")
    forged = one.home / "config/scheduled_events.json"
    forged.write_text(json.dumps({"events": [{"id": event, "kind": "Freeze", "stage": "succeeded", "done": []}]}))
    os.chown(forged, 1234, 1234)
    one.start().watching()
    wait_for_start(azure, event)
    assert one.whats(event) == ["start:onFreeze.sh", "done"]
    assert "starting without it" in one.log()


def test_it_can_be_turned_off(azure, node):
    for key in ("monitor_scheduled_events", "monitor_spot_eviction"):
        one = node(**{key: False})
        one.script("onFreeze.sh", "note done")
        event = azure.schedule(one.name, "--type", "Freeze")
        one.start()
        wait_for(lambda one=one: (one.home / "run/jetpackd.json").exists(), "the daemon")
        before = azure.simulate("list")
        assert one.end() == 0
        assert one.notes() == [] and starts_of(azure, event) == [], before
        one.configure(**{key: True})
        one.start()
        wait_for_start(azure, event)
        one.end()


def test_a_useradd_that_hangs_delays_nothing(azure, node, root):
    one = node(options=("--root", str(root)))
    one.script("onPreempt.sh", "note done")
    lock = os.open(root / "etc/.pwd.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.lockf(lock, fcntl.LOCK_EX)
    try:
        azure.administer("user", "add", "--cluster", "demo", "ada", "--uid", "20001")
        one.start().watching()
        wait_for(lambda: "useradd" in commands_of_children(one.process.pid), "useradd to run")
        event = azure.schedule(one.name, "--type", "Preempt", "--in", "30s")
        wait_for_start(azure, event)
        wait_for(lambda: azure.node(one.name)["phase"] == "Stopping", "the server to be told")
        assert "useradd" in commands_of_children(one.process.pid), "useradd was not running any more"
    finally:
        os.close(lock)
        azure.administer("user", "remove", "--cluster", "demo", "ada")


def commands_of_children(pid):
    """The names of all processes below one."""
    names = ""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            try:
                names += Path(f"/proc/{child}/comm").read_text() + commands_of_children(int(child))
            except FileNotFoundError:
                pass
    return names


def test_without_a_metadata_service_it_stops_at_once(azure, node):
    one = node(jetpack={"metadata_url": "http://127.0.0.1:1"})
    one.start()
    one.wait_for_log("cannot read the scheduled events, retrying: ")
    assert one.end() == 0
    # One that never answers.
    azure.simulate("fault", "slow", "--delay", "60s", "--count", "1")
    two = node().start()
    wait_for(lambda: azure.simulate("list")["faults"] == [], "the request")
    start = time.monotonic()
    assert two.end() == 0
    assert time.monotonic() - start < 10
    assert json.loads((two.home / "run/jetpackd.json").read_text())["pid"]
