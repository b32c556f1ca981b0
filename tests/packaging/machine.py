"""A machine to install on: this machine's file system below an overlay, in namespaces of its own, with
systemd as its first process where that is wanted. What is changed is in the upper directory; all of it
ends with the process that holds the namespaces."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import subprocess
import time
from pathlib import Path

from servers.process import wait_for

# What systemd would do to the machine that the tests run on, or cannot do in namespaces.
MASKED = """console-getty.service getty.target sys-kernel-debug.mount sys-kernel-tracing.mount
sys-fs-fuse-connections.mount dev-hugepages.mount dev-mqueue.mount systemd-sysctl.service
systemd-modules-load.service systemd-remount-fs.service systemd-udevd.service systemd-udevd-control.socket
systemd-udevd-kernel.socket systemd-udev-trigger.service systemd-journald-audit.socket systemd-networkd.service
systemd-resolved.service systemd-timesyncd.service systemd-logind.service""".split()

# ROOT LOWER PACKAGES CGROUP INIT...: mounts, and becomes the machine's first process. The root is
# pivoted, as systemd makes no mount namespaces below a changed one; /.outside is the one before.
START = """set -e
top=$1 lower=$2 packages=$3 group=$4
shift 4
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$top/upper,workdir=$top/work" "$top/root"
cd "$top/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
[ -z "$group" ] || mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do : >"dev/$name"; mount --bind "/dev/$name" "dev/$name"; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mkdir -p packages
mount --bind "$packages" packages
ip link set lo up
mkdir -p .outside
echo ready >"$top/ready"
pivot_root . .outside
exec chroot . env -i container=jetpack-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""
CLONE_NEWNET = 0x40000000


class NotPossible(Exception):
    """Namespaces, overlays or systemd are not to be had here."""


