"""A node whose disk or inodes are used up, while its daemon runs: it says so, loses nothing that it
acknowledged, and goes on by itself when there is room."""

import contextlib
import json
import os

import pytest

from servers.process import wait_for
from servers.small_disk import small_disk
from world import World


def fill(directory, but=0):
    """Uses up the space, but for so many bytes, or to the last one that can be had."""
    with open(directory / "filler", "ab", buffering=0) as file:
        state = os.statvfs(directory)
        file.write(b"x" * max(0, state.f_bavail * state.f_frsize - but))
        if but:
            return
        for size in (65536, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass


def use_up_inodes(directory):
    """Makes files until there can be no more."""
    (directory / "files").mkdir()
    with contextlib.suppress(OSError):
        for n in range(1 << 20):
            (directory / f"files/{n}").touch()


def make_room(directory):
    """Undoes both."""
    (directory / "filler").unlink(missing_ok=True)
    if (directory / "files").exists():
        for file in (directory / "files").iterdir():
            file.unlink()
        (directory / "files").rmdir()


@pytest.fixture
def world(request, tmp_path, built_home):
    """A world whose first node's home is on a small file system."""
    with small_disk(tmp_path / "execute-0", request.param):
        made = World(tmp_path, built_home)
        yield made
        made.stop()


def publish_until_refused(node, start):
    """The messages that were acknowledged, and what was said of the first that was not."""
    taken = []
    for n in range(start, start + 400):
        text = f"{n} " + "x" * 20000
        result = node.jetpack("log", text, "--wait", "0")
        if result.returncode != 0:
            return taken, result
        taken.append(n)
    raise AssertionError("the disk is never full")


def installed(world):
    """Waits until the node's daemon has reported its installation: nothing else comes of itself."""
    wait_for(lambda: any(message["type"] == "installation" for message in world.messages()),
             "the report of the installation")


def arrived(world):
    return [int(text.split()[0]) for text in world.texts()]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("world", ["size=16m"], indirect=True)
def test_a_full_disk(world):
    node, hub = world.nodes[0], world.hubs[0]
    node.daemon.start()
    assert node.jetpack("log", "0 before", "--wait", "20s").returncode == 0
    installed(world)
    hub.stop()
    fill(node.home, but=2 << 20)
    taken, refused = publish_until_refused(node, 1)
    assert taken and refused.returncode == 1
    assert "free disk space" in refused.stderr, refused.stderr
    fill(node.home)

    told = node.jetpack("status", timeout=20)
    assert told.returncode == 1
    assert "disk" in told.stdout + told.stderr, told
    state = json.loads(node.jetpack("status", "--json", timeout=20).stdout)
    assert state["outbox"]["depth"] == len(taken)

    # The server is back, but there is no room: the daemon lives, whatever it can or cannot do.
    hub.start()
    wait_for(lambda: len(world.texts()) > 1, "the first delivery on the full disk")
    assert node.daemon.is_running()
    make_room(node.home)
    node.drained()
    assert node.jetpack("log", "1000 after", "--wait", "20s").returncode == 0
    assert arrived(world) == [0, *taken, 1000]
    assert node.jetpack("status").returncode == 0


@pytest.mark.timeout(180)
@pytest.mark.parametrize("world", ["size=32m,nr_inodes=100"], indirect=True)
def test_no_inodes_are_left(world):
    node, hub = world.nodes[0], world.hubs[0]
    node.daemon.start()
    assert node.jetpack("log", "0 before", "--wait", "20s").returncode == 0
    use_up_inodes(node.home)
    assert os.statvfs(node.home).f_ffree == 0
    told = node.jetpack("status", timeout=20)
    assert told.returncode == 1
    assert "inode" in told.stdout + told.stderr, told

    # Rows need no inode.
    hub.stop()
    results = [node.jetpack("log", f"{n} m", "--wait", "0").returncode for n in range(1, 6)]
    hub.start()
    node.daemon.kill()
    make_room(node.home)
    node.daemon.start()
    node.drained()
    taken = [n for n, code in enumerate(results, 1) if code == 0]
    assert arrived(world) == [0, *taken]
    assert node.jetpack("status").returncode == 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("world", ["size=8m"], indirect=True)
def test_a_disk_that_the_queue_has_filled_recovers_by_itself(world):
    """Also when the daemon is killed before it could delete anything."""
    node, hub = world.nodes[0], world.hubs[0]
    hub.stop()
    taken, _ = publish_until_refused(node, 1)
    assert len(taken) > 100
    fill(node.home)
    hub.start()
    node.daemon.start()
    wait_for(lambda: len(world.texts()) > 20, "the first deliveries")
    node.daemon.kill()
    node.daemon.start()
    wait_for(lambda: len(world.texts()) >= len(taken), "all of them")
    # Nothing but the queue itself has given anything back.
    wait_for(lambda: json.loads(node.jetpack("outbox", "list", "--json").stdout) == [], "the end")
    assert node.jetpack("log", "1000 after", "--wait", "20s").returncode == 0
    assert arrived(world) == [*taken, 1000]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("world", ["size=16m"], indirect=True)
def test_a_disk_that_is_full_from_the_start(world):
    node = world.nodes[0]
    fill(node.home)
    result = node.jetpack("log", "1 m")
    assert result.returncode == 0 and "free disk space" in result.stderr
    assert arrived(world) == [1]
    assert node.jetpack("status", timeout=20).returncode == 1
    node.daemon.start()
    make_room(node.home)
    assert node.jetpack("log", "2 m").returncode == 0
    wait_for(lambda: arrived(world) == [1, 2], "the message")
    assert node.daemon.is_running(), node.daemon.tail()
