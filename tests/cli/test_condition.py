"""`jetpack condition`: what is stored on the node, and what the cluster receives."""

import json
import os
import re
import subprocess

import pytest


def test_help(transcript):
    transcript("help_condition", ["help", "condition"], ["help", "condition", "set"],
               ["help", "condition", "list"], ["help", "condition", "clear"])


def stored(jetpack):
    return json.loads(jetpack.answer("condition", "list", "--json"))


def test_set_list_clear(jetpack, server):
    assert jetpack("condition", "set", "-n", "gpu", "-s", "Error", "-m", "GPU 3 fell off the bus",
                   "-d", "D", "-r", "R", "--details", "line 1\nline 2", "--action-type", "GHR",
                   "--ghr-category", "Resource.Hpc.Reset").returncode == 0
    assert server.messages[-1]["type"] == "condition"
    expected = {"name": "gpu", "status": "Error", "message": "GPU 3 fell off the bus",
                "description": "D", "recommendations": "R", "details": "line 1\nline 2",
                "action_type": "GHR", "ghr_category": "Resource.Hpc.Reset"}
    assert server.messages[-1]["data"] == expected
    condition, = stored(jetpack)
    assert condition.pop("since").endswith("Z")
    assert condition == expected
    listing = jetpack.answer("condition", "list")
    assert listing.splitlines()[0].split() == ["NAME", "STATUS", "SINCE", "MESSAGE"]
    assert "gpu   Error   2" in listing and "line 1" not in listing

    assert jetpack("condition", "set", "-n", "gpu", "-s", "OK").returncode == 0
    assert server.messages[-1]["data"] == {"name": "gpu", "status": "OK"}
    assert stored(jetpack) == []

    for name in "ab":
        assert jetpack("condition", "set", "-n", name, "-s", "Warning").returncode == 0
    assert jetpack("condition", "clear", "a").returncode == 0
    assert [c["name"] for c in stored(jetpack)] == ["b"]
    assert jetpack("condition", "clear", "--all").returncode == 0
    assert stored(jetpack) == []
    assert [m["data"] for m in server.messages[-2:]] == [
        {"name": "a", "status": "OK"}, {"name": "b", "status": "OK"}]


def test_times_are_local_with_their_zone_or_as_asked(jetpack, home):
    (home / "run/conditions.json").write_text(json.dumps(
        {"gpu": {"status": "Error", "since": "2024-10-04T13:03:40.298Z"}}))

    def since(*options, zone="CET-1CEST,M3.5.0,M10.5.0/3"):
        line = jetpack("condition", "list", *options, env={**os.environ, "TZ": zone}).stdout.splitlines()[1]
        return line.removeprefix("gpu   Error   ").strip()

    assert since() == "2024-10-04 15:03:40 CEST"
    assert since(zone="") == since("--time", "utc") == "2024-10-04 13:03:40 UTC"
    assert re.fullmatch(r"\d+d ago", since("--time=relative"))
    refused = jetpack("condition", "list", "--time", "soon")
    assert refused.returncode == 2 and "local" in refused.stderr
    listed = json.loads(jetpack("condition", "list", "--json", "--time", "local").stdout)
    assert listed[0]["since"] == "2024-10-04T13:03:40.298Z"


def test_since_is_the_start_of_the_status(jetpack, home):
    jetpack("condition", "set", "-n", "a", "-s", "Error", "--wait", "0")
    first, = stored(jetpack)
    jetpack("condition", "set", "-n", "a", "-s", "Error", "-m", "more", "--wait", "0")
    second, = stored(jetpack)
    assert second["since"] == first["since"] and second["message"] == "more"


def test_concurrent_changes_are_all_stored(jetpack, home):
    running = [jetpack.start("condition", "set", "-n", f"c{i}", "-s", "Warning", "--wait", "0",
                             stderr=subprocess.DEVNULL) for i in range(20)]
    assert [process.wait(60) for process in running] == [0] * 20
    assert {c["name"] for c in stored(jetpack)} == {f"c{i}" for i in range(20)}


def test_a_damaged_state_is_moved_aside(jetpack, home):
    home.write("run/conditions.json", "{broken")
    result = jetpack("condition", "set", "-n", "a", "-s", "NA", "--wait", "0")
    assert result.returncode == 0 and "conditions.json.corrupt-" in result.stderr
    assert [c["name"] for c in stored(jetpack)] == ["a"]


