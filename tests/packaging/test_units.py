"""The unit files and the udev rules, by systemd's own tools."""

import re
import shutil
import subprocess

import pytest
from package_set import PLACE

UNITS = ("jetpackd", "healthcheck", "jetpack-converge")
# Scripts of the administrator run in all of them, as root, and may do anything: there is no sandbox. The number is
# systemd's score, 0 to 100, which is not to become worse.
EXPOSURE = 96
RULES = "/etc/udev/rules.d/66-jetpack.rules"
# The instance ids of Azure's virtual SCSI controllers, and of the disks that have one of their own.
SCSI = "f8b3781{}-1e82-4818-a1c3-63d806ec15bb"
ROOT = "00000000-0000-8899-0000-000000000000"
RESOURCE = "00000000-0001-8899-0000-000000000000"


# The hub runs nobody's scripts.
HUB_EXPOSURE = 36


def test_the_unit_of_the_hub(machine, stage):
    machine.write(f"{PLACE}/bin/jetpack", "#!/bin/sh\n", 0o755)
    machine.shell("useradd --system --user-group jetpack-hub; groupadd -f cyclecloud")
    path = "/etc/systemd/system/jetpack-hub.service"
    machine.write(path, next((stage / "plugins/store/jetpack.hub").glob("*/share/jetpack-hub.service")).read_text())
    said = machine.run("systemd-analyze", "verify", "--man=no", path)
    assert said.stdout + said.stderr == ""
    machine.run("systemd-analyze", "security", "--offline=true", f"--threshold={HUB_EXPOSURE}", path)


@pytest.mark.parametrize("unit", UNITS)
def test_units(machine, stage, unit):
    machine.write(f"{PLACE}/bin/jetpack", "#!/bin/sh\n", 0o755)
    machine.shell(f"ln -s jetpack {PLACE}/bin/jetpackd")
    path = f"/etc/systemd/system/{unit}.service"
    machine.write(path, (stage / f"share/jetpack/systemd/{unit}.service").read_text())
    said = machine.run("systemd-analyze", "verify", "--man=no", path)
    assert said.stdout + said.stderr == ""
    machine.run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", path)


class Devices:
    """Devices in a directory that stands for /sys."""

    def __init__(self, machine, stage):
        if not shutil.which("udevadm"):
            pytest.skip("udevadm is missing")
        self.machine = machine
        machine.write(RULES, (stage / "share/jetpack/system/66-jetpack.rules").read_text())
        machine.shell("mount -t tmpfs tmpfs /sys && mkdir -p /sys/class/block /sys/class/net /sys/bus /run/udev")

    def add(self, path, subsystem, uevent="", **attributes):
        """A device below /sys/devices."""
        path = f"/sys/devices/{path}"
        kind = "class" if subsystem in ("block", "net", "nvme") else "bus"
        self.machine.shell(f"mkdir -p '{path}' /sys/{kind}/{subsystem}; ln -s /sys/{kind}/{subsystem} '{path}/subsystem'")
        self.machine.write(f"{path}/uevent", uevent)
        for name, value in attributes.items():
            self.machine.write(f"{path}/{name}", f"{value}\n")
        if kind == "class":
            self.machine.shell(f"ln -s '{path}' /sys/class/{subsystem}/")
        return path

    def drive(self, path, driver):
        self.machine.shell(f"mkdir -p '/sys/bus/drivers/{driver}'; ln -s '/sys/bus/drivers/{driver}' '/sys/devices/{path}/driver'")

    def block(self, parent, name, devtype, minor):
        return self.add(f"{parent}/{name}", "block", f"MAJOR=8\nMINOR={minor}\nDEVNAME={name.rpartition('/')[2]}\n"
                        f"DEVTYPE={devtype}\nPARTN=1\n", dev=f"8:{minor}")

    def scsi_disk(self, controller, lun, name, minor):
        """The disk and its first partition."""
        vmbus = f"LNXSYSTM:00/VMBUS:00/{controller}"
        self.add(vmbus, "vmbus", device_id=f"{{{controller}}}")
        device = f"{vmbus}/host3/target3:0:0/3:0:0:{lun}"
        self.add(device, "scsi", "DEVTYPE=scsi_device\n")
        self.add(f"{vmbus}/host3", "scsi", "DEVTYPE=scsi_host\n")
        return (self.block(f"{device}/block", name, "disk", minor),
                self.block(f"{device}/block", f"{name}/{name}1", "partition", minor + 1))

    def test(self, path, action="add"):
        result = self.machine.run("env", "SYSTEMD_DEVICE_VERIFY_SYSFS=0", "udevadm", "test", f"--action={action}", path)
        said = result.stdout + result.stderr
        assert not re.search(r"(?m)^" + RULES + r":\d+.*", said), said
        return said

    def links(self, path):
        said = self.test(path)
        found = re.search(r"^DEVLINKS=(.*)$", said, re.M)
        return {link for link in (found[1].split() if found else []) if link.startswith("/dev/disk/azure")}


