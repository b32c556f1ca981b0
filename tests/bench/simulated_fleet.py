"""The nodes of a simulated fleet: what each sends, over which connections, and whether all of it arrived.
tools/fleet runs it."""

import asyncio
import base64
import collections
import contextlib
import datetime
import json
import random
import resource
import secrets
import time
import urllib.parse
import zlib

from servers.amqp import Amqp, AmqpError

CLUSTER = "fleet"
EXCHANGE, PARTITIONS = "jetpack", 16
KINDS = ("log", "condition", "properties", "autoscale")
LIST_SIZE = 10_000


class Failure(Exception):
    """What went wrong, in one line."""


def percentile(ordered, share):
    """The value below which this share of the sorted values lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Ids:
    """Ids of messages, UUIDs that tell which node's which message it is."""

    def __init__(self):
        self.run = secrets.token_hex(6)

    def make(self, node, number):
        """The id of a node's message."""
        digits = f"{self.run}{node:08x}{number:08x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-8{digits[15:18]}-{digits[18:]}00"

    def parse(self, text):
        """(node, number) of an id; None when it is not of this run."""
        parts = text.split("-")
        if len(text) != 36 or len(parts) != 5:
            return None
        digits = parts[0] + parts[1] + parts[2][1:] + parts[3][1:] + parts[4][:10]
        if not digits.startswith(self.run):
            return None
        return int(digits[12:20], 16), int(digits[20:28], 16)


def data_of(kind, node, number):
    """What a message of this kind says."""
    if kind == "log":
        return {"level": "info", "priority": "low", "message": f"message {number} of node {node}"}
    if kind == "condition":
        status = ("OK", "Warning", "Error")[number % 3]
        return {"name": "disk", "status": status, "message": f"number {number}"}
    if kind == "properties":
        return {"properties": {"fleet": {"number": number}}}
    return {"request_set": f"node-{node}", "expiration_interval": 300,
            "definitions": [{"Name": "execute", "ClusterName": CLUSTER, "TargetCoreCount": number}]}


class HttpLink:
    """A connection to a hub that is kept and made again when it breaks."""

    def __init__(self, url, context):
        self.parts, self.context = urllib.parse.urlsplit(url), context
        self.streams = None

    async def ask(self, method, path, account, body=b""):
        """(status, seconds the server asks to wait, body) of one exchange."""
        try:
            if not self.streams:
                self.streams = await asyncio.open_connection(
                    self.parts.hostname, self.parts.port, ssl=self.context, limit=1 << 20)
            return await self.exchange(method, path, account, body)
        except BaseException:
            self.close()
            raise

    async def exchange(self, method, path, account, body):
        """One request and its answer."""
        reader, writer = self.streams
        token = base64.b64encode(f"{account[0]}:{account[1]}".encode()).decode()
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: {self.parts.netloc}\r\n"
                     f"Authorization: Basic {token}\r\nContent-Type: application/json\r\n"
                     f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in
                  (line.partition(":") for line in head[1:])}
        if fields.get("transfer-encoding", "").lower() == "chunked":
            answer = await self.chunks(reader)
        else:
            answer = await reader.readexactly(int(fields.get("content-length", "0")))
        if fields.get("connection", "").lower() == "close":
            self.close()
        pause = fields.get("retry-after", "0")
        return int(head[0].split()[1]), int(pause) if pause.isdigit() else 0, answer

    @staticmethod
    async def chunks(reader):
        """A body in chunks."""
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
        return body

    def close(self):
        """The next exchange makes a new connection."""
        if self.streams:
            self.streams[1].close()
        self.streams = None


class HttpChannel:
    """Deliveries by POST /clusterlink/messages."""

    def __init__(self, url, context):
        self.link = HttpLink(url, context)

    async def deliver(self, node, ids, body):
        """Returns after the acknowledgement; raises OSError when it should be tried again."""
        status, pause, answer = await self.link.ask("POST", "/clusterlink/messages", node.account,
                                                    body)
        if status in (408, 425, 429) or status >= 500:
            await asyncio.sleep(pause)
            raise ConnectionError(f"the hub answers {status}: {answer[:200]!r}")
        if status not in (200, 202):
            raise Failure(f"the hub refuses {ids[0]} for good with {status}: {answer[:200]!r}")

    async def close(self):
        """Ends the connection."""
        self.link.close()


class AmqpChannel:
    """Deliveries to the exchange that hubs consume from."""

    def __init__(self, url, authority):
        self.url, self.authority, self.connection = url, authority, None

    async def deliver(self, node, ids, body):
        """As HttpChannel.deliver."""
        try:
            if not self.connection or self.connection.failure:
                self.connection = await Amqp.connect(self.url, self.authority)
            await self.connection.publish(EXCHANGE, node.routing_key, body, ids[0])
        except AmqpError as error:
            if self.connection:
                await self.connection.close()
            self.connection = None
            raise ConnectionError(str(error)) from error

    async def close(self):
        """Ends the connection."""
        if self.connection:
            await self.connection.close()
        self.connection = None


