"""Letters and messages over AMQP with a real RabbitMQ: what arrives, and what becomes of it when the
broker, its certificate, its permissions or the network are not as they should be."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import threading
import urllib.parse
import zlib

import pytest
from servers.amqp import Amqp, take_all
from servers.certificates import make_ca
from servers.node_server import NO_METADATA
from servers.process import wait_for

NODE_KEYS = {"cyclecloud": {"jetpack": {"http_port": 0, "metadata_url": NO_METADATA}}}


class Node:
    """A node of a broker's account."""

    def __init__(self, jetpack, broker, account):
        self.jetpack, self.broker, self.account = jetpack, broker, account
        self.configure()

    def configure(self, url=None, ca=None, more="", transport="https"):
        """Writes the connection; takes effect at once."""
        self.jetpack.home.write("config/jetpack.ini", (
            "[identity]\ncluster_name = demo\ninstance_id = i-1\nnode_name = execute-1\n"
            f"[cycle_server]\ntransport = {transport}\n"
            f"[broker]\nurl = {url or self.account.url}\nca_file = {ca or self.broker.ca}\n{more}\n"))
        self.jetpack.home.node(NODE_KEYS)

    def queue(self, name):
        self.tool("declare-queue", "-q", name)
        return name

    def durable_queue(self, name):
        """One that outlives the broker, also when that is killed."""
        self.tool("declare-queue", "-d", "-q", name)
        self.broker.save_definitions()

    def tool(self, name, *args, **options):
        done = self.broker.tool(name, self.account, *args, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def send(self, *args, **options):
        return self.jetpack("send", *args, **options)

    def sent(self, *args, **options):
        result = self.send(*args, **options)
        assert (result.returncode, result.stderr) == (0, "jetpack send: delivered\n"), result

    def outbox(self):
        return json.loads(self.jetpack("status", "--json").stdout)["outbox"]

    def received(self, queue):
        """All that the queue holds, in order."""
        return take_all(self.account.plain_url, queue)

    def bodies(self, queue):
        return [message.body for message in self.received(queue)]


@pytest.fixture
def node(jetpack, rabbitmq):
    return Node(jetpack, rabbitmq, rabbitmq.account())


@pytest.fixture
def own_node(jetpack, own_rabbitmq):
    return Node(jetpack, own_rabbitmq, own_rabbitmq.account())


class Cutter:
    """A TCP proxy that cuts the connection after so many bytes to the server."""

    def __init__(self, port, limits):
        self.port_behind, self.limits, self.seen = port, list(limits), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.seen += 1
            limit = self.limits.pop(0) if self.limits else None
            threading.Thread(target=self.relay, args=(client, limit), daemon=True).start()

    def relay(self, client, limit):
        server = socket.create_connection(("127.0.0.1", self.port_behind))
        threading.Thread(target=self.pump, args=(server, client, None), daemon=True).start()
        self.pump(client, server, limit)

    @staticmethod
    def pump(source, target, limit):
        passed = 0
        try:
            while data := source.recv(65536):
                if limit is not None and passed + len(data) > limit:
                    target.sendall(data[:limit - passed])
                    break
                passed += len(data)
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.listener.close()


@pytest.fixture
def cut():
    proxies = []

    def start(*args):
        proxies.append(Cutter(*args))
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.stop()


# -- What arrives ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 70_000, 16 << 20])
def test_a_letter_arrives_byte_for_byte(node, tmp_path, size):
    queue = node.queue("inbox")
    body = os.urandom(size)
    (tmp_path / "body").write_bytes(body)
    node.sent("--file", tmp_path / "body", "--routing-key", queue)
    assert node.tool("get", "-q", queue) == body


def test_amqp_consume_receives_it_by_its_routing_key(node, tmp_path):
    consumer = subprocess.Popen(
        ["/usr/bin/amqp-consume", "--url", node.account.plain_url, "-e", "amq.topic", "-r",
         "jobs.#", "-c", "1", "-A", "cat"], stdout=subprocess.PIPE)
    wait_for(lambda: "jobs.#" in node.broker.binding_keys(node.account.vhost), "the consumer")
    body = bytes(range(256)) * 10
    (tmp_path / "body").write_bytes(body)
    node.sent("--file", tmp_path / "body", "--routing-key", "jobs.done", "--exchange", "amq.topic")
    assert consumer.communicate(timeout=30)[0] == body


def test_its_properties_are_those_that_were_given(node):
    queue = node.queue("inbox")
    node.sent("hello", "--routing-key", queue, "--header", "x=1", "--header", "y=ä b",
              "--content-type", "text/plain", "--persistent")
    node.sent("bye", "--routing-key", queue)
    first, second = node.received(queue)
    assert first.body == b"hello"
    assert first.properties["headers"] == {"x": "1", "y": "ä b"}
    assert first.properties["content_type"] == "text/plain"
    assert first.properties["delivery_mode"] == 2
    assert len(first.properties["message_id"]) == 36
    assert "user_id" not in first.properties
    assert second.properties["delivery_mode"] == 1


def test_many_letters_arrive_in_order_on_one_connection(node):
    queue = node.queue("inbox")
    for i in range(40):
        node.send(str(i), "--routing-key", queue, "--wait", "0")
    assert node.outbox()["depth"] == 40
    node.sent("40", "--routing-key", queue)
    assert [int(body) for body in node.bodies(queue)] == list(range(41))


def test_messages_go_to_the_broker_when_the_cluster_says_so(node):
    node.configure(transport="amqp")
    partition = zlib.crc32(b"demo/execute-1") % 16
    make_exchange(node)
    bind(node, f"messages.{partition}.#")
    for text in ("one", "two"):
        result = node.jetpack("log", text)
        assert (result.returncode, result.stderr) == (0, "jetpack log: delivered\n")
    first, second = node.received("hub")
    assert first.routing_key == f"messages.{partition}.demo.execute-1"
    message, = json.loads(first.body)["messages"]
    assert (message["type"], message["data"]["message"]) == ("log", "one")
    assert (message["cluster_name"], message["node_name"]) == ("demo", "execute-1")
    assert first.properties["message_id"] == message["id"]
    assert first.properties["user_id"] == node.account.user
    assert first.properties["delivery_mode"] == 2
    assert first.properties["content_type"] == "application/json"
    assert json.loads(second.body)["messages"][0]["data"]["message"] == "two"


def make_exchange(node):
    """What a hub declares, from the broker's side."""
    vhost = node.account.vhost
    node.broker.evaluate(f'rabbit_exchange:declare({{resource, <<"{vhost}">>, exchange, '
                         '<<"jetpack">>}, topic, true, false, false, [], <<"test">>)')


def bind(node, key):
    """A queue named hub behind the exchange."""
    async def declare():
        connection = await Amqp.connect(node.account.plain_url)
        await connection.declare("hub", "jetpack", key)
        await connection.close()
    asyncio.run(declare())


def test_messages_wait_for_a_hub_to_make_the_exchange_and_queue(node):
    node.configure(transport="amqp")
    result = node.jetpack("log", "early", "--wait", "1s")
    assert result.returncode == 1 and "has no exchange 'jetpack'" in result.stderr
    make_exchange(node)
    result = node.jetpack("log", "later", "--wait", "1s")
    assert result.returncode == 1 and "no queue is bound to the exchange 'jetpack'" in result.stderr
    bind(node, "messages.#")
    assert node.jetpack("log", "now").stderr == "jetpack log: delivered\n"
    bodies = [json.loads(m.body)["messages"] for m in node.received("hub")]
    assert [m["data"]["message"] for m in bodies[0]] == ["early", "later", "now"]
    assert node.outbox()["dead"] == []


# -- What is refused for good -----------------------------------------------------------------------


def test_what_nobody_gets_is_an_error_and_kept_as_a_dead_letter(node):
    result = node.send("hello", "--routing-key", "nobody")
    assert result.returncode == 1 and "has no queue 'nobody'" in result.stderr
    result = node.send("hello", "--routing-key", "nobody", "--exchange", "amq.topic")
    assert result.returncode == 1
    assert "no queue is bound to the exchange 'amq.topic'" in result.stderr
    result = node.send("hello", "--routing-key", "k", "--exchange", "missing")
    assert result.returncode == 1 and "has no exchange 'missing'" in result.stderr
    outbox = node.outbox()
    assert outbox["depth"] == 0
    assert [d["to"] for d in outbox["dead"]] == [
        "exchange '', routing key 'nobody'", "exchange 'amq.topic', routing key 'nobody'",
        "exchange 'missing', routing key 'k'"]
    assert node.account.password not in json.dumps(outbox)


def test_what_is_refused_does_not_hold_up_what_is_behind_it(node):
    queue = node.queue("inbox")
    # amq.rabbitmq.trace is internal: publishing to it makes the broker close the channel.
    for i in range(12):
        exchange = ("amq.rabbitmq.trace", "missing", "amq.topic", "")[i % 4]
        node.send(str(i), "--routing-key", queue, "--exchange", exchange, "--wait", "0")
    node.sent("last", "--routing-key", queue, "--wait", "20s")
    assert node.bodies(queue) == [b"3", b"7", b"11", b"last"]
    dead = node.outbox()["dead"]
    assert len(dead) == 9
    assert sum("ACCESS_REFUSED" in d["reason"] for d in dead) == 3


# -- What needs a person ----------------------------------------------------------------------------


def stays_queued(node, expected, queue="inbox"):
    result = node.send("hello", "--routing-key", queue)
    assert result.returncode == 0, result
    assert result.stderr.startswith("jetpack send: queued: ") and expected in result.stderr, result
    assert node.account.password not in result.stderr
    assert node.outbox()["depth"] > 0


def test_a_wrong_password_or_vhost_is_named_and_the_letter_kept(node):
    queue = node.queue("inbox")
    wrong = node.broker.url(node.account.user, "wr0ng", node.account.vhost)
    node.configure(url=wrong)
    stays_queued(node, "refused the user name or password")
    node.configure(url=node.broker.url(node.account.user, node.account.password, "elsewhere"))
    stays_queued(node, "check the vhost")
    node.configure()
    node.sent("last", "--routing-key", queue)
    assert node.bodies(queue) == [b"hello", b"hello", b"last"]


def test_a_certificate_must_be_of_a_trusted_authority_and_for_the_host(own_node, tmp_path):
    broker, node = own_node.broker, own_node
    make_ca(tmp_path, "other")
    node.configure(ca=tmp_path / "other.pem")
    stays_queued(node, "certificate that is not trusted")
    node.configure(ca=node.jetpack.home.write("config/broken.pem", "no PEM"))
    stays_queued(node, "broken.pem")
    node.configure(url=node.account.url.replace("127.0.0.1", "localhost"))
    node.sent("by name", "--routing-key", node.queue("inbox"))
    try:
        broker.use_certificate(names="DNS:other.example")
        node.configure()
        stays_queued(node, "IP address mismatch")
        node.configure(url=node.account.url.replace("127.0.0.1", "localhost"))
        stays_queued(node, "hostname mismatch")
        broker.use_certificate(days=1)
        node.configure()
        stays_queued(node, "certificate that expired on 2020-01-02")
        node.configure(more="skip_ssl_validation = true")
        node.sent("unchecked", "--routing-key", "inbox")
    finally:
        broker.use_certificate()


def test_a_password_is_not_shown_to_the_network(node):
    parts = urllib.parse.urlsplit(node.account.plain_url)
    node.configure(url=node.account.plain_url.replace(parts.hostname, "192.0.2.1"))
    result = node.send("hello", "--routing-key", "k")
    assert result.returncode == 1 and "allow_plain" in result.stderr
    assert node.account.password not in result.stderr
    node.configure(url=node.account.plain_url)
    node.sent("hello", "--routing-key", node.queue("inbox"))


# -- What passes ------------------------------------------------------------------------------------


def test_a_broker_that_is_down_gets_everything_in_order_when_it_is_back(own_node):
    node, broker = own_node, own_node.broker
    queue = "inbox"
    node.durable_queue(queue)
    node.sent("0", "--routing-key", queue, "--persistent")
    broker.kill()
    try:
        for i in (1, 2):
            result = node.send(str(i), "--routing-key", queue, "--persistent", "--wait", "300ms")
            assert "refused the connection" in result.stderr
    finally:
        broker.start_with(node.account.vhost, queue)
    node.sent("3", "--routing-key", queue, "--persistent", "--wait", "20s")
    assert node.bodies(queue) == [b"0", b"1", b"2", b"3"]


def test_a_broker_that_restarts_while_the_daemon_delivers_loses_nothing(own_node):
    node, broker = own_node, own_node.broker
    queue = "restart"
    node.durable_queue(queue)
    count = 60
    daemon = node.jetpack.start("jetpackd", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for i in range(count):
            node.send(str(i), "--routing-key", queue, "--persistent", "--wait", "0")
            if i == count // 2:
                broker.kill()
                # Not to see the broker without its queue: see start_with.
                daemon.send_signal(signal.SIGSTOP)
                try:
                    broker.start_with(node.account.vhost, queue)
                finally:
                    daemon.send_signal(signal.SIGCONT)
        wait_for(lambda: node.outbox()["depth"] == 0, "delivery")
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(30)
    first = {}
    for message in node.received(queue):
        first.setdefault(message.properties["message_id"], int(message.body))
    assert list(first.values()) == list(range(count))


def test_a_broker_that_takes_nothing_now_is_waited_for(own_node):
    node, broker = own_node, own_node.broker
    queue = node.queue("blocked")
    broker.block()
    try:
        stays_queued(node, "takes no messages now: low on memory", queue)
        big = node.jetpack.home.write("big", b"x" * (8 << 20))
        result = node.send("--file", big, "--routing-key", queue)
        assert result.returncode == 0 and "takes no messages now" in result.stderr, result
    finally:
        broker.unblock()
    node.sent("last", "--routing-key", queue, "--wait", "30s")
    # What was under way when the broker blocked may come twice, with the same id.
    once = {m.properties["message_id"]: len(m.body) for m in node.received(queue)}
    assert list(once.values()) == [5, 8 << 20, 4]


@pytest.mark.parametrize("limit", [0, 8, 300, 700, 5000, 100_000])
def test_a_connection_that_is_cut_is_made_again(node, cut, limit, tmp_path):
    queue = node.queue("inbox")
    proxy = cut(node.broker.tls_port, [limit])
    node.configure(url=node.account.url.replace(f":{node.broker.tls_port}", f":{proxy.port}"))
    body = os.urandom(300_000)
    (tmp_path / "body").write_bytes(body)
    node.sent("--file", tmp_path / "body", "--routing-key", queue)
    assert proxy.seen == 2
    assert node.bodies(queue)[0] == body


def test_a_host_that_speaks_something_else_is_waited_for(node, cut):
    proxy = cut(node.broker.port, [])
    node.configure(url=node.account.url.replace(f":{node.broker.tls_port}", f":{proxy.port}"))
    result = node.send("hello", "--routing-key", "k", "--wait", "1s")
    assert result.returncode == 1 and "did not complete the TLS handshake" in result.stderr
    silent = socket.create_server(("127.0.0.1", 0))
    node.configure(url=f"amqp://u:p@127.0.0.1:{silent.getsockname()[1]}/v")
    result = node.send("hello", "--routing-key", "k", "--wait", "1s")
    assert result.returncode == 1 and "in time" in result.stderr, result
    silent.close()


def test_queueing_maps_no_network_library(node):
    traced = subprocess.run(
        ["strace", "-f", "-e", "trace=openat", *node.jetpack.command(
            "send", "hello", "--routing-key", "k", "--wait", "0")],
        env=node.jetpack.environment(), capture_output=True, text=True, check=True)
    assert "session.so" in traced.stderr
    for library in ("librabbitmq", "libssl", "libcrypto", "libcpprest", "amqp.so", "https.so"):
        assert library not in traced.stderr
