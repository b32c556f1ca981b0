"""The tour of the release: its tarball, installed in fresh roots of Debian 11, 12 and 13 and under an emulator,
against a hub of the same release. Takes minutes, so it runs with `tools/test --long` only."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from machine import NotPossible, distribution
from servers.process import clean_environment, wait_for
from servers.programs import need_program

REPOSITORY = Path(__file__).resolve().parents[2]
BUILT = REPOSITORY / "build-release"
PREFIX = "opt/cycle/jetpack"
# Findings of doctor that the tour must not have: all services are there, and all plugins load.
REACHED = ("server", "proxy", "tls", "cert", "ca-file", "node-unknown", "locker", "sas", "outbox", "plugin", "check")
NODES = ("bullseye", "bookworm", "trixie", "aarch64")

pytestmark = [
    pytest.mark.skipif(not os.environ.get("JETPACK_LONG"), reason="takes minutes: run tools/test --long"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can enter another root directory"),
    pytest.mark.timeout(900)]


def tarballs(architecture):
    suffix = "linux.tar.gz" if architecture == "x86_64" else f"linux-{architecture}.tar.gz"
    return {name: found for name in ("jetpack", "jetpack-hub")
            for found in (BUILT / architecture / "release").glob(f"{name}-8*-{suffix}")}


def need_release(architecture):
    if "jetpack" not in tarballs(architecture):
        pytest.skip(f"no release was built here: run tools/release --arch {architecture}")


class InRoot:
    """A node in a root directory of its own, which shares the network with the hub."""

    lists_plugins = True

    def __init__(self, root):
        self.root = root
        self.home = root / PREFIX

    def command(self, *words):
        enter = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
        return ["unshare", "--mount", "sh", "-c", enter, self.root, *words]

    def jetpack(self, *arguments):
        return self.command(f"/{PREFIX}/bin/jetpack", *arguments)

    def environment(self):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}

    def install(self, tarball):
        (self.root / "opt/cycle").mkdir(parents=True)
        subprocess.run(["tar", "-xf", tarball, "-C", self.root / "opt/cycle"], check=True, timeout=60)
        subprocess.run(self.command(f"/{PREFIX}/system/install/install.sh"), env=self.environment(), check=True,
                       capture_output=True, timeout=60)


class Emulated:
    """A node of another architecture, whose tree stands in this machine's root directory.

    The kernel does not run its programs, so jetpack cannot run itself to list its plugins."""

    lists_plugins = False

    def __init__(self, directory, architecture):
        self.home = directory / PREFIX
        self.root = directory
        self.runner = f"qemu-{architecture}-static -0 jetpack -L '{BUILT / architecture / 'root'}'"

    def jetpack(self, *arguments):
        # The machine's own users are left alone.
        root = ["--root", self.root] if arguments[0] == "jetpackd" else []
        return [self.home / "bin/jetpack", *arguments, *root]

    def environment(self):
        return {**clean_environment(), "JETPACK_HOME": str(self.home)}

    def install(self, tarball):
        self.home.parent.mkdir(parents=True)
        subprocess.run(["tar", "-xf", tarball, "-C", self.home.parent], check=True, timeout=60)
        for name in ("config", "logs", "run", "scripts"):
            (self.home / name).mkdir(exist_ok=True)
        # For scripts that call it.
        program = self.home / "bin/jetpack"
        emulated = program.rename(f"{program}.emulated")
        program.write_text(f"#!/bin/sh\nexec {self.runner} '{emulated}' \"$@\"\n")
        program.chmod(0o755)
        (self.root / "etc/sudoers.d").mkdir(parents=True)
        (self.root / "home").mkdir()
        for name, text in (("passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("group", "root:x:0:\n"),
                           ("shadow", "root:*:19000:0:99999:7:::\n"), ("gshadow", "root:*::\n")):
            (self.root / "etc" / name).write_text(text)


class Tour:
    """Runs the verbs of one node."""

    def __init__(self, node):
        self.node = node

    def __call__(self, *arguments, code=0):
        done = subprocess.run(self.node.jetpack(*arguments), env=self.node.environment(), text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
        assert code in (None, done.returncode), (arguments, done)
        return done.stdout

    def daemon(self):
        return subprocess.Popen(self.node.jetpack("jetpackd"), env=self.node.environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


class Hub:
    """A hub of the release, as tools/dev-cluster starts it, with a project in its locker."""

    def __init__(self, directory):
        self.directory = directory
        self.environment = {**clean_environment(), "JETPACK_BUILD": str(BUILT / "x86_64")}
        self.state = json.loads(self.tool("dev-cluster", "start", directory, "--no-daemon"))
        self.data = self.state["data"]
        (directory / "tool.txt").write_text("a tool\n")
        self("blob", "put", "blobs/demo/tool.txt", directory / "tool.txt", "-c", "demo", "--data", self.data)
        self.tool("upload-project", REPOSITORY / "tools/sample-project", "--cluster", "demo", "--data", self.data)

    def tool(self, name, *arguments):
        return subprocess.run([REPOSITORY / "tools" / name, *arguments], env=self.environment, check=True, text=True,
                              stdout=subprocess.PIPE, timeout=120).stdout

    def __call__(self, *arguments):
        environment = {**self.environment, "JETPACK_HOME": str(BUILT / "x86_64/home")}
        return subprocess.run([BUILT / "x86_64/home/bin/jetpack", "hub", *arguments], env=environment, check=True,
                              text=True, stdout=subprocess.PIPE, timeout=60).stdout

    def enroll(self, name, home, cluster_init):
        self("enroll", "--data", self.data, "--cluster", "demo", "--node", name, "--home", home, "--url",
             self.state["hub"], "--nodearray", "execute")
        own = self.directory / f"{name}.json"
        specs = [{"project": "sample", "version": "1.0.0", "spec": "default"}]
        own.write_text(json.dumps({"cyclecloud": {"cluster_init_specs": specs, "jetpack": {
            "cluster_init_dir": str(cluster_init), "http_port": 0}}}))
        self("node", "configure", name, "--data", self.data, "--cluster", "demo", "--file", own)


@pytest.fixture(scope="module", name="hub")
def _hub(tmp_path_factory):
    need_release("x86_64")
    if "jetpack-hub" not in tarballs("x86_64"):
        pytest.skip("the release has no hub")
    directory = tmp_path_factory.mktemp("hub")
    directory.chmod(0o755)
    hub = Hub(directory)
    yield hub
    hub.tool("dev-cluster", "stop", directory)


def fresh_root(suite, directory):
    """A copy of Debian's smallest root of the suite."""
    try:
        made = distribution(suite, BUILT / "roots")
    except NotPossible as why:
        pytest.skip(str(why))
    subprocess.run(["cp", "-a", "--reflink=auto", made, directory], check=True, timeout=120)
    return directory


