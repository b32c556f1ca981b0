"""The packages of a release on fresh distributions on which nothing else is installed: the tour against a hub.

Takes minutes, so it runs with `tools/test --long` only, where a release was built."""

import json
import os
import select
import subprocess
from pathlib import Path

import pytest
from package_set import NEW, PLACE
from machine import Machine, NotPossible, distribution
from servers.process import wait_for

SUITES = ("bullseye", "bookworm", "trixie")

pytestmark = [pytest.mark.skipif(not os.environ.get("JETPACK_LONG"), reason="takes minutes: run tools/test --long"),
              pytest.mark.timeout(900)]


@pytest.fixture(name="lower")
def _lower(request, repository):
    """The root of a distribution."""
    try:
        return distribution(request.param, repository / "build-release/roots")
    except NotPossible as why:
        pytest.skip(str(why))


class Hub:
    """A hub in the machine, of the package."""

    def __init__(self, machine):
        self.machine = machine
        self.process = machine.start(f"{PLACE}/bin/jetpack", "hub", "serve", "--data", "/srv/hub", "--listen", "127.0.0.1:0",
                                     "--blob-port", "0", "--simulate-azure", "--metadata-port", "0",
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert select.select([self.process.stdout], [], [], 60)[0], "the hub says nothing"
        self.about = json.loads(self.process.stdout.readline())

    def __call__(self, *words):
        return self.machine.jetpack("hub", *words, "--data", "/srv/hub").stdout


@pytest.mark.parametrize("lower", SUITES, indirect=True)
def test_the_tour_on(lower, release, tmp_path):
    try:
        machine = Machine(tmp_path / "machine", release.directory, lower=lower)
    except NotPossible as why:
        pytest.skip(str(why))
    try:
        tour(machine, release)
    finally:
        machine.end()


def tour(machine, packages):
    machine.run("dpkg", "-i", packages.deb(NEW), packages.deb(NEW, "-hub"), packages.deb(NEW, "-sdk"))
    hub = Hub(machine)
    hub("enroll", "--cluster", "demo", "--node", "execute-1", "--home", PLACE, "--url", hub.about["url"], "--nodearray", "execute")
    machine.write("/root/key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoKeyOfNobody ada@demo\n")
    hub("user", "add", "ada", "--cluster", "demo", "--uid", "20001", "--full-name", "Ada Lovelace", "--key", "/root/key")
    machine.write("/root/own.json", json.dumps({"cyclecloud": {"jetpack": {
        "metadata_url": f"{hub.about['metadata']}/execute-1"}}}))
    hub("node", "configure", "execute-1", "--cluster", "demo", "--file", "/root/own.json")
    steps = json.loads(machine.jetpack("initialize", "--json").stdout)
    assert steps["ok"], steps

    daemon = machine.start(f"{PLACE}/bin/jetpackd", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: machine.exists(f"{PLACE}/config/auth.json") or daemon.poll() is not None, "the users")
    assert machine.jetpack("config", "platform").stdout == "debian\n"
    assert machine.jetpack("config", "cyclecloud.cluster.name").stdout == "demo\n"
    assert "delivered" in machine.jetpack("log", "hello", "--wait", "20s").stderr
    assert "hello" in hub("event", "list")
    assert "Username: ada" in machine.jetpack("users").stdout
    machine.write("/root/tool.tgz", "tool\n")
    hub("blob", "put", "blobs/demo/tool.tgz", "/root/tool.tgz", "--cluster", "demo")
    machine.run("mkdir", "/root/software")
    machine.jetpack("download", "--project", "demo", "tool.tgz", "/root/software/")
    assert machine.read("/root/software/tool.tgz") == "tool\n"
    assert "Logs can be found at: https://" in machine.jetpack("report_issue").stdout
    assert machine.jetpack("condition", "set", "--name", "disk", "--status", "OK").returncode == 0
    report = json.loads(machine.jetpack("doctor", "--json", check=False).stdout)
    assert (report["ok"], report["errors"]) == (True, 0), report

    daemon.terminate()
    hub.process.terminate()
    machine.run("dpkg", "-P", "jetpack-hub", "jetpack-sdk", "jetpack")
    assert not machine.exists("/opt/cycle") and machine.changed("etc/systemd", "etc/udev", "etc/profile.d") == set()
