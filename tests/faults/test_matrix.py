"""Every verb in every bad place: the documented outcome, a line that says why, and never a signal.

A column is a node in trouble: its disk, its descriptors, its limits, its terminal. A row is a verb. Each
cell runs as root and as a member of the group."""

import contextlib
import itertools
import os
import re
import shutil
import subprocess

import pytest

MEMBER_GROUP = 23456
MEMBER = 65534

# What reports to the server. Wherever it cannot be queued it is delivered directly.
SENDERS = {
    "log": ["log", "the text", "--level", "error"],
    "condition set": ["condition", "set", "-n", "disk", "-s", "Error", "-m", "broken"],
    "autoscale": ["autoscale", "--corecount", "4"],
    "keepalive": ["keepalive", "forever"],
    "shutdown": ["shutdown", "--unhealthy"],
    "installation set": ["installation", "set", "warning"],
    "props set": ["props", "set", "rack", "r12"],
}
# What answers on standard output and exits 0 as long as the home can be read.
READERS = {
    "--version": ["--version"],
    "--help": ["--help"],
    "help": ["help", "log"],
    "plugin list": ["plugin", "list"],
    "config": ["config", "cyclecloud.cluster.name"],
    "config default": ["config", "no.such.key", "fallback"],
    "props get": ["props", "get", "a"],
    "users": ["users"],
    "condition list": ["condition", "list"],
}
# What depends on more, and must only end properly.
OTHERS = {
    "outbox list": ["outbox", "list"],
    "outbox retry": ["outbox", "retry", "--all"],
    "condition clear": ["condition", "clear", "disk"],
    "status": ["status"],
    "keepalive --show": ["keepalive", "--show"],
    "keepalive --cancel": ["keepalive", "--cancel"],
    "run_on_shutdown": ["run_on_shutdown", "/bin/true"],
    "run_on_shutdown --list": ["run_on_shutdown", "--list"],
    "send": ["send", "x", "--routing-key", "q"],
    "download": ["download", "--project", "p", "blob"],
    "report_issue": ["report_issue", "--help"],
    "initialize": ["initialize", "--help"],
    "jetpackd": ["jetpackd", "--once"],
    "hub": ["hub", "node", "list", "--help"],
    "unknown": ["frobnicate"],
    "usage": ["log"],
}
VERBS = {**SENDERS, **READERS, **OTHERS}


class Node:
    """A node's home that root and the members of a group share, and its verbs."""

    def __init__(self, home, server, installation):
        self.home, self.server = home, server
        self.binary = installation / "bin/jetpack"
        self.fill()

    def fill(self):
        """Gives the home what a real one has."""
        self.home.node({"cyclecloud": {"cluster": {"name": "demo"}, "jetpack": {"http_port": 0}}})
        self.home.properties({"a": "1"})
        self.home.write("config/auth.json", [{"name": "ada", "uid": 20001}])
        for directory in [self.home.path, *self.home.path.iterdir()]:
            if directory.is_dir():
                directory.chmod(0o755)
        for name in ("logs", "run"):
            os.chown(self.home / name, 0, MEMBER_GROUP)
            (self.home / name).chmod(0o2770)
        # Root alone changes properties.
        for file in (self.home / "config").iterdir():
            os.chown(file, 0, MEMBER_GROUP)
            file.chmod(0o640)

    def run(self, verb, who="root", prefix=(), env=None, wrap=None, **options):
        """Runs a verb; `wrap` is a shell's script around it."""
        environment = {"JETPACK_HOME": str(self.home.path), "PATH": os.environ["PATH"],
                       "LC_ALL": "C.UTF-8", **(env or {})}
        member = [] if who == "root" else ["setpriv", f"--reuid={MEMBER}", f"--regid={MEMBER_GROUP}",
                                           "--clear-groups"]
        command = [str(self.binary), *VERBS[verb]]
        if wrap:
            command = ["bash", "-c", wrap, "bash", *command]
        options.setdefault("stdin", subprocess.DEVNULL)
        if "stdout" not in options:
            options["stdout"] = subprocess.PIPE
        if "stderr" not in options:
            options["stderr"] = subprocess.PIPE
        return subprocess.run([*prefix, *member, *command], env=environment, encoding="utf-8",
                              errors="surrogateescape", timeout=60, check=False, **options)

    def heard(self, verb):
        """How many reports of this verb the server has."""
        kinds = {"log": "log", "installation set": "installation",
                 "condition set": "condition", "keepalive": "keepalive",
                 "props set": "properties"}
        if verb in kinds:
            return sum(message["type"] == kinds[verb] for message in self.server.messages)
        part = "scale/execute" if verb == "autoscale" else "terminate"
        return sum(part in path for path, _, _ in self.server.letters)


