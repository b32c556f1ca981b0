"""A node home that is connected to a server which misbehaves on demand."""

import importlib.util
import json
import os
import subprocess
from pathlib import Path

import pytest

def load(name):
    """A module that stands beside this file."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FAULT_SERVER = load("fault_server")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    return FAULT_SERVER.make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def start_server(tmp_path):
    """start_server(NAMES, ...) starts a server with a certificate for NAMES: (server, certificate).
    """
    running = []

    def start(names="IP:127.0.0.1", **options):
        certificate = FAULT_SERVER.make_certificate(tmp_path, names, f"server{len(running)}")
        running.append(FAULT_SERVER.FaultServer(*certificate, **options))
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
    running = FAULT_SERVER.FaultServer(*certificate)
    connect(running.url)
    yield running
    running.stop()


class Cluster:
    """A hub and a node of it, made by tools/dev-cluster."""

    def __init__(self, tool, folder, binary):
        self.tool, self.folder, self.binary = tool, folder, binary
        self.state = json.loads(self.run("start"))
        self.home = Path(self.state["home"])

    def run(self, action):
        done = subprocess.run([self.tool, action, self.folder], capture_output=True, text=True,
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
