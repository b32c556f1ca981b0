"""Hubs that tests start themselves: on SQLite or PostgreSQL, with or without a broker."""

import http.client
import json
import pathlib
import select
import shutil
import signal
import ssl
import subprocess
import tempfile
import urllib.parse
import uuid
import zlib

from hub_client import BINARY, authorization
from servers.process import wait_for
from servers.reply import Reply

START_SECONDS = 60


def run(*arguments, home=None, text=None):
    """Runs jetpack out of the built home, or another, with a text as standard input."""
    environment = {"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C.UTF-8",
                   "JETPACK_HOME": str(home or BINARY.parent.parent)}
    return subprocess.run([BINARY, *map(str, arguments)], env=environment, text=True,
                          capture_output=True, timeout=60, check=False, input=text or "")


class Hub:
    """A hub process, with an administrator. `options` are of `hub serve`; `like` is another hub of the
    same database, whose authority and administrator it shares."""

    def __init__(self, *options, database=None, like=None, listen="127.0.0.1:0",
                 directory=None, trust=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="jetpack-hub-", dir=directory))
        self.data = self.directory / "data"
        if like:
            shutil.copytree(like.data / "tls", self.data / "tls")
        self.database = ["--database", database] if database else []
        self.options = [*map(str, options), *self.database]
        self.listen = listen
        self.trust = trust  # a file of certificates, of a hub that does not have its own
        self.process = None
        self.start()
        self.listen = urllib.parse.urlsplit(self.url).netloc
        self.admin = like.admin if like else ("admin", self.administer("admin").stdout.strip())

    def start(self):
        """Starts it, at the same address each time."""
        with open(self.directory / "errors", "ab") as errors:
            self.process = subprocess.Popen(
                [BINARY, "hub", "serve", "--data", self.data, "--listen", self.listen,
                 *self.options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                env={"PATH": "/usr/bin:/bin", "TZ": "UTC",
                     "JETPACK_HOME": str(BINARY.parent.parent)}, start_new_session=True)
        assert select.select([self.process.stdout], [], [], START_SECONDS)[0], self.errors()
        line = self.process.stdout.readline()
        assert line, self.errors()
        about = json.loads(line)
        self.url, self.pid = about["url"], about["pid"]
        self.context = ssl.create_default_context(cafile=about.get("ca", self.trust))

    def errors(self):
        """What it wrote to standard error."""
        return (self.directory / "errors").read_text()[-2000:]

    def log(self):
        """Its log."""
        return (self.data / "logs" / "hub.log").read_text()

    def administer(self, command, *arguments):
        """Runs `jetpack hub COMMAND` on the hub's data."""
        done = run("hub", command, *arguments, "--data", self.data, *self.database)
        assert done.returncode == 0, done.stderr
        return done

    def enroll(self, node, cluster="demo", *options):
        """Enrolls a node; its user name and password."""
        home = self.directory / "homes" / cluster / node
        home.mkdir(parents=True, exist_ok=True)
        self.administer("enroll", "--cluster", cluster, "--node", node, "--home", home, *options)
        connection = json.loads((home / "config" / "connection.json").read_text())
        return connection["username"], connection["password"]

    def ini(self, node, cluster="demo"):
        """The text of an enrolled node's jetpack.ini."""
        return (self.directory / "homes" / cluster / node / "config" / "jetpack.ini").read_text()

    def connect(self):
        """A connection."""
        address = urllib.parse.urlsplit(self.url)
        return http.client.HTTPSConnection(address.hostname, address.port, timeout=60,
                                           context=self.context)

    def ask(self, method, path, who=None, body=None, **headers):
        """One exchange on a connection of its own, as the administrator or as whom is named."""
        connection = self.connect()
        kind = {} if body is None else {"Content-Type": "application/json"}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body)
        try:
            connection.request(method, path, body, {
                **authorization(who or self.admin), **kind,
                **{name.replace("_", "-"): value for name, value in headers.items()}})
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, who=None):
        """The answer to GET, which must be good."""
        reply = self.ask("GET", path, who)
        assert reply.status == 200, reply.body
        return reply.json

    def post(self, who, messages):
        """Sends messages as a node."""
        return self.ask("POST", "/clusterlink/messages", who, {"messages": messages})

    def say(self, who, kind, **data):
        """One message, which must be taken."""
        cluster, node = who[0].split("/")
        reply = self.post(who, [message(kind, cluster, node, **data)])
        assert reply.status == 202, reply.body

    def node(self, name, cluster="demo"):
        """What the page shows of a node."""
        return self.get(f"/api/node?cluster={cluster}&node={name}")["node"]

    def metrics(self):
        """{sample: value} of /metrics."""
        lines = self.ask("GET", "/metrics").body.decode().splitlines()
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def messages(self, cluster="demo", kind=""):
        """All messages of a cluster."""
        found, after = [], 0
        while True:
            query = urllib.parse.urlencode({"cluster": cluster, "after": after, "limit": 10000,
                                            **({"type": kind} if kind else {})})
            page = self.get("/api/messages?" + query)
            found += page["messages"]
            if not page["more"]:
                return found
            after = found[-1]["number"]

    def kill(self):
        """SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        self.finish()

    def stop(self):
        """SIGTERM; its exit code."""
        self.process.terminate()
        return self.finish()

    def finish(self):
        """Waits for its end. The host's child, which is the hub, dies with the host."""
        code = self.process.wait(30)
        self.process.stdout.close()
        self.process = None
        wait_for(lambda: not pathlib.Path(f"/proc/{self.pid}").exists()
                 or "State:\tZ" in pathlib.Path(f"/proc/{self.pid}/status").read_text(),
                 "the end of the hub")
        return code

    def remove(self):
        """Ends it and removes everything."""
        if self.process:
            self.kill()
        shutil.rmtree(self.directory)


class Daemon:
    """A node with its own jetpackd, which changes users below `root` alone."""

    def __init__(self, hub, node, root, cluster="demo"):
        self.home, self.root, self.process = hub.directory / "homes" / cluster / node, root, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self, *options):
        """Starts it; its process."""
        self.process = subprocess.Popen(
            [BINARY.parent / "jetpackd", "--root", self.root, *options], stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={"JETPACK_HOME": str(self.home), "PATH": "/usr/bin:/bin", "TZ": "UTC"})
        return self.process

    def kill(self):
        """SIGKILL, if it runs."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def run(self, *arguments):
        """A command on this node."""
        return run(*arguments, home=self.home)

    def log(self):
        """Its log."""
        return (self.home / "logs/jetpackd.log").read_text()


def message(kind, cluster="demo", node="n1", **data):
    """A message, as the agent sends it."""
    return {"id": str(uuid.uuid4()), "cluster_name": cluster, "instance_id": f"i-{node}",
            "node_name": node, "hostname": f"host-{node}", "timestamp": "2024-10-04T13:03:40.298Z",
            "type": kind, "data": data}


def routing_key(cluster, node):
    """Where a node's messages go on the broker."""
    partition = zlib.crc32(f"{cluster}/{node}".encode()) % 16
    return f"messages.{partition}.{cluster}.{node}"
