"""What the hub lets nodes store, and what it does when its disk is full."""
import contextlib
import json
import os

import pytest

from hubs import Hub, message, run
from servers import blob_client
from servers.process import wait_for
from servers.small_disk import small_disk

SMALL = {"reports-mib-per-node": 1, "reports-mib-per-cluster": 2, "disk-reserve-mib": 0,
         "messages-mib-per-node": 1, "messages-mib-per-node-and-hour": 16}


def quotas(values):
    return [part for quota in values.items() for part in ("--quota", "%s=%d" % quota)]


class Node:
    """What a node has of the hub."""

    def __init__(self, hub, name):
        self.hub, self.name = hub, name
        self.who = hub.enroll(name)
        self.reports = hub.ask("GET", "/clusterlink/locker", self.who).json["reports"]

    def put(self, name, content, **query):
        """Creates a report with the SAS that the hub gave the node."""
        query = "".join(f"&{key}={value}" for key, value in query.items())
        endpoint = json.loads((self.hub.data / "hub.json").read_text())["blobs"]
        return blob_client.ask(
            f"{endpoint}/{self.reports['container']}/{self.reports['directory']}/{name}?"
            f"{self.reports['sas']}{query}", "PUT", content,
            {} if query else {"x-ms-blob-type": "BlockBlob"}, self.hub.data / "tls/ca.pem")

    def say(self, text):
        return self.hub.post(self.who, [message("log", node=self.name, message=text)])


def test_a_node_that_exceeds_its_quota_is_refused_and_others_are_not():
    hub = Hub(*quotas(SMALL))
    try:
        greedy, other = Node(hub, "greedy"), Node(hub, "other")
        half = b"x" * (512 << 10)
        assert greedy.put("a", half).status == 201
        refused = greedy.put("b", half)
        assert refused.status == 413
        text = refused.body.decode()
        for part in ("QuotaExceeded", "reports-mib-per-node", "1 MiB", "demo/greedy",
                     "jetpack hub blob remove", "--quota"):
            assert part in text, text
        # One small block, named often.
        assert greedy.put("c", b"x" * 65536, comp="block", blockid="MDAx").status == 201
        blocks = "<BlockList>" + "<Latest>MDAx</Latest>" * 3000 + "</BlockList>"
        assert greedy.put("c", blocks.encode(), comp="blocklist").status == 413
        assert other.put("a", half).status == 201
        assert "reports-mib-per-node" in hub.log()
        hub.administer("blob", "remove", "issues/demo/greedy/a")
        hub.stop()
        hub.start()
        # What was removed by a command counts no more; what was left still does.
        wait_for(lambda: greedy.put("d", half).status == 201, "room for the node")

        # Messages: the hour's bytes are refused with a time to retry, and nothing is lost.
        body = "x" * 60_000
        for _ in range(4):
            assert hub.post(greedy.who, [message("log", node="greedy", message=body)] * 60).status == 202
        while (done := hub.post(greedy.who, [message("log", node="greedy", message=body)] * 60)).status == 202:
            pass
        assert done.status == 429
        assert "messages-mib-per-node-and-hour" in done.json["error"]
        assert int(done.headers["Retry-After"]) > 0
        assert hub.metrics()['jetpack_hub_refused_total{way="https",reason="quota"}'] == 1
        assert other.say("still here").status == 202
        # Of the node's own messages the newest are kept.
        kept = hub.messages(kind="log")
        assert sum(len(json.dumps(each)) for each in kept) < 2 << 20
        assert any(each["node"] == "other" for each in kept)
    finally:
        hub.remove()


def test_a_node_that_logs_without_end_leaves_the_log_to_others():
    hub = Hub()
    try:
        noisy, other = hub.enroll("noisy"), hub.enroll("other")
        hub.say(other, "log", message="before the noise")
        for number in range(10):
            batch = [message("log", node="noisy", message=f"noise {number}.{line}") for line in range(2000)]
            assert hub.post(noisy, batch).status == 202
        assert hub.ask("GET", "/api/nodes", ("someone", "wrong")).status == 401
        hub.say(other, "log", message="after the noise")
        log = hub.log()
        assert len(log) < 300 << 10
        for text in ("before the noise", "after the noise", "the credentials of 'someone'", "[demo/noisy] noise 0.0\n"):
            assert text in log, text
        assert log.count(" lines of demo/noisy, which writes more than 256 KiB an hour") == 1
        assert len(hub.messages(kind="log")) == 20_002
        hub.stop()
        left_out = [int(line.split("left out ")[1].split()[0]) for line in hub.log().splitlines() if "left out" in line]
        assert sum(left_out) + hub.log().count("[demo/noisy] noise ") == 20_000
    finally:
        hub.remove()


def test_a_full_disk_refuses_with_the_reason_and_recovers(tmp_path):
    with small_disk(tmp_path / "disk", "size=64m") as disk:
        hub = Hub(directory=disk)
        try:
            node = Node(hub, "n1")
            assert node.say("before").status == 202
            filler = disk / "filler"
            size = free_bytes(disk) - (5 << 20)
            with open(filler, "wb", buffering=0) as file:
                file.write(b"x" * size)
            # Blobs first: the rest is for the database.
            refused = node.put("a", b"x")
            assert refused.status == 507
            assert "InsufficientStorage" in refused.body.decode()
            assert "for its database" in refused.body.decode()
            assert node.say("still").status == 202
            with open(filler, "ab", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(b"x" * 4096):
                    pass
            answers = [node.say("x" * 50_000) for _ in range(200)]
            full = answers[-1]
            assert full.status in (503, 507), full.body
            assert "the disk of the hub is full" in full.json["error"]
            assert int(full.headers["Retry-After"]) > 0
            filler.unlink()
            wait_for(lambda: node.say("after").status == 202, "messages to be stored again")
            assert node.put("a", b"x").status == 201
            texts = [json.loads(each["data"])["message"] if isinstance(each["data"], str)
                     else each["data"]["message"] for each in hub.messages(kind="log")]
            accepted = sum(answer.status == 202 for answer in answers)
            assert texts[:2] == ["before", "still"]
            assert len(texts) >= 3 + accepted
        finally:
            hub.remove()


def free_bytes(path):
    state = os.statvfs(path)
    return state.f_bavail * state.f_frsize


@pytest.mark.parametrize("wrong", ["x=1", "disk-reserve-mib=", "messages-mib=0"])
def test_a_wrong_quota_is_named(tmp_path, wrong):
    done = run("hub", "serve", "--data", tmp_path / "data", "--quota", wrong)
    assert done.returncode == 2
    assert "--quota" in done.stderr
