"""jetpackd as a process: delivery, wake-up, reporting and shutdown."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest
from servers import node_server
from servers.process import free_port, usage, wait_for


class Daemon:
    """A jetpackd running on a home tree."""

    def __init__(self, jetpack, *args, env=None, prefix=()):
        self.home = jetpack.home
        self.errors = jetpack.home.path / "jetpackd.stderr"
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [*prefix, jetpack.binary.parent / "jetpackd", *args],
                env=jetpack.environment(env), stdin=subprocess.DEVNULL, stderr=errors)

    def log(self):
        """The content of its log."""
        path = self.home / "logs/jetpackd.log"
        return path.read_text() if path.exists() else ""

    def state(self):
        """Its state file."""
        return json.loads((self.home / "run/jetpackd.json").read_text())

    def wait_until_up(self):
        """Waits until it has written its state."""
        def up():
            assert self.process.poll() is None, self.errors.read_text()
            with contextlib.suppress(FileNotFoundError):
                return self.state()["pid"] == self.process.pid
        wait_for(up, "jetpackd to run")
        return self

    def wait_for_log(self, text):
        """Waits until it has logged this."""
        wait_for(lambda: text in self.log(), f"{text!r} in jetpackd.log")

    def end(self, how=signal.SIGTERM):
        """Stops it; returns its exit code and the time that took."""
        start = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(30), time.monotonic() - start

    def usage(self):
        """(KiB, open descriptors) that it has."""
        return usage(self.process.pid)

    def descriptors(self):
        """The number of its open descriptors."""
        return self.usage()[1]


@pytest.fixture
def start(jetpack):
    """start(ARGS..., env=, prefix=): a daemon that is killed when the test ends."""
    running = []

    def run(*args, **options):
        running.append(Daemon(jetpack, *args, **options))
        return running[-1]

    yield run
    for daemon in running:
        daemon.end(signal.SIGKILL)


def get(port, path, method="GET"):
    """(status, body) of one request to the daemon."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_a_queued_message_is_delivered_at_once(jetpack, server, start):
    start().wait_until_up()
    for i in range(5):
        result = jetpack("log", f"m{i}")
        assert result.stderr == "jetpack log: queued: jetpackd will deliver it\n"
        # Without being woken it would poll after thirty seconds.
        server.wait(lambda: len(server.messages) > i, "the message", seconds=15)
    assert [m["data"]["message"] for m in server.messages] == [f"m{i}" for i in range(5)]


def test_wait_returns_when_the_daemon_has_delivered(jetpack, server, start):
    start().wait_until_up()
    result = jetpack("log", "m", "--wait", "20s")
    assert (result.returncode, result.stderr) == (0, "jetpack log: delivered\n")


def test_in_order_through_an_outage(jetpack, server, start):
    daemon = start().wait_until_up()
    server.stop()
    for i in range(5):
        assert jetpack("log", f"m{i}").returncode == 0
    daemon.wait_for_log("cannot deliver messages: ")
    report = json.loads(jetpack("status", "--json").stdout)
    assert report["daemon"]["running"] and report["outbox"]["depth"] == 5
    server.start()
    assert [d["message"] for d in server.wait_for_messages(5)] == [f"m{i}" for i in range(5)]
    daemon.wait_for_log("delivering messages again")


def test_a_changed_configuration_triggers_a_retry(jetpack, home, server, start):
    """After a rejection the daemon retries rarely, but at once when the configuration changes."""
    server.override["/clusterlink/messages"] = (401, {"error": "who are you"}, [])
    daemon = start().wait_until_up()
    jetpack("log", "m")
    daemon.wait_for_log("ERROR    cannot deliver messages: ")
    wait_for(lambda: any("jetpackd: " in problem for problem in
                         json.loads(jetpack("status", "--json").stdout)["problems"]),
             "status to say so")
    server.override.clear()
    path = home / "config/connection.json"
    replaced = path.with_suffix(".new")
    replaced.write_bytes(path.read_bytes())
    replaced.rename(path)
    server.wait_for_messages(1)


def test_a_server_that_rejects_messages_is_not_flooded(jetpack, server, start):
    server.override["/clusterlink/"] = (403, {"error": "no"}, [])
    daemon = start().wait_until_up()
    jetpack("log", "m")
    daemon.wait_for_log("ERROR    cannot deliver messages: ")
    before = daemon.state()
    for i in range(20):
        jetpack("log", f"more {i}", "--wait", "0")
    assert daemon.end()[0] == 0
    # The final attempt, and one that may have been in between.
    assert daemon.state()["retries"] - before["retries"] <= 3


