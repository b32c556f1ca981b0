"""`jetpack keepalive`: how long, what this node remembers, and what is reported to the server."""

import fcntl
import json
import os
import re
import subprocess
from datetime import datetime, timedelta, timezone

import pytest

FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def test_help(transcript):
    transcript("help_keepalive", ["help", "keepalive"])


def until(home):
    return json.loads((home / "run/keepalive.json").read_text())["until"]


def told(server):
    return [m["data"]["until"] for m in server.messages if m["type"] == "keepalive"]


def shown(jetpack):
    return json.loads(jetpack.answer("keepalive", "--show", "--json"))


@pytest.mark.parametrize("args, hours", [
    ([], 1), (["6h"], 6), (["30m"], 0.5), (["1h30m"], 1.5), (["90"], 90), (["1.5h"], 1.5),
    (["1.5"], 1.5), (["2d"], 48), (["1D2H"], 26), (["45s"], 0.0125),
])
def test_durations(args, hours, jetpack, home, server):
    before = datetime.now(timezone.utc).replace(microsecond=0)
    result = jetpack("keepalive", *args)
    after = datetime.now(timezone.utc)
    assert (result.returncode, result.stdout) == (0, ""), result
    assert "jetpack keepalive: delivered" in result.stderr
    end, = told(server)
    assert end in result.stderr
    time = datetime.strptime(end, FORMAT).replace(tzinfo=timezone.utc)
    assert before + timedelta(hours=hours) <= time <= after + timedelta(hours=hours)
    answer = shown(jetpack)
    assert answer["in_force"] is True and answer["until"] == end
    assert hours * 3600 - 60 < answer["seconds_left"] <= hours * 3600


@pytest.mark.parametrize("text", ["6x", "", "h", "6h6h", "30m1h", "1e9h", "1e9", "nan", "inf", "6 h",
                                  "0x10h", "6h x", "-1", "soon", "1h30", "0", "0h", "0.0000001s",
                                  "9999999h", "9" * 400, "367d"])
def test_a_duration_that_is_none(text, jetpack, home, server):
    result = jetpack("keepalive", text)
    assert (result.returncode, result.stdout) == (2, ""), result
    assert text[:80] in result.stderr
    assert re.search("invalid duration|no time at all|exceeds the limit", result.stderr), result
    assert not (home / "run/keepalive.json").exists() and not server.messages


@pytest.mark.parametrize("args", [["-1h"], ["6h", "--cancel"], ["--show", "--cancel"], ["1h", "2h"]])
def test_invalid_command_lines(args, jetpack, home, server):
    result = jetpack("keepalive", *args)
    assert result.returncode == 2 and result.stderr, result
    assert not (home / "run/keepalive.json").exists() and not server.messages


def test_it_is_extended_and_never_shortened(jetpack, home, server):
    assert jetpack.answer("keepalive", "--show") == "not kept alive\n"
    assert shown(jetpack) == {"in_force": False}
    jetpack("keepalive", "2h")
    longer = until(home)
    result = jetpack("keepalive", "--json")
    assert result.returncode == 0 and "not shortened" in result.stderr
    assert json.loads(result.stdout)[0]["delivered"] is True
    assert until(home) == longer
    jetpack("keepalive", "3h")
    assert until(home) > longer
    assert re.fullmatch(r"kept alive until \S+Z \(1\d\dm left\)\n|kept alive until \S+Z \(\dh left\)\n",
                        jetpack.answer("keepalive", "--show"))
    jetpack("keepalive", "forever")
    jetpack("keepalive", "6h")
    assert until(home) == "forever" and told(server)[-2:] == ["forever", "forever"]
    assert jetpack.answer("keepalive", "--show") == "kept alive forever\n"
    assert re.search("^keepalive +forever$", jetpack("status").stdout, re.M)
    # The end in force is reported each time: an earlier report may have been lost with the server.
    assert len(told(server)) == 5

    result = jetpack("keepalive", "--cancel")
    assert result.returncode == 0 and "jetpack keepalive: canceled\n" in result.stderr
    assert told(server)[-1] == "none" and not (home / "run/keepalive.json").exists()
    assert "was not kept alive" in jetpack("keepalive", "--cancel").stderr
    assert "keepalive" not in json.loads(jetpack("status", "--json").stdout)
    jetpack("keepalive", "6h")
    state = json.loads(jetpack("status", "--json").stdout)["keepalive"]
    assert state["until"] == shown(jetpack)["until"]
    assert re.search(r"^keepalive +until \S+Z \([56]h left\)$", jetpack("status").stdout, re.M)


