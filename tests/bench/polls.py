"""What the polls of 10,000 nodes cost the hub: each asks for its configuration every 60 seconds. On connections
that are kept, and on new ones, handshake and all, as of nodes whose connection was closed meanwhile."""

import asyncio
import contextlib
import hashlib
import json
import os
import ssl
import subprocess
import time
from pathlib import Path

import measure
from simulated_fleet import CLUSTER, HttpLink

NODES, INTERVAL = 10_000, 60
SECONDS = 30
WARM_LINKS = 32
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
        self.paths, self.failed = {}, 0
        self.keeps, self.kept = True, []

    async def prepare(self):
        """Polls each node until it is ready: once for the configuration, once with the version applied."""
        queue = list(self.nodes)

        async def work():
            link = HttpLink(self.url, self.context)
            while queue:
                node = queue.pop()
                # As the node computes it.
                name = hashlib.sha256(f"{CLUSTER}/{node['node']}".encode()).hexdigest()[:32]
                path = f"/clusterlink/userdata/{name}"
                _, _, body = await link.ask("GET", path, (node["username"], node["password"]))
                version = json.loads(body)["version"]
                self.paths[node["node"]] = f"{path}?known={version}&interval={INTERVAL}"
                await link.ask("GET", self.paths[node["node"]], (node["username"], node["password"]))
            link.close()

        await asyncio.gather(*(work() for _ in range(WARM_LINKS)))

    async def poll(self, node):
        """One poll, on a connection of its own or one that is kept."""
        link = self.kept.pop() if self.kept else HttpLink(self.url, self.context)
        status = 0
        for _ in range(2):  # the hub may have closed a kept one
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                status, _, _ = await link.ask("GET", self.paths[node["node"]],
                                              (node["username"], node["password"]))
            if status:
                break
        self.failed += status != 304
        if self.keeps:
            self.kept.append(link)
        else:
            link.close()

    async def go_on(self, seconds):
        """All nodes in turn, evenly."""
        begun, tasks = time.monotonic(), set()
        for number in range(int(seconds * len(self.nodes) / INTERVAL)):
            due = begun + number * INTERVAL / len(self.nodes)
            await asyncio.sleep(max(0, due - time.monotonic()))
            tasks.add(asyncio.create_task(self.poll(self.nodes[number % len(self.nodes)])))
        await asyncio.gather(*tasks)
        return len(tasks), time.monotonic() - begun


async def measured(polls, pid):
    """[(share of a core, polls, seconds)] on kept and on new connections, after all nodes were heard once."""
    await polls.prepare()
    found = []
    for polls.keeps in (True, False):
        await asyncio.sleep(3)
        before = processor_seconds(pid)
        count, seconds = await polls.go_on(SECONDS)
        found.append(((processor_seconds(pid) - before) / seconds, count, seconds))
        while polls.kept:
            polls.kept.pop().close()
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
        found = asyncio.run(measured(polls, about["pid"]))
    finally:
        hub.terminate()
        hub.wait()
        hub.stdout.close()
    for kind, (share, count, seconds) in zip(("kept", "new"), found):
        print(f"{kind:4} connections: {count} polls of {NODES} nodes in {seconds:.0f} s, "
              f"{100 * share:.1f} % of a core (budget {100 * MOST_SHARE:.0f} %)")
    print(f"{polls.failed} failed")
    return max(share for share, _, _ in found) <= MOST_SHARE and not polls.failed