def test_only_one_instance(jetpack, server, start):
    first = start().wait_until_up()
    second = start()
    assert second.process.wait(30) == 1
    assert f"another jetpackd is running (pid {first.process.pid})" in second.errors.read_text()
    assert first.process.poll() is None


def test_after_sigkill_the_next_instance_continues(jetpack, server, start):
    first = start().wait_until_up()
    server.stop()
    for i in range(10):
        jetpack("log", f"m{i}")
    first.end(signal.SIGKILL)
    assert json.loads(jetpack("status", "--json").stdout)["daemon"]["running"] is False
    server.start()
    start().wait_until_up()
    assert [d["message"] for d in server.wait_for_messages(10)] == [f"m{i}" for i in range(10)]


def test_sigterm_delivers_and_stops(jetpack, server, start):
    daemon = start().wait_until_up()
    for i in range(20):
        jetpack("log", f"m{i}", "--wait", "0")
    code, seconds = daemon.end()
    assert code == 0 and seconds < 10
    assert len(server.messages) == 20
    assert "jetpackd stopped" in daemon.log()
    state = daemon.state()
    assert state["delivered"] == 20 and state["outbox"]["depth"] == 0 and state["last_contact"]


@pytest.mark.parametrize("when", ["connect", "answer"])
def test_sigterm_stops_in_time_whatever_hangs(when, jetpack, home, start):
    """A server that accepts connections and never responds."""
    with node_server.silent(home) as silent:
        jetpack("log", "m", "--wait", "0")
        daemon = start()
        silent.settimeout(30)
        accepted = [silent.accept()[0]] if when == "answer" else []
        wait_for(lambda: "jetpackd" in daemon.log(), "the daemon")
        code, seconds = daemon.end()
        for connection in accepted:
            connection.close()
    # It gives the rest four seconds; a loaded machine gets more here.
    assert code == 0 and seconds < 15
    assert json.loads(jetpack("status", "--json").stdout)["outbox"]["depth"] == 1


def test_once(jetpack, home, server, start):
    server.userdata = {"version": "7", "configuration": {"a": 1}}
    jetpack("log", "m", "--wait", "0")
    daemon = start("--once")
    assert daemon.process.wait(60) == 0, daemon.errors.read_text()
    assert [m["type"] for m in server.messages] == ["log", "installation"]
    server.stop()
    jetpack("log", "m", "--wait", "0")
    failing = start("--once")
    assert failing.process.wait(60) == 1
    assert "not everything was delivered and applied" in failing.errors.read_text()


def test_its_http_endpoints(jetpack, home, server, start):
    port = free_port()
    node_server.connect(home, server, http_port=port)
    start().wait_until_up()
    jetpack("log", "m", "--wait", "20s")
    assert get(port, "/healthz") == (200, "ok\n")
    status = json.loads(get(port, "/status")[1])
    assert status["delivered"] == 1 and status["http"] == f"127.0.0.1:{port}"
    code, metrics = get(port, "/metrics")
    assert code == 200
    values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line[0] != "#")
    assert values["jetpackd_delivered_total"] == "1"
    assert values["jetpackd_outbox_messages"] == "0"
    assert int(values["jetpackd_resident_memory_bytes"]) > 1 << 20
    assert int(values["jetpackd_open_fds"]) > 3
    assert abs(int(values["jetpackd_last_contact_timestamp_seconds"]) - time.time()) < 600
    for line in metrics.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) jetpackd_\w+ .+|jetpackd_\w+(\{.*\})? \d+", line)
    # With what the health checks have written, and nothing that a link leads to.
    home.write("config/healthcheck.d/gpu.sh", "exit 1\n")
    assert jetpack("healthcheck").returncode == 1
    assert '\njetpack_healthcheck_passing{check="gpu.sh",state="failed"} 0\n' in get(port, "/metrics")[1]
    (home / "run/health.prom").unlink()
    (home / "run/health.prom").symlink_to(home.write("secret", "the password"))
    code, metrics = get(port, "/metrics")
    assert code == 200 and "password" not in metrics and "jetpackd_outbox_messages" in metrics
    assert get(port, "/other")[0] == 404
    assert get(port, "/status", "POST")[0] == 405
    assert get(port, "/healthz", "HEAD") == (200, "")


def test_invalid_requests(jetpack, home, server, start):
    port = free_port()
    node_server.connect(home, server, http_port=port)
    daemon = start().wait_until_up()
    before = daemon.descriptors()
    for request in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET /status\r\n\r\n", b"\x00" * 9000,
                    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", b"GET x HTTP/1.1\r\n\r\n",
                    b"GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(request)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1000).startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))
    # Idle connections do not block others, and are closed.
    slow = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(40)]
    for client in slow:
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
        client.close()
    assert get(port, "/healthz")[0] == 200
    wait_for(lambda: daemon.descriptors() <= before + 1, "descriptors to be closed")


