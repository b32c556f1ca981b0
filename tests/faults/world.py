"""A cluster whose every process the test started itself and may kill: hubs, nodes with jetpackd, and the
database and broker behind them."""

import base64
import contextlib
import http.client
import json
import os
import signal
import sqlite3
import ssl
import subprocess
import urllib.parse
from pathlib import Path

from servers.node_server import NO_METADATA
from servers.process import free_port, wait_for

CLUSTER = "demo"
DAEMON_KEYS = {"cyclecloud": {"jetpack": {"http_port": 0, "metadata_url": NO_METADATA}}}


def environment(home, more=None):
    """The environment of a process of the home's node."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("JETPACK_", "CYCLECLOUD_", "LD_"))}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC", "JETPACK_HOME": str(home), **(more or {})}


def make_home(directory):
    """The tree that the agent finds on a node, but for its programs."""
    for name in ("config", "logs", "run", "scripts", "system/bootstrap"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    return directory


class Process:
    """A process that is started, killed and started again."""

    def __init__(self, command, log, home, more=None, wants_line=False):
        self.command = [str(part) for part in command]
        self.log, self.home, self.more, self.wants_line = log, home, more, wants_line
        self.process = None

    def start(self):
        """Starts it; returns the first line of its output where that says that it is ready."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, env=environment(self.home, self.more), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self.wants_line else log, stderr=log)
        if not self.wants_line:
            return None
        line = self.process.stdout.readline()
        assert line, f"{self.command} did not start:\n{self.tail()}"
        return json.loads(line)

    def tail(self):
        """The end of what it said."""
        return self.log.read_text(errors="replace")[-3000:]

    def is_running(self):
        """Whether it has not ended."""
        return self.process is not None and self.process.poll() is None

    def end(self, kind, seconds=30):
        """Signals it, and waits for the end; returns its exit code."""
        if self.process is None:
            return None
        self.process.send_signal(kind)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            if self.process.stdout:
                self.process.stdout.close()
        self.process = None
        return code

    def kill(self):
        """SIGKILL."""
        self.end(signal.SIGKILL)

    def stop(self):
        """SIGTERM."""
        return self.end(signal.SIGTERM)


def bundle_child(pid):
    """The process in which a bundle runs: the host's child where it forks one."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children]


class Hub(Process):
    """A hub on a port of its own, the same at each start."""

    def __init__(self, world, number):
        self.data, self.port = world.directory / f"hub-{number}", free_port()
        super().__init__(
            [world.binary, "hub", "serve", *world.store(self.data), "--listen",
             f"127.0.0.1:{self.port}", *world.broker_options()],
            world.directory / f"hub-{number}.log", world.built_home, wants_line=True)
        self.about = self.start()

    def kill(self):
        """SIGKILL to the host and to the process of the bundle, at once."""
        for pid in [*bundle_child(self.process.pid), self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        super().kill()


class Node:
    """A node's home, its verbs and its daemon."""

    def __init__(self, world, name, hub, more=None):
        self.world, self.name, self.more = world, name, more
        self.home = make_home(world.directory / name)
        world.run("hub", "enroll", *world.store(hub.data), "--cluster", CLUSTER, "--node", name,
                  "--home", self.home, "--scheduler", "--url", hub.about["url"], *world.transport_options())
        (self.home / "config/node.json").write_text(json.dumps(DAEMON_KEYS))
        self.daemon = Process([world.binary, "jetpackd"], world.directory / f"{name}.log", self.home,
                              more)

    def start(self, *arguments, **options):
        """Starts a verb."""
        return subprocess.Popen([self.world.binary, *map(str, arguments)],
                                env=environment(self.home, self.more), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def jetpack(self, *arguments, **options):
        """Runs a verb."""
        options.setdefault("timeout", 60)
        return subprocess.run([self.world.binary, *map(str, arguments)],
                              env=environment(self.home, self.more), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, **options)

    def waiting(self):
        """How many rows wait in its outbox."""
        with contextlib.closing(sqlite3.connect(
                f"file:{self.home}/run/outbox.db?mode=ro", uri=True, timeout=30)) as database:
            return database.execute("SELECT count(*) FROM outbox").fetchone()[0]

    def drained(self, seconds=60):
        """Waits until nothing waits in its outbox; so long may pass without any of it being delivered."""
        def fewer_wait():
            assert self.daemon.is_running(), self.daemon.tail()
            with contextlib.suppress(sqlite3.OperationalError):
                waiting = self.waiting()
                return waiting < left and [waiting]
            return False

        left = float("inf")
        while left:
            [left] = wait_for(fewer_wait, f"{self.name} to deliver more of {left}:\n{self.daemon.tail()}",
                              seconds)


class World:
    """The cluster. `database` is a PostgreSql or None, `broker` a RabbitMq or None."""

    def __init__(self, directory, built_home, database=None, broker=None, hubs=1, nodes=1, more=None):
        self.directory, self.built_home = Path(directory), built_home
        self.binary = built_home / "bin/jetpack"
        self.database, self.broker = database, broker
        self.url = database.database() if database else None
        self.account = broker.account() if broker else None
        self.hubs, self.nodes = [], []
        try:
            for number in range(hubs):
                self.hubs.append(Hub(self, number))
            password = self.run("hub", "admin", *self.store()).strip()
            self.admin = ("admin", password)
            for number in range(nodes):
                self.nodes.append(Node(self, f"execute-{number}", self.hubs[number % hubs], more))
        except BaseException:
            self.stop()
            raise

    def store(self, data=None):
        """The options that name the hubs' store."""
        database = ["--database", self.url] if self.url else []
        return ["--data", data or self.hubs[0].data, *database]

    def broker_options(self):
        """The options that name the broker."""
        return ["--broker", self.account.url, "--broker-ca", self.broker.ca] if self.broker else []

    def transport_options(self):
        """How a node is enrolled."""
        return [*self.broker_options(), "--transport", "amqp"] if self.broker else []

    def run(self, *arguments):
        """What a command of the hubs' administrator prints."""
        done = subprocess.run([self.binary, *map(str, arguments)], env=environment(self.built_home),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, path, hub=None):
        """What a hub answers its administrator, as JSON; OSError when it does not."""
        hub = hub or self.hubs[0]
        parts = urllib.parse.urlsplit(hub.about["url"])
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=30,
            context=ssl.create_default_context(cafile=hub.about["ca"]))
        token = base64.b64encode(":".join(self.admin).encode()).decode()
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Authorization": f"Basic {token}"})
            response = connection.getresponse()
            body = response.read()
        assert response.status == 200, (path, response.status, body[:500])
        return json.loads(body)

    def messages(self):
        """All that the hubs hold, in the order in which it was applied."""
        found, after = [], 0
        while part := self.get(f"/api/messages?after={after}&limit=10000")["messages"]:
            found += part
            after = part[-1]["number"]
        return found

    def texts(self):
        """What the log messages among them say."""
        return [message["data"]["message"] for message in self.messages()
                if message["type"] == "log"]

    def stop(self):
        """Ends every process of the world's own; database and broker belong to the test."""
        for process in [*(node.daemon for node in self.nodes), *self.hubs]:
            with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
                process.stop()
