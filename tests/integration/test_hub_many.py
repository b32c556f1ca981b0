"""Several hubs on one PostgreSQL and one RabbitMQ: order, exactly once, nothing lost; messages from the broker."""

import asyncio
import contextlib
import json
import re
import struct
import threading
import uuid

import pytest

from hub_client import Stream
from hubs import Hub, message, routing_key
from servers import amqp
from servers.process import wait_for

CLUSTER = "demo"


@contextlib.contextmanager
def hubs(count, *options, database):
    """Hubs that share a database and an authority, as in a cluster."""
    running = []
    try:
        for _ in range(count):
            running.append(Hub(*options, database=database,
                               like=running[0] if running else None))
        yield running
    finally:
        for hub in running:
            hub.remove()


def envelope(*messages):
    """What an agent publishes."""
    return json.dumps({"messages": messages}).encode()


class Amqp(amqp.Amqp):
    """A client that may name its user, which the broker then vouches for."""

    user = None

    def frame(self, kind, payload, channel=amqp.CHANNEL):
        """Adds the property user_id to a message's header."""
        if kind == amqp.HEADER and self.user:
            flags, = struct.unpack_from("!H", payload, 12)
            payload = (payload[:12] + struct.pack("!H", flags | 1 << 4) + payload[14:]
                       + amqp.short(self.user))
        super().frame(kind, payload, channel)


class Publisher:
    """Publishes to the exchange of the nodes' messages, with confirms."""

    def __init__(self, account, user=None):
        self.account, self.user = account, user

    def send(self, *bodies, node="n1", cluster=CLUSTER):
        """Each body as a message of the broker, one after the other."""
        async def publish():
            connection = await Amqp.connect(self.account.plain_url)
            connection.user = self.user
            for body in bodies:
                await connection.publish("jetpack", routing_key(cluster, node), body,
                                         str(uuid.uuid4()))
            await connection.close()

        asyncio.run(publish())


def texts(hub, node=None):
    """The texts of the log messages of a node, in order."""
    return [m["data"]["message"] for m in hub.messages(CLUSTER, "log")
            if node is None or m["node"] == node]


# -- several hubs on one database --------------------------------------------------------------------

def test_hubs_that_start_at_once_create_one_schema(postgresql):
    url = postgresql.database()
    started, failures = [], []

    def start():
        try:
            started.append(Hub(database=url))
        except AssertionError as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for hub in started:
        hub.remove()
    assert not failures
    assert postgresql.sql("SELECT count(*), max(version) FROM hub_schema", url) == [["1", "12"]]


def test_the_page_of_one_hub_shows_messages_to_another(postgresql):
    with hubs(2, database=postgresql.database()) as (one, other):
        node = one.enroll("n1")
        stream = Stream(other)
        one.say(node, "log", message="seen everywhere")
        stream.wait_for("message", lambda event: event["message"] == "seen everywhere")
        one.say(node, "condition", name="gpu", status="Error")
        stream.wait_for("change", lambda change: change["what"] == "condition")
        stream.close()
        other.say(node, "log", message="from the other")
        assert [event["message"] for event in one.get("/api/events?priority=all")["events"]] == [
            "seen everywhere", "from the other"]