@pytest.fixture
def node(as_user, public_installation, home, node_server):
    as_user()
    return Node(home, node_server, public_installation)


@pytest.fixture
def node_server(home):
    from servers import node_server as module  # noqa: PLC0415: the fixture of conftest has its name
    running = module.NodeServer()
    module.connect(home, running)
    yield running
    running.stop()


def who_sends():
    """Each that reports, and as whom: properties are root's alone."""
    return [(verb, who) for verb, who in itertools.product(SENDERS, ("root", "member"))
            if (verb, who) != ("props set", "member")]


def ends_properly(result, verb):
    """No signal, and where it fails a line that says why."""
    assert 0 <= result.returncode < 128, (verb, result)
    if result.returncode != 0 and result.stderr is not None and verb != "status":
        first = result.stderr.partition("\n")[0]
        assert re.match(r"(jetpack|Usage)", first), (verb, result)
    # What the event loop says of a lack of descriptors is clear enough.
    if "Too many open files" not in (result.stderr or ""):
        assert "internal error" not in (result.stderr or ""), (verb, result)
    assert "RapidJSON" not in (result.stderr or ""), (verb, result)


@contextlib.contextmanager
def file_system(node, options):
    """Puts the home onto a file system of its own."""
    saved = node.home.path.with_name("saved")
    shutil.copytree(node.home.path, saved)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", node.home.path],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {done.stderr.strip()}")
    try:
        shutil.copytree(saved, node.home.path, dirs_exist_ok=True)
        node.fill()
        yield
    finally:
        subprocess.run(["umount", "--lazy", node.home.path], check=True)
        shutil.rmtree(saved)


