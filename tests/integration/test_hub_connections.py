"""The hub among clients that are slow, silent or too many: what they get, and that others do not notice."""
import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import pytest

from hub_client import REPOSITORY, authorization
from hubs import Hub, message, run
from servers.process import wait_for

CROWD = Path(__file__).with_name("crowd.py")
LIMITS = {"connections-per-address": 30, "connections-per-account": 6, "requests-per-account": 4,
          "bodies-mib": 64, "bodies-mib-per-account": 8, "handshake-seconds": 1, "head-seconds": 1,
          "idle-seconds": 60, "stall-seconds": 1}
ROUNDS = int(os.environ.get("JETPACK_CROWD_ROUNDS", "30"))
SECONDS = 30  # the longest that anything may take on a busy machine


def blobs_of(hub):
    return json.loads((hub.data / "hub.json").read_text())["blobs"]


def address_of(url):
    parts = urllib.parse.urlsplit(url)
    return parts.hostname, parts.port


@pytest.fixture(scope="module")
def hub():
    """A hub with low limits, for the tests that leave it running."""
    hub = Hub(*(part for limit in LIMITS.items() for part in ("--client-limit", "%s=%d" % limit)))
    yield hub
    hub.remove()


def plain(hub):
    return socket.create_connection(address_of(hub.url), timeout=SECONDS)


def secured(hub):
    return hub.context.wrap_socket(plain(hub), server_hostname="127.0.0.1")


