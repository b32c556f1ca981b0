"""The tarball on a machine: places that cannot take it, and installations that are cut short."""

import os
import random
import signal
import subprocess
import time

import pytest
from package_set import PLACE

SOURCE = "/root/jetpack"
INSTALL = f"{SOURCE}/system/install/install.sh"
# A whole tree, by its own lists.
CHECK = f"cd {PLACE} && for list in system/install/*.sha256; do sha256sum --check --quiet $list || exit 1; done"


def unpack(machine, stage, *parts):
    machine.run("mkdir", "-p", SOURCE)
    with subprocess.Popen(["tar", "-cf", "-", "-C", stage, *(parts or ["."])], stdout=subprocess.PIPE) as tar:
        machine.run("tar", "-xf", "-", "-C", SOURCE, stdin=tar.stdout)


@pytest.fixture(name="unpacked")
def _unpacked(machine, stage):
    unpack(machine, stage)
    return machine


def test_places_that_cannot_take_it(unpacked):
    machine = unpacked
    machine.shell("mkdir -p /opt/cycle; mount -t tmpfs -o noexec none /opt/cycle")
    assert "it is mounted noexec" in machine.fails(INSTALL)
    machine.shell("mount -o remount,ro,exec /opt/cycle")
    assert "it is read-only or full" in machine.fails(INSTALL)
    assert machine.shell("find /opt/cycle -type f") == ""
    machine.shell("umount /opt/cycle")

    # The tree itself.
    machine.shell(f"mount --bind {SOURCE} {SOURCE} && mount -o remount,bind,noexec {SOURCE}")
    assert f"{SOURCE} is mounted noexec" in machine.fails("sh", INSTALL)
    machine.shell(f"umount {SOURCE}")
    assert not machine.exists(f"{PLACE}/bin")


def test_a_disk_that_is_full_in_the_middle(unpacked):
    machine = unpacked
    kilobytes = int(machine.shell(f"du -sk {SOURCE}").split()[0])
    machine.shell(f"mkdir -p /opt/cycle; mount -t tmpfs -o size={kilobytes * 3 // 2}k none /opt/cycle")
    machine.run(INSTALL)
    machine.shell(CHECK)
    before = machine.shell(f"find {PLACE} -type f ! -path '*/install/installation.log' ! -path '*/logs/*' | sort")
    # An upgrade needs the space of both.
    assert "the disk is full or cannot be written; nothing was changed" in machine.fails(INSTALL)
    machine.shell(CHECK)
    assert machine.shell(f"find {PLACE} -type f ! -path '*/install/installation.log' ! -path '*/logs/*' | sort") == before
    assert machine.jetpack("--version").returncode == 0
    assert "nothing was changed" in machine.read(f"{PLACE}/logs/installation.log")


def test_two_at_once_and_kills_in_the_middle(unpacked):
    machine = unpacked
    start = time.monotonic()
    machine.run(INSTALL)
    whole = time.monotonic() - start
    chance, killed = random.Random(7), 0
    while killed < 3:
        process = machine.start(INSTALL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            process.wait(whole * chance.uniform(0.2, 0.9))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        if process.wait() == -signal.SIGKILL:
            killed += 1
        else:
            whole *= 0.8  # it was faster than before
        assert machine.jetpack("--version").returncode == 0
    both = [machine.start(INSTALL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[1] for process in both]
    assert sorted(process.returncode for process in both) in ([0, 0], [0, 1]), said
    assert all(not text or "another installation is running" in text for text in said), said
    machine.run(INSTALL)
    machine.shell(CHECK)
    assert not machine.exists(f"{PLACE}/.install-new")
    machine.run(f"{PLACE}/system/install/install.sh", "--uninstall", "--purge")
    assert not machine.exists("/opt/cycle")


def test_an_upgrade_of_the_agent_keeps_the_hub(unpacked, stage):
    machine = unpacked
    machine.run("bash", "--posix", INSTALL)  # what /bin/sh is on RHEL and SLES
    machine.shell(f"rm -rf {SOURCE}")
    hub = (stage / "system/install/hub.sha256").read_text().split()[1::2]
    unpack(machine, stage, "--anchored", "--exclude=./plugins/store", "--exclude=./plugins/active", "--no-anchored", "--exclude=*/hub.sha256", "--exclude=*/checks.sha256", ".")
    machine.run(INSTALL)
    machine.shell(CHECK)
    assert all(machine.exists(f"{PLACE}/{name}") for name in hub)
    assert "serve" in machine.jetpack("help", "hub").stdout


def test_without_systemd_the_daemons_run_by_hand(unpacked):
    """Containers and other init systems: the same tree."""
    machine = unpacked
    machine.run(INSTALL)
    machine.write(f"{PLACE}/config/local.json", '{"cyclecloud": {"jetpack": {"metadata_url": "http://127.0.0.1:1"}}}')
    machine.shell(f"{PLACE}/bin/jetpackd >/dev/null 2>&1 & {PLACE}/bin/healthcheck serve >/dev/null 2>&1 &")
    status = ""
    end = time.monotonic() + 30
    while "running" not in status and time.monotonic() < end:
        status = machine.jetpack("status", "--json", check=False).stdout
    assert '"running": true' in status, status
    assert "queued" in machine.jetpack("log", "by hand").stderr
