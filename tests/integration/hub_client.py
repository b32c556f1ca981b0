"""A development cluster and a client for its hub, for the tests that need a hub."""
import base64
import http.client
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.parse
import uuid

from servers.reply import Reply

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
DEV_CLUSTER = REPOSITORY / "tools" / "dev-cluster"
BINARY = REPOSITORY / os.environ.get("JETPACK_BUILD", "build") / "home" / "bin" / "jetpack"


def authorization(credentials):
    """The Authorization header for (name, password), or for a token; none for None."""
    if credentials is None:
        return {}
    if isinstance(credentials, str):
        return {"Authorization": "Bearer " + credentials}
    token = base64.b64encode(":".join(credentials).encode()).decode()
    return {"Authorization": "Basic " + token}


class Stream:
    """An open stream of a hub's events and changes, as the administrator gets it."""

    def __init__(self, hub, query="", headers=None):
        self.connection = hub.connect()
        self.connection.request("GET", "/api/events/stream?priority=all" + query,
                                headers={**authorization(hub.admin), **(headers or {})})
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def next(self):
        """The next message."""
        return self.wait_for("message", lambda message: True)

    def wait_for(self, kind, condition, seconds=30):
        """The next event of the kind ("message" or "change") for which the condition holds."""
        deadline, found = time.monotonic() + seconds, "message"
        while True:
            assert time.monotonic() < deadline, "timed out"
            line = self.response.readline().decode()
            assert line, "the stream ended"
            if line.startswith("event: "):
                found = line[7:].strip()
            elif line.startswith("data: "):
                value = json.loads(line[6:])
                if found == kind and condition(value):
                    return value
                found = "message"

    def close(self):
        """As a browser does that leaves."""
        self.response.close()
        self.connection.close()


class DevCluster:
    """What `tools/dev-cluster start` made, until stop()."""

    start_options = ()

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="jetpack-dev-cluster-"))
        try:
            self.about = json.loads(self.tool("start", *self.start_options).stdout)
        except BaseException:
            shutil.rmtree(self.directory)
            raise
        self.home = pathlib.Path(self.about["home"])
        self.data = self.directory / "hub"
        self.admin = (self.about["admin"]["name"], self.about["admin"]["password"])
        self.context = ssl.create_default_context(cafile=self.about["ca"])

    def tool(self, action, *options, check=True):
        """Runs tools/dev-cluster on this cluster."""
        return subprocess.run([DEV_CLUSTER, action, self.directory, *options], check=check, text=True,
                              stdout=subprocess.PIPE, timeout=120)

    def stop(self):
        """Ends the hub and removes everything."""
        self.tool("stop")
        shutil.rmtree(self.directory)

    @property
    def node(self):
        """The node's user name and password."""
        connection = json.loads((self.home / "config" / "connection.json").read_text())
        return connection["username"], connection["password"]

    def connect(self, timeout=30):
        """A connection, to send what http.client would not."""
        url = urllib.parse.urlsplit(self.about["hub"])
        return http.client.HTTPSConnection(url.hostname, url.port, timeout=timeout,
                                           context=self.context)

    def ask(self, method, path, credentials, body=None, headers=None):
        """One exchange on a connection of its own."""
        connection = self.connect()
        kind = {"Content-Type": "application/json"} if isinstance(body, str) else {}
        try:
            connection.request(method, path, body, {**authorization(credentials), **kind, **(headers or {})},
                               encode_chunked=headers == {"Transfer-Encoding": "chunked"})
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, credentials=None):
        """GET as the administrator, or as whom is named."""
        return self.ask("GET", path, credentials or self.admin)

    def post(self, messages, credentials=None):
        """POST of messages as the node, or as whom is named; bytes are sent as they are."""
        body = messages if isinstance(messages, bytes) else json.dumps({"messages": messages})
        return self.ask("POST", "/clusterlink/messages", credentials or self.node, body,
                        {"Content-Type": "application/json"})

    def log(self, text, **data):
        """A message of type log from the node, taken by the hub; its id."""
        message = log_message(text, **data)
        assert self.post([message]).status == 202
        return message["id"]

    def events(self, priority="all", **query):
        """The events as the administrator sees them."""
        query = urllib.parse.urlencode({"priority": priority, **query})
        return self.get("/api/events?" + query).json["events"]

    def jetpack(self, *arguments, home=None, **options):
        """Runs jetpack as the node, or out of another home."""
        environment = {**os.environ, "JETPACK_HOME": str(home or self.home), "TZ": "UTC"}
        return subprocess.run([BINARY, *map(str, arguments)], env=environment, text=True,
                              capture_output=True, timeout=60, stdin=subprocess.DEVNULL, **options)

    def administer(self, *arguments):
        """Runs a command as the hub's administrator, from the built home."""
        return self.jetpack(*arguments, home=BINARY.parent.parent)


def log_message(text, cluster="demo", **data):
    """A message of type log, as the agent sends it."""
    return {"id": str(uuid.uuid4()), "cluster_name": cluster, "instance_id": "i-1",
            "node_name": "execute-1", "hostname": "ip-7f000001",
            "timestamp": "2024-10-04T13:03:40.298Z", "cluster_session_id": "s-1", "type": "log",
            "data": {"level": "info", "message": text, **data}}
