"""How fast jetpackd empties a full outbox to a hub on loopback, beside posts of the same size by a client
that has nothing else to do."""

import contextlib
import json
import os
import random
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import measure
import samples
from servers.process import wait_for

MESSAGES = 20_000
RUNS = 3
FLOOR = 10_000
DATA = json.dumps({"level": "info", "priority": "low", "message": "the system is ready " * 4})


def build_plugin(directory, source, name):
    """A plugin from one file of the repository; returns the directory to give to --plugin-path."""
    include = measure.BUILT_HOME / "include"
    library = directory / f"plugins/{name}.so"
    library.parent.mkdir(exist_ok=True)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "jetpack-plugin"], text=True,
                           capture_output=True, check=True, env={
                               **os.environ, "PKG_CONFIG_PATH": str(measure.BUILT_HOME / "share/pkgconfig")
                           }).stdout
    subprocess.run(["g++", "-std=c++20", "-O1", "-fPIC", "-shared", f"-I{include}",
                    measure.REPOSITORY / source, "-o", library, *shlex.split(flags)], check=True)
    return library.parent


def waiting(home):
    """How many rows wait in the outbox."""
    with contextlib.closing(sqlite3.connect(f"file:{home}/run/outbox.db?mode=ro", uri=True,
                                            timeout=30)) as database:
        return database.execute("SELECT count(*) FROM outbox").fetchone()[0]


def drain(home, environment):
    """(seconds for all, peak KiB of the daemon, its CPU seconds)."""
    before = waiting(home)
    daemon = subprocess.Popen([measure.BUILT_HOME / "bin/jetpack", "jetpackd"], env=environment)
    begun = time.monotonic()
    try:
        # From its first delivery on: what it does when it starts is no part of this.
        while (first := waiting(home)) == before and daemon.poll() is None:
            begun = time.monotonic()
            time.sleep(0.002)
        wait_for(lambda: not waiting(home) or daemon.poll() is not None, "an empty outbox", 120)
        seconds = time.monotonic() - begun
    finally:
        daemon.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(daemon.pid, 0)
        daemon.returncode = os.waitstatus_to_exitcode(status)
    if daemon.returncode != 0 or waiting(home):
        raise RuntimeError(f"jetpackd ended with {daemon.returncode}; {waiting(home)} messages wait")
    return seconds * MESSAGES / first, usage.ru_maxrss, usage.ru_utime + usage.ru_stime


def posts():
    """The same of a client of the hub that has nothing else to do, but for its memory and CPU."""
    answer = json.loads(subprocess.run(
        [sys.executable, measure.REPOSITORY / "tools/fleet", "--json", "--nodes", "1", "--connections", "1",
         "--batch", "500", "--kinds", "log", "--messages", str(MESSAGES)], check=True, text=True,
        capture_output=True).stdout)
    return MESSAGES / answer["messages_per_second"], 0, 0.0


def run(directory):
    directory = Path(directory)
    directory.chmod(0o755)
    tool = measure.REPOSITORY / "tools/dev-cluster"
    started = subprocess.run([tool, "start", "--no-daemon", directory / "cluster"], check=True, text=True,
                             capture_output=True).stdout
    taken = {"jetpackd": [], "posts of 500": []}
    try:
        home = Path(json.loads(started)["home"])
        environment = measure.jetpack_environment(home)
        plugins = build_plugin(directory, "tests/faults/publish.cpp", "publish")
        publish = [measure.BUILT_HOME / "bin/jetpack", "--plugin-path", plugins, "publish", "log", DATA]

        def drain_once():
            subprocess.run([*publish, "--times", str(MESSAGES)], env=environment, check=True)
            return drain(home, environment)

        ways = {"jetpackd": drain_once, "posts of 500": posts}
        for _ in range(RUNS):
            for name in random.sample(list(ways), len(ways)):
                taken[name].append(ways[name]())
    finally:
        subprocess.run([tool, "stop", directory / "cluster"], check=True)
    results = {name: measure.summary(runs) for name, runs in taken.items()}
    measure.print_table(results, "posts of 500", f"{MESSAGES} messages")
    rate = samples.spread([MESSAGES / seconds for seconds in results["jetpackd"].seconds])
    measure.note(f"jetpackd: {rate.minimum:.0f} / {rate.median:.0f} / {rate.maximum:.0f} messages/s (minimum, median, "
                 f"maximum)")
    return measure.budget("drain: time for a message, of what is allowed", FLOOR / rate.median, 1)