def test_texts_that_are_too_long_are_cut_with_a_mark(jetpack, server):
    long = "ü" * 35000
    for option in ("-m", "-d", "-r", "--details"):
        result = jetpack("condition", "set", "-n", "gpu", "-s", "Error", option, long)
        assert result.returncode == 0 and "70000 bytes" in result.stderr, result
        member = {"-m": "message", "-d": "description", "-r": "recommendations"}.get(option, "details")
        text = server.messages[-1]["data"][member]
        assert text.endswith(" bytes cut") and len(text.encode()) <= 65536
        kept, _, cut = text.partition("… ")
        assert long.startswith(kept)
        assert int(cut.split()[0].replace(",", "")) == 70000 - len(kept.encode())
        assert jetpack.answer("condition", "list", "--json").count(" bytes cut") == 1


def test_texts_that_need_more_than_a_message_are_cut_further(jetpack, server):
    text = "\x01" * 65536
    options = [part for option in ("-m", "-d", "-r", "--details") for part in (option, text)]
    result = jetpack("condition", "set", "-n", "gpu", "-s", "Error", *options)
    assert result.returncode == 0, result
    assert server.messages[-1]["data"]["details"].endswith(" bytes cut")


def test_a_condition_that_cannot_be_recorded_is_reported(jetpack, home, server):
    (home / "run/.conditions.lock").mkdir()
    result = jetpack("condition", "set", "-n", "gpu", "-s", "Error")
    assert result.returncode == 0 and "not recorded on this node" in result.stderr, result
    result = jetpack("condition", "clear", "gpu")
    assert [m["data"]["status"] for m in server.messages] == ["Error", "OK"]
    assert jetpack("condition", "clear", "--all").returncode == 1


def test_invalid_utf_8_and_terminal_escapes(jetpack, home):
    assert jetpack("condition", "set", "-n", "a", "-s", "Error", "-m", b"caf\xe9 \x1b[31m red",
                   "--wait", "0").returncode == 0
    assert stored(jetpack)[0]["message"] == "caf\ufffd \x1b[31m red"
    assert "\x1b" not in jetpack.answer("condition", "list")


def test_any_case_of_a_status_is_taken(jetpack, server):
    assert jetpack("condition", "set", "-n", "a", "-s", "warning").returncode == 0
    assert server.messages[-1]["data"] == {"name": "a", "status": "Warning"}
    assert jetpack("condition", "set", "-n", "a", "-s", "ok").returncode == 0
    assert server.messages[-1]["data"] == {"name": "a", "status": "OK"}


def test_clearing_what_is_not_set_sends_nothing(jetpack, server):
    sent = len(server.messages)
    result = jetpack("condition", "clear", "nosuch")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == ("jetpack condition clear: no condition 'nosuch' is set on this node; "
                             "'jetpack condition list' shows them\n")
    assert jetpack("condition", "clear", "nosuch", "--json").stdout == "[]\n"
    assert len(server.messages) == sent
    listing = jetpack("condition", "list")
    assert (listing.returncode, listing.stdout, listing.stderr) == (0, "", "No conditions are set.\n")


@pytest.mark.parametrize("args, code, expected", [
    (["set", "-n", "a"], 2, "--status"),
    (["set", "-s", "OK"], 2, "--name"),
    (["set"], 2, "missing --name and --status"),
    (["set", "-n", "a", "-s", "Bad"], 2, "Invalid status: Bad; use NA, OK, Warning or Error"),
    (["set", "-n", "", "-s", "OK"], 2, "name"),
    (["set", "-n", "x" * 129, "-s", "OK"], 2, "128"),
    (["set", "-n", "a\nb", "-s", "OK"], 2, "name"),
    (["set", "-n", "a", "-s", "Error", "--action-type", "GHR"], 2, "must be used together"),
    (["set", "-n", "a", "-s", "Error", "--action-type", "X", "--ghr-category", "Y"], 2, "GHR"),
    (["clear"], 2, "--all"),
    (["clear", "a", "--all"], 2, "--all"),
    ([], 2, "missing subcommand; see 'jetpack help condition'"),
])
def test_invalid_command_lines(args, code, expected, jetpack, home):
    result = jetpack("condition", *args)
    assert (result.returncode, result.stdout) == (code, "")
    assert expected in result.stderr
    assert not (home / "run/conditions.json").exists()
