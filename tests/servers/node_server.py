"""A server on loopback that remembers what a node says, and answers what a test wants."""

import contextlib
import http.server
import json
import socket
import threading
import time
import types
import urllib.parse

from servers.process import free_port


class NodeServer:
    """HTTP without TLS, which the agent allows on loopback alone."""

    def __init__(self):
        self.messages = []
        self.letters = []  # (path with query, body, idempotency key)
        self.userdata = None  # the document, or None: 404
        self.userdata_requests = []
        self.override = {}  # path prefix: (status, body, headers)
        self.changed = threading.Condition()
        self.http = None
        self.port = free_port()  # is free again after a stop()
        self.start()

    @property
    def url(self):
        """What goes into connection.json."""
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        """Listens, after a stop() at the same port."""
        handler = type("Handler", (Handler,), {"owner": self})
        self.http = Server(("127.0.0.1", self.port), handler)
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """Closes all connections, and the port."""
        self.http.shutdown()
        self.http.server_close()
        self.http.close_connections()

    def note(self, what, value):
        """Remembers, and wakes those that wait."""
        with self.changed:
            what.append(value)
            self.changed.notify_all()

    def wait(self, condition, what, seconds=30):
        """Waits until the condition holds of what was received; its value."""
        with self.changed:
            found = self.changed.wait_for(condition, seconds)
        assert found, f"timed out after {seconds} s waiting for {what}; messages: {self.messages[-5:]}"
        return found

    def wait_for_messages(self, count, kind=None, seconds=30):
        """The data of the first messages, of one type or all."""

        def enough():
            found = [m["data"] for m in self.messages if kind in (None, m["type"])]
            return found[:count] if len(found) >= count else None

        return self.wait(enough, f"{count} messages", seconds)


class Server(http.server.ThreadingHTTPServer):
    """Knows its connections, so that stop() can end them."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *args):
        self.connections = set()
        super().__init__(*args)

    def process_request(self, request, client_address):
        self.connections.add(request)
        super().process_request(request, client_address)

    def close_connections(self):
        """Ends what idles between requests."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """A client that left is no error of the test."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    owner = None

    def log_message(self, *args):
        """Says nothing."""

    def answer(self, status, body=b"", headers=()):
        """Sends a whole answer."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 304:
            self.wfile.write(body)

    def overridden(self):
        """Whether the test wants something else answered."""
        for prefix, (status, body, headers) in self.owner.override.items():
            if self.path.startswith(prefix):
                self.answer(status, body, headers)
                return True
        return False

    def do_GET(self):
        """Userdata."""
        if self.path.startswith("/clusterlink/userdata/"):
            self.owner.note(self.owner.userdata_requests, self.path)
        if self.overridden():
            return
        url = urllib.parse.urlsplit(self.path)
        if not url.path.startswith("/clusterlink/userdata/") or self.owner.userdata is None:
            self.answer(404, {"error": "unknown"})
            return
        known = urllib.parse.parse_qs(url.query).get("known", [""])[0]
        if known == self.owner.userdata["version"]:
            self.answer(304)
        else:
            self.answer(200, self.owner.userdata)

    def do_POST(self):
        """Messages and letters."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.overridden():
            return
        if self.path == "/clusterlink/messages":
            for message in json.loads(body)["messages"]:
                self.owner.note(self.owner.messages, {**message, "received": time.monotonic()})
        else:
            self.owner.note(self.owner.letters,
                            (self.path, body, self.headers.get("Idempotency-Key")))
        self.answer(202, {})


# A daemon without it asks that of the machine the tests run on, and could acknowledge its events.
NO_METADATA = "http://127.0.0.1:1"


def connect(home, server, userdata_id="0123456789abcdef0123456789abcdef", **configuration):
    """Makes the home that of a node of this server."""
    home.write("config/connection.json", {"cluster": "demo", "username": "node",
                                          "password": "s3cret", "url": server.url,
                                          "proxy_method": "none"})
    home.write("config/jetpack.ini",
               "[identity]\ncluster_name = demo\ninstance_id = i-1\nnode_name = execute-1\n"
               f"userdata_id = {userdata_id}\n")
    home.node({"cyclecloud": {"jetpack": {"http_port": 0, "metadata_url": NO_METADATA, **configuration}}})


@contextlib.contextmanager
def silent(home):
    """Makes the home that of a node whose server takes connections and says nothing; its listener."""
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        connect(home, types.SimpleNamespace(url=f"http://127.0.0.1:{listener.getsockname()[1]}"))
        yield listener
