"""Bad input of `jetpack converge`: what the locker, the disk, the clock and the network can do to it. Each has a
message that says what to do, and leaves no marker of what has not run."""

import json
import os
import subprocess

import pytest

from servers import blob_server
from servers.blob_server import then
from servers.node_server import NO_METADATA, connect
from servers.process import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root converges")
ONE, TWO = "sv=2020-12-06&sig=one", "sv=2020-12-06&sig=two"


class Node:
    """A node whose locker is a blob store that a test controls, and whose server gives it its specs."""

    def __init__(self, jetpack, server, store, directory):
        self.jetpack, self.home, self.server, self.store = jetpack, jetpack.home, server, store
        self.directory, self.ran, self.version = directory / "cluster-init", directory / "ran", 0
        connect(self.home, server)
        (self.home / "bin").symlink_to(jetpack.binary.parent)
        self.locker()
        self.configure("site/1.0.0/default")

    def locker(self, **credential):
        self.home.write("config/locker.json", self.store.description(**credential)).chmod(0o640)

    def configure(self, *specs):
        self.version += 1
        specs = [dict(zip(("project", "version", "spec"), spec.split("/"))) for spec in specs]
        self.server.userdata = {"version": f"v{self.version}", "properties": {}, "users": [], "configuration": {
            "cyclecloud": {"cluster_init_specs": specs, "jetpack": {
                "cluster_init_dir": str(self.directory), "storage_tries": 3, "http_port": 0,
                "metadata_url": NO_METADATA}}}}

    def put(self, name, content, spec="site/1.0.0/default"):
        self.store.put(f"projects/{spec}/cluster-init/{name}",
                       content if isinstance(content, bytes) else content.encode())

    def note(self, name, spec="site/1.0.0/default", below="scripts"):
        """A script that notes that it ran."""
        self.put(f"{below}/{name}", f"echo '{name}' >> {self.ran}\n", spec)

    def converge(self, *args, code=0, **options):
        result = self.jetpack("converge", *args, **options)
        assert result.returncode == code, result
        return result

    def fails(self, *args, **options):
        """(message, recommendation) of a converge that fails and leaves no marker."""
        result = self.converge(*args, code=1, **options)
        message, recommendation = [line for line in result.stderr.splitlines() if ": warning: " not in line][:2]
        assert message.startswith("jetpack converge: "), result.stderr
        assert recommendation.startswith("Recommendation: "), result.stderr
        log = (self.home / "logs/jetpack.log").read_text()
        assert f"Software configuration failed: {message[18:]}\n" in log and f"{recommendation}\n" in log
        last = json.loads(self.jetpack.answer("converge", "history", "--json"))[-1]
        assert (last["failure"]["description"], last["failure"]["recommendation"]) == (
            message[18:], recommendation[16:])
        assert self.markers() == [] and self.noted() == []
        return message[18:], recommendation[16:]

    def noted(self):
        """What ran since the last call."""
        names = self.ran.read_text().splitlines() if self.ran.exists() else []
        self.ran.unlink(missing_ok=True)
        return names

    def markers(self):
        return sorted(path.name for path in self.directory.glob(".run/**/*.run"))

    def fetched(self):
        """The names of the blobs that were asked for since the last call."""
        names = [request[1].rsplit("/", 1)[1] for request in self.store.requests
                 if request[0] == "GET" and "comp" not in request[2] and "/locker/" in request[1]]
        self.store.requests.clear()
        return names


@pytest.fixture
def node(jetpack, server, tmp_path):
    authority = tmp_path / "authority"
    authority.mkdir()
    store = blob_server.BlobServer(authority)
    yield Node(jetpack, server, store, tmp_path)
    store.stop()


# -- The locker ----------------------------------------------------------------------------------


def test_a_credential_that_ends_half_way(node):
    for i in range(20):
        node.note(f"{i:02}.sh")
    node.store.sas = {"one"}
    node.locker(sas=ONE)

    def end():
        node.store.sas = {"two"}

    # Nobody has another: what was fetched is kept, and nothing runs.
    node.store.faults = [lambda *_: False] * 9 + [then(end)]
    message, recommendation = node.fails()
    assert "403" in message and "'site v1.0.0'" in message and "sig=" not in message
    assert "credential" in recommendation
    before = node.fetched()
    # The server has another.
    node.server.override["/clusterlink/locker"] = (200, node.store.description(sas=TWO), ())
    node.converge()
    assert node.noted() == [f"{i:02}.sh" for i in range(20)]
    after = node.fetched()
    assert len(set(before)) == 20 or len(set(after)) < 20, (before, after)
    assert json.loads((node.home / "config/locker.json").read_text())["sas"] == TWO
    node.converge()
    assert not node.noted() and not node.fetched()


