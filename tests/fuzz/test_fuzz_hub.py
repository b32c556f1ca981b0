"""Random and mutated requests to every endpoint of the hub: whatever arrives, it never responds 500, stays
within its memory, and keeps serving. For $JETPACK_FUZZ_HUB_SECONDS; by default 6."""

import base64
import contextlib
import http.client
import json
import os
import random
import socket
import ssl
import sys
import threading
import time
import urllib.parse
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "faults"))
from world import World, bundle_child  # noqa: E402

SECONDS = float(os.environ.get("JETPACK_FUZZ_HUB_SECONDS", "6"))
AT_ONCE = 6
MAX_RSS_KIB = 300 * 1024
NAMES = ["demo", "execute-0", "execute", "nobody", "", ".", "..", "%2e%2e", "%00", "a" * 300, "é", "-1",
         "0", "1", "18446744073709551616", "'", '"', "<b>", "%", "%zz", "nodes"]
MESSAGE = {"id": "6f0a3f0e-5d2b-4c1a-8f9e-0123456789ab", "cluster_name": "demo",
           "node_name": "execute-0", "instance_id": "i", "hostname": "h",
           "timestamp": "2024-10-04T13:03:40.298Z", "cluster_session_id": None, "type": "log"}
DATA = {
    "log": {"level": "info", "message": "m", "priority": "low"},
    "properties": {"properties": {"a": {"b": [1, None, "x"]}}},
    "condition": {"name": "disk", "status": "Warning", "message": "m", "details": "d"},
    "autoscale": {"request_set": "s", "expiration_interval": 300,
                  "definitions": [{"Name": "execute", "TargetCoreCount": 5}]},
    "installation": {"status": "ok"},
    "keepalive": {"until": "forever"},
}
ACTIONS = ["deallocate", "reimage", "remove", "restart", "shutdown", "start", "terminate", "explode"]
PATHS = [
    "/", "/clusters/{}", "/clusters/{}/nodes/{}", "/clusterlink/messages", "/clusterlink/userdata/{}",
    "/clusters/{}/scale/{}", "/clusters/{}/nodes", "/clusters/{}/status", "/operations",
    "/operations/{}", "/cloud/actions/autoscale/{}/stop", "/api/nodes", "/api/node", "/api/targets",
    "/api/summary", "/api/events", "/api/messages", "/api/clusters", "/app.js", "/{}/{}/{}",
    *(f"/clusters/{{}}/nodes/{action}" for action in ACTIONS)]
PARAMETERS = ["cluster", "node", "limit", "after", "before", "after_name", "hours", "priority", "type",
              "nodes", "operation", "request_id", "instance", "reason", "known", "totalCoreCount",
              "totalNodeCount", "properties"]
VALUES = [None, True, -1, 0, 1e308, -1.5, 1 << 63, "", "\0", "x" * 5000, "\ud800", "é", [], {}, [[]],
          {"": ""}, "2024-13-45T99:99:99Z", "forever", "../../etc/passwd", "'; DROP TABLE nodes; --"]
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "GE T", "\x01", "get", "PRI"]


