"""`jetpack status`: also when little works."""

import fcntl
import json
import re
import time

import pytest


def test_help(transcript):
    transcript("help_status", ["help", "status"])


def status(jetpack, code=1):
    result = jetpack("status", "--json")
    assert (result.returncode, result.stderr) == (code, ""), result
    return json.loads(result.stdout)


def test_who_and_where(jetpack, server):
    report = status(jetpack)
    assert report["identity"] == {"cluster": "demo", "node": "execute-1", "instance": "i-1",
                                  "url": server.url, "transport": "https"}
    assert report["outbox"]["depth"] == 0
    assert report["daemon"]["running"] is False
    assert report["plugins"]["count"] > 10 and report["plugins"]["refused"] == []
    assert report["disk"]["free_bytes"] > 0
    assert report["problems"] == ["jetpackd is not running; start it with: jetpack initialize"]


def test_what_waits_and_what_was_refused(jetpack, server):
    server.stop()
    for i in range(3):
        jetpack("log", f"m{i}", "--wait", "0")
    report = status(jetpack)
    assert report["outbox"]["depth"] == 3 and report["outbox"]["bytes"] > 0
    assert "3 queued" in jetpack("status").stdout
    server.start()
    server.override["/clusterlink/messages"] = (422, {"error": "not\nlike\x1b[31m this"}, [])
    assert jetpack("log", "refused").returncode == 1
    report = status(jetpack)
    assert "not" in report["outbox"]["dead"][-1]["reason"]
    assert any("rejected by the server" in problem for problem in report["problems"])
    text = jetpack("status").stdout
    assert "\x1b" not in text and "rejected" in text
    assert re.search(r"^needs attention +.*4 messages were rejected by the server in the last day, the "
                     r"last: log, .*\('jetpack outbox' shows, retries or drops them\)$", text, re.M)


@pytest.mark.parametrize("file", ["config/connection.json", "config/jetpack.ini",
                                  "run/jetpackd.json", "run/outbox.db"])
def test_a_broken_file_is_told_beside_all_the_rest(file, jetpack, home, server):
    jetpack("log", "m", "--wait", "0")
    home.write(file, b"\x00{broken\n[" * 100)
    report = status(jetpack)
    assert len(report["problems"]) >= 1 and "disk" in report and "plugins" in report
    assert jetpack("status").returncode == 1


def test_conditions_and_phase(jetpack, home, server):
    report = status(jetpack)
    assert (report["conditions"], report["phase"]) == ([], "Preparing")
    assert re.search(r"^conditions +none$", jetpack("status").stdout, re.M)
    for name, severity in (("gpu", "Error"), ("disk", "Warning")):
        jetpack("condition", "set", "-n", name, "-s", severity, "-m", "a text")
    report = status(jetpack)
    assert [(c["name"], c["status"], c["message"]) for c in report["conditions"]] == [
        ("disk", "Warning", "a text"), ("gpu", "Error", "a text")]
    assert "condition gpu is Error: a text" in report["problems"]
    assert not any("disk is" in problem for problem in report["problems"])
    text = jetpack("status").stdout
    assert re.search(r"^conditions +disk Warning: a text\n +gpu Error: a text$", text, re.M)
    assert re.search(r"^needs attention +condition gpu is Error: a text$", text, re.M)
    jetpack("condition", "clear", "gpu")
    assert not any("condition" in problem for problem in status(jetpack)["problems"])


def test_a_node_that_asked_for_its_end_is_not_healthy(jetpack, home, server):
    server.override["/clusters/demo/nodes/terminate"] = (202, {}, [])
    assert jetpack("shutdown", "--unhealthy", "--wait", "0").returncode == 0
    report = status(jetpack)
    assert report["phase"] == "Stopping"
    assert any("asked the cluster to terminate it at " in problem and "unhealthy" in problem
               for problem in report["problems"])
    # A request of an earlier run of the machine has been answered.
    asked = json.loads((home / "run/shutdown.json").read_text())
    home.write("run/shutdown.json", {**asked, "boot": "another"})
    assert status(jetpack)["phase"] == "Preparing"


@pytest.mark.parametrize("file, part", [("run/shutdown.json", "daemon"),
                                        ("run/conditions.json", "conditions"),
                                        ("run/keepalive.json", "keepalive")])
def test_a_link_in_run_is_not_followed(file, part, jetpack, home, server):
    """Members of the group can put one there, to a file that only root can read."""
    (home / file).symlink_to(home.write("target", {"secret": {}}))
    report = status(jetpack)
    assert any(problem.startswith(part + ":") for problem in report["problems"]), report
    assert "secret" not in json.dumps(report)


def test_a_daemon_that_has_not_written_its_state_is_starting(jetpack, home, server):
    (home / "run/jetpackd.json").unlink(missing_ok=True)
    with open(home / "run/jetpackd.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = jetpack("status").stdout
    assert re.search(r"^jetpackd +starting$", text, re.M), text


def test_nothing_is_configured(jetpack, home):
    report = status(jetpack)
    assert any("connection.json" in problem for problem in report["problems"])


def test_a_plugin_that_is_refused(jetpack, home, copied_home, server):
    (copied_home / "lib/jetpack/plugins/bad.so").write_bytes(b"\x7fELF, but no more")
    jetpack.binary = copied_home / "bin/jetpack"
    report = status(jetpack)
    refused, = report["plugins"]["refused"]
    assert refused["path"].endswith("bad.so") and refused["reason"]
    assert any("bad.so" in problem for problem in report["problems"])


def test_a_dead_server_is_not_asked(jetpack, home):
    # An address that nobody answers for.
    home.write("config/connection.json", {"cluster": "demo", "username": "n", "password": "p",
                                          "url": "https://192.0.2.1:9443"})
    start = time.monotonic()
    assert status(jetpack)["identity"]["url"] == "https://192.0.2.1:9443"
    assert time.monotonic() - start < 10