@pytest.fixture(params=NODES, name="node")
def _node(request, hub, tmp_path):
    if request.param == "aarch64":
        need_release("aarch64")
        need_program("/usr/bin/qemu-aarch64-static", "qemu-user-static")
        node, tarball, inside = Emulated(tmp_path / "root", "aarch64"), tarballs("aarch64")["jetpack"], tmp_path
    else:
        node, inside = InRoot(fresh_root(request.param, tmp_path / "root")), Path("/mnt")
        tarball = tarballs("x86_64")["jetpack"]
    node.name = f"node-{request.param}"
    node.install(tarball)
    hub.enroll(node.name, node.home, inside / "cluster-init")
    yield node
    shutil.rmtree(tmp_path / "root")


def messages_of(hub, node):
    events = json.loads(hub("event", "list", "--all", "--json", "--node", node.name, "--data", hub.data))
    return [event["message"] for event in events]


def test_tour(hub, node, tmp_path):
    jetpack = Tour(node)
    jetpack("initialize", "--no-start")
    assert jetpack("config", "cyclecloud.cluster.name") == "demo\n"
    assert jetpack("config", "platform").strip()
    jetpack("props", "set", "rack.name", "r12")
    assert jetpack("props", "get", "rack.name") == "r12\n"

    daemon = jetpack.daemon()
    try:
        wait_for(lambda: (node.home / "config/auth.json").exists() or daemon.poll() is not None, "the users", 60)
        assert daemon.poll() is None, daemon.stderr.read()
        assert "Username: ada" in jetpack("users")
        jetpack("log", "the tour has begun", "--wait", "30s")
        jetpack("condition", "set", "--name", "disk", "--status", "Warning", "--message", "nearly full")
        jetpack("autoscale", "--name", "execute", "--corecount", "16")
        assert "kept alive until" in jetpack("keepalive", "2h") + jetpack("keepalive", "--show")
        problems = json.loads(jetpack("status", "--json", code=None))["problems"]
        assert [problem for problem in problems if node.lists_plugins or not problem.startswith("plugins:")] == [], problems
        jetpack("download", "--project", "demo", "tool.txt", f"{node.home}/" if isinstance(node, Emulated)
                else f"/{PREFIX}/")
        assert (node.home / "tool.txt").read_text() == "a tool\n"
        address = jetpack("report_issue").splitlines()[0].removeprefix("Logs can be found at: ")
        subprocess.run(["curl", "-sS", "--fail", "--cacert", hub.state["ca"], "-o", tmp_path / "issue.zip", address],
                       check=True, timeout=60)
        shutil.unpack_archive(tmp_path / "issue.zip", tmp_path / "issue")
        assert any((tmp_path / "issue").rglob("jetpack.log"))
        assert "Script install.sh ran successfully" in jetpack("converge")
        jetpack("healthcheck")
        # What it finds depends on the root; that it cannot reach the server is no such thing.
        report = subprocess.run(node.jetpack("doctor", "--json"), env=node.environment(), text=True,
                                capture_output=True, timeout=120)
        assert report.returncode in (0, 1), report
        found = [finding["id"] for area in json.loads(report.stdout)["areas"] for finding in area["findings"]]
        if not node.lists_plugins:
            found = [finding for finding in found if finding != "plugins-unknown"]
        assert not [finding for finding in found if finding.startswith(REACHED)], found
        jetpack("log", "the tour ends", "--wait", "30s")
    finally:
        daemon.send_signal(signal.SIGTERM)
        _, errors = daemon.communicate(timeout=60)
    assert daemon.returncode == 0, errors
    messages = messages_of(hub, node)
    assert messages.index("the tour has begun") < messages.index("the tour ends")
    assert messages.count("the tour ends") == 1
