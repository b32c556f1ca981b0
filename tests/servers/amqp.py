"""As much of an AMQP 0-9-1 client as a test or a load needs: publish with confirms, and get."""

import asyncio
import collections
import contextlib
import ssl
import struct
import urllib.parse

METHOD, HEADER, BODY, HEARTBEAT, END = 1, 2, 3, 8, 0xCE
CHANNEL = 1
START, START_OK, TUNE, TUNE_OK = (10, 10), (10, 11), (10, 30), (10, 31)
OPEN, OPEN_OK, CLOSE, CLOSE_OK = (10, 40), (10, 41), (10, 50), (10, 51)
CHANNEL_OPEN, CHANNEL_CLOSE = (20, 10), (20, 40)
QUEUE_DECLARE, QUEUE_BIND = (50, 10), (50, 20)
PUBLISH, RETURN, GET, GET_OK, GET_EMPTY = (60, 40), (60, 50), (60, 70), (60, 71), (60, 72)
ACK, NACK, CONFIRM_SELECT = (60, 80), (60, 120), (85, 10)
# The properties of a message in the order of their bits, from the highest.
PROPERTIES = ("content_type", "content_encoding", "headers", "delivery_mode", "priority",
              "correlation_id", "reply_to", "expiration", "message_id", "timestamp", "type",
              "user_id", "app_id")

Message = collections.namedtuple("Message", "body routing_key properties")


class AmqpError(Exception):
    """The broker refused something, or the connection is gone."""


def short(text):
    """A short string."""
    data = text.encode()
    return struct.pack("!B", len(data)) + data


def long(data):
    """A long string."""
    return struct.pack("!I", len(data)) + data


