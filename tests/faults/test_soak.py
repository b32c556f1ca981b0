"""Mixed verbs for a while on two nodes, while the hub and one node's daemon are killed again and again: what
exited with 0 arrives exactly once, in the order of its node, and neither the other daemon nor its files grow.

$JETPACK_SOAK_SECONDS says for how long (default: 40)."""

import collections
import contextlib
import os
import random
import threading
import time

import pytest

from servers.process import usage
from world import World, bundle_child

SECONDS = int(os.environ.get("JETPACK_SOAK_SECONDS", "40"))
# Growth that is no leak: what the allocator keeps after a burst.
MOST_GROWTH_KIB = 2 * 1024


def daemon_pid(node):
    """The process in which a node's daemon runs."""
    pid = node.daemon.process.pid
    return (bundle_child(pid) or [pid])[0]


class Soak:
    """The cluster, its verbs, and who kills what."""

    def __init__(self, world):
        self.world, self.over = world, threading.Event()
        self.acknowledged = {node.name: [] for node in world.nodes}
        self.failures = []
        self.kills = collections.Counter()

    def verbs(self, node, seed):
        """One verb after the other."""
        choice, number = random.Random(seed), 0
        while not self.over.is_set():
            number += 1
            text = f"{node.name} {number}"
            words, is_log = choice.choice([
                (["log", text], True), (["log", text, "--wait", "0"], True),
                (["log", text, "--level", "error", "--wait", "200ms"], True),
                (["condition", "set", "-n", f"c{number % 5}", "-s", "Warning", "-m", text], False),
                (["condition", "clear", f"c{number % 5}"], False),
                (["autoscale", "--corecount", str(number % 100)], False),
                (["props", "set", f"k{number % 7}", text], False),
                (["props", "get", f"k{number % 7}", "none"], False), (["status"], False),
                (["config", "cyclecloud.cluster.name", "none"], False), (["users"], False)])
            done = node.jetpack(*words, timeout=60)
            if is_log and done.returncode == 0:
                self.acknowledged[node.name].append(text)
            if done.returncode not in (0, 1):
                self.failures.append((words, done))

    def kills_of(self, name, process, pause):
        """Kills and starts a process until the end."""
        choice = random.Random(pause)
        while not self.over.wait(choice.uniform(0.2, 2 * pause)):
            process.kill()
            self.kills[name] += 1
            self.over.wait(choice.uniform(0, 0.5))
            process.start()

    def least_usage(self, pid):
        """What it has between deliveries, which need more."""
        samples = []
        while len(samples) < 20 and not self.over.wait(0.1):
            samples.append(usage(pid))
        return tuple(map(min, zip(*samples)))

    def run(self, seconds):
        """All of it at once."""
        steady = daemon_pid(self.world.nodes[1])
        threads = [threading.Thread(target=self.verbs, args=(node, seed))
                   for seed, node in enumerate(self.world.nodes)]
        threads += [threading.Thread(target=self.kills_of, args=args) for args in (
            ("daemon", self.world.nodes[0].daemon, 2), ("hub", self.world.hubs[0], 5))]
        for thread in threads:
            thread.start()
        # Everything has been used by then, and what is kept for later is there.
        self.over.wait(seconds / 3)
        before = self.least_usage(steady)
        self.over.wait(seconds * 2 / 3)
        after = self.least_usage(steady)
        self.over.set()
        for thread in threads:
            thread.join()
        return before, after


@pytest.mark.timeout(SECONDS + 240)
def test_nothing_is_lost_or_doubled_and_nothing_grows(tmp_path, built_home):
    with contextlib.ExitStack() as stack:
        world = World(tmp_path, built_home, nodes=2)
        stack.callback(world.stop)
        for node in world.nodes:
            node.daemon.start()
        soak = Soak(world)
        started = time.monotonic()
        before, after = soak.run(SECONDS)
        for node in world.nodes:
            node.drained(90)
        texts = world.texts()
        counts = collections.Counter(texts)
        for node in world.nodes:
            acknowledged = soak.acknowledged[node.name]
            assert [text for text in acknowledged if counts[text] != 1] == []
            wanted = set(acknowledged)
            assert [text for text in texts if text in wanted] == acknowledged
        assert [text for text, times in counts.items() if times != 1] == []
        assert soak.failures == []
        print(f"{sum(map(len, soak.acknowledged.values()))} acknowledged, {len(texts)} arrived, "
              f"{dict(soak.kills)} killed in {time.monotonic() - started:.0f} s; the steady daemon had "
              f"{before} and then {after} (KiB, descriptors)")
        assert min(soak.kills.values()) > 0
        assert after[0] <= before[0] + MOST_GROWTH_KIB
        assert after[1] <= before[1] + 2
