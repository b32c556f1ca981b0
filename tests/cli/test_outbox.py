"""`jetpack outbox`: what waits and what was rejected, sent again or dropped."""

import json

import pytest


def test_help(transcript):
    transcript("help_outbox", ["help", "outbox list"], ["help", "outbox show"],
               ["help", "outbox retry"], ["help", "outbox drop"])


def rows(jetpack, *args):
    return json.loads(jetpack.answer("outbox", "list", "--json", *args))


@pytest.fixture
def filled(jetpack, server):
    """Two dead letters and two that wait; the server takes everything again."""
    server.override["/clusterlink/messages"] = (422, {"error": "not\x1b[31m this"}, [])
    assert jetpack("log", "refused").returncode == 1
    del server.override["/clusterlink/messages"]
    server.override["/clusters/"] = (404, {"error": "no such node"}, [])
    assert jetpack("shutdown", "--unhealthy").returncode == 1
    server.override.clear()
    server.stop()
    for text in ("a", "b"):
        assert jetpack("log", text, "--wait", "0").returncode == 0
    server.start()
    return rows(jetpack)


def test_list_and_show(jetpack, filled):
    assert [row["state"] for row in filled] == ["dead", "dead", "queued", "queued"]
    assert "not" in filled[0]["reason"] and "404" in filled[1]["reason"]
    assert filled[1]["to"] == "POST /clusters/demo/nodes/terminate"
    text = jetpack.answer("outbox", "list")
    assert text.splitlines()[0].split() == ["ID", "STATE", "AGE", "BYTES", "TYPE", "DETAILS"]
    assert len(text.splitlines()) == 5 and "\x1b" not in text
    assert all(row["id"][:8] in text for row in filled)

    shown = json.loads(jetpack.answer("outbox", "show", filled[2]["id"][:8], "--json"))
    assert [row["data"]["message"] for row in shown] == ["a"]
    shown = jetpack.answer("outbox", "show", filled[1]["id"])
    assert "unhealthy" in shown and "POST /clusters/demo/nodes/terminate" in shown
    result = jetpack("outbox", "show", "no-such-id")
    assert result.returncode == 1 and "no message in the outbox has the id" in result.stderr
    assert "'jetpack outbox' shows, retries or drops them" in jetpack("status").stdout


def test_retry(jetpack, filled, server):
    """A dead letter is sent again as it was, behind what waits."""
    result = jetpack("outbox", "retry", filled[0]["id"][:8])
    assert (result.returncode, result.stderr) == (0, "1 message queued\n")
    assert [row["state"] for row in rows(jetpack)] == ["dead", "queued", "queued", "queued"]
    result = jetpack("outbox", "retry", filled[2]["id"], filled[1]["id"])
    assert result.returncode == 1 and "still queued" in result.stderr
    assert "1 message queued" in result.stderr
    assert jetpack("log", "c").returncode == 0
    assert [m["data"]["message"] for m in server.messages] == ["a", "b", "refused", "c"]
    assert server.messages[2]["id"] == filled[0]["id"]
    (path, body, key), = server.letters
    assert (path, key) == ("/clusters/demo/nodes/terminate", filled[1]["id"])
    assert json.loads(body)["reason"] == "unhealthy"
    assert rows(jetpack) == []
    assert jetpack("outbox", "list").stderr == "the outbox is empty\n"


def test_drop(jetpack, filled):
    assert json.loads(jetpack.answer("outbox", "drop", filled[3]["id"], "--json")) == {"dropped": 1}
    result = jetpack("outbox", "drop", "--all")
    assert (result.returncode, result.stderr) == (0, "2 messages dropped\n")
    assert [row["id"] for row in rows(jetpack)] == [filled[2]["id"]]


@pytest.mark.parametrize("args, expected", [
    (["retry"], "specify ID, or --all"), (["drop", "x", "--all"], "specify ID, or --all"),
    (["show"], "ID"), (["retry", ""], "ID is empty"), ([], "missing subcommand"),
])
def test_invalid_command_lines(args, expected, jetpack, server):
    result = jetpack("outbox", *args)
    assert result.returncode == 2 and expected in result.stderr, result
