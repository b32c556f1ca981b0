"""A node that was only enrolled has its configuration once jetpackd or initialize has run."""

import http.server
import json
import os
import pathlib
import signal
import stat
import subprocess
import threading

import pytest
from hubs import Hub, run
from servers import node_server
from servers.process import wait_for

TEXT, NUMBER, FLAG = str, int, bool
# What the scripts of 83 public repositories ask for, by key: its type, and a value where it is known.
KEYS = {
    "azure.metadata.compute.vmSize": "Standard_HB120rs_v3",
    "azure.metadata.compute.tags": TEXT,
    "azure.metadata.compute.subscriptionId": TEXT,
    "azure.metadata.compute.vmId": TEXT,
    "azure.metadata.compute.location": "westeurope",
    "azure.metadata.compute.resourceGroupName": "demo-rg",
    "azure.metadata": dict,
    "platform": TEXT,
    "platform_family": TEXT,
    "platform_version": TEXT,
    "cyclecloud.config.username": "demo/n1",
    "cyclecloud.config.password": TEXT,
    "cyclecloud.config.web_server": TEXT,
    "cyclecloud.cluster.autoscale.idle_time_after_jobs": 1800,
    "cyclecloud.cluster.autoscale.idle_time_before_jobs": 1800,
    "cyclecloud.cluster.autoscale.stop_enabled": False,
    "cyclecloud.cluster.autoscale.keep_alive_throttle": NUMBER,
    "cyclecloud.cluster.autoscale.start_enabled": False,
    "cyclecloud.cluster.autoscale.provisioning_timeout": NUMBER,
    "cyclecloud.cluster.autoscale.vm_retention_days": NUMBER,
    "cyclecloud.instance.id": TEXT,
    "cyclecloud.instance.hostname": TEXT,
    "cyclecloud.instance.startTime": TEXT,
    "cyclecloud.instance.ipv4": TEXT,
    "cyclecloud.cluster.user.name": "ann",
    "cyclecloud.cluster.start_count": 3,
    "roles": ["execute_role"],
    "cyclecloud.hosts.standalone_dns.enabled": False,
    "cloud.local_ipv4": TEXT,
    "cloud.public_ipv4": TEXT,
    "hostname": TEXT,
    "cyclecloud.node.prevent_metadata_access": False,
    "cyclecloud.maintenance_converge.enabled": False,
    "cyclecloud.cookbooks.version": TEXT,
    "cyclecloud.cluster.name": "demo",
    "cyclecloud.node.id": TEXT,
    "cyclecloud.node.name": "n1",
    "cyclecloud.node.template": "execute",
    "cyclecloud.cluster.id": TEXT,
    "cyclecloud.home": TEXT,
    "cyclecloud.bootstrap": TEXT,
    "cyclecloud.chefstate": TEXT,
    "cyclecloud.jetpack.executable": TEXT,
    "cyclecloud.jetpack.version": TEXT,
    "cyclecloud.cluster_init_specs": list,
    "jetpack.downloads": TEXT,
    "fqdn": TEXT,
    "ipaddress": TEXT,
    "cpu.total": NUMBER,
}
PROPERTIES = ("azure.vm_size", "azure.subscription_id", "cyclecloud.url", "cyclecloud.cluster",
              "cyclecloud.owner", "os.id", "os.version", "os.version_id", "vm.hostname", "vm.ipv4")


def value_at(tree, key):
    for name in key.split("."):
        assert name in tree, f"{key} is missing"
        tree = tree[name]
    return tree


def config(home, name):
    return json.loads((home / "config" / name).read_text())