def test_disks_by_logical_unit_number(machine, stage):
    devices = Devices(machine, stage)
    data = SCSI.format("b")
    for lun, name, minor in ((0, "sdc", 32), (5, "sdd", 48), (15, "sde", 64), (63, "sdf", 80)):
        machine.shell("rm -rf /sys/devices/* /sys/class/block/*")
        disk, part = devices.scsi_disk(data, lun, name, minor)
        assert devices.links(disk) == {f"/dev/disk/azure/scsi1/lun{lun}", f"/dev/disk/azure/data/by-lun/{lun}"}
        assert devices.links(part) == {f"/dev/disk/azure/scsi1/lun{lun}-part1", f"/dev/disk/azure/data/by-lun/{lun}-part1"}
    for controller, lun, name in ((ROOT, 0, "root"), (RESOURCE, 0, "resource"), (SCSI.format("a"), 0, "root"),
                                  (SCSI.format("a"), 1, "resource"), (SCSI.format("c"), 2, "scsi2/lun2")):
        machine.shell("rm -rf /sys/devices/* /sys/class/block/*")
        disk, part = devices.scsi_disk(controller, lun, "sda", 0)
        assert devices.links(disk) == {f"/dev/disk/azure/{name}"}
        assert devices.links(part) == {f"/dev/disk/azure/{name}-part1"}
    # Not Azure's: no link.
    disk, _ = devices.scsi_disk("12345678-0000-0000-0000-000000000000", 1, "sdz", 128)
    assert devices.links(disk) == set()


def test_nvme_disks(machine, stage):
    devices = Devices(machine, stage)
    devices.add("pci0/nvme0", "nvme", model="MSFT NVMe Accelerator v1.0              ")
    for nsid, names in ((1, {"root"}), (2, {"scsi1/lun0", "data/by-lun/0"}), (33, {"scsi1/lun31", "data/by-lun/31"})):
        path = devices.block("pci0/nvme0", f"nvme0n{nsid}", "disk", nsid)
        machine.write(f"{path}/nsid", f"{nsid}\n")
        assert devices.links(path) == {f"/dev/disk/azure/{name}" for name in names}
    devices.add("pci1/nvme1", "nvme", model="Microsoft NVMe Direct Disk")
    path = devices.block("pci1/nvme1", "nvme1n1", "disk", 200)
    machine.write(f"{path}/nsid", "1\n")
    assert devices.links(path) == set()


def test_network_names(machine, stage):
    devices = Devices(machine, stage)
    devices.add("vmbus/eth", "vmbus")
    devices.drive("vmbus/eth", "hv_netvsc")
    said = devices.test(devices.add("vmbus/eth/net/eth0", "net", "INTERFACE=eth0\nIFINDEX=2\n", type="1"))
    assert "NM_UNMANAGED" not in said and "NAME 'eth0'" in said
    devices.add("vmbus/pci", "vmbus")
    devices.drive("vmbus/pci", "hv_pci")
    said = devices.test(devices.add("vmbus/pci/0/net/enP1s1", "net", "INTERFACE=enP1s1\nIFINDEX=3\n", type="1"))
    assert "NM_UNMANAGED=1" in said
    said = devices.test(devices.add("vmbus/pci/1/net/ib0", "net", "INTERFACE=ib0\nIFINDEX=4\n", type="32"))
    assert "NM_UNMANAGED" not in said and "NAME 'ib0'" in said


def test_udevadm_verifies_the_rules(stage):
    said = subprocess.run(["udevadm", "verify", "--help"], capture_output=True, text=True, check=False) \
        if shutil.which("udevadm") else None
    if not said or said.returncode != 0:
        pytest.skip("this udevadm has no verify")
    subprocess.run(["udevadm", "verify", stage / "share/jetpack/system/66-jetpack.rules"], check=True)
