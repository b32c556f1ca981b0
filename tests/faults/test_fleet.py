"""tools/fleet against one hub on SQLite, and through RabbitMQ against two on PostgreSQL, which come and go
meanwhile: nothing is lost, doubled or out of order."""

import json
import os
import subprocess

import pytest

from servers.process import wait_for
from world import World

NODES, MESSAGES = 50, 20


def run_fleet(repository, world, *more, meanwhile=lambda: None):
    """The report of a fleet that acts on the world."""
    hubs = [part for hub in world.hubs for part in ("--hub", hub.about["url"])]
    authorities = world.directory / "authorities.pem"
    with open(authorities, "w") as file:
        for hub in world.hubs:
            with open(hub.about["ca"]) as authority:
                file.write(authority.read())
    fleet = subprocess.Popen(
        [repository / "tools/fleet", "--json", "--nodes", str(NODES), "--messages", str(MESSAGES),
         "--connections", "8", "--batch", "4", "--ca", authorities, *hubs,
         *map(str, world.store()), *map(str, more)],
        env={**os.environ, "JETPACK_BUILD": str(world.built_home.parent)}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    meanwhile()
    out, err = fleet.communicate(timeout=150)
    assert fleet.returncode == 0, (out, err)
    return json.loads(out)


def check(report):
    assert report["messages"] == report["applied"] == NODES * MESSAGES
    assert (report["lost"], report["duplicates"], report["out_of_order"]) == (0, 0, 0)


@pytest.mark.timeout(200)
def test_one_hub_that_is_killed(tmp_path, built_home, repository):
    world = World(tmp_path, built_home, nodes=0)

    def kill_the_hub():
        wait_for(lambda: len(world.messages()) > 100, "some messages")
        world.hubs[0].kill()
        world.hubs[0].start()

    try:
        check(run_fleet(repository, world, "--rate", "500", meanwhile=kill_the_hub))
    finally:
        world.stop()


@pytest.mark.timeout(200)
def test_two_hubs_behind_a_broker_one_of_which_is_killed(
        tmp_path, built_home, repository, postgresql, rabbitmq):
    world = World(tmp_path, built_home, postgresql, rabbitmq, hubs=2, nodes=0)

    def kill_a_hub():
        wait_for(lambda: len(world.messages()) > 100, "some messages")
        world.hubs[1].kill()
        world.hubs[1].start()

    try:
        check(run_fleet(repository, world, "--rate", "500", "--broker", world.account.url,
                        "--broker-ca", rabbitmq.ca, meanwhile=kill_a_hub))
    finally:
        world.stop()