class Node:
    """One simulated node."""

    def __init__(self, index, enrolled):
        self.index, self.name = index, enrolled["node"]
        self.instance = enrolled["instance_id"]
        self.account = (enrolled["username"], enrolled["password"])
        partition = zlib.crc32(f"{CLUSTER}/{self.name}".encode()) % PARTITIONS
        self.routing_key = f"messages.{partition}.{CLUSTER}.{self.name}"
        self.sent = 0

    def batch(self, ids, kinds, size):
        """The next messages: (their ids, the body of the delivery)."""
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
        names, messages = [], []
        for number in range(self.sent, self.sent + size):
            kind = kinds[(self.index + number) % len(kinds)]
            names.append(ids.make(self.index, number))
            messages.append({
                "id": names[-1], "cluster_name": CLUSTER, "node_name": self.name,
                "hostname": self.name, "instance_id": self.instance,
                "timestamp": now.replace("+00:00", "Z"), "type": kind,
                "data": data_of(kind, self.index, number)})
        return names, json.dumps({"messages": messages}).encode()


class Fleet:
    """All nodes, their connections and what was measured."""

    def __init__(self, options, place, nodes):
        self.options, self.place, self.nodes = options, place, nodes
        self.ids = Ids()
        self.latencies, self.retries = [], 0
        self.started = self.ended = 0.0
        self.deadline = 0.0

    def channels(self):
        """As many connections as were asked for, on all hubs in turn."""
        count = min(self.options.connections, len(self.nodes))
        if self.place.broker:
            return [AmqpChannel(self.place.broker, self.place.broker_ca) for _ in range(count)]
        hubs = self.place.hubs
        return [HttpChannel(hubs[i % len(hubs)], self.place.context) for i in range(count)]

    async def send_all(self):
        """Every message of every node, each connection serving its share of the nodes."""
        channels = self.channels()
        self.started = time.monotonic()
        self.deadline = self.started + self.options.patience
        async with asyncio.TaskGroup() as group:
            for position, channel in enumerate(channels):
                group.create_task(self.serve(channel, self.nodes[position::len(channels)],
                                             len(channels)))
        self.ended = time.monotonic()

    async def serve(self, channel, nodes, channels):
        """The nodes of one connection in turn, until all have sent everything."""
        period = channels * self.options.batch / self.options.rate if self.options.rate else 0
        due = self.started + random.random() * period
        while any(node.sent < self.options.messages for node in nodes):
            for node in nodes:
                size = min(self.options.batch, self.options.messages - node.sent)
                if size <= 0:
                    continue
                if period:
                    await asyncio.sleep(max(0, due - time.monotonic()))
                    due += period
                await self.deliver(channel, node, size)
        await channel.close()

    async def deliver(self, channel, node, size):
        """One delivery, tried until it is acknowledged."""
        ids, body = node.batch(self.ids, self.options.kinds, size)
        pause = 0.1
        while True:
            begun = time.monotonic()
            try:
                async with asyncio.timeout(30):
                    await channel.deliver(node, ids, body)
                break
            except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
                if time.monotonic() > self.deadline:
                    raise Failure(f"node {node.name} could not deliver within "
                                  f"{self.options.patience:g} s: {error}") from error
                self.retries += 1
                await channel.close()
                await asyncio.sleep(pause * random.uniform(0.5, 1))
                pause = min(5, pause * 2)
        self.latencies.append(time.monotonic() - begun)
        node.sent += size
        if self.options.reconnect:
            await channel.close()

    async def look_up(self):
        """What the hub has of this run: how many messages, lost, twice and out of order."""
        wanted = len(self.nodes) * self.options.messages
        after, seen = 0, collections.Counter()
        last = [-1] * len(self.nodes)
        applied, disordered = 0, 0
        link = HttpLink(self.place.hubs[0], self.place.context)
        deadline = time.monotonic() + self.options.patience
        while True:
            part = await self.messages_after(link, after)
            for message in part:
                after = message["number"]
                found = self.ids.parse(message["id"])
                if not found:
                    continue
                applied += 1
                seen[found] += 1
                disordered += found[1] <= last[found[0]] and seen[found] == 1
                last[found[0]] = max(last[found[0]], found[1])
            if len(part) < LIST_SIZE and (len(seen) >= wanted or time.monotonic() > deadline):
                break
            if not part:
                await asyncio.sleep(0.05)
        link.close()
        return {"applied": applied, "lost": wanted - len(seen), "duplicates": applied - len(seen),
                "out_of_order": disordered, "applied_seconds": time.monotonic() - self.started}

    async def messages_after(self, link, number):
        """The next part of the hub's list."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                status, _, body = await link.ask(
                    "GET", f"/api/messages?after={number}&limit={LIST_SIZE}", self.place.admin)
                if status == 200:
                    return json.loads(body)["messages"]
                if status < 500:
                    raise Failure(f"the hub answers {status} to its administrator: {body[:200]!r}")
            await asyncio.sleep(0.2)

    async def run(self):
        """Sends, looks up, and returns the report."""
        found = asyncio.create_task(self.look_up()) if self.place.broker else None
        await self.send_all()
        found = await (found or self.look_up())
        messages, seconds = len(self.nodes) * self.options.messages, self.ended - self.started
        ordered = sorted(self.latencies)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "nodes": len(self.nodes), "messages": messages, "deliveries": len(ordered),
            "seconds": round(seconds, 3), "messages_per_second": round(messages / seconds),
            "applied_per_second": round(messages / found.pop("applied_seconds")),
            "latency_ms": {name: round(1000 * percentile(ordered, share), 2) for name, share in
                           (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1))},
            "retries": self.retries, **found,
            "own_cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1)}
