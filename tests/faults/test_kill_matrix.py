"""Messages and letters of all kinds from two nodes while verbs, daemons, hubs, the broker and the database
are killed at random: what exited with 0 is applied exactly once, in the order of its node.

$JETPACK_KILL_MESSAGES is the number of messages of all cases together (default: 300)."""

import asyncio
import collections
import contextlib
import json
import os
import random
import re
import subprocess
import threading
import time

import pytest

from servers import amqp
from servers.process import wait_for
from world import CLUSTER, World

MESSAGES = int(os.environ.get("JETPACK_KILL_MESSAGES", "300"))
CASES = ["https sqlite", "amqp postgresql"]
if MESSAGES > 300:
    CASES += ["https postgresql", "amqp sqlite"]
NODES, DRIVERS = 2, 2
QUEUE = "letters"
# How long a verb that is to be killed may live; some end before.
LONGEST_LIFE = 0.3
TAG = re.compile(r"tag-(\d+)-(\d+)-(\d+)")


class Driver:
    """Runs one verb after the other on a node, and remembers which exited with 0."""

    def __init__(self, world, node, number, plugin, kinds):
        self.world, self.node, self.number, self.plugin = world, node, number, plugin
        self.kinds = kinds
        self.acknowledged = collections.defaultdict(list)
        self.random = random.Random(hash((node, number)))

    def tag(self, step):
        """What tells this message from all others."""
        return f"tag-{self.node}-{self.number}-{step}"

    def array(self):
        """The node array that only this driver scales."""
        return f"array-{self.node}-{self.number}"

    def command(self, kind, step):
        """The arguments of a verb that sends a message of this kind."""
        tag = self.tag(step)
        if kind == "log":
            return ["log", tag]
        if kind == "condition":
            return ["condition", "set", "-n", f"c{self.number}", "-s", "Warning", "-m", tag]
        if kind == "properties":
            data = json.dumps({"properties": {f"driver{self.number}": tag}})
            return ["--plugin-path", self.plugin, "publish", "properties", data]
        if kind == "autoscale":
            path = self.world.directory / f"{self.array()}.json"
            path.write_text(json.dumps([{"Name": f"{self.array()}-file", "TargetCoreCount": step,
                                         "Configuration": {"tag": tag}}]))
            return ["autoscale", "--file", path, "--request-set", self.array()]
        if kind == "scale":
            return ["autoscale", "--corecount", step, "--name", self.array()]
        return ["send", tag, "--routing-key", QUEUE, "--persistent"]

    def run(self, count, gate):
        """So many verbs, each when the gate lets it."""
        for step in range(1, count + 1):
            gate.pass_through(step)
            kind = self.kinds[step % len(self.kinds)]
            wait = [] if kind == "properties" else self.random.choice([[], ["--wait", "0"]])
            process = self.world.nodes[self.node].start(*self.command(kind, step), *wait)
            life = self.random.uniform(0, LONGEST_LIFE) if self.random.random() < 0.4 else None
            try:
                _, err = process.communicate(timeout=life)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                continue
            assert process.returncode == 0, (kind, step, process.returncode, err)
            self.acknowledged["scale" if kind == "scale" else "letter" if kind == "send"
                              else "message"].append(step)


class Gate:
    """Lets the drivers go on by so many steps at a time, so that there are kills all along."""

    def __init__(self):
        self.allowed, self.changed = 0, threading.Condition()

    def open(self, steps):
        """Lets each driver make so many steps more."""
        with self.changed:
            self.allowed += steps
            self.changed.notify_all()

    def pass_through(self, step):
        """Waits until this step may be made."""
        with self.changed:
            self.changed.wait_for(lambda: step <= self.allowed)


class Killer:
    """Kills one after the other at random, and starts what it killed again."""

    def __init__(self, world, gate, seed):
        self.world, self.gate, self.random = world, gate, random.Random(seed)
        self.kills = collections.Counter()

    def victims(self, turn):
        """Everybody once, in random order; the broker, which takes seconds to come back, now and then."""
        world = self.world
        everybody = [("daemon", node.daemon) for node in world.nodes]
        everybody += [("hub", hub) for hub in world.hubs]
        if world.database:
            everybody.append(("database", world.database))
        if world.broker and turn % 4 == 0:
            everybody.append(("broker", world.broker))
        return self.random.sample(everybody, len(everybody))

    def run(self, steps, stop):
        """Until each driver has been let make so many steps."""
        turn = 0
        while self.gate.allowed < steps:
            for name, victim in self.victims(turn):
                self.gate.open(self.random.randrange(3))
                stop.wait(self.random.uniform(0, 0.15))
                victim.kill()
                self.kills[name] += 1
                self.gate.open(self.random.randrange(6))
                stop.wait(self.random.uniform(0, 0.3))
                if name == "broker":
                    victim.start_with(self.world.account.vhost, QUEUE)
                else:
                    victim.start()
            turn += 1


