"""healthcheck where checks hang, the kernel holds them, and the service is stopped and killed."""

import contextlib
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from hub_client import DevCluster
from servers import stuck_fs
from servers.process import wait_for


@pytest.fixture
def mark():
    """Seconds that nobody else sleeps, not even a test that runs beside this one."""
    return f"86399.{secrets.randbelow(10**9):09}"


@pytest.fixture
def checks(home):
    """checks(NAME, SCRIPT): writes a check."""
    home.node({})
    home.write("config/userdata.json", {"version": "1"})
    return lambda name, script: home.write(f"config/healthcheck.d/{name}", script)


def processes_with(text):
    """Those whose command line holds the text."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_three_of_fifty_are_stuck(checks, mark, jetpack, home, server, tmp_path):
    home.configuration({"cyclecloud": {"jetpack": {"healthcheck_timeout": 6}}})
    for i in range(47):
        checks(f"fine-{i:02}.sh", f"echo {i}; exit {i % 5}\n")
    checks("stopped.sh", f"sleep {mark} & kill -STOP $$\n")
    checks("stubborn.sh", f"trap '' TERM\nsetsid sleep {mark} &\n(setsid setsid sleep {mark} &)\n"
                          f"while :; do sleep {mark}; done\n")
    with stuck_fs.mounted(tmp_path / "stuck") as directory:
        checks("kernel.sh", f"sleep {mark} & cat {directory}/file\n")
        begin = time.monotonic()
        found = {c["name"]: c for c in json.loads(jetpack("healthcheck", "--json", timeout=120).stdout)}
        assert time.monotonic() - begin < 60
        for i in range(47):
            check = found[f"fine-{i:02}.sh"]
            assert (check["exit_code"], check["stdout"]) == (i % 5, f"{i}\n")
            assert check["state"] == ("failed" if i % 5 else "passed")
        hung = {name: check for name, check in found.items() if check["state"] == "hung"}
        assert set(hung) == {"stopped.sh", "stubborn.sh", "kernel.sh"}
        assert not processes_with(mark)
        left, = processes_with(str(directory))
        assert hung["kernel.sh"]["message"].endswith(f"; process {left} cannot be killed")
        # It is not started a second time beside itself.
        again = {c["name"]: c for c in json.loads(jetpack("healthcheck", "--json", timeout=120).stdout)}
        assert again["kernel.sh"]["message"] == f"still hung: process {left} cannot be killed"
        assert processes_with(str(directory)) == [left]
    wait_for(lambda: not processes_with(str(directory)), "the process to end")
    found = {c["name"]: c for c in json.loads(jetpack("healthcheck", "run", "kernel.sh", "--json").stdout)}
    assert found["kernel.sh"]["state"] == "failed", "it is run again"
    assert not server.letters
    conditions = [m["data"] for m in server.messages if m["type"] == "condition"]
    assert {c["name"] for c in conditions} >= {"stopped.sh", "stubborn.sh", "kernel.sh"}


class Service:
    """`jetpack healthcheck serve`, as a service manager starts it."""

    def __init__(self, jetpack, directory, **env):
        self.path = directory / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(30)
        self.log_file = jetpack.home / "logs/healthcheck.log"
        self.process = jetpack.start("healthcheck", "serve", env={
            "NOTIFY_SOCKET": str(self.path), "WATCHDOG_USEC": "600000", **env},
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def next(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def log(self):
        return self.log_file.read_text() if self.log_file.exists() else ""

    def rss_kib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.socket.close()


@pytest.fixture
def service(jetpack, tmp_path):
    running = []

    def start(**env):
        directory = tmp_path / f"service-{len(running)}"
        directory.mkdir()
        running.append(Service(jetpack, directory, **env))
        return running[-1]

    yield start
    for one in running:
        one.kill()


def test_the_service(checks, jetpack, home, server, service, tmp_path):
    def history():
        path = home / "run/health.json"
        return [e["check"] for e in json.loads(path.read_text())["history"]] if path.exists() else []

    checks("first.sh", "exit 254\n")
    daemon = service(INTERVAL="10")
    ready = daemon.next()
    assert ready["READY"] == "1" and ready["MAINPID"] == str(daemon.process.pid)
    wait_for(lambda: "first.sh" in history(), "the first cycle")
    assert server.wait(lambda: server.letters, "the request to terminate")
    second = jetpack("healthcheck", "serve")
    assert second.returncode == 1 and f"pid {daemon.process.pid}" in second.stderr
    # A new script is found at once on SIGHUP.
    checks("second.sh", "exit 1\n")
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "second.sh" in history(), "the next cycle")
    for i in range(20):
        checks("changes.sh", f"exit {i % 2}\n")
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda n=i: history().count("changes.sh") > n, "another cycle")
        if i == 4:
            rss, descriptors = daemon.rss_kib(), daemon.descriptors()
    print("idle RSS", daemon.rss_kib(), "KiB")
    assert daemon.rss_kib() <= 12 * 1024
    assert daemon.rss_kib() <= rss + 512
    # The last cycle may still have some.
    wait_for(lambda: daemon.descriptors() <= descriptors + 2, "its descriptors to be closed")
    assert "WATCHDOG" in daemon.next() or "WATCHDOG" in daemon.next()
    assert len(server.letters) == 1
    daemon.process.terminate()
    assert daemon.process.wait(30) == 0
    assert "healthcheck stopped" in daemon.log() and "INTERVAL" not in daemon.log()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_cycle_when_the_service_ends(mark, how, checks, jetpack, home, service):
    checks("long.sh", f"setsid sleep {mark} & sleep {mark}\n")
    daemon = service(INTERVAL="x")
    wait_for(lambda: len(processes_with(f"sleep\0{mark}")) == 2, "the check to run")
    # While it runs, the watchdog is fed: a check that takes its time is no fault of the service.
    assert daemon.next()["READY"] == "1" and daemon.next() == {"WATCHDOG": "1"}
    daemon.process.send_signal(how)
    daemon.process.wait(30)
    wait_for(lambda: not processes_with(mark), "the check to be killed")
    assert "INTERVAL is 'x'" in daemon.log()
    again = service()
    wait_for(lambda: len(processes_with(f"sleep\0{mark}")) == 2, "the next service to start at once")
    again.process.terminate()
    assert again.process.wait(30) == 0
    wait_for(lambda: not processes_with(mark), "the check to be killed")


def test_the_hub_receives_the_reason():
    hub = DevCluster()
    try:
        directory = hub.home / "config/healthcheck.d"
        directory.mkdir(exist_ok=True)
        (directory / "gpu.sh").write_text("echo 'GPU 3 fell off the bus' >&2; exit 254\n")
        (hub.home / "config/userdata.json").touch()
        assert hub.jetpack("healthcheck").returncode == 1
        # The request and the condition arrive by two queues.
        node = wait_for(lambda: (found := hub.get("/api/node?cluster=demo&node=execute-1").json["node"])
                        ["phase"] == "Stopping" and found["conditions"] and found,
                        "the node to stop, and its condition")
        condition, = [c for c in node["conditions"] if c["name"] == "gpu.sh"]
        assert condition["status"] == "Error" and "GPU 3 fell off the bus" in condition["details"]
        with contextlib.closing(sqlite3.connect(f"file:{hub.data}/hub.db?mode=ro", uri=True)) as database:
            (action, reason), = database.execute("SELECT action, reason FROM operations").fetchall()
        assert action == "terminate"
        assert reason.startswith("unhealthy: check gpu.sh exited with 254, failing for ")
        assert reason.endswith("stderr: GPU 3 fell off the bus")
    finally:
        hub.stop()


@pytest.mark.parametrize("disk", ["full", "read-only"])
def test_a_disk_that_takes_nothing(disk, checks, jetpack, home, server, tmp_path):
    """The server hears of it all the same, directly, and the node is not shut down from within."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    for name in ("shutdown", "poweroff", "halt", "reboot", "systemctl"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\necho $0 >>{tmp_path}/ended\n")
        program.chmod(0o755)
    path = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    checks("gpu.sh", "exit 254\n")
    run = home / "run"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", run], check=True)
    try:
        if disk == "full":
            with open(run / "filler", "wb", buffering=0) as filler, pytest.raises(OSError):
                while True:
                    filler.write(b"x" * 4096)
        else:
            subprocess.run(["mount", "-o", "remount,ro", run], check=True)
        # Nobody is there, and nothing can be queued: the next cycle asks again.
        server.stop()
        result = jetpack("healthcheck", env=path)
        assert result.returncode == 1 and "gpu.sh" in result.stdout, result
        server.start()
        result = jetpack("healthcheck", env=path)
        assert result.returncode == 1 and "not recorded" in result.stderr, result
        assert len(server.letters) == 1
        assert not (tmp_path / "ended").exists()
    finally:
        subprocess.run(["umount", run], check=True)
