"""`jetpack log`: its arguments, what it queues, and what it prints."""

import contextlib
import json
import re
import sqlite3

import pytest


@pytest.fixture
def log(jetpack, home):
    """log(ARGS...) queues a message and returns the data that will be sent."""

    def run(*args, **options):
        result = jetpack("log", "--wait", "0", *args, **options)
        assert (result.returncode, result.stdout) == (0, ""), result
        assert "jetpack log: queued: delivery was not waited for\n" in result.stderr
        database = sqlite3.connect(f"file:{home / 'run/outbox.db'}?mode=ro", uri=True)
        with contextlib.closing(database):
            kind, data = database.execute(
                "SELECT type, data FROM outbox ORDER BY seq DESC LIMIT 1").fetchone()
        assert kind == "log"
        return json.loads(data)

    return run


def test_a_message_that_is_too_long_is_cut_with_a_mark(log, jetpack):
    assert log("x" * 71408)["message"] == "x" * 65516 + "… 5,892 bytes cut"
    result = jetpack("log", "--wait", "0", "x" * 71408)
    assert "71408 bytes, the limit is 65536, the rest is cut" in result.stderr


@pytest.mark.parametrize("args, level, priority", [
    ([], "info", "medium"),
    (["--level", "warn"], "warn", "medium"),
    (["--level=error"], "error", "high"),
    (["--level=warn", "--priority=medium"], "warn", "medium"),
    (["-p", "low"], "info", "low"),
    (["--level", "error", "-p", "low"], "error", "low"),
])
def test_level_and_priority(args, level, priority, log):
    expected = {"level": level, "message": "m", "priority": priority}
    assert log("m", *args) == expected
    assert log(*args, "m") == expected


@pytest.mark.parametrize("text", [
    'say "hi" \\ and go', "a::b", "line one\nline two\ttab", "ünïcödé 🚀", "\x01\x1b[31m",
    pytest.param("x" * 65536, id="64 KiB"), "<script>alert(1)</script>", "' OR 1=1; --", "%s%n",
    "--"])
def test_a_message_is_queued_verbatim(text, log):
    assert log("--", text)["message"] == text


def test_invalid_utf_8_is_replaced_with_a_warning(log, jetpack):
    result = jetpack("log", b"caf\xe9 \xf0\x9f\x9a \xed\xa0\x80 end", "--wait", "0")
    assert result.returncode == 0
    assert "not valid UTF-8" in result.stderr
    assert log(b"caf\xe9!")["message"] == "caf\ufffd!"


@pytest.mark.parametrize("args, code, expected", [
    (["m", "--level", "fatal"], 2, "fatal"),
    (["m", "--priority", "urgent"], 2, "urgent"),
    (["m", "--wait", "soon"], 2, "soon"),
    ([], 2, "MESSAGE"),
    (["a", "b"], 2, "b"),
])
def test_invalid_command_lines(args, code, expected, jetpack, home):
    result = jetpack("log", *args)
    assert (result.returncode, result.stdout) == (code, "")
    assert expected in result.stderr
    assert not (home / "run/outbox.db").exists()


def test_the_message_is_also_in_the_local_log(log, home):
    log("disk is slow", "--level", "warn")
    line = (home / "logs/jetpack.log").read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING  disk is slow\n", line)


def test_a_log_file_that_cannot_be_written_is_ignored(log, home):
    (home / "logs").rmdir()
    (home / "logs").write_text("")
    assert log("m")["message"] == "m"


def test_the_queue_has_a_limit(jetpack, home):
    home.node({"cyclecloud": {"jetpack": {"outbox_max_mib": 4}}})
    for n in range(200):
        result = jetpack("log", f"{n}" + "x" * 60000, "--wait", "0")
        if result.returncode != 0:
            break
    assert n > 50
    assert (result.returncode, result.stdout) == (1, "")
    assert f"{n} messages wait since" in result.stderr and "the cap is 4 MiB" in result.stderr