@pytest.fixture
def plugin(sdk, repository, tmp_path):
    return sdk.build(repository / "tests/faults/publish.cpp", tmp_path / "plugin/publish.so").parent


@pytest.fixture
def world(request, case, tmp_path, built_home):
    database = request.getfixturevalue("own_postgresql") if "postgresql" in case else None
    broker = request.getfixturevalue("own_rabbitmq") if "amqp" in case else None
    made = World(tmp_path, built_home, database, broker, hubs=2 if database else 1, nodes=NODES)
    yield made
    made.stop()


def prepare(world):
    """Node arrays and a queue for what is sent, and the daemons."""
    for node in range(NODES):
        for driver in range(DRIVERS):
            world.run("hub", "nodearray", "add", f"array-{node}-{driver}", *world.store(),
                      "--cluster", CLUSTER)
    if world.broker:
        async def declare():
            connection = await amqp.Amqp.connect(world.account.plain_url)
            await connection.declare(QUEUE)
            await connection.close()

        asyncio.run(declare())
        world.broker.save_definitions()
    for node in world.nodes:
        node.daemon.start()


def drive(drivers, killer):
    """All drivers at once, while the killer works."""
    count = MESSAGES // len(CASES) // len(drivers)
    failures, stop = [], threading.Event()

    def guarded(work, *arguments):
        try:
            work(*arguments)
        except BaseException as error:  # pylint: disable=broad-except
            failures.append(error)
            stop.set()
            killer.gate.open(count)

    threads = [threading.Thread(target=guarded, args=(driver.run, count, killer.gate))
               for driver in drivers]
    threads.append(threading.Thread(target=guarded, args=(killer.run, count, stop)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def check(name, acknowledged, arrived):
    """Every acknowledged number once, no number twice, in order."""
    times = collections.Counter(arrived)
    assert [step for step in acknowledged if not times[step]] == [], f"{name}: lost"
    assert [step for step, n in times.items() if n > 1] == [], f"{name}: applied twice"
    assert arrived == sorted(arrived), f"{name}: out of order"


def tags(texts):
    """{(node, driver): [number, ...]} of what holds a tag."""
    found = collections.defaultdict(list)
    for text in texts:
        if match := TAG.search(text):
            node, driver, step = map(int, match.groups())
            found[node, driver].append(step)
    return found


def applied_scalings(world):
    """{node array: [core count, ...]} in the order of the hubs' history."""
    found = collections.defaultdict(list)
    for entry in world.get(f"/api/targets?cluster={CLUSTER}")["history"]:
        if entry["target_core_count"] > 0:
            found[entry["nodearray"]].append(entry["target_core_count"])
    return found


def letters(world):
    """The letters that reached the queue: a letter that was confirmed to nobody may be there twice, with
    the same id, which is how its reader knows it."""
    if not world.broker:
        return {}
    known, texts = set(), []
    for message in amqp.take_all(world.account.plain_url, QUEUE):
        if message.properties["message_id"] not in known:
            known.add(message.properties["message_id"])
            texts.append(message.body.decode())
    return tags(texts)


@pytest.mark.timeout(280 if MESSAGES <= 300 else 7200)
@pytest.mark.parametrize("case", CASES)
def test_what_was_acknowledged_is_applied_exactly_once_in_order(world, plugin, case):
    kinds = ["log", "condition", "properties", "autoscale", "scale"] + ["send"] * ("amqp" in case)
    prepare(world)
    seed = random.randrange(1 << 30)
    print("seed", seed)
    drivers = [Driver(world, node, number, plugin, kinds)
               for node in range(NODES) for number in range(DRIVERS)]
    for driver in drivers:
        driver.random = random.Random(seed + driver.node * 100 + driver.number)
    killer = Killer(world, Gate(), seed)
    begun = time.monotonic()
    drive(drivers, killer)
    for node in world.nodes:
        node.drained(120)

    def applied():
        with contextlib.suppress(OSError, AssertionError):
            return tags(json.dumps(message["data"]) for message in world.messages())
        return None

    def everything():
        found = applied()
        return found is not None and all(
            set(driver.acknowledged["message"]) <= set(found[driver.node, driver.number])
            for driver in drivers) and found

    try:
        arrived = wait_for(everything, "the hubs to apply what was acknowledged", 60)
    except AssertionError:
        arrived = applied()
    scaled, received = applied_scalings(world), letters(world)
    for driver in drivers:
        who = f"node {driver.node}, driver {driver.number}"
        key = driver.node, driver.number
        check(f"{who}, messages", driver.acknowledged["message"], arrived[key])
        check(f"{who}, letters to the server", driver.acknowledged["scale"], scaled[driver.array()])
        if world.broker:
            check(f"{who}, letters to the broker", driver.acknowledged["letter"], received[key])
    for node in world.nodes:
        assert json.loads(node.jetpack("status", "--json").stdout)["outbox"]["dead"] == []
    print(dict(killer.kills), "killed;",
          sum(len(steps) for driver in drivers for steps in driver.acknowledged.values()),
          "acknowledged in", round(time.monotonic() - begun), "s")