class Fuzzer:
    """Creates requests from a seed."""

    def __init__(self, seed, accounts):
        self.random, self.accounts = random.Random(seed), accounts

    def mutated(self, value):
        """The JSON value with something changed, dropped, repeated or nested."""
        choose = self.random.random()
        if choose < 0.1:
            return self.random.choice(VALUES)
        if isinstance(value, dict) and value:
            key = self.random.choice(list(value))
            if choose < 0.2:
                return {k: v for k, v in value.items() if k != key}
            return {**value, key: self.mutated(value[key])}
        if isinstance(value, list) and value:
            at = self.random.randrange(len(value))
            if choose < 0.2:
                return value * self.random.choice([0, 2, 50])
            return [*value[:at], self.mutated(value[at]), *value[at + 1:]]
        return self.random.choice(VALUES)

    def body(self):
        """Bytes that are nearly what some endpoint expects."""
        kind = self.random.choice(list(DATA))
        message = {**MESSAGE, "type": kind, "data": DATA[kind]}
        message["id"] = MESSAGE["id"][:-6] + f"{self.random.randrange(1 << 24):06x}"
        value = self.random.choice([
            {"messages": [message]}, {"messages": [message, message]}, {"messages": [message] * 3}, message,
            {"requestId": "r", "names": ["execute-0"], "ids": ["x"], "filter": "true"}])
        for _ in range(self.random.choice([0, 0, 1, 1, 2, 4])):
            value = self.mutated(value)
        data = json.dumps(value, ensure_ascii=self.random.random() < 0.5).encode(
            "utf-8", "surrogatepass")
        choose = self.random.random()
        if choose < 0.15:
            return self.damaged(data)
        if choose < 0.18:
            return b"[" * self.random.choice([10, 100_000]) + data
        if choose < 0.2:
            return b'{"messages":[' + b",".join([data] * 2000) + b"]}"
        return data

    def damaged(self, data):
        """The bytes with some of them changed, cut off or repeated."""
        data = bytearray(data)
        for _ in range(self.random.randrange(1, 8)):
            if not data:
                break
            at = self.random.randrange(len(data))
            choose = self.random.random()
            if choose < 0.4:
                data[at] = self.random.randrange(256)
            elif choose < 0.7:
                del data[at:at + self.random.randrange(1, 20)]
            else:
                data[at:at] = data[at:at + 30]
        return bytes(data)

    def target(self, method):
        """A path with a query."""
        if method == "POST" and self.random.random() < 0.4:
            return "/clusterlink/messages"
        form = self.random.choice(PATHS)
        path = form.format(*(self.random.choice(NAMES) for _ in range(3)))
        query = [f"{self.random.choice(PARAMETERS)}={self.random.choice(NAMES)}"
                 for _ in range(self.random.randrange(4))]
        return path + ("?" + "&".join(query) if query else "")

    def request(self):
        """The bytes of a request, and whether they are HTTP that requires a response."""
        method = self.random.choice(METHODS) if self.random.random() < 0.1 else self.random.choice(
            ["GET", "POST"])
        body = self.body() if method != "GET" or self.random.random() < 0.1 else b""
        account = self.random.choice(self.accounts)
        token = base64.b64encode(":".join(account).encode()).decode()
        length = str(len(body)) if self.random.random() < 0.97 else self.random.choice(
            ["-1", "x", "99999999999999999999", "", str(len(body) + 5)])
        lines = [f"{method} {self.target(method)} HTTP/1.1", "Host: h", f"Authorization: Basic {token}",
                 "Content-Type: application/json", f"Content-Length: {length}", "Connection: close"]
        if self.random.random() < 0.2:
            lines.append(f"Idempotency-Key: {self.random.choice(NAMES)}")
        if self.random.random() < 0.05:
            lines.append("X: " + "y" * self.random.choice([10, 5000, 70000]))
        if self.random.random() < 0.03:
            lines.append("Transfer-Encoding: chunked")
        head = "\r\n".join(lines).encode("utf-8", "surrogatepass")
        whole = head + b"\r\n\r\n" + body
        return self.damaged(whole) if self.random.random() < 0.1 else whole


def exchange(address, context, data):
    """The status of the response to these bytes; None without one."""
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        with socket.create_connection(address, timeout=1) as raw, \
                context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
            with contextlib.suppress(OSError):
                connection.sendall(data)
            first = b""
            while b"\r\n" not in first and len(first) < 4096:
                part = connection.recv(4096)
                if not part:
                    break
                first += part
            line = first.split(b"\r\n")[0].split()
            return int(line[1]) if len(line) > 1 and line[0].startswith(b"HTTP/") else None
    return None


def largest(pid):
    """The largest resident set of the process, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


@pytest.fixture
def world(tmp_path, built_home):
    made = World(tmp_path, built_home)
    yield made
    made.stop()


@pytest.mark.timeout(SECONDS + 120)
def test_the_hub_survives(world):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    node = json.loads((world.nodes[0].home / "config/connection.json").read_text())
    accounts = [world.admin, (node["username"], node["password"]), ("nobody", "wrong")]
    # A wrong password costs a tenth of a second of processor time: not too many of them.
    accounts = accounts[:2] * 20 + accounts
    hub = world.hubs[0]
    parts = urllib.parse.urlsplit(hub.about["url"])
    context = ssl.create_default_context(cafile=hub.about["ca"])
    statuses, counts = {}, []
    end = time.monotonic() + SECONDS

    def fuzz(number):
        fuzzer, count = Fuzzer(seed + number, accounts), 0
        while time.monotonic() < end and hub.is_running():
            data = fuzzer.request()
            status = exchange((parts.hostname, parts.port), context, data)
            statuses.setdefault(status, data[:3000])
            count += 1
        counts.append(count)

    threads = [threading.Thread(target=fuzz, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hub.is_running(), hub.tail()
    assert 500 not in statuses, statuses[500]
    assert {200, 202, 400, 404} <= set(statuses), set(statuses)
    processes = [hub.process.pid, *bundle_child(hub.process.pid)]
    assert max(largest(pid) for pid in processes) < MAX_RSS_KIB
    # It serves as if nothing had been.
    assert world.nodes[0].jetpack("log", "still there", "--wait", "20s").returncode == 0
    assert world.texts().count("still there") == 1
    print(sum(counts), "requests, answers", sorted(map(str, statuses)))