def use_up_space(node):
    with open(node.home / "filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass


def use_up_inodes(node):
    (node.home / "files").mkdir()
    with contextlib.suppress(OSError):
        for n in itertools.count():
            (node.home / f"files/{n}").touch()


def make_read_only(node):
    subprocess.run(["mount", "-o", "remount,ro", node.home.path], check=True)


def remove_run(node):
    shutil.rmtree(node.home / "run")


def break_outbox(node):
    (node.home / "run/outbox.db").unlink(missing_ok=True)
    (node.home / "run/outbox.db").mkdir()


DISKS = {
    "full": (use_up_space, "No space left|full"),
    "no inodes": (use_up_inodes, "No space left|inode"),
    "read-only": (make_read_only, "[Rr]ead-only"),
    "no run directory": (remove_run, "No such file"),
    "broken outbox": (break_outbox, "outbox.db"),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
@pytest.mark.parametrize("disk", DISKS)
def test_a_bad_disk(node, disk, used):
    spoil, why = DISKS[disk]
    with file_system(node, "size=4m,nr_inodes=200"):
        if used:
            assert node.run("log").returncode == 0
        spoil(node)
        for verb, who in who_sends():
            before = node.heard(verb)
            result = node.run(verb, who)
            assert result.returncode == 0, (verb, who, result)
            assert node.heard(verb) == before + 1, (verb, who, result)
            # A queue that was already there may need no inode, and have room of its own.
            if not (used and disk in ("full", "no inodes")):
                assert "delivered directly, because it could not be queued" in result.stderr, (verb, result)
                assert re.search(why, result.stderr), (verb, result)
        for verb, who in itertools.product(READERS, ("root", "member")):
            result = node.run(verb, who)
            # Where run/ itself is good, the condition is recorded.
            is_recorded = disk == "broken outbox"
            said = "" if verb != "condition list" or is_recorded else "No conditions are set.\n"
            assert (result.returncode, result.stderr) == (0, said), (verb, who, result)
        for verb, who in itertools.product(OTHERS, ("root", "member")):
            ends_properly(node.run(verb, who), verb)


@pytest.mark.timeout(120)
def test_a_bad_disk_and_no_server(node):
    node.server.stop()
    with file_system(node, "size=4m"):
        make_read_only(node)
        for verb in SENDERS:
            result = node.run(verb)
            assert result.returncode == 1, (verb, result)
            assert "could not be queued" in result.stderr and "nor delivered" in result.stderr
            assert "read-only" in result.stderr.lower() and "group" not in result.stderr, result
    node.server.start()


SUBSETS = [subset for size in range(1, 4) for subset in itertools.combinations((0, 1, 2), size)]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["closed", "full"])
def test_descriptors(node, how):
    """What nobody can read changes the exit code only where it is the answer."""
    for subset in SUBSETS:
        redirect = " ".join(f"{fd}>&-" if how == "closed" else
                            f"{fd}{'<' if fd == 0 else '>'}/dev/full" for fd in subset)
        wrap = f'exec "$@" {redirect}'
        for verb in SENDERS:
            before = node.heard(verb)
            result = node.run(verb, wrap=wrap)
            assert result.returncode == 0, (verb, subset, result)
            assert node.heard(verb) == before + 1, (verb, subset)
        for verb in READERS:
            result = node.run(verb, wrap=wrap)
            assert result.returncode == (1 if 1 in subset else 0), (verb, subset, result)
            if 1 in subset and 2 not in subset:
                assert "cannot write to standard output" in result.stderr, (verb, subset, result)
        for verb in OTHERS:
            result = node.run(verb, wrap=wrap)
            assert 0 <= result.returncode < 128, (verb, subset, result)
    # Nothing that was meant for a person is in a file.
    for file in (node.home / "run").iterdir():
        if file.name.endswith(".lock"):
            assert b"delivered" not in file.read_bytes(), file


@pytest.mark.timeout(120)
def test_a_pipe_that_nobody_reads(node):
    for verb in SENDERS:
        before = node.heard(verb)
        ours, theirs = os.pipe()
        os.close(ours)
        try:
            result = node.run(verb, stderr=theirs)
        finally:
            os.close(theirs)
        assert result.returncode == 0 and node.heard(verb) == before + 1, (verb, result)


# Limits under which a message can at least be queued.
LIMITS = {
    "16 descriptors": "ulimit -n 16",
    "no more processes": "ulimit -u 1",
    "256 MiB of address space": "ulimit -v 262144",
    "64 MiB of data": "ulimit -d 65536",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("limit", LIMITS)
def test_limits(node, limit):
    for verb, who in itertools.product(VERBS, ("root", "member")):
        before = node.heard(verb) if verb in SENDERS else 0
        result = node.run(verb, who, wrap=f'{LIMITS[limit]}; exec "$@"')
        ends_properly(result, verb)
        if (verb, who) == ("props set", "member"):
            assert result.returncode == 1 and "ermission denied" in result.stderr, result
        elif verb in SENDERS:
            assert result.returncode == 0, (verb, who, result)
            assert node.heard(verb) == before + 1 or "queued" in result.stderr, (verb, who, result)
        elif verb in READERS:
            assert result.returncode == 0, (verb, who, result)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("limit", ["ulimit -f 0", "ulimit -f 8", "ulimit -v 40960",
                                   "ulimit -v 65536", "ulimit -d 8192", "ulimit -n 5"])
def test_limits_that_are_too_low(node, limit):
    """Whether it can be done or not, it is said, and nothing that was queued is reported as failed."""
    for verb, who in itertools.product(VERBS, ("root", "member")):
        before = node.heard(verb) if verb in SENDERS else 0
        result = node.run(verb, who, wrap=f'{limit}; exec "$@"')
        if result.returncode == 127 and "error while loading shared libraries" in result.stderr:
            continue
        ends_properly(result, verb)
        if verb in SENDERS and result.returncode == 0:
            assert node.heard(verb) == before + 1 or "queued" in result.stderr, (verb, who, result)


PLACES = {
    "no /proc": 'mount -t tmpfs tmpfs /proc; exec "$@"',
    "deleted working directory": 'd=$(mktemp -d); cd "$d"; rmdir "$d"; exec "$@"',
    "empty environment": 'exec env -i JETPACK_HOME="$JETPACK_HOME" "$@"',
    "LANG=C": 'exec env -u LC_ALL LANG=C "$@"',
    "Latin-1 terminal": 'exec env LC_ALL=en_US.ISO-8859-1 TERM=xterm "$@"',
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("place", PLACES)
def test_odd_places(node, place):
    for verb, who in itertools.product(VERBS, ("root", "member")):
        wrap = PLACES[place]
        prefix = ()
        if place == "no /proc":
            # Only root can mount; what follows is in a mount namespace of its own.
            prefix = ["unshare", "-m", "bash", "-c", wrap, "bash"]
            wrap = None
        before = node.heard(verb) if verb in SENDERS else 0
        result = node.run(verb, who, prefix=prefix, wrap=wrap)
        ends_properly(result, verb)
        if (verb, who) == ("props set", "member"):
            assert result.returncode == 1 and "ermission denied" in result.stderr, result
        elif verb in SENDERS:
            assert result.returncode == 0, (verb, who, result)
            assert node.heard(verb) == before + 1, (verb, who, result)
        elif verb in READERS:
            assert result.returncode == 0, (verb, who, result)