def head(who, method="GET", path="/api/summary", *lines):
    fields = [f"{name}: {value}" for name, value in authorization(who).items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: h", *fields, *lines, "", ""]).encode()


def all_of(connection):
    """Everything until the hub closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionError, OSError):
        while part := connection.recv(65536):
            received += part
    return received


def refusal(received):
    """(status, fields, reason) of a response."""
    text, _, body = received.partition(b"\r\n\r\n")
    first, *lines = text.decode().split("\r\n")
    return (int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines),
            json.loads(body)["error"])


# -- a crowd -------------------------------------------------------------------------------------

def test_a_crowd_does_not_keep_others_out():
    """1,000 idle connections, 200 slow bodies and 200 streams of one node, and the same at the blobs' port."""
    hub = Hub()
    try:
        rude, watcher, other = hub.enroll("rude"), hub.enroll("watcher"), hub.enroll("other")
        ports = [address_of(url)[1] for url in (hub.url, blobs_of(hub))]
        options = {"ports": ports, "ca": str(hub.data / "tls/ca.pem"), "senders": rude, "watchers": watcher,
                   "idle": 800, "tls": 200, "bodies": 200, "streams": 200,
                   "expected": ["body 429", "stream 200", "stream 429"]}
        with subprocess.Popen([sys.executable, CROWD, json.dumps(options)], text=True, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as crowd:
            assert crowd.stdout.readline() == "ready\n"
            took = {"node": [], "page": [], "blobs": []}
            for number in range(ROUNDS):
                for what, ask in (("node", lambda: hub.post(other, [message("log", node="other", message="x")])),
                                  ("page", lambda: hub.ask("GET", "/")),
                                  ("blobs", lambda: blob_status(hub))):
                    start = time.monotonic()
                    status = ask().status
                    took[what].append(time.monotonic() - start)
                    assert status == {"node": 202, "page": 200, "blobs": 401}[what], (what, number)
            crowd.stdin.close()
            seen = json.loads(crowd.stdout.readline())
        print({what: f"{max(times):.3f} s" for what, times in took.items()}, seen)
        assert max(max(times) for times in took.values()) < SECONDS
        assert seen["begun"] == seen["of"]
        assert seen["answers"].keys() >= set(options["expected"])
        assert "too many connections of one client" in hub.log()
        # Nothing that was theirs is left.
        wait_for(lambda: hub.ask("GET", "/api/summary", rude).status == 200, "a connection for the rude node")
        assert hub.stop() == 0
    finally:
        hub.remove()


def blob_status(hub):
    """An exchange with the blob store, without credentials."""
    connection = http.client.HTTPSConnection(*address_of(blobs_of(hub)), timeout=SECONDS, context=hub.context)
    with contextlib.closing(connection):
        connection.request("GET", "/jetpackhub/locker/x")
        reply = connection.getresponse()
        reply.read()
        return reply


# -- too slow ------------------------------------------------------------------------------------

def test_half_a_handshake(hub):
    with plain(hub) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert all_of(connection) == b""


def test_half_a_head(hub):
    with secured(hub) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nX: ")
        status, fields, reason = refusal(all_of(connection))
    assert (status, fields["connection"], reason) == (408, "close", "the request did not arrive in time")


def test_silence_after_the_handshake(hub):
    with secured(hub) as connection:
        assert all_of(connection) == b""


def test_a_head_that_is_too_long(hub):
    with secured(hub) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000)
        assert refusal(all_of(connection))[0] == 431


def bytewise(connection, opening):
    """What the hub answers to a request whose body comes a byte at a time."""
    connection.sendall(opening)
    connection.settimeout(0.1)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            connection.sendall(b"1")
            received = connection.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return b""
        connection.settimeout(SECONDS)
        return received + all_of(connection)
    raise AssertionError("not disconnected")


def test_a_body_byte_by_byte(hub):
    node = hub.enroll("slow")
    with secured(hub) as connection:
        status, fields, reason = refusal(
            bytewise(connection, head(node, "POST", "/clusterlink/messages", "Content-Length: 9000")))
    assert (status, fields["connection"], reason) == (408, "close", "the body arrived too slowly")
    with secured(hub) as connection:
        opening = head(node, "POST", "/clusterlink/messages", "Transfer-Encoding: chunked") + b"ffff\r\n"
        assert bytewise(connection, opening) == b""


def test_a_body_in_two_parts(hub):
    """An honest node on a bad line."""
    node = hub.enroll("patient")
    body = json.dumps({"messages": [message("log", node="patient", message="in parts")]}).encode()
    with secured(hub) as connection:
        connection.sendall(head(node, "POST", "/clusterlink/messages", f"Content-Length: {len(body)}",
                                "Connection: close") + body[:20])
        connection.sendall(body[20:])
        assert all_of(connection).startswith(b"HTTP/1.1 202 ")


def test_requests_in_a_row(hub):
    """Pipelined, with an empty line before the second: RFC 9112, sections 2.2 and 9.3.2."""
    with secured(hub) as connection:
        connection.sendall(head(hub.admin) + b"\r\n" + head(hub.admin) + head(hub.admin, "GET", "/api/summary",
                                                                           "Connection: close"))
        assert all_of(connection).count(b"HTTP/1.1 200 ") == 3


# -- too many ------------------------------------------------------------------------------------

def kept(hub, who):
    """A connection on which a request was answered, and that is kept."""
    connection = hub.connect()
    connection.request("GET", "/api/summary", headers=authorization(who))
    reply = connection.getresponse()
    reply.read()
    return connection, reply


def works(connection, who):
    """Whether a kept connection still serves."""
    connection.request("GET", "/api/summary", headers=authorization(who))
    reply = connection.getresponse()
    reply.read()
    return reply.status == 200


def test_the_connections_of_an_account_are_limited(hub):
    many, other = hub.enroll("many"), hub.enroll("quiet")
    limit = LIMITS["connections-per-account"]
    connections = [kept(hub, many) for _ in range(limit)]
    assert [reply.status for _, reply in connections] == [200] * limit
    with secured(hub) as connection:
        connection.sendall(head(many))
        status, fields, reason = refusal(all_of(connection))
    assert (status, fields["retry-after"], fields["connection"]) == (429, "5", "close")
    assert reason == f"too many connections of one client (limit {limit}); retry later"
    line = f"refused a request: {reason} from demo/many\n"
    assert hub.log().count(line) == 1
    for _ in range(5):
        assert hub.ask("GET", "/api/summary", many).status == 429
    assert hub.log().count("from demo/many") == 1
    # Others, and those that were there before, do not notice.
    assert hub.ask("GET", "/api/summary", other).status == 200
    assert all(works(connection, many) for connection, _ in connections)
    administrators = [kept(hub, hub.admin) for _ in range(limit + 3)]
    assert all(reply.status == 200 for _, reply in administrators)
    for connection, _ in [*connections, *administrators]:
        connection.close()
    wait_for(lambda: hub.ask("GET", "/api/summary", many).status == 200, "a free connection")


def test_a_connection_is_kept_for_credentials(hub):
    """/healthz needs none: what asked only for that has to go as soon as what asked for nothing."""
    known, reply = kept(hub, hub.admin)
    assert reply.status == 200
    with secured(hub) as unknown:
        unknown.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        assert all_of(unknown).startswith(b"HTTP/1.1 200 ")
    assert works(known, hub.admin)
    known.close()


def test_silent_connections_of_an_address_are_limited(hub):
    """Beyond the limit the oldest are closed, never those that have shown credentials."""
    connection, reply = kept(hub, hub.admin)
    assert reply.status == 200
    silent = [plain(hub) for _ in range(LIMITS["connections-per-address"] * 3)]
    assert hub.ask("GET", "/api/summary").status == 200
    assert works(connection, hub.admin)
    assert all_of(silent[0]) == b""
    assert re.search(r"closed an idle connection for a new one \(limit connections-per-address\) from 127.0.0.1",
                     hub.log())
    for each in [connection, *silent]:
        each.close()


def test_the_streams_of_a_node_are_limited(hub):
    node = hub.enroll("watching")

    def stream():
        connection = hub.connect()
        connection.request("GET", "/api/events/stream", headers=authorization(node))
        return connection, connection.getresponse()

    streams = [stream() for _ in range(3)]
    assert [reply.status for _, reply in streams] == [200, 200, 429]
    assert streams[2][1].headers["Retry-After"]
    for connection, reply in streams[1:]:
        reply.close()
        connection.close()
    wait_for(lambda: stream()[1].status == 200, "the stream of a reader that left")


def test_the_bytes_of_bodies_are_limited(hub):
    node, other = hub.enroll("big"), hub.enroll("small")
    opening = head(node, "POST", "/clusterlink/messages", f"Content-Length: {5 << 20}")
    with secured(hub) as first, secured(hub) as second:
        first.sendall(opening + b"x" * 1_000_000)

        def is_refused():
            with secured(hub) as connection:
                connection.sendall(opening)
                connection.settimeout(0.5)
                try:
                    return refusal(all_of(connection))[:1] == (429,)
                except (TimeoutError, IndexError):
                    return False
        wait_for(is_refused, "a refusal")
        second.sendall(head(other))
        assert second.recv(100).startswith(b"HTTP/1.1 200 ")
    # What the first had is free again.
    wait_for(lambda: hub.post(node, [message("log", node="big", message="x" * 5_000_000)]).status != 429,
             "its bytes to be free")


def test_a_hub_stops_in_time_among_slow_clients():
    hub = Hub()
    try:
        node = hub.enroll("n1")
        with plain(hub) as silent, secured(hub) as idle, secured(hub) as slow:
            slow.sendall(head(node, "POST", "/clusterlink/messages", "Content-Length: 100") + b"{")
            assert hub.get("/api/summary")
            assert hub.stop() == 0
            assert all_of(silent) == all_of(idle) == b""
    finally:
        hub.remove()


# -- the table -----------------------------------------------------------------------------------

def test_the_tables_of_limits_and_quotas_are_documented(tmp_path):
    known = []
    for option in ("--client-limit", "--quota"):
        done = run("hub", "serve", "--data", tmp_path / "data", option, "x=1")
        assert done.returncode == 2
        known += done.stderr.split("known are ")[1].split("\n")[0].split(", ")
    readme = (REPOSITORY / "plugins/hub/README.md").read_text()
    assert known == re.findall(r"^\| `([a-z-]+)=\d+` \|", readme, re.M)
    for wrong in ("streams", "streams=", "streams=-1", "streams=1x", "streams=0", "streams=100000000000000000000"):
        done = run("hub", "serve", "--data", tmp_path / "data", "--client-limit", wrong)
        assert done.returncode == 2 and "expected a whole number from 1 to 4096" in done.stderr, wrong
