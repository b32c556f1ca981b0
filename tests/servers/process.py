"""What the real servers have in common: a directory, ports, processes that end with the process that started them."""

import concurrent.futures
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

# Below the range that the kernel takes for outgoing connections: a server that is started again finds
# its ports free.
PORTS = range(20000, 32000)
NOBODY = 65534
# "Dies with its parent" means: with the thread that started it. This one lives as long as we do.
SPAWNER = concurrent.futures.ThreadPoolExecutor(1)


def free_port():
    """A free loopback port."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def is_open(port):
    """Whether something listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition, what, seconds=60):
    """Waits until the condition holds and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"timed out after {seconds} s waiting for {what}"
        time.sleep(0.02)


def is_running(pid):
    """Whether the process exists and has not ended; a zombie has."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def usage(pid):
    """(KiB, open descriptors) that a process has. Of its memory only what is its own counts: how much of its files is
    in memory depends on the system."""
    status = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return sum(int(fields[name].split()[0]) for name in ("RssAnon", "VmSwap")), len(os.listdir(f"/proc/{pid}/fd"))


def children(pid):
    """The process and all below it, oldest first."""
    found = [pid]
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                found += children(int(child))
    return found


class Server:
    """A server below a directory of its own, which other users can enter (a test's directory they cannot)."""

    def __init__(self, name):
        self.directory = Path(tempfile.mkdtemp(prefix=f"jetpack-{name}-"))
        self.directory.chmod(0o755)
        self.process = None

    def spawn(self, command, environment=None, user=None):
        """Starts a program that dies with this process; its output goes to DIRECTORY/output."""
        identity = []
        if user is not None and os.geteuid() == 0:
            identity = ["--reuid", str(user), "--regid", str(user), "--clear-groups"]
        with open(self.directory / "output", "ab") as output:
            return SPAWNER.submit(
                subprocess.Popen,
                ["setpriv", *identity, "--pdeathsig", "KILL", *map(str, command)],
                env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8",
                     **(environment or {})},
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.directory,
                start_new_session=True).result()

    def wait_until(self, ready, seconds=60):
        """Waits until the server is ready; an AssertionError has its output."""
        def ready_or_dead():
            assert self.process.poll() is None, f"the server ended:\n{self.output()}"
            return ready()

        wait_for(ready_or_dead, f"{type(self).__name__} to be ready", seconds)

    def output(self):
        """The end of what it wrote."""
        return (self.directory / "output").read_text(errors="replace")[-3000:]

    @property
    def pid(self):
        """The process of the server, while it runs."""
        return self.process.pid

    def kill(self):
        """SIGKILL to it and all that it started, as when the machine fails."""
        killed = children(self.pid)
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        # Until then they hold what the next start needs: ports, shared memory.
        wait_for(lambda: not any(is_running(pid) for pid in killed), "all that it started to end")

    def freeze(self):
        """Stops it from answering, until thaw()."""
        for pid in children(self.pid):
            os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        """Lets it continue."""
        for pid in children(self.pid):
            os.kill(pid, signal.SIGCONT)

    def stop(self, kind=signal.SIGTERM):
        """Ends it as its operator would."""
        self.process.send_signal(kind)
        self.process.wait(timeout=60)
        self.process = None

    def remove(self):
        """Ends it and removes its directory."""
        if self.process:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def clean_environment():
    """The caller's environment without what would change jetpack's behaviour."""
    dropped = ("JETPACK_", "CYCLECLOUD_", "LD_", "BOOTSTRAP_HOME", "PKG_CONFIG")
    env = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    # Nothing of the tests is for the journal of this machine.
    return {**env, "LC_ALL": "C.UTF-8", "TZ": "UTC", "JETPACK_JOURNAL_SOCKET": ""}
