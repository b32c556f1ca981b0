"""A thousand `jetpack log`, eight at a time, killed at random while the hub goes and comes: what
exited with 0 arrives exactly once."""

import collections
import concurrent.futures
import os
import random
import subprocess
import threading

import pytest

PROCESSES = int(os.environ.get("JETPACK_KILL_PROCESSES", "1000"))
AT_ONCE = 8
# How long a process that is to be killed may live; some end before.
LONGEST_LIFE = 0.12


def hub_comes_and_goes(cluster, stop):
    while not stop.wait(2.0):
        cluster.run("hub-stop")
        stop.wait(1.0)
        cluster.run("hub-start")


def run_one(cluster, number, choice):
    """True when the process exited with 0 before it was killed."""
    options = choice.choice([[], ["--wait", "0"], ["--wait", "0"], ["--wait", "200ms"]])
    life = choice.uniform(0, LONGEST_LIFE) if choice.random() < 0.5 else None
    process = cluster.start("log", f"message {number}", *options)
    try:
        _, err = process.communicate(timeout=life)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return False
    assert process.returncode in (0, 1), err
    assert process.returncode == 0 or "--wait" in options, err
    return process.returncode == 0


@pytest.mark.timeout(280)
def test_what_was_acknowledged_arrives_exactly_once(cluster):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    stop = threading.Event()
    hub = threading.Thread(target=hub_comes_and_goes, args=(cluster, stop))
    hub.start()
    try:
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            taken = list(pool.map(lambda n: run_one(cluster, n, random.Random(seed + n)),
                                  range(PROCESSES)))
    finally:
        stop.set()
        hub.join()
    acknowledged = [f"message {n}" for n, ok in enumerate(taken) if ok]
    assert PROCESSES / 4 < len(acknowledged) < PROCESSES

    last = cluster.jetpack("log", "the last", "--wait", "60s")
    assert (last.returncode, last.stderr) == (0, "jetpack log: delivered\n")
    arrived = collections.Counter(m["data"]["message"] for m in cluster.messages() if m["type"] == "log")
    assert [m for m in acknowledged if arrived[m] != 1] == []
    assert [m for m, times in arrived.items() if times != 1] == []
    print(len(acknowledged), "acknowledged,", sum(arrived.values()), "arrived")