# -- The census -----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A hub with a simulated Azure, and a cluster whose array has specs and roles of its own."""
    hub = Hub("--simulate-azure")
    files = tmp_path_factory.mktemp("cluster")

    def administer(command, *arguments, **content):
        path = files / "content.json"
        path.write_text(json.dumps(content))
        hub.administer(*command.split(), *arguments, *(["--file", path] if content else []))

    def spec(project, name, version):
        return {"project": project, "spec": name, "version": version}

    key = files / "ann.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoKeyOfNobody ann@demo\n")
    metadata = json.loads((hub.data / "hub.json").read_text())["metadata"]
    administer("cluster create", "demo")
    administer("cluster configure", "demo", roles=["none"], cyclecloud={
        "jetpack": {"metadata_url": metadata + "/n1", "http_port": 0},
        "cluster_init_specs": [spec("base", "default", "1.0.0"), spec("slurm", "default", "3.0.1")]})
    administer("nodearray add", "execute", "-c", "demo", InitialCount=3, Configuration={
        "roles": ["execute_role"], "array": {"deep": 1},
        "cyclecloud": {"cluster_init_specs": [spec("slurm", "execute", "3.0.1")]}})
    administer("user add", "ann", "-c", "demo", "--key", key, "--owner")
    hub.enroll("n1", "demo", "--nodearray", "execute")
    administer("node configure", "n1", "-c", "demo", array={"deep": 2}, cyclecloud={
        "cluster_init_specs": [spec("slurm", "default", "3.0.2"), spec("own", "default", "1")]})
    yield hub
    hub.remove()


@pytest.fixture(params=["jetpackd", "initialize"])
def enrolled(request, cluster, home, jetpack, root):
    """The home of a node that was enrolled, after its daemon or initialize."""
    enrolled = cluster.directory / "homes/demo/n1/config"
    for name in ("connection.json", "jetpack.ini", "ca.pem"):
        home.write(f"config/{name}", (enrolled / name).read_text())
    command = (["jetpackd", "--once", "--root", root] if request.param == "jetpackd"
               else ["initialize", "--no-start"])
    done = jetpack(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    return home


def test_every_key_that_callers_expect(enrolled, jetpack, cluster):
    text = jetpack.answer("config", "--json")
    tree = json.loads(text)
    for key, expected in KEYS.items():
        value = value_at(tree, key)
        if isinstance(expected, type):
            assert type(value) is expected, (key, value)  # pylint: disable=unidiomatic-typecheck
            assert value != "" or key == "cloud.public_ipv4", key
        else:
            assert (type(value), value) == (type(expected), expected), key
    tags = value_at(tree, "azure.metadata.compute.tags").split(";")
    assert {"ClusterName:demo", "Name:n1"} <= set(tags)
    assert tree["cyclecloud"]["config"]["web_server"] == cluster.url
    assert tree["array"]["deep"] == 2
    assert [(spec["project"], spec["spec"], spec["version"])
            for spec in tree["cyclecloud"]["cluster_init_specs"]] == [
                ("base", "default", "1.0.0"), ("slurm", "default", "3.0.2"),
                ("slurm", "execute", "3.0.1"), ("own", "default", "1")]
    # The file, for those who read it and not the command.
    node = enrolled / "config/node.json"
    assert node.read_text() == text
    assert stat.S_IMODE(node.stat().st_mode) == 0o640
    assert jetpack.answer("config", "cyclecloud.cluster.autoscale.stop_enabled") == "False\n"
    assert jetpack.answer("config", "roles") == "['execute_role']\n"
    lines = jetpack.answer("config", "cyclecloud.cluster.autoscale").splitlines()
    assert "cyclecloud.cluster.autoscale.idle_time_after_jobs  = 1800" in lines
    for key in PROPERTIES:
        assert jetpack.answer("props", "get", key).strip(), key
    release = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines()
                   if "=" in line)
    assert jetpack.answer("props", "get", "os.version") == release["VERSION"].strip('"') + "\n"
    assert jetpack.answer("config", "os") == "linux\n"
    assert jetpack.answer("users").startswith("Username: ann\n")
    assert "WARNING" not in (enrolled / "logs/jetpackd.log").read_text() if (
        enrolled / "logs/jetpackd.log").exists() else True


# -- One node, and a server that a test controls -----------------------------------------------------

