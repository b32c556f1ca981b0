"""The bundle jetpack.checks on recorded machines: directories with what sysfs, proc and the kernel's log had."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


class Machine:
    """A recorded machine, and the node that is on it."""

    def __init__(self, jetpack, root):
        self.jetpack, self.root, self.extra = jetpack, root, {}
        self.write("proc/uptime", "90000.00 80000.00\n")
        self.write("proc/sys/kernel/random/boot_id", "boot-1\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def kernel(self, *lines, age=60):
        """Messages of the kernel, the last one `age` seconds old."""
        records = [f"4,{number},{(90000 - age) * 1000000},-;{line}\n SUBSYSTEM=pci\n" for number, line in enumerate(lines)]
        self.write("dev/kmsg", "6,1,1000,-;Linux version 5.15.0\n" + "".join(records))

    def settings(self, **values):
        self.jetpack.home.node({"jetpack": {"checks": values}})

    def __call__(self, check):
        """The status and message of a check."""
        result = self.jetpack("plugin", "offer", "jetpack.checks", "check", check,
                              env={"JETPACK_CHECKS_ROOT": str(self.root), **self.extra})
        assert result.stdout, result
        said = json.loads(result.stdout)["condition"]
        assert result.returncode == {"OK": 0, "NA": 0, "Warning": 1, "Error": result.returncode}[said["status"]]
        self.exit_code, self.details = result.returncode, said["details"]
        return said["status"], said["message"]


@pytest.fixture(name="machine")
def _machine(jetpack, built_home, home, tmp_path):
    home.node({})
    bundle, = (built_home / "plugins/store/jetpack.checks").iterdir()
    # As the package does it: a link to the active version.
    place = home / "plugins/store/jetpack.checks" / bundle.name
    shutil.copytree(bundle, place)
    (home / "plugins/active").mkdir(parents=True)
    (home / "plugins/active/jetpack.checks").symlink_to(f"../store/jetpack.checks/{bundle.name}")
    # It was not installed by 'jetpack plugin install', so its key is not trusted in this home.
    home.write("config/plugins.ini", "[trust]\nsignatures = optional\n")
    return Machine(jetpack, tmp_path / "machine")


def test_a_machine_without_such_hardware_is_healthy(machine):
    machine.kernel()
    machine.write("proc/self/mountinfo", "29 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n")
    machine.write("df", "/ 1000 500 100 50\n")
    machine.write("adjtimex", "8192 2500\n")
    for check in ("gpu", "gpu-xid", "infiniband", "memory", "filesystems", "disk-errors", "clock", "oom"):
        assert machine(check)[0] == "OK", check


def test_the_checks_are_listed_and_their_settings_documented(machine, repository):
    offers, = json.loads(machine.jetpack.answer("plugin", "list", "--offers", "--json"))
    readme = (repository / "plugins/checks/README.md").read_text()
    for check in offers["checks"]:
        assert f"| `{check['name']}`" in readme
        assert 0 < check["deadline"] < check["interval"]
    for setting in offers["settings"]:
        name = setting["key"].removeprefix("jetpack.checks.")
        assert f"| `{name}` | {setting['default']} |" in readme


# -- GPUs -----------------------------------------------------------------------------------------


@pytest.fixture(name="gpus")
def _gpus(machine, tmp_path):
    """gpus(LINE...): so many GPUs on the bus, and what the driver says of each."""
    library = tmp_path / "nvml/libnvidia-ml.so.1"
    library.parent.mkdir()
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, HERE / "nvml.c"], check=True)
    machine.extra = {"LD_LIBRARY_PATH": str(library.parent), "FAKE_NVML": str(tmp_path / "gpus")}

    def put(*lines, on_bus=None):
        (tmp_path / "gpus").write_text("".join(f"{line}\n" for line in lines))
        for number in range(len(lines) if on_bus is None else on_bus):
            device = f"sys/bus/pci/devices/0000:{number:02x}:00.0"
            machine.write(f"{device}/vendor", "0x10de\n")
            machine.write(f"{device}/class", "0x030200\n")
        machine.write("sys/bus/pci/devices/0000:ff:00.0/vendor", "0x10de\n")
        machine.write("sys/bus/pci/devices/0000:ff:00.0/class", "0x0c0330\n")

    return put


def test_gpus_that_are_well(machine, gpus):
    gpus("40 0 0 0", "41 0 0 0")
    assert machine("gpu") == ("OK", "2 GPUs answer")


@pytest.mark.parametrize("lines, on_bus, status, message", [
    (["91 0 0 0"], 1, "Warning", "GPU 0 (NVIDIA H100): 91 C, the limit is 90"),
    (["40 2 0 0"], 1, "Error", "GPU 0 (NVIDIA H100): 2 uncorrected memory errors since the driver was loaded"),
    (["40 0 1 0"], 1, "Warning", "GPU 0 (NVIDIA H100): broken memory rows are to be remapped; reset the GPU"),
    (["40 0 0 1"], 1, "Error", "GPU 0 (NVIDIA H100): its memory has no spare rows left; replace the GPU"),
    (["40 0 0 0", "lost"], 2, "Error", "GPU 1 does not answer: GPU is lost"),
    (["40 0 0 0"], 2, "Error", "the NVIDIA driver has 1 GPUs, expected 2"),
    (["broken"], 1, "Error", "the NVIDIA driver does not answer: Driver/library version mismatch"),
    (["99 0 0 0", "lost"], 2, "Error", "GPU 1 does not answer: GPU is lost (and 1 more)"),
])
def test_gpus_that_are_not(machine, gpus, lines, on_bus, status, message):
    gpus(*lines, on_bus=on_bus)
    assert machine("gpu") == (status, message)


def test_a_node_that_must_have_gpus(machine, gpus):
    gpus("40 0 0 0")
    machine.settings(gpu_count=8, gpu_temperature=40)
    assert machine("gpu") == ("Error", "the NVIDIA driver has 1 GPUs, expected 8 (and 1 more)")
    assert machine.exit_code == 1 and "40 C, the limit is 40" in machine.details
    machine.settings(gpu_count=8, terminate=True)
    assert machine("gpu")[0] == "Error" and machine.exit_code == 254


def test_gpus_without_a_driver(machine, gpus):
    gpus("40 0 0 0")
    machine.extra = {}
    status, message = machine("gpu")
    assert status == "Warning" and message.startswith("1 NVIDIA GPUs, but libnvidia-ml.so.1 is missing")


def test_a_driver_that_hangs_ends_with_the_deadline(machine, gpus, home):
    gpus("hang")
    machine.settings(gpu_count=1)
    home.node({"cyclecloud": {"jetpack": {"healthcheck_timeout": 1}}, "jetpack": {"checks": {"gpu_count": 1}}})
    note = {"schema": 1, "id": "x.hang", "version": "1", "program": "hang.sh", "commands": [],
            "checks": [{"name": "hang", "summary": "s", "deadline": 500}]}
    directory = home.write("p/hang.json", json.dumps(note)).parent
    script = home.write("p/hang.sh", '#!/bin/sh\nexec "$JETPACK" plugin offer jetpack.checks check gpu\n')
    script.chmod(0o755)
    home.write("config/jetpack.ini", f"[plugins]\npath = {directory}\n")
    result = machine.jetpack("healthcheck", "run", "hang", "--json",
                             env={"JETPACK_CHECKS_ROOT": str(machine.root), **machine.extra})
    assert json.loads(result.stdout)[0]["state"] == "hung"


XID = "NVRM: Xid (PCI:0000:3b:00): {}, pid='<unknown>', name=<unknown>, {}"


@pytest.mark.parametrize("number, text, status", [
    (79, "GPU has fallen off the bus.", "Error"), (48, "DBE (double bit error) ECC Error", "Error"),
    (95, "Uncontained ECC error", "Error"), (119, "Timeout waiting for RPC from GSP!", "Error"),
    (63, "Row Remapper: New row marked for remapping", "Warning"), (94, "Contained: ECC error", "Warning"),
    (13, "Graphics Exception: ESR 0x404490=0x80000001", "OK"), (31, "MMU Fault: ENGINE GRAPHICS", "OK"),
    (43, "Ch 00000010", "OK")])
def test_xid_messages(machine, number, text, status):
    machine.kernel(XID.format(number, text))
    found, message = machine("gpu-xid")
    assert found == status
    if status != "OK":
        assert message.startswith(f"GPU 0000:3b:00: Xid {number}, ")


def test_xid_messages_that_are_old_or_many(machine):
    machine.kernel(*[XID.format(79, "x")] * 3)
    assert machine("gpu-xid")[1].endswith("fallen off the bus, 3 times")
    machine.kernel(XID.format(79, "x"), age=7200)
    assert machine("gpu-xid")[0] == "OK"
    machine.settings(window="1d")
    assert machine("gpu-xid")[0] == "Error"


# -- InfiniBand -----------------------------------------------------------------------------------


def port(machine, device="mlx5_0", state="4: ACTIVE", physical="5: LinkUp", downed=0, layer="InfiniBand"):
    directory = f"sys/class/infiniband/{device}/ports/1"
    for name, text in (("state", state), ("phys_state", physical), ("rate", "200 Gb/sec (4X HDR)"), ("link_layer", layer),
                       ("counters/link_downed", str(downed))):
        machine.write(f"{directory}/{name}", text + "\n")


def test_ports_that_are_active_or_not_wanted(machine):
    port(machine)
    port(machine, "mlx5_1", "1: DOWN", "3: Disabled")
    port(machine, "mlx5_2", "1: DOWN", "2: Polling", layer="Ethernet")
    assert machine("infiniband") == ("OK", "1 ports are active")
    machine.settings(infiniband_ports=2)
    assert machine("infiniband") == ("Error", "1 InfiniBand ports are active, expected 2")


def test_a_port_that_is_down(machine):
    port(machine, state="1: DOWN", physical="2: Polling")
    assert machine("infiniband") == (
        "Error", "port mlx5_0/1 is DOWN (Polling); check the cable and the subnet manager")


def test_a_port_that_loses_its_link(machine, home):
    port(machine, downed=5)
    assert machine("infiniband")[0] == "OK"  # what was before the first run says nothing
    port(machine, downed=7)
    assert machine("infiniband")[0] == "OK"
    port(machine, downed=8)
    assert machine("infiniband") == ("Warning", "port mlx5_0/1 lost its link 3 times within 60 min; check the cable")
    machine.write("proc/uptime", "93700.00 1.00\n")
    assert machine("infiniband")[0] == "OK"
    # Another boot counts from its own beginning; a damaged file is replaced.
    port(machine, downed=20)
    machine.write("proc/sys/kernel/random/boot_id", "boot-2\n")
    assert machine("infiniband")[0] == "OK"
    home.write("run/checks.json", "{")
    assert machine("infiniband")[0] == "OK"
    assert json.loads((home / "run/checks.json").read_text())["infiniband"]["mlx5_0/1"]["link_downed"] == 20


# -- Memory ---------------------------------------------------------------------------------------


def controller(machine, ce=0, ue=0, seconds=80000, name="mc0"):
    directory = f"sys/devices/system/edac/mc/{name}"
    for file, value in (("ce_count", ce), ("ue_count", ue), ("seconds_since_reset", seconds),
                        ("dimm1/dimm_ce_count", ce), ("dimm1/dimm_ue_count", ue), ("dimm1/dimm_label", "DIMM_A1"),
                        ("dimm2/dimm_ce_count", 0), ("dimm2/dimm_ue_count", 0), ("dimm2/dimm_label", "DIMM_A2")):
        machine.write(f"{directory}/{file}", f"{value}\n")


@pytest.mark.parametrize("counters, status, message", [
    ({"ce": 99}, "OK", "1 memory controllers without errors"),
    ({"ce": 100}, "Warning", "memory controller mc0: 100 corrected errors in 1 day, DIMM_A1"),
    ({"ce": 999, "seconds": 864000}, "OK", "1 memory controllers without errors"),
    ({"ce": 1000, "seconds": 864000}, "Warning", "memory controller mc0: 1000 corrected errors in 10 days, DIMM_A1"),
    ({"ue": 1}, "Error", "memory controller mc0: 1 uncorrected errors, DIMM_A1"),
])
def test_memory(machine, counters, status, message):
    controller(machine, **counters)
    assert machine("memory") == (status, message)


# -- File systems and disks -----------------------------------------------------------------------

MOUNTS = r"""29 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
30 29 259:1 / /boot/efi rw,relatime - vfat /dev/nvme0n1p1 rw
31 29 259:4 / /mnt/job\040data {options} - xfs /dev/nvme1n1 {super}
32 29 7:1 / /snap/core ro,nodev - squashfs /dev/loop1 ro
33 29 0:50 / /shared rw - nfs4 server:/shared rw
"""
FSTAB = r"""# /etc/fstab
UUID=1234 / ext4 errors=remount-ro 0 1
/dev/nvme1n1 /mnt/job\040data xfs defaults 0 2
server:/shared /shared nfs4 defaults,_netdev 0 0
/dev/sdz /media auto noauto,ro 0 0
UUID=5678 none swap sw 0 0
"""
SPACE = "/ 1000 500 1000 500\n/boot/efi 100 50 0 0\n"


def filesystems(machine, options="rw", super_options="rw", fstab=FSTAB, space=SPACE):
    machine.write("proc/self/mountinfo", MOUNTS.format(options=options, super=super_options))
    machine.write("etc/fstab", fstab)
    machine.write("df", space)
    return machine("filesystems")


def test_file_systems_that_are_well(machine):
    assert filesystems(machine) == ("OK", "3 file systems are mounted, with space left")


@pytest.mark.parametrize("state, status, message", [
    ({"options": "ro"}, "Error", "/mnt/job data (/dev/nvme1n1) is read-only; the kernel's log says why"),
    ({"super_options": "ro,noquota"}, "Error", "/mnt/job data (/dev/nvme1n1) is read-only; the kernel's log says why"),
    ({"space": "/ 1000 49 1000 500\n"}, "Warning", "/: 4 % of its space left"),
    ({"space": "/ 1000 500 1000 0\n"}, "Warning", "/: 0 % of its inodes left"),
    ({"space": "/ 1000 0 1000 500\n"}, "Error", "/ is full"),
    ({"fstab": FSTAB + "/dev/sdb /scratch xfs defaults 0 0\n"}, "Error", "/scratch is in /etc/fstab and not mounted"),
    ({"fstab": FSTAB + "/dev/sdb /scratch xfs nofail 0 0\n"}, "Warning", "/scratch is in /etc/fstab and not mounted"),
])
def test_file_systems_that_are_not(machine, state, status, message):
    assert filesystems(machine, **state) == (status, message)


def test_a_file_system_that_is_to_be_read_only(machine):
    read_only = FSTAB.replace("xfs defaults", "xfs ro")
    assert filesystems(machine, options="ro", fstab=read_only)[0] == "OK"


def test_a_limit_of_their_own(machine):
    machine.settings(disk_free=0)
    assert filesystems(machine, space="/ 1000 1 1000 1\n")[0] == "OK"


@pytest.mark.parametrize("line, disk", [
    ("blk_update_request: I/O error, dev sda, sector 1234 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 0", "sda"),
    ("I/O error, dev nvme0n1, sector 2048 op 0x1:(WRITE)", "nvme0n1"),
    ("critical medium error, dev sdb, sector 99", "sdb"),
    ("Buffer I/O error on dev dm-0, logical block 7, lost async page write", "dm-0"),
    ("EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2: comm ls: reading directory lblock 0", "sda1"),
    ("XFS (nvme1n1): Metadata corruption detected at xfs_inode_buf_verify", "nvme1n1"),
    ("nvme nvme0: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0xffff", "nvme0"),
])
def test_errors_of_disks(machine, line, disk):
    machine.kernel(line)
    assert machine("disk-errors") == ("Error", f"{disk}: 1 error: {line}")
    machine.kernel(line, line)
    assert machine("disk-errors")[1].startswith(f"{disk}: 2 errors, the last: ")
    machine.kernel("XFS (nvme1n1): Mounting V5 Filesystem", "EXT4-fs (sda1): mounted filesystem")
    assert machine("disk-errors")[0] == "OK"


# -- Clock and memory kills -----------------------------------------------------------------------


def test_the_clock(machine):
    machine.write("adjtimex", "8192 2500\n")
    assert machine("clock") == ("OK", "synchronized")
    machine.write("adjtimex", "8192 1500000\n")
    assert machine("clock") == ("Warning", "the clock may be off by 1500 ms, the limit is 1000 ms")
    machine.write("adjtimex", "64 16000000\n")
    assert machine("clock") == ("Warning", "the clock is not synchronized; is chronyd running?")
    machine.write("proc/uptime", "300.00 1.00\n")
    assert machine("clock") == ("OK", "not yet synchronized")


@pytest.mark.parametrize("leap, status", [("Normal", "OK"), ("Not synchronised", "Warning")])
def test_chrony_is_asked_because_it_may_not_tell_the_kernel(machine, leap, status):
    machine.write("adjtimex", "64 16000000\n")
    script = machine.write("usr/bin/chronyc", f"#!/bin/sh\necho 'A9FEA97B,169.254.169.123,4,1700000000.1,0.0,0.0,0.0,0.0,0,0,0.1,0.0,64.3,{leap}'\n")
    script.chmod(0o755)
    assert machine("clock")[0] == status


def test_processes_that_were_killed_for_want_of_memory(machine):
    machine.kernel("Memory cgroup out of memory: Killed process 77 (python3) total-vm:1kB, anon-rss:1kB")
    assert machine("oom")[0] == "OK"
    machine.kernel("Out of memory: Killed process 4242 (slurmd) total-vm:1234kB, anon-rss:1kB",
                   "Out of memory: Kill process 1 (lammps) score 900 or sacrifice child",
                   "Out of memory: Killed process 4243 (slurmd) total-vm:1234kB")
    assert machine("oom") == ("Warning", "out of memory: 3 processes were killed: lammps, slurmd")
