"""The node's clock jumps an hour back and forth while its daemon runs: nothing stalls, nothing arrives
twice. Clocks that measure durations do not jump; the node's wall clock alone does."""

import json
import mmap
import struct
import subprocess
from pathlib import Path

import pytest

from servers.process import wait_for
from world import World

HOUR = 3600


class Clock:
    """What the processes of the node take for the time."""

    def __init__(self, directory):
        path, library = directory / "clock", directory / "clock.so"
        path.write_bytes(bytes(8))
        with open(path, "r+b") as file:
            self.offset = mmap.mmap(file.fileno(), 8)
        subprocess.run(["gcc", "-O1", "-Wall", "-Werror", "-fPIC", "-shared",
                        Path(__file__).with_name("clock.c"), "-o", library], check=True)
        self.environment = {"LD_PRELOAD": str(library), "TEST_CLOCK": str(path)}

    def shift(self, seconds):
        """So many seconds off from now on."""
        self.offset[:] = struct.pack("=q", seconds)


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


@pytest.fixture
def world(tmp_path, built_home, clock):
    made = World(tmp_path, built_home, more=clock.environment)
    yield made
    made.stop()


@pytest.mark.timeout(180)
def test_the_clock_jumps_while_messages_flow(world, clock):
    node, expected = world.nodes[0], []
    node.daemon.start()
    hours = set()
    for jump in (0, -HOUR, HOUR, -HOUR, 0):
        clock.shift(jump)
        for n in range(3):
            expected.append(f"message {len(expected)}")
            assert node.jetpack("log", expected[-1]).returncode == 0
        wait_for(lambda: world.texts() == expected, f"the messages after a jump to {jump} s")
        hours.add(world.messages()[-1]["sent"][:13])
    assert len(hours) == 3, "the clock did not jump"
    node.drained()
    assert node.jetpack("status").returncode == 0


@pytest.mark.timeout(180)
@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_the_clock_jumps_while_the_daemon_waits_to_try_again(jump, world, clock):
    node, hub = world.nodes[0], world.hubs[0]
    node.daemon.start()
    assert node.jetpack("log", "0", "--wait", "20s").returncode == 0
    hub.stop()
    assert node.jetpack("log", "1").returncode == 0
    # The daemon may have a message of its own there: that its installation is complete.
    wait_for(lambda: json.loads(node.jetpack("status", "--json").stdout)["outbox"]["depth"] >= 1,
             "the message to wait")
    clock.shift(jump)
    assert node.jetpack("log", "2").returncode == 0
    hub.start()
    wait_for(lambda: world.texts() == ["0", "1", "2"], "the messages", 90)
    # The daemon is killed and starts in another time.
    node.daemon.kill()
    clock.shift(-jump)
    assert node.jetpack("log", "3", "--wait", "0").returncode == 0
    node.daemon.start()
    node.drained()
    assert world.texts() == ["0", "1", "2", "3"]