def test_a_port_in_use(jetpack, home, server, start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        node_server.connect(home, server, http_port=port)
        daemon = start().wait_until_up()
        assert f"cannot listen on 127.0.0.1:{port}" in daemon.log()
        assert jetpack("log", "m", "--wait", "20s").returncode == 0


def test_no_port(jetpack, home, server, start):
    assert "http" not in start().wait_until_up().state()


class NotifySocket:
    """What a service manager listens on."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(30)

    def next(self):
        """The assignments of the next notification."""
        text = self.socket.recv(4096).decode()
        return dict(line.split("=", 1) for line in text.splitlines())

    def becomes_quiet(self, seconds):
        """Whether, within eight seconds, there is no notification for this long."""
        self.socket.settimeout(seconds)
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            try:
                self.socket.recv(4096)
            except TimeoutError:
                return True
        return False


@pytest.mark.parametrize("abstract", [False, True])
def test_the_service_manager_is_notified(abstract, jetpack, server, start, tmp_path):
    name = f"@jetpackd-{os.getpid()}" if abstract else str(tmp_path / "notify")
    manager = NotifySocket(name.replace("@", "\0"))
    daemon = start(env={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "600000"})
    ready = manager.next()
    assert ready["READY"] == "1" and ready["MAINPID"] == str(daemon.process.pid)
    assert manager.next() == {"WATCHDOG": "1"}
    assert manager.next() == {"WATCHDOG": "1"}
    daemon.process.send_signal(signal.SIGTERM)
    last = manager.next()
    while last == {"WATCHDOG": "1"}:
        last = manager.next()
    assert last["STOPPING"] == "1"
    assert daemon.process.wait(30) == 0
    manager.socket.close()


def test_a_watchdog_of_another_process_is_ignored(jetpack, server, start, tmp_path):
    manager = NotifySocket(str(tmp_path / "notify"))
    start(env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000",
               "WATCHDOG_PID": "1"})
    assert manager.next()["READY"] == "1"
    assert manager.becomes_quiet(1)
    manager.socket.close()


def test_a_stuck_worker_stops_the_watchdog_notifications(jetpack, home, start, tmp_path):
    """It is not enough that the main loop is alive."""
    with node_server.silent(home):
        manager = NotifySocket(str(tmp_path / "notify"))
        # The first fetch waits ten seconds for a response.
        start(env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"})
        assert manager.next()["READY"] == "1"
        assert manager.becomes_quiet(1)
    manager.socket.close()


def test_memory_and_descriptors_stay_flat(jetpack, home, server, start, repository):
    """Short here; with JETPACK_LONG as the budget says: 100,000 and 1,000,000 messages."""
    daemon = start().wait_until_up()
    jetpack("log", "first", "--wait", "20s")

    def burst(count):
        for i in range(count):
            jetpack("log", f"m{i}", "--wait", "0")
        wait_for(lambda: json.loads(jetpack("status", "--json").stdout)["outbox"]["depth"] == 0,
                 "the outbox to be empty")
        return daemon.usage()

    burst(50)
    rss, descriptors = burst(50)
    rss_later, descriptors_later = burst(200)
    assert rss_later - rss <= 1024
    assert descriptors_later <= descriptors + 2


def test_it_starts_without_any_configuration(jetpack, home, start):
    """On a node that is not enrolled yet it reports why it cannot deliver, and delivers once it is."""
    home.node({"cyclecloud": {"jetpack": {"http_port": 0, "metadata_url": node_server.NO_METADATA}}})
    daemon = start().wait_until_up()
    assert jetpack("log", "early").returncode == 0
    daemon.wait_for_log("cannot deliver messages: ")
    running = node_server.NodeServer()
    try:
        node_server.connect(home, running)
        assert running.wait_for_messages(1)[0]["message"] == "early"
    finally:
        running.stop()


def test_the_unit_file(built_home):
    text = (built_home / "share/jetpack/systemd/jetpackd.service").read_text()
    assert f"ExecStart={built_home}/bin/jetpackd\n" in text
    # It is stopped before the network, and its scripts see the system as it is.
    [after] = [line for line in text.splitlines() if line.startswith("After=")]
    assert {"network-online.target", "nss-lookup.target"} <= set(after.removeprefix("After=").split())
    assert "PrivateTmp" not in text and "CapabilityBoundingSet" not in text
    for line in ("Type=notify", "WatchdogSec=60", "Restart=always"):
        assert line in text.splitlines()