class Reader:
    """Takes values from the front of a payload."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        """One number."""
        value, = struct.unpack_from("!" + form, self.data, self.at)
        self.at += struct.calcsize("!" + form)
        return value

    def bytes(self, size):
        """So many bytes."""
        self.at += size
        return self.data[self.at - size:self.at]

    def short(self):
        """A short string."""
        return self.bytes(self.take("B")).decode(errors="replace")

    def value(self):
        """A value of a table, for the types that headers use here."""
        kind = self.bytes(1)
        if kind == b"S":
            return self.bytes(self.take("I")).decode(errors="replace")
        if kind == b"F":
            return self.table()
        forms = {b"t": "?", b"b": "b", b"B": "B", b"s": "h", b"u": "H", b"I": "i", b"i": "I",
                 b"l": "q", b"L": "q", b"d": "d", b"f": "f", b"T": "Q"}
        return self.take(forms[kind])

    def table(self):
        """A table of named values."""
        end = self.take("I") + self.at
        found = {}
        while self.at < end:
            name = self.short()
            found[name] = self.value()
        return found

    def properties(self):
        """The properties of a message."""
        flags, found = self.take("H"), {}
        for bit, name in enumerate(PROPERTIES):
            if not flags & 1 << 15 - bit:
                continue
            if name == "headers":
                found[name] = self.table()
            elif name in ("delivery_mode", "priority"):
                found[name] = self.take("B")
            elif name == "timestamp":
                found[name] = self.take("Q")
            else:
                found[name] = self.short()
        return found


class Amqp:
    """One connection with one channel that confirms. Made by `await Amqp.connect(...)`."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.published = 0
        self.confirms = {}      # tag: future
        self.returned = {}      # message id: why
        self.answers = asyncio.Queue()
        self.failure = None
        self.max_frame = 131072
        self.task = None

    @classmethod
    async def connect(cls, url, ca=None, timeout=30):
        """Connects to amqp:// or amqps://USER:PASSWORD@HOST:PORT/VHOST."""
        parts = urllib.parse.urlsplit(url)
        context = ssl.create_default_context(cafile=ca) if parts.scheme == "amqps" else None
        port = parts.port or (5671 if context else 5672)
        async with asyncio.timeout(timeout):
            streams = await asyncio.open_connection(parts.hostname, port, ssl=context)
            connection = cls(*streams)
            try:
                await connection.log_in(parts)
            except asyncio.IncompleteReadError as error:
                raise AmqpError("the broker closed the connection") from error
        connection.task = asyncio.create_task(connection.read())
        await connection.call(CHANNEL_OPEN, short(""))
        await connection.call(CONFIRM_SELECT, b"\0")
        return connection

    async def log_in(self, parts):
        """From the protocol's name to an open virtual host."""
        self.writer.write(b"AMQP\0\0\x09\x01")
        await self.expect(START)
        user = urllib.parse.unquote(parts.username or "guest")
        password = urllib.parse.unquote(parts.password or "guest")
        capabilities = (short("capabilities") + b"F" + long(
            short("publisher_confirms") + b"t\1" + short("basic.nack") + b"t\1"))
        self.method(START_OK, long(capabilities) + short("PLAIN")
                    + long(f"\0{user}\0{password}".encode()) + short("en_US"), 0)
        tune = await self.expect(TUNE)
        channels, self.max_frame = tune.take("H"), tune.take("I")
        self.method(TUNE_OK, struct.pack("!HIH", channels, self.max_frame, 0), 0)
        vhost = urllib.parse.unquote(parts.path[1:]) or "/"
        self.method(OPEN, short(vhost) + short("") + b"\0", 0)
        await self.expect(OPEN_OK)

    def frame(self, kind, payload, channel=CHANNEL):
        """Queues one frame."""
        self.writer.write(struct.pack("!BHI", kind, channel, len(payload)) + payload + b"\xce")

    def method(self, which, arguments, channel=CHANNEL):
        """Queues one method."""
        self.frame(METHOD, struct.pack("!HH", *which) + arguments, channel)

    async def next_frame(self):
        """(type, payload) of the next frame but heartbeats."""
        while True:
            kind, _, size = struct.unpack("!BHI", await self.reader.readexactly(7))
            payload = await self.reader.readexactly(size + 1)
            if payload[-1] != END:
                raise AmqpError("a frame does not end where it should")
            if kind != HEARTBEAT:
                return kind, payload[:-1]

    async def expect(self, which):
        """The arguments of the method that must come next."""
        _, payload = await self.next_frame()
        arguments = Reader(payload)
        found = (arguments.take("H"), arguments.take("H"))
        if found != which:
            raise AmqpError(self.reason(found, arguments))
        return arguments

    @staticmethod
    def reason(which, arguments):
        """What the broker says when it closes."""
        if which in (CLOSE, CHANNEL_CLOSE):
            return f"{arguments.take('H')} {arguments.short()}"
        return f"unexpected method {which}"

    async def read(self):
        """Takes what the broker sends until the connection ends."""
        try:
            while True:
                await self.dispatch(*await self.next_frame())
        except (OSError, AmqpError, asyncio.IncompleteReadError) as error:
            self.fail(AmqpError(str(error) or "the connection ended"))

    def fail(self, error):
        """Whoever waits, or will, learns of the error."""
        self.failure = error
        for future in self.confirms.values():
            if not future.done():
                future.set_exception(error)
        self.confirms.clear()
        self.answers.put_nowait(error)
        self.writer.close()

    async def dispatch(self, _, payload):
        """One method and the content that comes with it."""
        arguments = Reader(payload)
        which = (arguments.take("H"), arguments.take("H"))
        if which in (ACK, NACK):
            self.settle(arguments.take("Q"), arguments.take("B") & 1, which == ACK)
        elif which == RETURN:
            why = f"{arguments.take('H')} {arguments.short()}"
            message = await self.content("")
            self.returned[message.properties.get("message_id")] = why
        elif which in (CLOSE, CHANNEL_CLOSE):
            raise AmqpError(self.reason(which, arguments))
        elif which == GET_OK:
            arguments.take("Q"), arguments.take("B"), arguments.short()
            self.answers.put_nowait(await self.content(arguments.short()))
        elif which == GET_EMPTY:
            self.answers.put_nowait(None)
        else:
            self.answers.put_nowait(arguments)

    async def content(self, routing_key):
        """The message that follows a method."""
        _, payload = await self.next_frame()
        header = Reader(payload)
        header.take("I")
        size, body = header.take("Q"), b""
        properties = header.properties()
        while len(body) < size:
            body += (await self.next_frame())[1]
        return Message(body, routing_key, properties)

    def settle(self, tag, multiple, taken):
        """The broker has taken, or not taken, what was published."""
        tags = [known for known in self.confirms if known <= tag] if multiple else [tag]
        for known in tags:
            future = self.confirms.pop(known, None)
            if future and not future.done():
                if taken:
                    future.set_result(None)
                else:
                    future.set_exception(AmqpError("the broker did not take the message"))

    async def call(self, which, arguments):
        """A method and the answer to it, one at a time."""
        if self.failure:
            raise self.failure
        self.method(which, arguments)
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def declare(self, queue, exchange="", key="", durable=True):
        """A queue, bound to an exchange when one is named."""
        await self.call(QUEUE_DECLARE, struct.pack("!H", 0) + short(queue)
                        + struct.pack("!B", 2 * durable) + long(b""))
        if exchange:
            await self.call(QUEUE_BIND, struct.pack("!H", 0) + short(queue) + short(exchange)
                            + short(key) + b"\0" + long(b""))

    async def publish(self, exchange, key, body, message_id, content_type="application/json"):
        """Publishes durably and waits for the confirm; AmqpError when no queue took it."""
        if self.failure:
            raise self.failure
        self.published += 1
        confirmed = asyncio.get_running_loop().create_future()
        self.confirms[self.published] = confirmed
        self.method(PUBLISH, struct.pack("!H", 0) + short(exchange) + short(key) + b"\1")
        flags = 1 << 15 | 1 << 12 | 1 << 7
        self.frame(HEADER, struct.pack("!HHQH", 60, 0, len(body), flags) + short(content_type)
                   + b"\2" + short(message_id))
        for at in range(0, len(body), self.max_frame - 8):
            self.frame(BODY, body[at:at + self.max_frame - 8])
        await self.writer.drain()
        await confirmed
        if message_id in self.returned:
            raise AmqpError(self.returned.pop(message_id))

    async def get(self, queue):
        """The next message of a queue, which forgets it; None when it is empty."""
        return await self.call(GET, struct.pack("!H", 0) + short(queue) + b"\1")

    async def close(self):
        """Ends the connection."""
        with contextlib.suppress(OSError, AmqpError):
            self.method(CLOSE, struct.pack("!HBHH", 200, 0, 0, 0), 0)
            await self.writer.drain()
        self.task.cancel()
        self.writer.close()


def take_all(url, queue, ca=None):
    """All that a queue holds, oldest first; the queue is empty afterwards."""
    async def take():
        connection = await Amqp.connect(url, ca)
        found = []
        while (message := await connection.get(queue)) is not None:
            found.append(message)
        await connection.close()
        return found

    return asyncio.run(take())
