"""A hub that listens on an IPv6 address, and a node of it: from `hub enroll` to a delivered message."""

import pytest

import hubs


@pytest.fixture(name="hub")
def ipv6_hub():
    running = hubs.Hub(listen="[::1]:0")
    yield running
    running.stop()
    running.remove()


def test_what_enroll_writes_works(hub, home, jetpack):
    hub.administer("enroll", "--cluster", "demo", "--node", "n1", "--home", home.path)
    assert hub.url.startswith("https://[::1]:")
    assert jetpack("log", "hello", "--wait", "10s").stderr == "jetpack log: delivered\n"
    assert [m["data"]["message"] for m in hub.messages(kind="log")] == ["hello"]
    started = jetpack("initialize", "--no-start")
    assert started.returncode == 0, started.stdout + started.stderr
