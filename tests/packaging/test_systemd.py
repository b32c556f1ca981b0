"""The services under a systemd that is the first process of a machine, and upgrades below them."""

import collections
import json
import os
import random
import signal
import subprocess
import time

import pytest
from package_set import NEW, OLD, PLACE
from servers.process import wait_for
from servers import node_server

SERVICES = ("jetpackd", "healthcheck")
USERDATA = {"version": "1", "configuration": {}, "properties": {}, "users": []}
# Messages that wait for an upgrade, and how often it is killed.
MESSAGES = int(os.environ.get("JETPACK_UPGRADE_MESSAGES", "100"))
KILLS = int(os.environ.get("JETPACK_UPGRADE_KILLS", "3"))


class Node:
    """A machine that systemd runs, with a server that it reaches."""

    def __init__(self, machine):
        self.machine = machine
        with machine.network():
            self.server = node_server.NodeServer()
        self.server.userdata = USERDATA

    def connect(self):
        node_server.connect(self, self.server)

    def write(self, name, content):
        content = content if isinstance(content, str) else json.dumps(content)
        self.machine.write(f"{PLACE}/{name}", content, 0o640)

    def node(self, content):
        self.write("config/local.json", content)

    def show(self, unit, name):
        return self.machine.run("systemctl", "show", "-P", name, unit).stdout.strip()

    def pid(self, unit):
        return self.show(unit, "MainPID")

    def is_active(self, unit):
        return self.show(unit, "ActiveState") == "active" and self.pid(unit) != "0"

    def wait_active(self, *units):
        for unit in units:
            wait_for(lambda unit=unit: self.is_active(unit), unit)

    def server_starts(self):
        with self.machine.network():
            self.server.start()

    def logged(self):
        """Each message of `jetpack log` by its id; the server may see one twice when the answer was lost."""
        return {message["id"]: message["data"]["message"] for message in list(self.server.messages)
                if message["type"] == "log"}


@pytest.fixture(name="node")
def _node(start_machine, packages):
    node = Node(start_machine(boot=True))
    node.machine.run("dpkg", "-i", packages.deb(OLD))
    yield node
    node.server.stop()


def test_services(node):
    machine = node.machine
    # An image: installed, and nothing runs until it is initialized.
    assert [node.show(unit, "ActiveState") for unit in SERVICES] == ["inactive", "inactive"]
    assert [node.show(unit, "UnitFileState") for unit in SERVICES] == ["enabled", "enabled"]
    machine.run("systemctl", "start", *SERVICES)  # as its first boot does
    assert [node.show(unit, "ActiveState") for unit in SERVICES] == ["inactive", "inactive"]
    assert machine.shell(f"ls {PLACE}/run") == ""
    node.connect()
    # The first boot may call it twice at once.
    both = [machine.start(f"{PLACE}/bin/jetpack", "initialize", stdout=-1, text=True) for _ in range(2)]
    for process in both:
        output = process.communicate(timeout=60)[0]
        assert process.returncode == 0 and "jetpackd is running" in output, output
    node.wait_active(*SERVICES)
    wait_for(lambda: node.show("jetpack-converge", "ActiveState") == "inactive", "the end of converge")
    assert (node.show("jetpack-converge", "Result"), node.show("jetpack-converge", "UnitFileState")) == (
        "success", "enabled")
    assert "INFO" in machine.read(f"{PLACE}/logs/jetpack.log")
    assert json.loads(machine.read(f"{PLACE}/config/node.json"))["cyclecloud"]["cluster"]["name"] == "demo"
    pids = [node.pid(unit) for unit in SERVICES]
    assert machine.jetpack("initialize").returncode == 0  # changes nothing
    assert [node.pid(unit) for unit in SERVICES] == pids

    for unit in SERVICES:
        old = node.pid(unit)
        machine.run("kill", "-KILL", old)
        wait_for(lambda unit=unit, old=old: node.is_active(unit) and node.pid(unit) != old, f"{unit} after kill -9")
    for unit in SERVICES:
        start = time.monotonic()
        machine.run("systemctl", "stop", unit)
        assert time.monotonic() - start < 5, unit
        assert node.show(unit, "Result") == "success"

    # The watchdog's time is shorter here than a minute.
    for unit in SERVICES:
        machine.write(f"/etc/systemd/system/{unit}.service.d/fast.conf", "[Service]\nWatchdogSec=3\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", *SERVICES)
    stopped = {unit: node.pid(unit) for unit in SERVICES}
    for pid in stopped.values():
        machine.run("kill", "-STOP", pid)
    for unit, old in stopped.items():
        wait_for(lambda unit=unit, old=old: node.is_active(unit) and node.pid(unit) != old, f"{unit} after SIGSTOP",
                 seconds=90)

    machine.run("dpkg", "-r", "jetpack")
    assert not machine.exists("/etc/systemd/system/jetpackd.service")
    assert [node.show(unit, "LoadState") for unit in SERVICES] == ["not-found", "not-found"]


