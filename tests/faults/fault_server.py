"""A TLS server that misbehaves on demand, and remembers the messages that it acknowledged."""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path


def is_built_with_cpprest():
    """Whether the HTTP library is cpprestsdk (-Dhttp_client=cpprest), which cannot do everything."""
    build = Path(__file__).resolve().parents[2] / os.environ.get("JETPACK_BUILD", "build")
    module = build / "home/lib/jetpack/services/https.so"
    return module.exists() and b"libcpprest" in module.read_bytes()


def make_certificate(directory, names="IP:127.0.0.1,DNS:localhost", name="server"):
    """A self-signed certificate for `names`; returns the paths of certificate and key."""
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True)
    return certificate, key


USERDATA = b'{"version": "1", "configuration": {}, "properties": {}, "users": []}'


class Broken(Exception):
    """The client left, or the server is being stopped."""


class Connection:
    """What a behaviour may do with one connection."""

    def __init__(self, server, raw):
        self.server = server
        self.raw = raw
        self.socket = None
        self.buffer = b""

    def start_tls(self):
        self.socket = self.server.context.wrap_socket(self.raw, server_side=True)

    def read_request(self):
        """(head, body) of the next request."""
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, _, rest = self.buffer.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            field, _, value = line.partition(b":")
            if field.lower() == b"content-length":
                length = int(value)
        while len(rest) < length:
            self.fill()
            rest = self.buffer.partition(b"\r\n\r\n")[2]
        self.buffer = rest[length:]
        self.server.asked.append(time.monotonic())
        return head.decode(), rest[:length]

    def fill(self):
        part = self.socket.recv(65536)
        if not part:
            raise Broken
        self.buffer += part

    def send(self, data):
        self.socket.sendall(data)

    def answer(self, status, body=b"", *headers):
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def wait_until_left(self):
        """Says nothing more until the client leaves."""
        while (self.socket or self.raw).recv(65536):
            pass

    def serve(self):
        """Behaves as a good server does."""
        self.start_tls()
        while True:
            head, body = self.read_request()
            self.server.requests.append(head)
            self.answer_well(head, body)

    def answer_well(self, head, body):
        """What a good server answers: it takes every message and letter, and has nothing new to say."""
        method, path, _ = head.split(" ", 2)
        if method == "GET":
            self.answer(200 if "known=" not in path else 304, b"" if "known=" in path else USERDATA)
        elif path.endswith("/clusterlink/messages"):
            self.server.messages.extend(json.loads(body)["messages"])
            self.answer(202)
        else:
            self.server.letters.append(path)
            self.answer(202, b"{}")


class FaultServer:
    """Listens on a free loopback port; `behave(connection)` serves each connection."""

    good = staticmethod(Connection.serve)

    def __init__(self, certificate, key, address="127.0.0.1"):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.behave = self.good
        self.requests = []
        self.messages = []
        self.letters = []
        self.contacts = 0
        self.asked = []  # when each whole request had come
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, 0), family=family, backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = f"https://{f'[{address}]' if ':' in address else address}:{self.port}"
        self.open = set()
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            self.contacts += 1
            threading.Thread(target=self.handle, args=(raw,), daemon=True).start()

    def handle(self, raw):
        connection = Connection(self, raw)
        self.open.add(connection)
        with contextlib.suppress(OSError, ssl.SSLError, Broken, ValueError):
            self.behave(connection)
        with contextlib.suppress(OSError):
            (connection.socket or raw).close()
        self.open.discard(connection)

    def recover(self):
        """It is a good server from now on, and has forgotten its connections."""
        self.behave = self.good
        self.drop()

    def drop(self):
        """Ends every connection."""
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                # Not SSLSocket's, which takes TLS away from the thread that uses it.
                socket.socket.shutdown(connection.socket or connection.raw, socket.SHUT_RDWR)

    def stop(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        self.drop()
