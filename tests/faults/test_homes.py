"""The state of the node's home: what is missing, full, read-only, corrupt or not ours."""

import contextlib
import fcntl
import os
import re
import sqlite3
import subprocess
import threading

import pytest

MEMBER_GROUP = 4242


def queued(home):
    """The messages in the outbox, oldest first."""
    database = sqlite3.connect(f"file:{home / 'run/outbox.db'}?mode=ro", uri=True)
    with contextlib.closing(database):
        return [row[0] for row in database.execute(
            "SELECT data ->> '$.message' FROM outbox ORDER BY seq")]


def queue(jetpack, text, **options):
    return jetpack("log", text, "--wait", "0", **options)


def test_a_node_that_knows_no_server_queues_and_says_so(home, jetpack):
    result = jetpack("log", "early")
    assert result.returncode == 0
    assert "no server is configured" in result.stderr and "connection.json" in result.stderr
    assert queued(home) == ["early"]


def test_a_corrupt_connection_file_is_named_and_nothing_is_lost(home, jetpack):
    home.write("config/connection.json", '{\n  "url": oops\n}')
    result = jetpack("log", "m")
    assert result.returncode == 0
    assert "connection.json, line 2, column 10" in result.stderr
    assert queued(home) == ["m"]


def test_what_waited_arrives_first_and_as_it_was(home, jetpack, server):
    (home / "config/connection.json").rename(home / "config/away")
    for text in ("one", "two"):
        queue(jetpack, text)
    (home / "config/away").rename(home / "config/connection.json")
    assert jetpack("log", "three").stderr == "jetpack log: delivered\n"
    assert [m["data"]["message"] for m in server.messages] == ["one", "two", "three"]
    assert {m["cluster_name"] for m in server.messages} == {"demo"}
    assert {m["node_name"] for m in server.messages} == {"execute-1"}
    assert len({m["id"] for m in server.messages}) == 3
    times = [m["timestamp"] for m in server.messages]
    assert times == sorted(times) and all(re.fullmatch(r"[0-9-]+T[0-9:.]+Z", t) for t in times)


def test_a_missing_home_is_named(jetpack, home):
    result = queue(jetpack, "m", env={"JETPACK_HOME": str(home / "nowhere")})
    assert result.returncode == 1
    assert "nowhere" in result.stderr


def test_a_missing_run_directory_is_named(jetpack, home):
    (home / "run").rmdir()
    result = queue(jetpack, "m")
    assert result.returncode == 1
    assert str(home / "run") in result.stderr


