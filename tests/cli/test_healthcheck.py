"""`jetpack healthcheck`: which checks are run and how, what is recorded, and what is reported to the cluster."""

import json
import os
import time
from pathlib import Path

import pytest


def test_help(transcript):
    transcript("help_healthcheck", ["help", "healthcheck"], ["help", "healthcheck", "run"],
               ["help", "healthcheck", "list"], ["help", "healthcheck", "history"],
               ["help", "healthcheck", "serve"])


@pytest.fixture
def checks(home):
    """checks(NAME, SCRIPT, [MODE]): writes a check."""
    (home / "config/healthcheck.d").mkdir()
    home.write("config/userdata.json", {"version": "1"})
    home.node({})

    def write(name, script, mode=0o755):
        path = home.write(f"config/healthcheck.d/{name}", script)
        path.chmod(mode)
        return path

    return write


def configure(home, **settings):
    home.configuration({"cyclecloud": {"jetpack": settings}})


def results(jetpack, *args, **options):
    """By name, of `jetpack healthcheck ARGS --json`."""
    result = jetpack("healthcheck", *args, "--json", **options)
    assert result.returncode in (0, 1), result
    found = {check["name"]: check for check in json.loads(result.stdout)}
    ran = args[:1] != ("list",)
    if ran:
        assert result.returncode == any(check["state"] != "passed" for check in found.values())
    return found


def test_what_each_kind_of_script_shows(checks, jetpack, home, server):
    checks("plain.sh", "#!/bin/sh\nexit 0\n")
    checks("no-x-bit.sh", "#!/bin/sh\nexit 3\n", 0o644)
    checks("no-shebang.sh", "[[ -n $BASH_VERSION ]] && exit 4\n", 0o644)
    checks("python.py", "import sys\nprint('hot', file=sys.stderr)\nsys.exit(10)\n", 0o644)
    checks("dos.py", "import sys\r\nsys.exit(11)\r\n", 0o644)
    checks("any", "#!/usr/bin/python3\nraise SystemExit(12)\n")
    checks("killed.sh", "kill -9 $$\n")
    checks("bytes.sh", "printf '\\377\\033[2J'\nexit 1\n")
    checks("where.sh", 'echo "$PWD $JETPACK_HOME $CYCLECLOUD_HOME $BOOTSTRAP_HOME"; jetpack config a.b 7\n')
    (home / "bin").symlink_to(jetpack.binary.parent)
    gone = home / "gone"
    gone.mkdir()
    found = results(jetpack, prefix=["sh", "-c", f"cd {gone} && rmdir {gone} && exec \"$@\"", "-"])
    state = {name: (check["state"], check["exit_code"]) for name, check in found.items()}
    assert state == {
        "converge_timeout": ("passed", 0), "scheduled_shutdown": ("passed", 0),
        "plain.sh": ("passed", 0), "no-x-bit.sh": ("failed", 3), "no-shebang.sh": ("failed", 4),
        "python.py": ("failed", 10), "dos.py": ("failed", 11), "any": ("failed", 12),
        "killed.sh": ("failed", -1), "bytes.sh": ("failed", 1), "where.sh": ("passed", 0),
    }
    assert found["python.py"]["stderr"] == "hot\n"
    assert "signal 9" in found["killed.sh"]["message"]
    assert found["bytes.sh"]["stdout"].startswith("�")
    assert found["where.sh"]["stdout"] == f"/ {home.path} {home.path} {home.path}/system/bootstrap\n7\n"
    assert not server.letters, "only 254 asks for the end of the node"
    shown = jetpack("healthcheck", "run", "bytes.sh")
    assert shown.returncode == 1 and "\x1b" not in shown.stdout and "\\x1b[2J" in shown.stdout


