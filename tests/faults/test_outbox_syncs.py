"""What is on disk when `jetpack log` ends, or is killed at any of its writes and syncs of the queue's log: the log's name
before anything in it, and all of it before success. By the order of the system calls, as a loss of power would see it."""

import contextlib
import re
import sqlite3

import pytest

CALLS = "openat,pwrite64,ftruncate,fsync,fdatasync"
MESSAGE = ("log", "--wait", "0", "x")


class Disk:
    """What a loss of power would leave of run/outbox.db-wal, by the calls of one process after another."""

    def __init__(self, jetpack, home, directory):
        self.jetpack, self.home, self.trace = jetpack, home, directory / "trace"
        self.log = str(home / "run/outbox.db-wal")
        self.syncs = []
        self.forget()

    def forget(self):
        """There is no log."""
        self.exists, self.has_name, self.is_synced = False, False, True

    def run(self, kill_at=0):
        """Queues a message; whether it ended with success."""
        prefix = ["strace", "-f", "-y", "-o", str(self.trace), "-P", self.log, "-P", str(self.home / "run"),
                  "-e", f"trace={CALLS}"]
        if kill_at:
            prefix += ["-e", f"inject={CALLS}:signal=SIGKILL:when={kill_at}"]
        self.syncs = []
        result = self.jetpack(*MESSAGE, prefix=prefix)
        for line in self.trace.read_text().splitlines():
            self.follow(line)
        if result.returncode == 0:
            assert self.has_name and self.is_synced, self.trace.read_text()
        return result.returncode == 0

    def follow(self, line):
        if re.search(rf'openat\(.*"{re.escape(self.log)}".* = \d', line):
            self.exists = True
        call = re.match(r"\d+ +(\w+)\(\d+<([^>]*)>.* = \d+$", line)
        if not call:
            return
        if call[1] in ("pwrite64", "ftruncate"):
            assert call[2] == self.log and self.has_name, self.trace.read_text()
            self.is_synced = False
            return
        self.syncs.append(call[2])
        if call[2] == self.log:
            self.is_synced = True
        elif self.exists:
            self.has_name = True


@pytest.fixture
def disk(jetpack, home, tmp_path):
    home.node({})
    return Disk(jetpack, home, tmp_path)


def test_a_message_more_costs_one_sync(disk):
    assert disk.run() and disk.run()
    assert disk.syncs == [disk.log]


def test_an_empty_log_gets_its_name_again(disk, home):
    assert disk.run()
    with contextlib.closing(sqlite3.connect(home / "run/outbox.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    disk.has_name = False  # as if its creator had been killed at once
    assert disk.run()
    assert disk.syncs[0] == str(home / "run")


def test_a_kill_at_any_call_leaves_no_log_without_its_name(disk, home):
    kills = 0
    while True:
        for path in (home / "run").glob("outbox.*"):
            path.unlink()
        disk.forget()
        kills += 1
        if disk.run(kill_at=kills):
            break
        assert disk.run(), f"after a kill at call {kills}"
    assert kills > 10
