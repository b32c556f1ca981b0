"""Letters to the server, and delivery that is broken off, with a real hub."""

import json
import sqlite3
import subprocess
from pathlib import Path

import pytest
from servers.process import wait_for

PLUGIN = r"""
// `jetpack letter METHOD PATH BODY`, for tests; a plugin as any author's.
#include <jetpack/plugin.hpp>

namespace {

int run(const jetpack::Call& call) {
  jetpack::Letter letter;
  letter.method = *call.text("METHOD");
  letter.address = *call.text("PATH");
  letter.body = *call.text("BODY");
  const auto receipt = call.service<jetpack::Session>().send(letter, call.duration("wait"));
  call.report(receipt.delivered ? "delivered\n" : "queued: " + receipt.note + "\n");
  return 0;
}

}  // namespace

JETPACK_PLUGIN("test.letter", "1.0.0", jetpack::needs<jetpack::Session>(),
               jetpack::command("letter", "Send a letter to the server", run,
                                jetpack::argument("METHOD", "GET, POST, ..."),
                                jetpack::argument("PATH", "below the server's address"),
                                jetpack::argument("BODY", "what is sent"),
                                jetpack::option("wait", "DURATION", "how long to wait")
                                    .duration()));
"""


@pytest.fixture(scope="module")
def plugins(sdk, tmp_path_factory):
    directory = tmp_path_factory.mktemp("letter")
    (directory / "letter.cpp").write_text(PLUGIN)
    sdk.build(directory / "letter.cpp", directory / "letter.so")
    return directory


@pytest.fixture
def node(jetpack, plugins, repository, tmp_path):
    """A node of a hub of its own, that delivers by itself, with the plugin."""
    directory = tmp_path / "cluster"
    tool = [repository / "tools/dev-cluster"]
    started = subprocess.run([*tool, "start", directory], capture_output=True, text=True, check=True)
    state = json.loads(started.stdout)
    for name in ("jetpack.ini", "ca.pem", "connection.json"):
        source = Path(state["home"]) / "config" / name
        if source.exists():
            jetpack.home.write(f"config/{name}", source.read_bytes())
    settings = jetpack.home.path / "config/jetpack.ini"
    settings.write_text(settings.read_text() + f"[plugins]\npath = {plugins}\n")
    jetpack.home.write("config/plugins.ini", f"[trust]\ndirectories = {plugins}\n")
    jetpack.home.node({})
    yield jetpack
    subprocess.run([*tool, "stop", directory], capture_output=True, check=True)


def dead_letters(node):
    return json.loads(node("status", "--json").stdout)["outbox"]["dead"]


def test_a_letter_is_taken_and_what_the_server_refuses_is_not_tried_again(node):
    result = node("letter", "POST", "/clusters/demo/scale/none?totalCoreCount=4", "")
    assert result.returncode == 1
    assert "answered 404" in result.stderr
    assert "to POST /clusters/demo/scale/none" in result.stderr
    letter, = dead_letters(node)
    assert letter["to"] == "POST /clusters/demo/scale/none?totalCoreCount=4"
    assert letter["type"] == "letter"
    result = node("letter", "POST", "/clusterlink/messages", '{"messages":[]}')
    assert (result.returncode, result.stderr) == (0, "delivered\n")


@pytest.mark.parametrize("arguments, expected", [
    (["post", "/x", ""], "capital letters"),
    (["POST", "x", ""], "path below the server"),
    (["POST", "/a b", ""], "percent-encoded"),
    (["POST", "/x", "b" * 120_000], None),
])
def test_a_letter_is_checked_before_it_is_queued(jetpack, plugins, arguments, expected):
    jetpack.home.node({})
    jetpack.home.write("config/jetpack.ini", f"[plugins]\npath = {plugins}\n")
    jetpack.home.write("config/plugins.ini", f"[trust]\ndirectories = {plugins}\n")
    result = jetpack("letter", *arguments, "--wait", "0")
    if expected:
        assert result.returncode == 2 and expected in result.stderr
    else:
        assert result.returncode == 0 and result.stderr.startswith("queued: ")


def test_messages_and_letters_arrive_in_the_order_of_publishing(node, tmp_path):
    node("log", "first", "--wait", "0")
    node("letter", "POST", "/clusterlink/messages", '{"messages":[]}', "--wait", "0")
    node("log", "second", "--wait", "0")
    result = node("letter", "POST", "/clusterlink/messages", '{"messages":[]}', "--wait", "10s")
    assert (result.returncode, result.stderr) == (0, "delivered\n")
    with sqlite3.connect(node.home / "run/outbox.db") as database:
        assert database.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
        assert database.execute("SELECT count(*) FROM letter").fetchone() == (0,)
        assert database.execute("SELECT seq FROM sqlite_sequence").fetchone() == (4,)


def test_leaving_while_certificates_are_read_is_not_a_crash(node):
    authority = node.home / "config/ca.pem"
    own = authority.read_bytes()
    authority.write_bytes(own * (8_000_000 // len(own)))
    for _ in range(3):
        result = node("log", "in a hurry", "--wait", "40ms")
        assert result.returncode == 1 and "stays queued" in result.stderr, result
    authority.write_bytes(own)
    wait_for(lambda: node("log", "at leisure").stderr == "jetpack log: delivered\n", "delivery")