def test_after_a_reboot(jetpack, home, server):
    """Another boot id: the time of day counts."""
    jetpack("keepalive", "6h")
    state = json.loads((home / "run/keepalive.json").read_text())
    home.write("run/keepalive.json", {**state, "boot": "another", "boottime_ms": 1,
                                      "length_ms": 366 * 86400 * 1000})
    assert shown(jetpack)["seconds_left"] > 5 * 3600
    home.write("run/keepalive.json", {**state, "boot": "another", "until": "2020-01-01T00:00:00Z"})
    assert shown(jetpack) == {"in_force": False}
    # In the same boot, the time of day does not.
    home.write("run/keepalive.json", {**state, "until": "2020-01-01T00:00:00Z"})
    assert shown(jetpack)["seconds_left"] > 5 * 3600
    assert jetpack("keepalive", "1h").returncode == 0
    assert shown(jetpack)["seconds_left"] > 5 * 3600


def test_of_many_at_once_the_latest_end_wins(jetpack, home, server):
    hours = [3, 1, 9, 2, 7, 4]
    running = [jetpack.start("keepalive", f"{h}h", stderr=subprocess.DEVNULL) for h in hours]
    assert [process.wait(60) for process in running] == [0] * len(hours)
    assert shown(jetpack)["seconds_left"] > 8 * 3600
    assert told(server)[-1] == max(told(server)) == shown(jetpack)["until"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff" * 70000, b'{"until": "forever"}'],
                         ids=["empty", "half", "list", "too large", "incomplete"])
def test_a_damaged_file_is_moved_aside(content, jetpack, home, server):
    home.write("run/keepalive.json", content)
    assert jetpack("keepalive", "--show").returncode == 1
    assert any("keepalive.json" in problem
               for problem in json.loads(jetpack("status", "--json").stdout)["problems"])
    result = jetpack("keepalive")
    assert result.returncode == 0 and "moved to" in result.stderr
    assert len(list((home / "run").glob("keepalive.json.corrupt-*"))) == 1
    assert shown(jetpack)["in_force"] is True


def test_traps_of_a_group_member(jetpack, home, server):
    """What others may put in run/: links lead nowhere, pipes and held locks hang nothing."""
    secret = home.write("secret", "untouched")
    (home / "run/keepalive.json").symlink_to(secret)
    assert jetpack("keepalive").returncode == 0
    assert secret.read_text() == "untouched" and not (home / "run/keepalive.json").is_symlink()
    (home / "run/keepalive.json").unlink()
    os.mkfifo(home / "run/keepalive.json")
    assert jetpack("keepalive").returncode == 0
    assert shown(jetpack)["in_force"] is True
    with open(home / "run/.keepalive.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = jetpack("keepalive", "forever")
    assert result.returncode == 0 and "not recorded on this node" in result.stderr
    assert told(server)[-1] == "forever" and until(home) != "forever"


def test_a_member_of_the_group_may_keep_it_alive(jetpack, home, server, as_user):
    group = 54321
    for path in (home / "run", home / "logs"):
        os.chown(path, 0, group)
        path.chmod(0o2770)
    for path in (home / "config").iterdir():
        path.chmod(0o644)
    assert jetpack("keepalive", "2h").returncode == 0
    result = jetpack("keepalive", "6h", prefix=as_user(group))
    assert result.returncode == 0, result
    assert shown(jetpack)["seconds_left"] > 5 * 3600
    assert jetpack("keepalive", "--cancel", prefix=as_user(group)).returncode == 0
    assert shown(jetpack) == {"in_force": False}
    stranger = jetpack("keepalive", "--show", prefix=as_user(65534))
    assert stranger.returncode == 1 and "Permission denied" in stranger.stderr


def test_a_full_disk(jetpack, home, server):
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", home / "run"],
                           capture_output=True, check=False)
    if mount.returncode != 0:
        pytest.skip("cannot mount a tmpfs here")
    try:
        with open(home / "run/filler", "wb", buffering=0) as filler, pytest.raises(OSError):
            while True:
                filler.write(b"x" * 4096)
        result = jetpack("keepalive", "forever")
        assert result.returncode == 0 and told(server) == ["forever"], result
        assert "not recorded on this node" in result.stderr
        assert "No space left on device" in result.stderr
        assert "delivered directly" in result.stderr
    finally:
        subprocess.run(["umount", home / "run"], check=True)


def test_a_server_that_is_down_is_told_later(jetpack, home, server):
    server.stop()
    result = jetpack("keepalive", "6h", "--wait", "300ms")
    assert result.returncode == 1 and "stays queued" in result.stderr
    assert shown(jetpack)["in_force"] is True
    server.start()
    assert jetpack("log", "m", "--wait", "20s").returncode == 0
    assert told(server) == [shown(jetpack)["until"]]
