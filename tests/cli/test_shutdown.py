"""`jetpack shutdown`: the request that the server receives."""

import json

import pytest


def test_help(transcript):
    transcript("help_shutdown", ["help", "shutdown"])


@pytest.mark.parametrize("args, action, reason", [
    ([], "terminate", None),
    (["--idle"], "terminate", "idle"),
    (["--unhealthy"], "terminate", "unhealthy"),
    (["--deallocate"], "deallocate", None),
    (["--deallocate", "--idle"], "deallocate", "idle"),
])
def test_the_request(args, action, reason, jetpack, home, server):
    result = jetpack("shutdown", *args)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    assert result.stderr == "jetpack shutdown: delivered\n"
    (path, body, key), = server.letters
    assert path == f"/clusters/demo/nodes/{action}"
    body = json.loads(body)
    assert len(body.pop("requestId")) == 36 and len(key) == 36
    assert body == {"names": ["execute-1"], **({"reason": reason} if reason else {})}
    assert action in (home / "logs/jetpack.log").read_text()


def test_idle_and_unhealthy_cannot_be_combined(jetpack, server):
    result = jetpack("shutdown", "--idle", "--unhealthy")
    assert result.returncode == 2 and "cannot be combined with" in result.stderr
    assert not server.letters


def test_a_server_that_is_down_gets_it_later(jetpack, server):
    server.stop()
    result = jetpack("shutdown", "--unhealthy", "--wait", "0", "--json")
    assert result.returncode == 0
    receipt, = json.loads(result.stdout)
    assert receipt["delivered"] is False and receipt["note"]
    result = jetpack("shutdown", "--wait", "300ms")
    assert result.returncode == 1 and "stays queued" in result.stderr
    server.start()
    assert jetpack("log", "m", "--wait", "20s").returncode == 0
    assert len(server.letters) == 2


def test_a_rejection_is_an_error(jetpack, server):
    server.override["/clusters/demo/nodes/"] = (400, {"error": "no such node"}, [])
    result = jetpack("shutdown")
    assert result.returncode == 1 and "no such node" in result.stderr


def test_an_unknown_node(jetpack, home, server):
    home.write("config/jetpack.ini", "")
    result = jetpack("shutdown")
    assert result.returncode == 1 and "node_name" in result.stderr
