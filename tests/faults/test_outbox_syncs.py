"""What is on disk when `jetpack log` ends, or is killed at any of its writes and syncs of the queue's log: the log's name
before anything in it, and all of it before success. By the order of the system calls, as a loss of power would see it."""

import contextlib
import re
import shutil
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
            # A log that is emptied may come back: all that is in it is in the database.
            self.is_synced = self.is_synced and re.search(r'\(\d+<[^>]*>, ("(\\0)+", 32, )?0\)', line) is not None
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


def queued_in(home):
    with contextlib.closing(sqlite3.connect(home / "run/outbox.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [seq for seq, in database.execute("SELECT seq FROM outbox ORDER BY seq")]


def test_a_kill_while_the_log_is_emptied_loses_nothing(disk, home, tmp_path):
    log = home / "run/outbox.db-wal"
    count = 0
    while not log.exists() or log.read_bytes()[:4] != bytes(4):  # until it was emptied
        shutil.rmtree(tmp_path / "before", ignore_errors=True)
        shutil.copytree(home / "run", tmp_path / "before")
        count += 1
        assert disk.run()
    room = log.stat().st_size
    assert count > 10 and room > 100_000
    for kill_at in range(1, 100):
        shutil.rmtree(home / "run")
        shutil.copytree(tmp_path / "before", home / "run")
        ended = disk.run(kill_at=kill_at)
        # The log is still whole, has no header, or has a new one; each is what the next process finds.
        assert disk.run(), f"after a kill at call {kill_at}"
        assert room <= log.stat().st_size < 2 * room
        messages = queued_in(home)
        assert messages[:count - 1] == list(range(1, count)), f"after a kill at call {kill_at}"
        assert len(messages) in ((count + 1,) if ended else (count, count + 1)), f"after a kill at call {kill_at}"
        if ended:
            break
    assert ended and kill_at > 4