def checkpoint(home):
    """Brings everything from the log into the database."""
    with contextlib.closing(sqlite3.connect(home / "run/outbox.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.mark.parametrize("damage", ["rubbish", "half", "log only"])
def test_a_corrupt_outbox_is_moved_aside_and_work_goes_on(damage, home, jetpack):
    for n in range(5):
        queue(jetpack, f"old {n}")
    outbox = home / "run/outbox.db"
    if damage != "log only":
        checkpoint(home)
    if damage == "rubbish":
        outbox.write_bytes(b"#" * 20000)
    elif damage == "half":
        outbox.write_bytes(outbox.read_bytes()[:8192])
    else:
        (home / "run/outbox.db-wal").write_bytes(b"\xff" * 50000)
    results = [queue(jetpack, f"new {n}") for n in range(2)]
    assert [r.returncode for r in results] == [0, 0], results
    assert queued(home)[-2:] == ["new 0", "new 1"]
    if damage != "log only":
        assert len(list((home / "run").glob("outbox.db.corrupt-*[0-9]"))) == 1
        assert "was corrupt; it was moved to" in (home / "logs/jetpack.log").read_text()


def test_processes_that_find_it_corrupt_at_once_lose_nothing(home, jetpack):
    queue(jetpack, "old")
    checkpoint(home)
    (home / "run/outbox.db").write_bytes(b"#" * 20000)
    running = [jetpack.start("log", f"new {n}", "--wait", "0", stderr=subprocess.DEVNULL)
               for n in range(8)]
    assert [process.wait(timeout=60) for process in running] == [0] * 8
    assert sorted(queued(home)) == [f"new {n}" for n in range(8)]


@contextlib.contextmanager
def mounted(path, *options):
    command = ["mount", "-t", "tmpfs", *options, "tmpfs", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def test_a_full_disk_is_told_and_what_was_taken_stays(home, jetpack):
    with mounted(home / "run", "-o", "size=1m"):
        taken = []
        for n in range(40):
            result = queue(jetpack, f"{n} " + "x" * 40000)
            if result.returncode != 0:
                break
            taken.append(n)
        assert result.returncode == 1
        assert str(home / "run") in result.stderr and "free disk space" in result.stderr
        assert [int(text.split()[0]) for text in queued(home)] == taken


def test_a_disk_without_room_for_the_first_message_is_told(home, jetpack):
    with mounted(home / "run", "-o", "size=16k"):
        (home / "run/filler").write_bytes(b"x" * 16384)
        result = queue(jetpack, "m")
        assert result.returncode == 1
        assert str(home / "run") in result.stderr and "\n" == result.stderr[-1]


def test_a_read_only_run_directory_is_reported(home, jetpack):
    with mounted(home / "run"):
        queue(jetpack, "before")
        subprocess.run(["mount", "-o", "remount,ro", home / "run"], check=True)
        result = queue(jetpack, "m")
        assert result.returncode == 1
        assert str(home / "run") in result.stderr
        assert re.search("read-?only", result.stderr, re.IGNORECASE), result.stderr


@pytest.fixture
def shared_home(home):
    """The home of a real node: run and logs belong to the group, and keep it."""
    for directory in [home.path, *home.path.iterdir()]:
        directory.chmod(directory.stat().st_mode | 0o055)
    for name in ("logs", "run"):
        os.chown(home / name, 0, MEMBER_GROUP)
        (home / name).chmod(0o2770)
    return home


@pytest.mark.parametrize("first", ["root", "member"])
def test_a_member_of_the_group_and_root_share_the_queue(first, as_user, shared_home, jetpack):
    member = as_user(MEMBER_GROUP)
    order = [(), member] if first == "root" else [member, ()]
    for n, prefix in enumerate([*order, *order]):
        result = queue(jetpack, f"m{n}", prefix=prefix, umask=0o077)
        assert result.returncode == 0, result.stderr
    assert queued(shared_home) == ["m0", "m1", "m2", "m3"]
    for file in (shared_home / "run").iterdir():
        assert file.stat().st_gid == MEMBER_GROUP and file.stat().st_mode & 0o777 == 0o660, file


def test_others_are_told_which_group_they_need(as_user, shared_home, jetpack):
    queue(jetpack, "m")
    result = queue(jetpack, "m", prefix=as_user())
    assert result.returncode == 1
    assert str(shared_home / "run") in result.stderr and "ermission denied" in result.stderr


@contextlib.contextmanager
def daemon(home):
    """Holds the lock that says a daemon runs."""
    with open(home / "run/jetpackd.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_with_a_daemon_a_message_is_left_to_it(home, jetpack, server):
    with daemon(home):
        result = jetpack("log", "m")
    assert result.returncode == 0
    assert result.stderr == "jetpack log: queued: jetpackd will deliver it\n"
    assert server.contacts == 0 and queued(home) == ["m"]


def test_with_a_daemon_wait_returns_when_it_has_delivered(home, jetpack, server):
    with daemon(home):
        waiting = jetpack.start("log", "m", "--wait", "60s", stderr=subprocess.PIPE)
        threading.Thread(target=deliver_as_daemon, args=(home,), daemon=True).start()
        _, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, err) == (0, b"jetpack log: delivered\n")


def deliver_as_daemon(home):
    """Takes the message from the queue as soon as it is there."""
    while True:
        with contextlib.suppress(sqlite3.OperationalError):
            with contextlib.closing(sqlite3.connect(home / "run/outbox.db", timeout=10)) as database:
                with database:
                    if database.execute("DELETE FROM outbox").rowcount > 0:
                        return


def test_with_a_daemon_wait_gives_up_in_time(home, jetpack, server):
    with daemon(home):
        result = jetpack("log", "m", "--wait", "300ms")
    assert result.returncode == 1
    assert "jetpackd will deliver it" in result.stderr and "stays queued" in result.stderr