class MetadataHandler(http.server.BaseHTTPRequestHandler):
    """Answers as the test wants."""

    def log_message(self, *_):
        """Says nothing."""

    def do_GET(self):
        self.server.release.wait(30)
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def metadata():
    """A metadata service: `answer` is what it gives, once `release` is set."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), MetadataHandler)
    server.answer, server.release = (404, b""), threading.Event()
    server.release.set()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()


def document(vm_id, **more):
    return 200, json.dumps({"compute": {"vmId": vm_id, "vmSize": "S", **more}, "network": {}}).encode()


@pytest.fixture
def node(home, server, metadata):
    """The home of a node of `server`, without an instance id in its files."""
    node_server.connect(home, server, metadata_url=metadata.url)
    (home / "config/node.json").unlink()
    ini = home / "config/jetpack.ini"
    ini.write_text(ini.read_text().replace("instance_id = i-1\n", ""))
    server.userdata = userdata(metadata, "v1")
    return home


def userdata(metadata, version, **configuration):
    cyclecloud = {"jetpack": {"http_port": 0, "metadata_url": metadata.url}}
    return {"version": version, "configuration": {"cyclecloud": cyclecloud, **configuration},
            "properties": {}, "users": []}


def test_a_key_that_is_removed_disappears(node, jetpack, server, metadata, once):
    server.userdata = userdata(metadata, "v1", gone={"a": 1}, slurm={"x": 1, "y": 2})
    once()
    assert config(node, "node.json")["gone"] == {"a": 1}
    server.userdata = userdata(metadata, "v2", slurm={"x": 1})
    once()
    assert "gone" not in config(node, "node.json")
    assert config(node, "node.json")["slurm"] == {"x": 1}
    assert jetpack("config", "gone").returncode == 1
    # Even when the facts are lost: what an agent merged is not taken for what an administrator wrote.
    (node / "config/facts.json").unlink()
    server.userdata = userdata(metadata, "v3")
    once()
    assert "slurm" not in config(node, "node.json")
    assert not (node / "config/local.json").exists()


def test_what_was_written_by_hand_stays(node, jetpack, once):
    node.node({"mine": {"a": 1}, "cyclecloud": {"cluster": {"autoscale": {"stop_interval": 5}}}})
    (node / "config/node.json").chmod(0o644)
    once()
    tree = config(node, "node.json")
    assert tree["mine"] == {"a": 1} and tree["platform"]
    assert tree["cyclecloud"]["cluster"]["autoscale"]["stop_interval"] == 5
    # It has the password now.
    assert stat.S_IMODE((node / "config/node.json").stat().st_mode) == 0o640
    assert jetpack.answer("config", "mine.a") == "1\n"
    once()
    assert config(node, "node.json")["mine"] == {"a": 1}
    (node / "config/local.json").unlink()
    once()
    assert "mine" not in config(node, "node.json")


@pytest.mark.parametrize("tool", ["jetpackd", "initialize"])
def test_what_is_known_is_there_without_a_server(tool, node, jetpack, server, metadata, once):
    metadata.answer = document("vm-1")
    # Without a configuration the address is the cloud's, which is not here.
    server.stop()
    if tool == "jetpackd":
        once(1)
    else:
        assert jetpack("initialize", "--no-start", "--timeout", "2s").returncode == 1
    tree = config(node, "node.json")
    assert tree["cyclecloud"]["config"]["username"] == "node"
    assert tree["cyclecloud"]["cluster"]["name"] == "demo" and tree["platform"]
    assert jetpack.answer("config", "cyclecloud.config.password") == "s3cret\n"
    assert jetpack.answer("config", "cyclecloud.cluster.autoscale.idle_time_after_jobs") == "1800\n"
    # The server's part is not known, and a script must not take a default for an answer.
    unknown = jetpack("config", "slurm.autoscale", "False")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "has not arrived" in unknown.stderr
    server.start()
    once()
    assert jetpack.answer("config", "slurm.autoscale", "False") == "False\n"


@pytest.mark.parametrize("answer", [(200, b"{garbage"), (200, b"[]"), (404, b"{}"), (500, b""),
                                    (200, b"\xff\xfe"), (200, b'{"a":"' + b"x" * (2 << 20) + b'"}'), "slow"],
                         ids=["garbage", "list", "404", "500", "binary", "large", "slow"])
def test_bad_metadata_costs_that_part_alone(answer, node, jetpack, metadata, once):
    once()
    metadata.answer = document("vm-1")
    once()
    assert config(node, "node.json")["azure"]["metadata"]["compute"]["vmSize"] == "S"
    if answer == "slow":
        metadata.release.clear()
    else:
        metadata.answer = answer
    once()
    # The last good answer, because the machine is the same; the cause is in the log.
    assert config(node, "node.json")["azure"]["metadata"]["compute"]["vmSize"] == "S"
    assert config(node, "node.json")["cyclecloud"]["jetpack"]["metadata_url"] == metadata.url
    assert "metadata service" in (node / "logs/jetpackd.log").read_text()
    (node / "config/facts.json").unlink()
    once()
    assert "azure" not in config(node, "facts.json")
    assert config(node, "node.json")["platform"]


def test_a_slow_metadata_service_delays_no_message(node, jetpack, server, metadata, root):
    metadata.release.clear()
    (node / "config/local.json").write_text(json.dumps(
        {"cyclecloud": {"jetpack": {"metadata_url": metadata.url, "http_port": 0}}}))
    with subprocess.Popen([jetpack.binary.parent / "jetpackd", "--root", root],
                          env=jetpack.environment(), stdin=subprocess.DEVNULL) as daemon:
        try:
            wait_for(lambda: (node / "config/node.json").exists(), "the configuration")
            assert jetpack("log", "meanwhile", "--wait", "10s").returncode == 0
            metadata.answer = document("vm-1")
            metadata.release.set()
            daemon.send_signal(signal.SIGHUP)
            wait_for(lambda: "azure" in config(node, "node.json"), "the metadata")
        finally:
            daemon.terminate()
            daemon.wait()


def test_another_instance_begins_anew(node, jetpack, server, metadata, once):
    once()
    metadata.answer = document("vm-1")
    once()
    assert jetpack("keepalive", "forever").returncode == 0
    assert jetpack("condition", "set", "-n", "gpu", "-s", "Error").returncode == 0
    assert jetpack("props", "set", "rack", "r12").returncode == 0
    node.write("run/scheduled_shutdown/one", "1\nold\n")
    once()
    assert (node / "run/keepalive.json").exists() and node.read_properties()["rack"] == "r12"
    assert (node / "run/scheduled_shutdown/one").exists()

    metadata.answer = document("vm-2")
    server.userdata = userdata(metadata, "v1", own=2)
    done = jetpack("initialize", "--no-start")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (node / "run/keepalive.json").exists()
    assert not (node / "run/scheduled_shutdown/one").exists()
    assert "gpu" not in jetpack("condition", "list").stdout
    assert "rack" not in node.read_properties()
    tree = config(node, "node.json")
    assert tree["own"] == 2 and tree["cyclecloud"]["instance"]["id"] == "vm-2"
    assert "another instance" in (node / "logs/initialize.log").read_text()


def test_forgetting_an_instance_follows_no_link(node, metadata, once, tmp_path):
    once()
    metadata.answer = document("vm-1")
    once()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    (node / "run/scheduled_shutdown").symlink_to(precious)
    metadata.answer = document("vm-2")
    once()
    assert (precious / "file").read_text() == "mine"


def test_a_property_or_an_edit_is_in_node_json_at_once(node, jetpack, metadata, root, once):
    once()
    assert jetpack("props", "set", "rack.name", "r12").returncode == 0
    assert config(node, "node.json")["rack"] == {"name": "r12"}
    with subprocess.Popen([jetpack.binary.parent / "jetpackd", "--root", root],
                          env=jetpack.environment(), stdin=subprocess.DEVNULL) as daemon:
        try:
            wait_for(lambda: (node / "run/jetpackd.json").exists(), "the daemon")
            # An administrator edits what the server sent, in place.
            edited = config(node, "configuration.json")
            edited["edited"] = True
            node.configuration(edited)
            assert jetpack.answer("config", "edited") == "True\n"
            wait_for(lambda: config(node, "node.json").get("edited"), "the edit in node.json")
            # The daemon updates both when a fact changes, such as the inodes in use.
            wait_for(lambda: (node / "config/node.json").read_text() == jetpack.answer("config", "--json"),
                     "node.json to be what is printed")
        finally:
            daemon.terminate()
            daemon.wait()


DRAFTS = ("node.json.", "configuration.json.", "facts.json.")


def test_node_json_is_whole_whenever_the_writer_is_killed(node, jetpack, server, metadata, root):
    large = {f"k{i}": "x" * 40 for i in range(20000)}
    texts = set()
    for n in range(12):
        server.userdata = userdata(metadata, f"v{n}", large=large, n=n)
        with subprocess.Popen([jetpack.binary.parent / "jetpackd", "--once", "--root", root],
                              env=jetpack.environment(), stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as daemon:
            if n > 0:
                def is_writing(running=daemon):
                    return running.poll() is not None or any(
                        file.name.startswith(DRAFTS) for file in (node / "config").iterdir())

                wait_for(is_writing, "a draft, or the end")
            else:
                daemon.wait()
            daemon.kill()
        tree = config(node, "node.json")
        assert len(tree["large"]) == 20000 and 0 <= tree["n"] <= n
        texts.add(tree["n"])
        # What is left over disturbs nobody.
        assert jetpack.answer("config", "large.k1") == "x" * 40 + "\n"
    assert jetpack("jetpackd", "--once", "--root", root).returncode == 0
    assert config(node, "node.json")["n"] == 11
    assert len(texts) >= 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_the_group_reads_it_and_cannot_hold_it_up(node, jetpack, server, metadata, once):
    once()
    os.chmod(node.path, 0o755)
    for parent in node.path.parents:
        if parent == pathlib.Path("/tmp"):
            break
        os.chmod(parent, 0o755)
    os.chown(node / "config", 0, 12345)
    os.chmod(node / "config", 0o750)
    for file in (node / "config").iterdir():
        os.chown(file, 0, 12345)
    member = ["setpriv", "--reuid", "12346", "--regid", "12345", "--clear-groups"]
    assert subprocess.run([*member, "cat", node / "config/node.json"], capture_output=True,
                          check=False).returncode == 0
    for lock in (".configuration.lock", ".node.lock", ".properties.lock"):
        refused = subprocess.run([*member, "flock", node / "config" / lock, "true"],
                                 capture_output=True, check=False)
        assert refused.returncode != 0, lock
    server.userdata = userdata(metadata, "v2", two=2)
    once()
    info = (node / "config/node.json").stat()
    assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (0, 12345, 0o640)
    assert config(node, "node.json")["two"] == 2


def test_a_crash_between_the_properties_and_their_note(node, server, metadata, once):
    """As if the power had gone after properties.json, before its base was replaced."""
    server.userdata = {**userdata(metadata, "v1"), "properties": {"k": 1}}
    once()
    before = config(node, "properties.base.json")
    server.userdata = {**userdata(metadata, "v2"), "properties": {"k": 2}}
    once()
    after = config(node, "properties.base.json")
    node.write("config/properties.base.json", {**before, "pending": after["merged"]})
    assert node.read_properties()["k"] == 2
    server.userdata = {**userdata(metadata, "v3"), "properties": {"k": 3}}
    once()
    assert node.read_properties()["k"] == 3


def test_only_what_the_daemon_applied_counts_as_applied(node, jetpack, server, once):
    """initialize creates no users: the daemon after it must not take its version for its own."""
    server.userdata["users"] = [{"name": "ada", "uid": 20001, "publicKeys": []}]
    assert jetpack("initialize", "--no-start").returncode == 0
    assert config(node, "auth.json")[0]["name"] == "ada"
    assert not (node / "config/userdata.json").exists()
    once()
    assert "known" not in server.userdata_requests[-1]
    assert "Added user 'ada'" in (node / "logs/jetpackd.log").read_text()
    assert jetpack("initialize", "--no-start").returncode == 0
    assert server.userdata_requests[-1].endswith("?known=v1")