class Talker:
    """Logs one message after the other in the machine; `sent` has those that jetpack took."""

    SCRIPT = ('i=0; while [ ! -e /tmp/quiet ]; do i=$((i+1)); if jetpack log "during $i" >/dev/null 2>&1; '
              'then echo "during $i"; else echo "failed $i: $?"; fi; done')

    def __init__(self, machine):
        self.machine = machine
        self.process = machine.start("sh", "-c", f"PATH=$PATH:{PLACE}/bin; {self.SCRIPT}", stdout=-1, text=True)

    def end(self):
        self.machine.run("touch", "/tmp/quiet")
        return self.process.communicate(timeout=60)[0].splitlines()


def kill_in_the_middle(node, package, delay):
    """Starts the installation of a package and kills all of it."""
    process = node.machine.start("dpkg", "-i", package, stdout=-1, stderr=-1, start_new_session=True)
    # What is waited for is a moment of the installation, wherever it is then.
    try:
        process.communicate(timeout=delay)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.mark.timeout(1800)
def test_an_upgrade_that_is_killed_loses_no_message(node, packages):
    machine = node.machine
    node.connect()
    machine.jetpack("initialize")
    node.wait_active(*SERVICES)
    machine.write("/root/save.sh", "#!/bin/sh\n", 0o755)
    machine.jetpack("run_on_shutdown", "/root/save.sh")
    machine.jetpack("keepalive", "2h")
    node.server.stop()
    machine.shell(f"PATH=$PATH:{PLACE}/bin; seq {MESSAGES} | xargs -P 4 -I N jetpack log 'before N' >/dev/null 2>&1",
                  timeout=900)
    start = time.monotonic()
    machine.run("systemctl", "stop", *SERVICES)  # while messages wait
    assert time.monotonic() - start < 5
    machine.run("systemctl", "start", *SERVICES)
    expected = [f"before {n}" for n in range(1, MESSAGES + 1)]
    talker = Talker(machine)
    machine.run("dpkg", "-i", packages.deb(NEW))  # how long one takes
    start = time.monotonic()
    machine.run("dpkg", "-i", packages.deb(OLD))
    whole = time.monotonic() - start
    killed = 0
    chance = random.Random(13)
    while killed < KILLS:
        if kill_in_the_middle(node, packages.deb([NEW, OLD][killed % 2]), whole * chance.uniform(0.1, 0.95)):
            killed += 1
        else:
            whole *= 0.8  # it was faster than before
        assert machine.jetpack("--version").stdout.startswith("8.10.0-")
    machine.run("dpkg", "--configure", "-a", check=False)
    machine.run("dpkg", "-i", packages.deb(NEW))
    said = talker.end()
    assert not [line for line in said if line.startswith("failed")]
    expected += said
    node.wait_active(*SERVICES)
    node.server_starts()
    wait_for(lambda: len(node.logged()) >= len(expected), "all messages", seconds=120)
    # None is lost, none is there twice.
    assert collections.Counter(node.logged().values()) == collections.Counter(expected)
    assert machine.run("dpkg", "--verify", "jetpack").stdout == ""
    assert "/root/save.sh" in machine.jetpack("run_on_shutdown", "--list").stdout
    assert "kept alive until" in machine.jetpack("keepalive", "--show").stdout
    assert json.loads(machine.jetpack("status", "--json").stdout)["outbox"]["depth"] == 0
