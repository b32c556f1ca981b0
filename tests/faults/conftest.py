"""A node home that is connected to a server which misbehaves on demand, and worlds to break."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Tests here may import what stands beside them, which pytest's importlib mode would not find.
sys.path.insert(0, str(Path(__file__).resolve().parent))
import fault_server  # noqa: E402
from world import DAEMON_KEYS, Process  # noqa: E402


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    return fault_server.make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def denying(tmp_path_factory):
    """denying(ERRNO, CALL, ...): a prefix for commands for which the system calls of these numbers fail."""
    program = tmp_path_factory.mktemp("deny") / "deny"
    subprocess.run(["gcc", "-O1", "-Wall", "-Werror", Path(__file__).with_name("deny.c"), "-o", program], check=True)
    return lambda error, *calls: [str(program), str(error), *map(str, calls), "--"]


@pytest.fixture(scope="session")
def probe(sdk, repository, tmp_path_factory):
    """The plugin that has the storage service at a shell."""
    library = tmp_path_factory.mktemp("probe") / "probe.so"
    return sdk.build(repository / "tests/integration/storage_probe.cpp", library).parent


@pytest.fixture
def start_server(tmp_path):
    """start_server(NAMES, ...) starts a server with a certificate for NAMES: (server, certificate).
    """
    running = []

    def start(names="IP:127.0.0.1", **options):
        certificate = fault_server.make_certificate(tmp_path, names, f"server{len(running)}")
        running.append(fault_server.FaultServer(*certificate, **options))
        return running[-1], certificate[0]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def connect(home, certificate):
    """connect(URL, ...) makes the home that of a node of the server at URL."""

    def write(url, ca=certificate[0], **more):
        home.write("config/connection.json", {
            "cluster": "demo", "username": "node", "password": "s3cret", "url": url, **more})
        home.write("config/jetpack.ini",
                   "[identity]\ncluster_name=demo\ninstance_id=i-1\nnode_name=execute-1\n")
        if ca:
            home.write("config/ca.pem", ca.read_bytes())

    return write


@pytest.fixture
def server(certificate, connect):
    running = fault_server.FaultServer(*certificate)
    connect(running.url)
    yield running
    running.stop()


class Cluster:
    """A hub and a node of it, made by tools/dev-cluster; no daemon: verbs deliver by themselves."""

    def __init__(self, tool, directory, binary):
        self.tool, self.directory, self.binary = tool, directory, binary
        self.state = json.loads(self.run("start", "--no-daemon"))
        self.home = Path(self.state["home"])

    def run(self, action, *options):
        done = subprocess.run([self.tool, action, self.directory, *options], capture_output=True, text=True,
                              timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JETPACK_", "CYCLECLOUD_"))}
        return {**kept, "JETPACK_HOME": str(self.home), "LC_ALL": "C.UTF-8"}

    def jetpack(self, *args, **options):
        options.setdefault("timeout", 120)
        return subprocess.run([self.binary, *args], env=self.environment(), capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, check=False, **options)

    def start(self, *args):
        return subprocess.Popen([self.binary, *args], env=self.environment(),
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE)

    def messages(self):
        """What the hub holds, in its order."""
        done = self.jetpack("hub", "message", "list", "--json", "--limit", "100000")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def cluster(repository, built_home, tmp_path):
    running = Cluster(repository / "tools/dev-cluster", tmp_path / "cluster",
                      built_home / "bin/jetpack")
    yield running
    running.run("stop")


@pytest.fixture
def daemon(jetpack, home, tmp_path):
    """jetpackd of the home, not yet started."""
    home.node(DAEMON_KEYS)
    process = Process(jetpack.command("jetpackd"), tmp_path / "jetpackd.err", home.path)
    yield process
    if process.process:
        process.kill()