def cgroup2():
    """Where the unified hierarchy is mounted."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        if line.split()[2] == "cgroup2":
            return Path(line.split()[1])
    raise NotPossible("there is no cgroup2 file system")


class Machine:
    """Runs commands in the machine, and looks at its files."""

    def __init__(self, top, packages, lower="/", boot=False):
        if os.geteuid() != 0:
            raise NotPossible("only root can make namespaces")
        self.top, self.group, self.process = top, None, None
        for name in ("upper", "work", "root"):
            (top / name).mkdir(parents=True)
        settings = top / "upper/etc/dpkg/dpkg.cfg.d"
        settings.mkdir(parents=True)
        (settings / "tests").write_text("force-unsafe-io\n")
        self.hide("opt")
        if lower == "/":
            self.forget_packages()
        init = ["sleep", "infinity"]
        if boot:
            if not Path("/lib/systemd/systemd").exists():
                raise NotPossible("systemd is missing")
            self.prepare_systemd()
            init = ["/lib/systemd/systemd"]
            self.group = cgroup2() / f"jetpack-test-{os.getpid()}-{top.name}"
            self.group.mkdir()
        enter = f"echo $$ >'{self.group}/cgroup.procs' && " if boot else ""
        command = ["sh", "-c", enter + 'exec "$@"', "sh", "unshare", "--pid", "--fork", "--kill-child", "--mount", "--net",
                   "--uts", "--ipc", "--cgroup", "sh", "-c", START, "sh", top, lower, packages, self.group or "", *init]
        self.log = (top / "log").open("w")
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        wait_for(lambda: self.process.poll() is not None or (top / "ready").exists(), "the namespaces")
        if not (top / "ready").exists():
            self.end()
            raise NotPossible(f"namespaces or overlays cannot be made: {(top / 'log').read_text()}")
        self.init = int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])
        self.root = f"/proc/{self.init}/root"
        wait_for(lambda: Path(f"/proc/{self.init}/comm").read_text().strip() == Path(init[0]).name,
                 "its first process")
        if boot:
            wait_for(lambda: self.run("systemctl", "is-system-running", check=False).stdout.strip()
                     in ("running", "degraded"), "systemd", seconds=60)

    def prepare_systemd(self):
        """The units of this machine are not those of the new one."""
        units = self.hide("etc/systemd/system")
        for name in MASKED:
            (units / name).symlink_to("/dev/null")
        self.hide("var/log/journal")

    def forget_packages(self):
        """dpkg takes long to read the many that a machine for tests has; ours need but these."""
        database = self.hide("var/lib/dpkg")
        for name in ("info", "updates", "triggers"):
            (database / name).mkdir()
        (database / "status").write_text("".join(
            f"Package: {name}\nStatus: install ok installed\nMaintainer: nobody\nArchitecture: amd64\nVersion: 2.36\n"
            "Description: is there\n\n" for name in ("libc6", "passwd")))

    def hide(self, name):
        """Makes a directory empty in the machine."""
        path = self.top / "upper" / name
        path.mkdir(parents=True)
        os.setxattr(path, "trusted.overlay.opaque", b"y")
        return path

    def command(self, *words, inside=True):
        """`inside` as opposed to: with this machine's root, which sees the new one's at `root`."""
        flags = ["-m", "-p", "-n", "-u", "-i"] + (["-C"] if self.group else [])
        return ["nsenter", "-t", str(self.init), *flags, *([] if inside else ["chroot", "/.outside"]), "env", "-i",
                "LC_ALL=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                *(str(word) for word in words)]

    def run(self, *words, check=True, inside=True, timeout=120, **options):
        result = subprocess.run(self.command(*words, inside=inside), text=True, capture_output=True, check=False,
                                timeout=timeout, **options)
        assert not check or result.returncode == 0, f"{words}: {result.returncode}\n{result.stdout}{result.stderr}"
        return result

    def fails(self, *words):
        """What it says."""
        result = self.run(*words, check=False)
        assert result.returncode != 0, result.stdout
        return result.stdout + result.stderr

    def shell(self, text, **options):
        return self.run("sh", "-c", text, **options).stdout

    def start(self, *words, **options):
        return subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, **options)

    def jetpack(self, *words, **options):
        return self.run("/opt/cycle/jetpack/bin/jetpack", *words, **options)

    def write(self, path, text, mode=0o644):
        self.run("sh", "-c", 'mkdir -p "${1%/*}" && cat >"$1" && chmod "$2" "$1"', "sh", path, f"{mode:o}", input=text)

    def read(self, path):
        return self.run("cat", path).stdout

    def exists(self, path):
        return self.run("test", "-e", path, check=False).returncode == 0

    def changed(self, *parts):
        """The files that are other than on this machine, below the parts."""
        upper = self.top / "upper"
        return {"/" + path.relative_to(upper).as_posix() for part in parts for path in (upper / part).rglob("*")
                if (path.is_symlink() or path.is_file()) and not path.name.endswith("~")}

    @contextlib.contextmanager
    def network(self):
        """Sockets that this thread makes meanwhile are the machine's."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net", "rb") as here, open(f"/proc/{self.init}/ns/net", "rb") as there:
            assert libc.setns(there.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(here.fileno(), CLONE_NEWNET) == 0

    def end(self):
        if self.process:
            # With it, the first process of the machine, and all that it has.
            self.process.kill()
            self.process.wait()
        self.log.close()
        if self.group:
            groups = [self.group, *(path for path in self.group.rglob("*") if path.is_dir())]
            wait_for(lambda: not (self.group / "cgroup.events").exists()
                     or "populated 0" in (self.group / "cgroup.events").read_text(), "the end of its processes")
            for group in sorted(groups, reverse=True):
                group.rmdir()
        shutil.rmtree(self.top, ignore_errors=True)


def distribution(suite, directory, packages=()):
    """The root of Debian's smallest system of this suite, with these packages, made once."""
    name = "-".join((suite, *packages))
    root = directory / name
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.exists():
            return root
        if not shutil.which("debootstrap"):
            raise NotPossible("debootstrap is missing")
        unfinished = directory / f"{name}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        more = [f"--include={','.join(packages)}"] if packages else []
        made = subprocess.run(["debootstrap", "--variant=minbase", *more, suite, unfinished], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if made.returncode != 0:
            raise NotPossible(f"debootstrap cannot make {name}: {made.stdout[-500:]}")
        unfinished.rename(root)
    return root