def test_a_reader_by_id_misses_nothing(postgresql):
    """A reader by id must never see a number before a lower one."""
    with hubs(2, database=postgresql.database()) as pair:
        nodes = [pair[0].enroll(f"n{number}") for number in range(4)]
        stop, seen = threading.Event(), []

        def follow():
            after = 0
            while True:
                is_last = stop.is_set()
                page = pair[1].get(f"/api/messages?after={after}&limit=10000")["messages"]
                seen.extend(m["number"] for m in page)
                after = seen[-1] if seen else 0
                if is_last and not page:
                    return

        def send(number):
            for i in range(15):
                batch = [message("log", node=f"n{number}", message=f"{i}.{j}") for j in range(10)]
                assert pair[i % 2].post(nodes[number], batch).status == 202

        reader = threading.Thread(target=follow)
        reader.start()
        senders = [threading.Thread(target=send, args=(number,)) for number in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        stop.set()
        reader.join()
        assert seen == sorted(set(seen)) and len(seen) == 600


def test_the_database_goes_down_and_comes_back(own_postgresql):
    with hubs(1, database=own_postgresql.database()) as (hub,):
        node = hub.enroll("n1")
        hub.say(node, "log", message="before")
        own_postgresql.kill()
        lost = message("log", message="during")
        reply = hub.post(node, [lost])
        assert reply.status == 503 and "Retry-After" in reply.headers
        assert b"s3cret" not in reply.body
        own_postgresql.start()
        wait_for(lambda: hub.post(node, [lost]).status == 202, "the database to be back")
        hub.say(node, "log", message="after")
        assert texts(hub) == ["before", "during", "after"]
        assert "s3cret" not in hub.log()


def test_ready_cores_are_counted_by_postgresql_too(postgresql):
    with hubs(1, database=postgresql.database()) as (hub,):
        # PostgreSQL cannot read every JSON text: one node with such properties must not keep it from counting.
        for node, array, text in (("n1", "execute", "ä"), ("n2", "execute", 'b"\\'), ("n3", "odd", "a\0b"),
                                  ("n4", "odd", "\\u0000"), ("n5", "odd", "\x01")):
            who = hub.enroll(node, CLUSTER, "--nodearray", array)
            hub.say(who, "installation", status="ok")
            hub.say(who, "properties", properties={"cores": 60, "text": text})
        hub.stop()
        hub.start()  # it counts when it starts, and then every minute
        ready = wait_for(lambda: hub.get("/api/targets?cluster=demo")["ready"], "the count")
        assert [(point["nodearray"], point["nodes"], point["cores"]) for point in ready] == [
            ("execute", 2, 120), ("odd", 3, None)]


def test_an_unreachable_database(postgresql):
    url = postgresql.url("nowhere")
    with pytest.raises(AssertionError, match="failed to open the hub database.*nowhere") as raised:
        Hub(database=url)
    assert "s3cret" not in str(raised.value)


# -- the broker --------------------------------------------------------------------------------------

@pytest.fixture
def broker(rabbitmq):
    """An account on the broker, for one test."""
    return rabbitmq.account()


def consuming(hub):
    return wait_for(lambda: "consuming from the broker" in hub.log(), "the hub to consume")


def test_messages_from_the_broker_are_applied_in_order_and_once(rabbitmq, broker, postgresql):
    options = ("--broker", broker.url, "--broker-ca", rabbitmq.ca)
    with hubs(2, *options, database=postgresql.database()) as pair:
        consuming(pair[0])
        consuming(pair[1])
        batches = {}
        for node in ("n1", "n2", "n3"):
            pair[0].enroll(node)
            batches[node] = [[message("log", node=node, message=f"{i}.{j}") for j in range(3)]
                             for i in range(60)]
        for node, batch in batches.items():
            bodies = [envelope(*messages) for messages in batch]
            Publisher(broker).send(*bodies, *bodies[:5], node=node)
        wait_for(lambda: len(texts(pair[1])) == 540, "all messages")
        for node, batch in batches.items():
            assert texts(pair[0], node) == [m["data"]["message"] for part in batch for m in part]
        wait_for(lambda: not any(rabbitmq.queues(broker.vhost).values()), "empty queues")
        assert pair[0].node("n1")["phase"] == "Installing"


def consumes(hub, queues, count):
    """Waits until a hub says that it consumes so many queues, as one of so many hubs."""
    line = rf"consuming {queues} of 16 queues \(hubs: {count}\)"
    wait_for(lambda: re.search(line, hub.log()), line)


def test_hubs_share_the_queues_in_order_as_they_come_and_go(rabbitmq, broker, postgresql):
    """A third hub comes, one is killed and one is stopped, while nodes send."""
    options = ("--broker", broker.url, "--broker-ca", rabbitmq.ca)
    nodes, count = [f"n{number}" for number in range(8)], 300
    with hubs(2, *options, database=postgresql.database()) as running:
        one, other = running
        consumes(one, 8, 2)
        consumes(other, 8, 2)
        for node in nodes:
            one.enroll(node)
        bodies = {node: [envelope(message("log", node=node, message=str(i))) for i in range(count)]
                  for node in nodes}
        senders = [threading.Thread(target=lambda node=node: Publisher(broker).send(*bodies[node], node=node))
                   for node in nodes]
        for sender in senders:
            sender.start()
        wait_for(lambda: len(texts(other)) > 100, "the first messages")
        running.append(third := Hub(*options, database=one.database[1], like=one))
        consumes(third, "[56]", 3)
        one.kill()
        consumes(third, 8, 2)
        other.stop()
        consumes(third, 16, 1)
        for sender in senders:
            sender.join()
        wait_for(lambda: len(texts(third)) >= count * len(nodes), "all messages")
        for node in nodes:
            assert texts(third, node) == [str(i) for i in range(count)]


BAD = {
    "no JSON": b"{", "not an envelope": b"[]", "empty": b"", "no messages": envelope(),
    "deep": b"[" * 100_000, "no node": envelope({**message("log", message="x"), "node_name": ""}),
    "unknown cluster": envelope(message("log", cluster="other", message="x")),
    "unknown node": envelope(message("log", node="n9", message="x")),
    "two nodes": envelope(message("log", message="x"), message("log", node="n2", message="x")),
    "bad data": envelope(message("condition", name="c", status="?")),
    "too large": b" " * (8 * 2**20 + 1),
    "capacity for a node": envelope(message("autoscale", definitions=[{"Name": "execute", "TargetCount": 1}])),
}


def test_invalid_messages_are_moved_to_the_refused_queue(rabbitmq, broker):
    hub = Hub("--broker", broker.url, "--broker-ca", rabbitmq.ca)
    try:
        consuming(hub)
        hub.enroll("n1")
        hub.enroll("n2")
        good = [envelope(message("log", message=str(i))) for i in range(len(BAD) + 1)]
        mixed = [part for pair in zip(good, BAD.values()) for part in pair] + good[-1:]
        Publisher(broker).send(*mixed)
        wait_for(lambda: len(texts(hub)) == len(good), "the good ones")
        assert texts(hub) == [str(i) for i in range(len(good))]
        wait_for(lambda: rabbitmq.queues(broker.vhost)["jetpack.refused"] == len(BAD), "the others")
        assert hub.metrics()['jetpack_hub_refused_total{way="broker",reason="invalid"}'] == len(BAD)
        # Of what one sender is refused, a line a minute.
        assert 1 <= hub.log().count("moved a message to jetpack.refused (") < len(BAD)
        assert ") from the routing key 'messages." in hub.log()
        assert hub.stop() == 0
    finally:
        hub.remove()


def test_a_node_that_sends_too_much_through_the_broker_is_refused_and_others_are_not(rabbitmq, broker):
    hub = Hub("--broker", broker.url, "--broker-ca", rabbitmq.ca, "--quota", "messages-mib-per-node-and-hour=16")
    try:
        consuming(hub)
        greedy = hub.enroll("n1")
        hub.enroll("n2")
        large = [envelope(message("note", text="x" * (3 << 20))) for _ in range(8)]
        Publisher(broker).send(*large)
        Publisher(broker).send(envelope(message("log", node="n2", message="still heard")), node="n2")
        wait_for(lambda: texts(hub, "n2") == ["still heard"], "the other node")
        wait_for(lambda: rabbitmq.queues(broker.vhost)["jetpack.refused"] == 3, "the excess")
        assert len(hub.messages(CLUSTER, "note")) == 5
        assert not any(count for name, count in rabbitmq.queues(broker.vhost).items() if name != "jetpack.refused")
        # The hour is the same one, whichever way the node takes.
        over = hub.post(greedy, [message("log", message="x" * (2 << 20))])
        assert over.status == 429 and "messages-mib-per-node-and-hour" in over.json["error"]
        counted = hub.metrics()
        assert counted['jetpack_hub_refused_total{way="broker",reason="quota"}'] == 3
        assert counted['jetpack_hub_refused_total{way="https",reason="quota"}'] == 1
        assert ") from demo/n1" in hub.log()
        assert "messages-mib-per-node-and-hour" in hub.log()
    finally:
        hub.remove()


def test_what_is_refused_does_not_fill_the_broker(rabbitmq, broker):
    """An existing queue is used as it is."""
    hub = Hub("--broker", broker.url, "--broker-ca", rabbitmq.ca)

    def arguments_when_started_again(times):
        hub.stop()
        hub.start()
        wait_for(lambda: hub.log().count("consuming from the broker") == times, "the hub to consume")
        return rabbitmq.arguments(broker.vhost, "jetpack.refused")

    try:
        consuming(hub)
        assert rabbitmq.arguments(broker.vhost, "jetpack.refused") == {"x-max-length-bytes": 2**30}
        assert arguments_when_started_again(2) == {"x-max-length-bytes": 2**30}
        for tool, *options in (("delete-queue",), ("declare-queue", "-d")):
            assert rabbitmq.tool(tool, broker, *options, "-q", "jetpack.refused").returncode == 0
        assert arguments_when_started_again(3) == {}
        Publisher(broker).send(b"{")
        wait_for(lambda: rabbitmq.queues(broker.vhost)["jetpack.refused"] == 1, "the refusal")
    finally:
        hub.remove()


def test_what_a_database_that_is_down_delays_counts_once(rabbitmq, broker, own_postgresql):
    """A message that could not be stored is delivered again, and must not be refused for that."""
    options = ("--broker", broker.url, "--broker-ca", rabbitmq.ca, "--quota", "messages-mib-per-node-and-hour=16")
    with hubs(1, *options, database=own_postgresql.database()) as (hub,):
        consuming(hub)
        node = hub.enroll("n1")
        own_postgresql.kill()
        lost = message("note", text="x" * (5 << 20))
        for _ in range(5):
            assert hub.post(node, [lost]).status == 503
        Publisher(broker).send(envelope(message("note", text="y" * (5 << 20))))
        wait_for(lambda: "sharing the broker's queues" in hub.log(), "the hub to notice")
        own_postgresql.start()
        wait_for(lambda: hub.post(node, [lost]).status == 202, "the database to be back")
        wait_for(lambda: len(hub.messages(CLUSTER, "note")) == 2, "both")
        assert rabbitmq.queues(broker.vhost)["jetpack.refused"] == 0


def test_a_node_cannot_speak_for_another(rabbitmq, broker):
    """The broker vouches for user_id: a node with an account of its own there is bound to it."""
    rabbitmq.account(user="demo/n1", vhost=broker.vhost)
    hub = Hub("--broker", broker.url, "--broker-ca", rabbitmq.ca)
    try:
        consuming(hub)
        hub.enroll("n1")
        hub.enroll("n2")
        sender = broker._replace(plain_url=rabbitmq.url("demo%2Fn1", "node-s3cret", broker.vhost,
                                                        tls=False))
        for node in ("n1", "n2"):
            Publisher(sender, user="demo/n1").send(
                envelope(message("log", node=node, message="as " + node)), node=node)
        wait_for(lambda: rabbitmq.queues(broker.vhost)["jetpack.refused"] == 1, "the refusal")
        assert wait_for(lambda: texts(hub), "the other") == ["as n1"]
    finally:
        hub.remove()


def test_the_broker_goes_down_and_comes_back(own_rabbitmq):
    account = own_rabbitmq.account()
    hub = Hub("--broker", account.url, "--broker-ca", own_rabbitmq.ca)
    try:
        consuming(hub)
        hub.enroll("n1")
        Publisher(account).send(*[envelope(message("log", message=str(i))) for i in range(50)])
        own_rabbitmq.kill()
        hub.say(hub.enroll("n2"), "log", message="by HTTPS meanwhile")
        own_rabbitmq.start()
        Publisher(account).send(envelope(message("log", message="50")))
        wait_for(lambda: len(texts(hub, "n1")) == 51, "all messages")
        assert texts(hub, "n1") == [str(i) for i in range(51)]
    finally:
        hub.remove()


def test_an_untrusted_broker(rabbitmq, broker):
    hub = Hub("--broker", broker.url)
    try:
        wait_for(lambda: "--broker-ca" in hub.log(), "the reason")
        assert "node-s3cret" not in hub.log()
        assert hub.get("/api/nodes") == {"nodes": [], "more": False}
        assert hub.stop() == 0
    finally:
        hub.remove()


def test_a_wrong_password_for_the_broker_is_reported(rabbitmq, broker):
    hub = Hub("--broker", broker.url.replace("node-s3cret", "wrong"), "--broker-ca", rabbitmq.ca)
    try:
        wait_for(lambda: "403 ACCESS_REFUSED" in hub.log(), "the reason")
        assert "consuming" not in hub.log()
    finally:
        hub.remove()