def test_bad_scripts_are_named_and_not_run(checks, jetpack, home, server, tmp_path):
    touch = f"touch {tmp_path}/ran\n"
    checks("crlf.sh", "#!/bin/sh\r\n" + touch)
    checks("bare-crlf.sh", "true\r\n" + touch)
    checks("interpreter.sh", "#!/no/such/shell\n" + touch)
    checks("relative.sh", "#!bash\n" + touch)
    checks("README", "read me\n", 0o644)
    checks("text", touch)
    checks("others.sh", touch, 0o757)
    checks("group.sh", touch, 0o775)
    (home / "config/healthcheck.d/directory").mkdir()
    (home / "config/healthcheck.d/dangling.sh").symlink_to("/no/such/file")
    os.mkfifo(home / "config/healthcheck.d/fifo.sh")
    checks("with\nbreak.sh", touch)
    checks(".hidden.sh", touch)
    checks("backup.sh~", touch)
    expected = {
        "crlf.sh": "CRLF", "bare-crlf.sh": "CRLF", "interpreter.sh": "/no/such/shell: No such file",
        "relative.sh": "not an absolute path", "README": "not executable", "text": "#!",
        "others.sh": "can be written by others", "group.sh": "can be written by others",
        "directory": "is a directory", "dangling.sh": "does not exist", "fifo.sh": "not a regular file",
        "with\\nbreak.sh": "invalid name",
    }
    if os.geteuid() == 0:
        os.chown(checks("foreign.sh", touch), 12345, 0)
        expected["foreign.sh"] = "belongs to user 12345"
    found = results(jetpack)
    assert {name for name, check in found.items() if check["state"] == "invalid"} == set(expected)
    for name, message in expected.items():
        assert message in found[name]["message"], name
    assert not (tmp_path / "ran").exists()
    assert not server.letters
    listed = results(jetpack, "list")
    assert set(listed) == set(found) and listed["text"]["state"] == "invalid"
    conditions = {c["name"]: c["status"] for c in json.loads(jetpack.answer("condition", "list", "--json"))}
    assert conditions == dict.fromkeys(expected, "Warning")


def test_254_asks_the_cluster_once(checks, jetpack, home, server):
    gpu = checks("gpu.sh", "echo checked 8; echo 'GPU 3 fell off the bus' >&2; exit 254\n")
    found = results(jetpack)
    assert found["gpu.sh"]["state"] == "unhealthy"
    (path, body, _), = server.letters
    assert path == "/clusters/demo/nodes/terminate"
    body = json.loads(body)
    assert body["names"] == ["execute-1"]
    assert body["reason"] == ("unhealthy: check gpu.sh exited with 254, failing for 0s: "
                              "stderr: GPU 3 fell off the bus; stdout: checked 8")
    results(jetpack)
    assert len(server.letters) == 1, "not repeated while the server acts on it"
    condition, = [m["data"] for m in server.messages if m["type"] == "condition"]
    assert condition["name"] == "gpu.sh" and condition["status"] == "Error"
    assert condition["message"] == "exited with 254: GPU 3 fell off the bus"
    assert "checked 8" in condition["details"]
    status = jetpack("status").stdout
    assert "gpu.sh" in status and "GPU 3 fell off the bus" in status

    gpu.write_text("exit 0\n")
    assert results(jetpack)["gpu.sh"]["state"] == "passed"
    assert server.messages[-1]["data"] == {"name": "gpu.sh", "status": "OK"}
    assert json.loads(jetpack.answer("condition", "list", "--json")) == []
    events = json.loads(jetpack.answer("healthcheck", "history", "--json"))
    assert [e["what"] for e in events if e["check"] == "gpu.sh"] == [
        "unhealthy", "termination requested", "passed"]
    assert "termination requested" in jetpack.answer("healthcheck", "history")
    assert "gpu.sh: unhealthy" in (home / "logs/healthcheck.log").read_text()
    assert 'jetpack_healthcheck_passing{check="gpu.sh",state="passed"} 1' in (home / "run/health.prom").read_text()


