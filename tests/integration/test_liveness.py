"""How soon a hub knows that a node is gone, and that it is back: counted in polls of that node."""

import datetime
import json
import subprocess

from hub_client import BINARY
from hubs import Hub
from servers.node_server import NO_METADATA
from servers.process import wait_for

POLL_SECONDS = 5


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def polls_between(first, last):
    """How many polls a node would have made in this time."""
    return (moment(last) - moment(first)).total_seconds() / POLL_SECONDS


def test_a_killed_node_is_silent_within_four_polls_and_back_within_one(root, tmp_path):
    hub, daemon, other = Hub(), None, None
    try:
        hub.enroll("n1")
        hub.enroll("n2")
        file = tmp_path / "configuration.json"
        file.write_text(json.dumps({"cyclecloud": {"jetpack": {
            "userdata_interval": POLL_SECONDS, "http_port": 0, "metadata_url": NO_METADATA}}}))
        hub.administer("cluster", "configure", "demo", "--file", file)
        homes = [hub.directory / "homes/demo" / name for name in ("n1", "n2")]

        def start(home, *options):
            return subprocess.Popen([BINARY.parent / "jetpackd", "--root", root, *options], stdin=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL,
                                    env={"JETPACK_HOME": str(home), "PATH": "/usr/bin:/bin", "TZ": "UTC"})

        def changes(node):
            return [(change["status"], change["time"]) for change in hub.node(node)["history"]
                    if change["what"] == "contact"]

        for home in homes:  # once for the configuration, which a daemon reads when it starts
            assert start(home, "--once").wait(60) == 0
        other, daemon = (start(home) for home in reversed(homes))
        wait_for(lambda: all(hub.node(name)["poll_interval"] == POLL_SECONDS for name in ("n1", "n2")), "their polls")
        assert (hub.node("n1")["state"], changes("n1")) == ("Ready", [])
        daemon.kill()
        daemon.wait()
        wait_for(lambda: hub.node("n1")["state"] == "Silent", "silence")
        event, = [event for event in hub.get("/api/events")["events"] if event["message"].startswith("silent: ")]
        missed = polls_between(hub.node("n1")["last_contact"], event["received"])
        assert 3 < missed <= 4, missed
        assert [status for status, _ in changes("n1")] == ["Silent"]
        before = datetime.datetime.now(datetime.timezone.utc).isoformat()
        daemon = start(homes[0])
        wait_for(lambda: hub.node("n1")["state"] == "Ready", "its return")
        status, back = changes("n1")[-1]
        assert status == "In contact" and polls_between(before, back) <= 1
        # One that goes on polling never was silent.
        assert (hub.node("n2")["state"], changes("n2")) == ("Ready", [])
    finally:
        for process in (daemon, other):
            if process:
                process.kill()
                process.wait()
        hub.remove()