def test_what_the_locker_does_not_have(node):
    node.note("1.sh")
    node.locker(url="az://testaccount/none")
    message, recommendation = node.fails()
    assert "az://testaccount/none: container not found" in message
    assert recommendation == "Create it or describe another locker"
    node.locker()
    node.configure("site/1.0.0/default", "none/2.1/default")
    message, recommendation = node.fails()
    assert message.startswith("Failed to find project none in locker at az://testaccount/locker/projects/none/2.1/")
    assert recommendation == "Check that you have uploaded the project and correctly referenced it in your template"
    # A name that is both, and one that leaves the tree: none of the spec is run.
    node.configure("site/1.0.0/default")
    for name in ("scripts/1.sh/below", "../../evil"):
        node.put(name, "x")
        message, recommendation = node.fails()
        assert "both a file and a directory" in message or "would not be a file below" in message
        node.store.blobs.pop(f"projects/site/1.0.0/default/cluster-init/{name}")
    node.converge()
    assert node.noted() == ["1.sh"]


def test_a_clock_that_is_wrong(node):
    node.note("1.sh")
    node.locker(sas=ONE)
    node.store.sas = {"two"}
    node.store.clock_ahead = 1200
    message, recommendation = node.fails()
    assert "it refused this node's access" in message
    assert recommendation.startswith("This node's clock is ")
    assert "s behind the locker's" in recommendation and "set it, then try again" in recommendation


def test_names_of_all_kinds(node):
    """Byte order, dots everywhere, and what is not run."""
    node.configure("my.site/2.0.0-rc.1/1.0.0", "my.site/2.0.0-rc.1/a.b")
    one, two = "my.site/2.0.0-rc.1/1.0.0", "my.site/2.0.0-rc.1/a.b"
    names = ["10-a.sh", "2-b.sh", "a b.sh", "ü.sh"]
    odd = [".hidden.sh", "x.sh~", "x.sh.bak", "README.txt", "95.execute.sh-unused"]
    for name in names + odd:
        node.note(name, one)
    node.put("scripts/x.sh/inner.txt", "a directory", one)
    node.put("scripts/empty.sh", "", one)
    node.put("scripts/dos.sh", f"#!/bin/sh\r\necho dos.sh >> {node.ran}\r\n", one)
    node.put("scripts/mark.sh", f"\N{BYTE ORDER MARK}#!/bin/sh\necho mark.sh >> {node.ran}\n", one)
    node.note("install.sh", two, "stages")
    # Directories of an account with a hierarchical namespace.
    for name in ("", "/scripts", "/files", "/files/deep", "/files/none"):
        node.store.put(f"projects/{one}/cluster-init{name}", b"",
                       listed="<Metadata><hdi_isfolder>true</hdi_isfolder></Metadata>")
    node.put("files/deep/zero", "", one)
    result = node.converge()
    files = node.directory / "my.site/1.0.0/files"
    assert (files / "deep/zero").read_bytes() == b"" and (not (files / "none").exists() or (files / "none").is_dir())
    assert node.noted() == ["install.sh", *names[:3], "dos.sh", "mark.sh", names[3]]
    log = (node.home / "logs/jetpack.log").read_text()
    for name in (*odd, "x.sh"):
        assert f"Ignoring {node.directory}/my.site/1.0.0/scripts/{name}: " in log, name
    assert f"Ignoring {node.directory}/my.site/1.0.0/scripts/x.sh: a directory" in result.stderr
    node.fetched()
    result = node.converge()
    # What was converted is not what the locker has: it is fetched again, and is not edited.
    assert not node.noted() and sorted(node.fetched()) == ["dos.sh", "mark.sh"]
    assert "edited" not in result.stderr
    assert len(node.markers()) == 8