def test_a_request_waits_while_the_server_is_down(checks, jetpack, home, server):
    checks("gpu.sh", "exit 254\n")
    server.stop()
    assert "queued" in jetpack("healthcheck").stderr
    # As if it had been long ago: it still waits, so it is not repeated.
    health = json.loads((home / "run/health.json").read_text())
    health["termination"]["requested"] = "2020-01-01T00:00:00.000Z"
    home.write("run/health.json", health)
    jetpack("healthcheck")
    queued = [m for m in json.loads(jetpack.answer("outbox", "list", "--json"))
              if "terminate" in m.get("to", "")]
    assert len(queued) == 1
    server.start()
    assert jetpack("log", "now", "--wait", "30").returncode == 0
    assert len(server.letters) == 1
    # Delivered, and an hour later the node is still here and ill.
    jetpack("healthcheck")
    assert len(server.letters) == 2


def keep_alive(home, left_ms):
    """run/keepalive.json, as `jetpack keepalive` writes it (support/keepalive.hpp)."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    end = int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000) + left_ms
    home.write("run/keepalive.json", {
        "until": "2999-01-01T00:00:00.000Z", "requested": "2026-01-01T00:00:00.000Z", "boot": boot,
        "boottime_ms": end, "length_ms": 3600_000})


def test_a_node_that_is_kept_alive_is_left_alone(checks, jetpack, home, server):
    checks("gpu.sh", "exit 254\n")
    server.stop()
    results(jetpack)
    assert (home / "run/shutdown.json").exists()
    keep_alive(home, 3600_000)
    results(jetpack)
    results(jetpack)
    assert not (home / "run/shutdown.json").exists()
    assert "terminate" not in jetpack.answer("outbox", "list", "--json")
    server.start()
    assert jetpack("log", "now", "--wait", "30").returncode == 0
    assert not server.letters
    events = json.loads(jetpack.answer("healthcheck", "history", "--json"))
    assert [e["what"] for e in events if e["check"] == "gpu.sh"] == [
        "unhealthy", "termination requested", "termination withdrawn", "kept alive"]
    keep_alive(home, -1)
    results(jetpack)
    assert len(server.letters) == 1
    home.write("run/keepalive.json", "forever?")
    assert "moved to" in jetpack("healthcheck").stderr


def test_a_request_that_waits_is_withdrawn_on_recovery(checks, jetpack, home, server):
    gpu = checks("gpu.sh", "exit 254\n")
    server.stop()
    results(jetpack)
    gpu.write_text("exit 0\n")
    results(jetpack)
    server.start()
    assert jetpack("log", "now", "--wait", "30").returncode == 0
    assert not server.letters


def test_strikes_and_recovery(checks, jetpack, home, server):
    configure(home, healthcheck_strikes=3, healthcheck_recovery=2)
    gpu = checks("gpu.sh", "exit 254\n")
    results(jetpack)
    results(jetpack)
    gpu.write_text("exit 0\n")
    results(jetpack)
    assert not server.letters
    assert server.messages[-1]["data"]["status"] == "Error", "one pass is not yet a recovery"
    gpu.write_text("exit 254\n")
    results(jetpack)
    assert len(server.letters) == 1, "a single pass did not reset the strikes"
    gpu.write_text("exit 0\n")
    results(jetpack)
    results(jetpack)
    assert server.messages[-1]["data"] == {"name": "gpu.sh", "status": "OK"}
    assert json.loads((home / "run/health.json").read_text())["checks"]["gpu.sh"]["strikes"] == 0


def test_a_check_speaks(checks, jetpack, server):
    said = {"condition": {"status": "Warning", "message": "GPU 3 is hot", "details": "91 C\n92 C"}}
    heat = checks("heat.sh", f"echo starting\necho '{json.dumps(said)}'\necho done\n")
    assert results(jetpack)["heat.sh"]["state"] == "passed"
    results(jetpack)
    condition, = [m["data"] for m in server.messages if m["type"] == "condition"]
    assert condition == {"name": "heat.sh", **said["condition"]}, "and only when it changes"
    heat.unlink()
    results(jetpack)
    assert server.messages[-1]["data"] == {"name": "heat.sh", "status": "OK"}


def test_a_check_that_hangs_and_one_that_prints_without_end(checks, jetpack, home, server):
    configure(home, healthcheck_timeout=1)
    checks("hangs.sh", "echo last words; trap '' TERM; sleep 600 & wait; sleep 600\n")
    checks("prints.sh", "yes 'all work and no play'\n")
    checks("fine.sh", "exit 0\n")
    found = results(jetpack)
    assert found["hangs.sh"]["state"] == "hung" and "timed out after 1 s" in found["hangs.sh"]["message"]
    assert found["hangs.sh"]["stdout"] == "last words\n"
    assert found["prints.sh"]["state"] == "hung"
    out = found["prints.sh"]["stdout"]
    assert len(out) < 20_000 and "bytes left out" in out and out.startswith("all work")
    assert found["fine.sh"]["state"] == "passed"
    assert (home / "run/health.json").stat().st_size < 200_000
    assert not server.letters


def test_scheduled_shutdown(checks, jetpack, home, server, tmp_path):
    now = int(time.time())
    scheduled = home / "run/scheduled_shutdown"
    home.write("run/scheduled_shutdown/later", f"{now + 3600}\nmaintenance\n")
    home.write("run/scheduled_shutdown/nonsense", "tomorrow\n")
    found = results(jetpack, "run", "scheduled_shutdown")["scheduled_shutdown"]
    assert found["state"] == "passed" and "maintenance" in found["message"]
    # What the group that shares run/ may put there: data at most.
    (scheduled / "nonsense").unlink()
    secret = home.write("secret", "1\nthe password\n")
    for name, place in (("link", (scheduled / "link").symlink_to), ("hard", (scheduled / "hard").hardlink_to)):
        place(secret)
        found = results(jetpack, "run", "scheduled_shutdown")["scheduled_shutdown"]
        assert found["state"] == "passed" and "password" not in json.dumps(found)
        (scheduled / name).unlink()
    os.mkfifo(scheduled / "fifo")
    home.write("run/scheduled_shutdown/huge", f"{now - 5}\n" + "x" * 100_000)
    assert results(jetpack, "run", "scheduled_shutdown")["scheduled_shutdown"]["state"] == "passed"
    home.write("run/scheduled_shutdown/past", f"{now - 60}.25\r\nthe budget is spent\r\n")
    assert not server.letters
    assert results(jetpack)["scheduled_shutdown"]["state"] == "unhealthy"
    (_, body, _), = server.letters
    reason = json.loads(body)["reason"]
    assert "check scheduled_shutdown exited with 254" in reason and "the budget is spent" in reason
    # Nor a link in its own place.
    scheduled.rename(tmp_path / "elsewhere")
    scheduled.symlink_to(tmp_path / "elsewhere")
    assert results(jetpack, "run", "scheduled_shutdown")["scheduled_shutdown"]["state"] == "passed"


def test_converge_timeout(checks, jetpack, home):
    def state():
        return results(jetpack, "run", "converge_timeout")["converge_timeout"]["state"]

    def configure(timeout, age=20, **settings):
        """A configuration, and a connection, that the node has had for `age` seconds."""
        home.configuration({"cyclecloud": {"keepalive": {"timeout": timeout}, **settings}})
        for file in home.path.glob("config/*"):
            os.utime(file, (time.time() - age, time.time() - age))

    (home / "config/userdata.json").unlink()
    configure(10)
    assert state() == "unhealthy"
    configure(0)
    assert state() == "passed"
    home.write("config/userdata.json", {"version": "1"})
    specs = [{"project": "p", "version": "1", "spec": "s"}]
    configure(10, cluster_init_specs=specs)
    assert state() == "unhealthy"
    # Connected, or given its specs, when the machine had been up for long.
    configure(10, age=0, cluster_init_specs=specs)
    assert state() == "passed"
    configure(10, cluster_init_specs=specs)
    (home / "config/connection.json").touch()
    assert state() == "passed"
    configure(10, age=-3600, cluster_init_specs=specs)  # a clock that was wrong
    assert state() == "unhealthy"
    # One that has succeeded is enough, whatever the last one did.
    home.write("config/converge.json", {"configured": "2026-11-28T17:00:00.000Z", "runs": [{"status": "failed"}]})
    assert state() == "passed"


def test_state_that_cannot_be_read_is_moved_aside(checks, jetpack, home, server):
    checks("fine.sh", "exit 0\n")
    for broken in (b"{\"checks\": ", b"[]", b"\x00\xff"):
        home.write("run/health.json", broken)
        result = jetpack("healthcheck")
        assert result.returncode == 0 and "moved to" in result.stderr
    # What a member of the group that shares run/ may put there.
    secret = home.write("secret", "{}")
    for place in ((home / "run/health.json").symlink_to, (home / "run/health.json").hardlink_to):
        (home / "run/health.json").unlink()
        place(secret)
        assert "moved to" in jetpack("healthcheck").stderr
    (home / "run/health.json").unlink()
    os.mkfifo(home / "run/health.json")
    assert "moved to" in jetpack("healthcheck").stderr
    assert secret.read_text() == "{}"
    assert list((home / "run").glob("health.json.corrupt-*"))
    # What is of another kind is ignored.
    home.write("run/health.json", {"checks": {"fine.sh": 1, "old.sh": {"strikes": -1}}, "history": [None],
                                   "termination": []})
    assert jetpack("healthcheck").returncode == 0
    assert set(results(jetpack, "list")) == {"converge_timeout", "scheduled_shutdown", "fine.sh"}


def test_run_changes_nothing(checks, jetpack, home, server):
    checks("gpu.sh", "echo its output; exit 254\n")
    result = jetpack("healthcheck", "run", "gpu.sh")
    assert result.returncode == 1 and "its output" in result.stdout and "exited with 254" in result.stdout
    assert not server.letters and not server.messages and not (home / "run/health.json").exists()
    result = jetpack("healthcheck", "run", "none.sh")
    assert result.returncode == 1 and "no check 'none.sh'" in result.stderr
    assert jetpack("healthcheck", "history").stderr == "No check has been run.\n"
    assert jetpack("healthcheck", "list").stdout.split("\n")[0].split() == ["NAME", "STATE", "SINCE", "MESSAGE"]
    assert results(jetpack, "list")["gpu.sh"]["state"] == "not run"


def test_a_check_cannot_run_the_checks(checks, jetpack, home):
    checks("again.sh", f"{jetpack.binary} healthcheck run\n")
    found = results(jetpack, "run", "again.sh")["again.sh"]
    assert found["exit_code"] == 1 and "a check cannot run the checks" in found["stderr"]


def test_a_check_may_use_jetpack(checks, jetpack, home, server):
    """Also what asks for the end of the node by itself: no lock is held while checks run."""
    home.configuration({"cyclecloud": {"jetpack": {"healthcheck_timeout": 20}}})
    (home / "bin").symlink_to(jetpack.binary.parent)
    checks("asks.sh", "jetpack config a.b 7 && jetpack shutdown --unhealthy && jetpack keepalive --show &&\n"
                      "jetpack healthcheck list >/dev/null && jetpack condition set --name x --status OK\n")
    found = results(jetpack)["asks.sh"]
    assert (found["state"], found["exit_code"]) == ("passed", 0), found
    assert found["stdout"].startswith("7\n")
    assert server.wait(lambda: server.letters, "the request")
    assert len(server.letters) == 1


def test_without_checks_nor_a_server(jetpack, home):
    home.node({})
    home.write("config/userdata.json", {})
    result = jetpack("healthcheck")
    assert result.returncode == 0 and "converge_timeout" in result.stdout, result
    home.write("config/healthcheck.d/gpu.sh", "exit 254\n")
    result = jetpack("healthcheck")
    assert result.returncode == 1 and "not configured" in result.stderr
    events = json.loads(jetpack.answer("healthcheck", "history", "--json"))
    assert events[-1]["what"] == "termination failed"


def test_its_own_link(built_home, jetpack, home):
    home.node({})
    home.write("config/userdata.json", {})
    jetpack.binary = built_home / "bin/healthcheck"
    assert jetpack().returncode == 0
    assert "converge_timeout" in jetpack.answer("list")
