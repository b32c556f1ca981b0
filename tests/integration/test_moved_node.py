"""A node that is enrolled into another cluster goes on, whatever it still had to say to the first."""

import json
import os
import pathlib
import subprocess

import pytest

from hub_client import BINARY
from hubs import Hub
from servers.process import wait_for


@pytest.fixture(scope="module")
def hub():
    running = Hub()
    yield running
    running.remove()


class Node:
    def __init__(self, hub, home):
        self.hub, self.home = hub, home
        for name in ("config", "logs", "run"):
            (home / name).mkdir(parents=True)

    def enroll(self, cluster):
        done = self.hub.administer("enroll", "--cluster", cluster, "--node", "n1", "--home", self.home,
                                   "--url", self.hub.url)
        assert done.returncode == 0, done.stderr

    def run(self, *args):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("JETPACK_")}
        return subprocess.run([BINARY, *args], env={**kept, "JETPACK_HOME": str(self.home)},
                              capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL)

    def rows(self):
        return json.loads(self.run("outbox", "list", "--json").stdout)


def texts(hub, cluster):
    return [m["data"]["message"] for m in hub.messages(cluster) if m["type"] == "log"]


@pytest.mark.parametrize("daemon", [False, True])
def test_a_node_that_moves(hub, tmp_path, daemon):
    first, second = f"first-{daemon}", f"second-{daemon}".lower()
    first = first.lower()
    node = Node(hub, tmp_path / "home")
    node.enroll(first)
    assert node.run("log", "at home", "--wait", "20s").returncode == 0
    for text in ("old 1", "old 2", "old 3"):
        assert node.run("log", text, "--wait", "0").returncode == 0
    assert node.run("autoscale", "--corecount", "8", "--wait", "0").returncode == 0
    node.enroll(second)
    assert node.run("log", "new 1", "--wait", "0").returncode == 0
    if daemon:
        node.run("jetpackd", "--once")
    else:
        result = node.run("log", "new 2", "--wait", "20s")
        assert result.returncode == 0, result
    expected = ["new 1"] if daemon else ["new 1", "new 2"]
    wait_for(lambda: texts(hub, second) == expected, "what is new")
    assert texts(hub, first) == ["at home"]
    dead = node.rows()
    assert [row["state"] for row in dead] == ["dead"] * 4, dead
    assert all(first in row["reason"] or second in row["reason"] or "403" in row["reason"]
               for row in dead), dead


def test_the_hub_names_the_message(hub):
    one = hub.enroll("n2", "one")
    reply = hub.post(one, [{"cluster_name": name, "type": "log", "data": {"message": "m"}}
                           for name in ("one", "two", "one")])
    assert reply.status == 400 and reply.json["message"] == 1, reply