def test_links_in_a_circle(node):
    node.put("scripts/1.sh", f"echo 1.sh >> {node.ran}\nln -sfn .. ../files\nln -sfn loop.sh loop.sh\n"
             "ln -sfn other.sh one.sh\nln -sfn one.sh other.sh\nmkdir -p ../deep/er; ln -sfn ../.. ../deep/er/up\n")
    node.converge()
    result = node.converge(timeout=20)
    for name in ("loop.sh", "one.sh", "other.sh"):
        assert (f"Ignoring {node.directory}/site/default/scripts/{name}: Too many levels of symbolic links"
                in result.stderr)
    node.note("2.sh")
    node.converge(timeout=20)
    assert node.noted() == ["1.sh", "2.sh"] and node.markers() == ["1.sh.run", "2.sh.run"]
    (node.directory / ".run/site/default/up").symlink_to("../..")
    node.converge("--rerun-scripts", timeout=20)
    assert node.noted() == ["1.sh", "2.sh"]


# -- The node ------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(node):
    """A scratch disk of 2 MB."""
    node.directory.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "none", node.directory],
                      check=False, capture_output=True).returncode != 0:
        pytest.skip("cannot mount a tmpfs")
    yield node
    subprocess.run(["umount", "-l", node.directory], check=True)


def test_a_full_scratch_disk(small_disk):
    node = small_disk
    node.note("1.sh")
    node.put("files/large", b"x" * 3_000_000)
    message, recommendation = node.fails(timeout=20)
    assert "bytes are needed" in message and recommendation == "Make room, or choose another disk"
    assert not (node.directory / "site/default").exists()
    node.store.blobs.pop("projects/site/1.0.0/default/cluster-init/files/large")
    # A script fills it: its success is known all the same, and what comes after it runs.
    node.put("scripts/2.sh", f"head -c 3000000 /dev/zero > ../fill 2>/dev/null; echo 2.sh >> {node.ran}\n")
    node.put("scripts/3.sh", "\ufeff" + f"#!/bin/sh\nrm ../fill; echo 3.sh >> {node.ran}\n")
    result = node.converge(code=1)
    assert "Windows line ends (CRLF) or a byte order mark, and cannot be converted" in result.stderr
    assert node.noted() == ["1.sh", "2.sh"]
    (node.directory / "site/default/fill").unlink()
    node.put("scripts/3.sh", f"echo 3.sh >> {node.ran}\n")
    node.converge()
    assert node.noted() == ["3.sh"]
    node.converge()
    assert not node.noted() and node.markers() == ["1.sh.run", "2.sh.run", "3.sh.run"]


def test_a_script_that_calls_the_python_module(node, built_home):
    """As the installers of Slurm, PBS and Grid Engine do under `set -e`."""
    for part in ("lib", "system/embedded"):
        (node.home / part).symlink_to(built_home / part)
    node.put("scripts/1.sh", "#!/bin/bash\nset -e\n"
             "$CYCLECLOUD_HOME/system/embedded/bin/python -c "
             "\"import jetpack.converge as jc; jc._send_installation_status('warning')\"\n"
             f"echo 1.sh >> {node.ran}\n")
    node.converge()
    assert node.noted() == ["1.sh"]
    node.server.wait(lambda: [m for m in node.server.messages if m["type"] == "installation"
                              and m["data"].get("status") == "warning"], "the status")


def test_names_cannot_be_resolved_at_first(node, tmp_path):
    """As in the first minute of a virtual machine: /etc/hosts lacks the names until converge has failed once."""
    node.note("1.sh")
    hosts, resolver = tmp_path / "hosts", tmp_path / "resolv.conf"
    hosts.write_text("127.0.0.1 localhost\n")
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    mounts = ["unshare", "-m", "sh", "-c", f'mount --bind {hosts} /etc/hosts && '
              f'mount --bind {resolver} /etc/resolv.conf && exec "$@"', "-"]
    if subprocess.run([*mounts, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("cannot mount here")
    endpoint = node.store.endpoint.replace("127.0.0.1", "blobs.test")
    blob_server.make_certificate(tmp_path / "authority", "DNS:blobs.test")
    node.store.context.load_cert_chain(tmp_path / "authority/server.pem", tmp_path / "authority/server.key")
    node.locker(endpoint=endpoint)
    with subprocess.Popen([*mounts, *node.jetpack.command("converge")], env=node.jetpack.environment(),
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True) as running:
        line = running.stderr.readline()
        with hosts.open("a") as file:
            file.write("127.0.0.1 blobs.test\n")
        rest = running.communicate(timeout=60)[1]
    assert running.returncode == 0, line + rest
    assert "blobs.test" in line and "retrying in" in line, line
    assert node.noted() == ["1.sh"]
