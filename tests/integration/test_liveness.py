"""How soon a hub knows that a node is gone, and that it is back: counted in polls of that node."""

import contextlib
import datetime
import json
import pathlib

from hubs import Daemon, Hub
from servers.node_server import NO_METADATA
from servers.process import wait_for

POLL_SECONDS = 5


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def polls_between(first, last):
    """How many polls a node would have made in this time."""
    return (moment(last) - moment(first)).total_seconds() / POLL_SECONDS


def test_a_killed_node_is_silent_within_four_polls_and_back_within_one(root, tmp_path):
    with contextlib.ExitStack() as ends:
        hub = Hub()
        ends.callback(hub.remove)
        nodes = ("n1", "n2")
        for node in nodes:
            hub.enroll(node)
        file = tmp_path / "configuration.json"
        file.write_text(json.dumps({"cyclecloud": {"jetpack": {
            "userdata_interval": POLL_SECONDS, "http_port": 0, "metadata_url": NO_METADATA}}}))
        hub.administer("cluster", "configure", "demo", "--file", file)
        daemons = [ends.enter_context(Daemon(hub, node, root)) for node in nodes]

        def changes(node):
            return [(change["status"], change["time"]) for change in hub.node(node)["history"]
                    if change["what"] == "contact"]

        for daemon in daemons:  # once for the configuration, which a daemon reads when it starts
            assert daemon.start("--once").wait(60) == 0
            daemon.start()
        wait_for(lambda: all(hub.node(node)["poll_interval"] == POLL_SECONDS for node in nodes), "their polls")
        assert (hub.node("n1")["state"], changes("n1")) == ("Ready", [])
        counters = dict(line.split(maxsplit=1) for line in pathlib.Path("/proc/stat").read_text().splitlines())
        assert moment(hub.node("n1")["booted"]).timestamp() == int(counters["btime"])
        daemons[0].kill()
        wait_for(lambda: hub.node("n1")["state"] == "Silent", "silence")
        event, = [event for event in hub.get("/api/events")["events"] if event["message"].startswith("silent: ")]
        missed = polls_between(hub.node("n1")["last_contact"], event["received"])
        assert 3 < missed <= 4, missed
        assert [status for status, _ in changes("n1")] == ["Silent"]
        before = datetime.datetime.now(datetime.timezone.utc).isoformat()
        daemons[0].start()
        wait_for(lambda: hub.node("n1")["state"] == "Ready", "its return")
        status, back = changes("n1")[-1]
        assert status == "In contact" and polls_between(before, back) <= 1
        # One that goes on polling never was silent.
        assert (hub.node("n2")["state"], changes("n2")) == ("Ready", [])
