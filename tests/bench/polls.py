"""What the polls of 10,000 nodes cost the hub: each asks for its configuration every 60 seconds, on a
connection that is kept, as jetpackd does it; beside it on a new one that resumes the last one's TLS session, as through a
proxy that keeps none; and on a new one with a whole handshake."""

import asyncio
import base64
import concurrent.futures
import contextlib
import hashlib
import json
import os
import resource
import socket
import ssl
import subprocess
import time
import urllib.parse
from pathlib import Path

import measure
from simulated_fleet import CLUSTER, HttpLink

NODES, INTERVAL = 10_000, 60
SECONDS = 30
WARM_LINKS = 32
WAYS = ("new", "resumed", "kept")
BUDGETED = "kept"
CLIENTS = 16  # polls at once
SETTLING = 3  # seconds in which the hub stores that it has heard the nodes
MOST_SHARE = 0.10  # of a core
TICKS = os.sysconf("SC_CLK_TCK")


def jetpack(data, *arguments):
    """What an administrator's command prints."""
    return subprocess.run(
        [measure.BUILT_HOME / "bin/jetpack", "hub", *arguments, "--data", data], text=True, check=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        env={**os.environ, "JETPACK_HOME": str(measure.BUILT_HOME)}).stdout


def processor_seconds(pid):
    """Of a process and all of its threads, so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Polls:
    """The nodes and the hub that they poll."""

    def __init__(self, about, nodes):
        self.url, self.nodes = about["url"], nodes
        self.context = ssl.create_default_context(cafile=about["ca"])
        self.requests, self.sessions, self.kept, self.failed = {}, {}, {}, 0

    async def prepare(self):
        """Polls each node until it is ready: once for the configuration, once with the version applied; those that
        are measured once more, after the hub has stored that it heard all of them."""
        measured = self.nodes[:count_of(self.nodes)]
        for number, nodes in enumerate((self.nodes, measured)):
            queue = list(nodes)
            await asyncio.gather(*(self.work(queue, number) for _ in range(WARM_LINKS)))
            await asyncio.sleep(SETTLING)

    async def work(self, queue, is_known):
        """Polls nodes of the queue, on one connection."""
        link, netloc = HttpLink(self.url, self.context), urllib.parse.urlsplit(self.url).netloc
        while queue:
            node = queue.pop()
            account = (node["username"], node["password"])
            # As the node computes it.
            name = hashlib.sha256(f"{CLUSTER}/{node['node']}".encode()).hexdigest()[:32]
            path = f"/clusterlink/userdata/{name}"
            if not is_known:
                _, _, body = await link.ask("GET", path, account)
                path += f"?known={json.loads(body)['version']}&interval={INTERVAL}"
                token = base64.b64encode(":".join(account).encode()).decode()
                self.requests[node["node"]] = (
                    path, f"GET {path} HTTP/1.1\r\nHost: {netloc}\r\nAuthorization: Basic {token}\r\n"
                          "User-Agent: jetpack/8.10.0\r\nAccept: */*\r\n\r\n".encode())
            await link.ask("GET", self.requests[node["node"]][0], account)
        link.close()

    def connect(self, session):
        """A connection, which resumes a session if there is one."""
        parts = urllib.parse.urlsplit(self.url)
        plain = socket.create_connection((parts.hostname, parts.port), timeout=20)
        return self.context.wrap_socket(plain, server_hostname=parts.hostname, session=session)

    def poll(self, node, way):
        """One poll in this way."""
        name, status = node["node"], b""
        link = self.kept.pop(name, None) or self.connect(self.sessions[name] if way == "resumed" else None)
        with contextlib.suppress(OSError):
            link.sendall(self.requests[name][1])
            status = link.recv(4096)  # there is no body
        if not status.startswith(b"HTTP/1.1 304") or (way == "resumed" and not link.session_reused):
            self.failed += 1
        self.sessions[name] = link.session
        if way == "kept":
            self.kept[name] = link
        else:
            link.close()

    def open_all(self):
        """A kept connection for each node that is measured."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda node: self.poll(node, "kept"), self.nodes[:count_of(self.nodes)]))

    def close_all(self):
        while self.kept:
            self.kept.popitem()[1].close()

    def go_on(self, way):
        """All nodes in turn, evenly; (polls, seconds)."""
        begun, count = time.monotonic(), count_of(self.nodes)
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            for number in range(count):
                time.sleep(max(0, begun + number * INTERVAL / len(self.nodes) - time.monotonic()))
                pool.submit(self.poll, self.nodes[number], way).add_done_callback(self.note)
        return count, time.monotonic() - begun

    def note(self, future):
        """Counts a poll that failed by an exception."""
        self.failed += future.exception() is not None


def count_of(nodes):
    """How many polls are measured."""
    return int(SECONDS * len(nodes) / INTERVAL)


def measured(polls, pid):
    """{way: (share of a core, polls, seconds)}, after all nodes were heard."""
    asyncio.run(polls.prepare())
    found = {}
    for way in WAYS:
        if way == "kept":
            polls.open_all()
            time.sleep(SETTLING)
        before = processor_seconds(pid)
        count, seconds = polls.go_on(way)
        found[way] = ((processor_seconds(pid) - before) / seconds, count, seconds)
        polls.close_all()
    return found


def run(directory):
    """Prints the share of a core; whether it is within the budget."""
    data = Path(directory) / "hub"
    hub = subprocess.Popen(
        [measure.BUILT_HOME / "bin/jetpack", "hub", "serve", "--data", data, "--listen", "127.0.0.1:0"],
        env={**os.environ, "JETPACK_HOME": str(measure.BUILT_HOME)}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE)
    try:
        about = json.loads(hub.stdout.readline())
        nodes = json.loads(jetpack(data, "node", "add", "n-", "--cluster", CLUSTER, "--count", str(NODES),
                                   "--json"))
        polls = Polls(about, nodes)
        found = measured(polls, about["pid"])
    finally:
        hub.terminate()
        hub.wait()
        hub.stdout.close()
    for way, (share, count, seconds) in found.items():
        print(f"{way:7} connections: {count} polls of {NODES} nodes in {seconds:.0f} s, "
              f"{100 * share:.1f} % of a core"
              f"{f' (budget {100 * MOST_SHARE:.0f} %)' if way == BUDGETED else ''}, "
              f"{1e6 * share * seconds / count:.0f} us a poll")
    print(f"{polls.failed} failed")
    return found[BUDGETED][0] <= MOST_SHARE and not polls.failed
