"""A node whose hub takes nothing from it for now: nothing is lost, the hub is asked no more often than it
said, and the node says why."""

import contextlib
import json
import shutil

from hubs import Daemon, Hub, message
from servers.process import wait_for
from servers.small_disk import small_disk

REFUSED = 'jetpack_hub_refused_total{way="https",reason="quota"}'


@contextlib.contextmanager
def hub_with_node(root, home, *options, **more):
    """A hub, the daemon of its node in a home elsewhere, and the node's account."""
    with contextlib.ExitStack() as ends:
        hub = Hub(*options, **more)
        ends.callback(hub.remove)
        account = hub.enroll("n1")
        daemon = ends.enter_context(Daemon(hub, "n1", root))
        daemon.home = shutil.copytree(daemon.home, home)
        (daemon.home / "config/node.json").write_text(json.dumps({"cyclecloud": {"jetpack": {"http_port": 0}}}))
        daemon.start()
        wait_for(lambda: hub.node("n1")["phase"] == "Ready", "the node")
        yield hub, daemon, account


def status(daemon):
    """What `jetpack status` says."""
    return json.loads(daemon.run("status", "--json").stdout)


def outbox(daemon):
    """The messages that wait."""
    return status(daemon)["outbox"]


def failure(daemon):
    """Why they wait; "" if they do not."""
    return status(daemon)["daemon"].get("failure", {}).get("text", "")


def texts(hub):
    return [each["data"]["message"] for each in hub.messages(kind="log")]


def test_an_hour_s_quota_that_is_used_up_delays_and_loses_nothing(root, tmp_path):
    with hub_with_node(root, tmp_path / "home", "--quota", "messages-mib-per-node-and-hour=16") as place:
        use_up(*place)


def use_up(hub, daemon, account):
    for size in (1 << 20, 1 << 17, 1 << 12):
        while hub.post(account, [message("note", text="x" * size)]).status == 202:
            pass
    before = hub.metrics()[REFUSED]
    large = "y" * 60_000  # for which there is room in some seconds
    assert daemon.run("log", large, "--wait", "0").returncode == 0
    wait_for(lambda: hub.metrics()[REFUSED] > before, "the refusal")
    # What is queued behind it wakes the daemon, which waits all the same.
    for number in range(20):
        assert daemon.run("log", str(number), "--wait", "0").returncode == 0
    why = wait_for(lambda: failure(daemon), "the reason")
    for part in ("429", "messages-mib-per-node-and-hour", "asks to wait"):
        assert part in why, why
    assert why in daemon.run("status").stdout
    assert (outbox(daemon)["depth"], outbox(daemon)["dead"]) == (21, [])
    wait_for(lambda: outbox(daemon)["depth"] == 0, "delivery")
    assert texts(hub) == [large, *map(str, range(20))]
    assert hub.metrics()[REFUSED] - before <= 3
    assert 1 <= daemon.log().count("messages-mib-per-node-and-hour") <= 3


def test_a_full_disk_of_the_hub_delays_and_loses_nothing(root, tmp_path):
    with (small_disk(tmp_path / "disk", "size=64m") as disk,
          hub_with_node(root, tmp_path / "home", directory=disk) as (hub, daemon, _)):
        filler = disk / "filler"
        try:
            with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(b"x" * 65536):
                    pass
            with open(filler, "ab", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(b"x" * 512):
                    pass
            said = []
            while not failure(daemon):
                said.append(f"{len(said)} " + "z" * 50_000)
                assert daemon.run("log", said[-1]).returncode == 0
            why = failure(daemon)
            for part in ("507", "the disk of the hub is full", "asks to wait 30 s"):
                assert part in why, why
            assert why in daemon.run("status").stdout
            assert outbox(daemon)["depth"] >= 1 and outbox(daemon)["dead"] == []
            assert daemon.log().count("the disk of the hub is full") == 1
        finally:
            filler.unlink()
        daemon.kill()
        daemon.start()  # which asks at once
        wait_for(lambda: outbox(daemon)["depth"] == 0, "delivery")
        assert texts(hub) == said
