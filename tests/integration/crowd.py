"""Clients that keep a hub busy without asking anything of it, in a process of their own: crowd.py JSON, with
"ports", "ca", "senders" and "watchers" (their credentials), and how many there are of "idle", "tls" (idle after
the handshake), "bodies" and "streams". Prints "ready" when each has begun once and the "expected" answers have
come, and what the hub answered when standard input ends."""

import asyncio
import base64
import collections
import contextlib
import json
import resource
import ssl
import sys

HOST = "127.0.0.1"
BEGUN_SECONDS = 60


class Crowd:
    """All of them. Whoever is turned away comes back."""

    def __init__(self, options):
        self.options = options
        self.context = ssl.create_default_context(cafile=options["ca"])
        self.context.check_hostname = False
        self.begun, self.answers = set(), collections.Counter()

    def head(self, method, path, who):
        """The head of a request, to be ended."""
        token = base64.b64encode(":".join(self.options[who]).encode()).decode()
        return f"{method} {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Basic {token}\r\n"

    async def idle(self, port, context):
        """A connection that says nothing."""
        reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
        yield
        await reader.read()
        writer.close()

    async def body(self, port):
        """A request whose body comes a byte at a time."""
        reader, writer = await asyncio.open_connection(HOST, port, ssl=self.context)
        head = self.head("POST", "/clusterlink/messages", "senders")
        writer.write(f"{head}Content-Length: 100000\r\n\r\n".encode())
        yield
        while True:
            writer.write(b"x")
            with contextlib.suppress(asyncio.TimeoutError):
                line = await asyncio.wait_for(reader.readline(), 0.5)
                self.answers["body " + line.decode().split(" ")[1]] += 1
                break
        writer.close()

    async def stream(self, port):
        """A stream of events that is never read."""
        reader, writer = await asyncio.open_connection(HOST, port, ssl=self.context)
        writer.write(self.head("GET", "/api/events/stream", "watchers").encode() + b"\r\n")
        line = await reader.readline()
        self.answers["stream " + line.decode().split(" ")[1]] += 1
        yield
        if b" 200 " in line:
            await asyncio.sleep(3600)
        writer.close()

    async def forever(self, number, make):
        """Comes again and again."""
        while True:
            try:
                async for _ in make():
                    self.begun.add(number)
            except (OSError, IndexError, asyncio.IncompleteReadError):
                pass
            await asyncio.sleep(0.3)

    async def run(self):
        """Until the end of standard input."""
        first, *_ = ports = self.options["ports"]
        makers = [lambda port=port: self.idle(port, None) for port in ports] * self.options["idle"]
        makers += [lambda port=port: self.idle(port, self.context) for port in ports] * self.options["tls"]
        makers += [lambda: self.body(first)] * self.options["bodies"]
        makers += [lambda: self.stream(first)] * self.options["streams"]
        tasks = [asyncio.create_task(self.forever(number, make)) for number, make in enumerate(makers)]
        for _ in range(BEGUN_SECONDS * 10):
            if len(self.begun) == len(makers) and self.answers.keys() >= set(self.options["expected"]):
                break
            await asyncio.sleep(0.1)
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        print(json.dumps({"begun": len(self.begun), "of": len(makers), "answers": self.answers}))
        for task in tasks:
            task.cancel()


def main():
    """The program."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(Crowd(json.loads(sys.argv[1])).run())


main()
