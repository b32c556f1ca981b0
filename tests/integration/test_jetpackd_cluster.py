"""A node with its daemon and a real hub: what the commands report reaches the cluster, and vice versa."""

import json
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile

import pytest
from hub_client import BINARY, DevCluster
from servers.process import wait_for


class Cluster(DevCluster):
    """A hub, a node, and a daemon that manages the users below a separate root directory."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="jetpack-root-"))
        for name in ("etc/sudoers.d", "home"):
            (self.root / name).mkdir(parents=True)
        for name in ("passwd", "group", "shadow", "gshadow", "login.defs"):
            shutil.copy(f"/etc/{name}", self.root / "etc")
        super().__init__()
        self.daemon = None
        path = self.home / "config/node.json"
        node = json.loads(path.read_text())
        node["cyclecloud"]["jetpack"] |= {"http_port": 0, "userdata_interval": 1}
        path.write_text(json.dumps(node))
        try:
            self.start_daemon()
        except BaseException:
            self.stop()
            raise

    def tool(self, action, check=True):
        """Runs tools/dev-cluster without its daemon."""
        more = ["--no-daemon"] if action == "start" else []
        return subprocess.run([pathlib.Path(__file__).resolve().parents[2] / "tools/dev-cluster",
                               action, self.directory, *more],
                              check=check, text=True, stdout=subprocess.PIPE, timeout=120)

    def start_daemon(self):
        """Starts jetpackd and waits until the node is ready."""
        self.daemon = subprocess.Popen(
            [BINARY.parent / "jetpackd", "--root", self.root],
            env={"JETPACK_HOME": str(self.home), "PATH": "/usr/bin:/bin", "TZ": "UTC"},
            stdin=subprocess.DEVNULL)
        wait_for(lambda: self.node_at_hub().get("phase") == "Ready", "the node to be ready")

    def node_at_hub(self):
        """The node as the hub knows it."""
        return self.get("/api/node?cluster=demo&node=execute-1").json["node"]

    def stop(self):
        """Stops everything."""
        if self.daemon:
            self.daemon.kill()
            self.daemon.wait()
        super().stop()
        shutil.rmtree(self.root)


@pytest.fixture(scope="module")
def cluster():
    running = Cluster()
    yield running
    running.stop()


def run(cluster, *args, code=0):
    result = cluster.jetpack(*args)
    assert result.returncode == code, result.stderr
    return result


def test_initialize_succeeds(cluster):
    report = json.loads(run(cluster, "initialize", "--no-start", "--json").stdout)
    assert report["ok"] and [step["name"] for step in report["steps"]] == [
        "home", "configuration", "server name", "server port", "TLS", "connection", "credentials", "clock",
        "userdata"]


def test_a_wrong_password_is_reported(cluster, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(cluster.home, home, ignore=shutil.ignore_patterns("run"))
    (home / "run").mkdir()
    text = (home / "config/connection.json").read_text()
    password = json.loads(text)["password"]
    (home / "config/connection.json").write_text(text.replace(password, "wrong"))
    result = cluster.jetpack("initialize", "--no-start", home=home)
    assert result.returncode == 1
    assert "failed  credentials" in result.stdout and "Enroll the node again" in result.stdout
    (home / "config/ca.pem").write_bytes((cluster.data / "tls/server.pem").read_bytes()[:0])
    result = cluster.jetpack("initialize", "--no-start", home=home)
    assert result.returncode == 1 and "failed  TLS" in result.stdout


def test_status_is_healthy(cluster):
    run(cluster, "log", "m", "--wait", "20s")
    wait_for(lambda: cluster.jetpack("status").returncode == 0, "a healthy node")


def test_a_condition_is_set_and_cleared(cluster):
    run(cluster, "condition", "set", "-n", "gpu", "-s", "Error", "-m", "fell off the bus",
        "--details", "line 1\nline 2", "--wait", "20s")
    assert cluster.node_at_hub()["version"] == run(cluster, "--version").stdout.strip()
    condition, = cluster.node_at_hub()["conditions"]
    assert (condition["name"], condition["status"], condition["message"]) == (
        "gpu", "Error", "fell off the bus")
    run(cluster, "condition", "clear", "--all", "--wait", "20s")
    assert not [c for c in cluster.node_at_hub()["conditions"] if c["status"] != "OK"]


def test_targets(cluster):
    run(cluster, "autoscale", "--corecount", "12", "--wait", "20s")
    run(cluster, "autoscale", "--instancecount=3", "--wait", "20s")
    wrong = run(cluster, "autoscale", "--corecount=1", "--name", "exceute", "--wait", "20s", code=1)
    assert "exceute" in wrong.stderr and "execute" in wrong.stderr
    file = cluster.directory / "demand.json"
    file.write_text(json.dumps([{"Name": "dynamic", "TargetCount": 7, "Dynamic": True},
                                {"Name": "execute", "TargetCount": 3}]))
    run(cluster, "autoscale", "-f", file, "--wait", "20s")
    targets = {array["name"]: array
               for array in cluster.get("/api/targets?cluster=demo").json["nodearrays"]}
    assert targets["execute"]["target_count"] == 3
    assert targets["dynamic"]["target_count"] == 7


def test_configuration_and_users_follow_the_server(cluster):
    configuration = cluster.directory / "configuration.json"
    configuration.write_text(json.dumps({"slurm": {"autoscale": True}}))
    cluster.administer("hub", "cluster", "configure", "demo", "--data", cluster.data,
                   "--file", configuration)
    wait_for(lambda: cluster.jetpack("config", "slurm.autoscale", "").stdout == "True\n",
             "the configuration")
    key = cluster.directory / "key.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoKeyOfNobody zoe@demo\n")
    added = cluster.administer("hub", "user", "add", "zoe-test", "--cluster", "demo", "--data",
                           cluster.data, "--uid", "23456", "--key", key, "--admin")
    assert added.returncode == 0, added.stderr
    keys = cluster.root / "home/zoe-test/.ssh/authorized_keys"
    wait_for(lambda: keys.exists() and key.read_text() in keys.read_text(), "the user's key")
    assert "zoe-test" in run(cluster, "users").stdout
    assert "zoe-test:x:23456:" in (cluster.root / "etc/passwd").read_text()
    sudoers = cluster.root / "etc/sudoers.d/jetpack"
    wait_for(lambda: sudoers.exists() and "zoe-test" in sudoers.read_text(), "sudo for the user")
    assert "zoe-test" not in pathlib.Path("/etc/passwd").read_text()
    cluster.administer("hub", "user", "remove", "zoe-test", "--cluster", "demo", "--data", cluster.data)
    wait_for(lambda: "/home/zoe-test:/sbin/nologin" in (cluster.root / "etc/passwd").read_text(),
             "the user to be revoked")


def test_properties_reach_the_hub_and_stay(cluster):
    run(cluster, "props", "set", "rack.name", "r12")
    wait_for(lambda: cluster.node_at_hub()["properties"].get("rack") == {"name": "r12"},
             "the property at the hub")
    # The next version of the userdata does not remove it.
    configuration = cluster.directory / "configuration.json"
    configuration.write_text(json.dumps({"next": "version"}))
    cluster.administer("hub", "cluster", "configure", "demo", "--data", cluster.data,
                   "--file", configuration)
    wait_for(lambda: cluster.jetpack("config", "next", "").stdout == "version\n", "the version")
    assert run(cluster, "props", "get", "rack.name").stdout == "r12\n"


def test_keepalive(cluster):
    run(cluster, "keepalive", "6h", "--wait", "20s")
    until = json.loads(run(cluster, "keepalive", "--show", "--json").stdout)["until"]
    assert cluster.node_at_hub()["keepalive_until"] == until.replace("Z", ".000Z")
    run(cluster, "keepalive", "forever", "--wait", "20s")
    run(cluster, "keepalive", "1h", "--wait", "20s")
    assert cluster.node_at_hub()["keepalive_until"] == "forever"
    run(cluster, "keepalive", "--cancel", "--wait", "20s")
    assert cluster.node_at_hub()["keepalive_until"] is None


def poll_every_second(cluster):
    """Restarts the daemon with the shortest interval, which it reads when it starts."""
    configuration = cluster.node_at_hub()["configuration"]
    configuration["cyclecloud"]["jetpack"]["userdata_interval"] = 1
    file = cluster.root / "interval.json"
    file.write_text(json.dumps(configuration))
    done = cluster.administer("hub", "node", "configure", "execute-1", "-c", "demo", "--data",
                              cluster.data, "--file", file)
    assert done.returncode == 0, done.stderr
    for _ in range(2):  # the first fetches it, the second starts with it
        cluster.daemon.kill()
        cluster.daemon.wait()
        cluster.start_daemon()
        wait_for(lambda: "userdata_interval" in (cluster.home / "config/configuration.json").read_text(),
                 "the node's configuration")
    wait_for(lambda: cluster.node_at_hub()["poll_interval"] == 1, "what the daemon says of its polls")


def test_a_killed_node_is_silent_until_it_is_back(cluster):
    poll_every_second(cluster)
    assert cluster.node_at_hub()["state"] == "Ready"
    cluster.daemon.kill()
    cluster.daemon.wait()
    wait_for(lambda: cluster.node_at_hub()["state"] == "Silent", "silence")
    silent = cluster.node_at_hub()
    assert silent["phase"] == "Ready"
    assert cluster.get("/api/summary?cluster=demo").json["states"] == {"Silent": 1}
    listed = cluster.administer("hub", "node", "list", "--data", cluster.data, "--silent", "--names")
    assert listed.stdout == "execute-1\n"
    cluster.start_daemon()
    wait_for(lambda: cluster.node_at_hub()["state"] == "Ready", "the node to be back")
    assert cluster.node_at_hub()["last_contact"] > silent["last_contact"]
    texts = [event["message"] for event in cluster.events()]
    assert "silent: missed three polls, one every 1 s" in texts
    assert any(text.startswith("in contact again after ") for text in texts)
    history = [(change["what"], change["status"]) for change in cluster.node_at_hub()["history"]]
    assert ("contact", "Silent") in history and ("contact", "In contact") in history


def test_a_terminated_node_that_talks_is_shown_so(cluster):
    wait_for(lambda: cluster.node_at_hub()["state"] == "Ready", "the node")
    assert cluster.node_at_hub()["version"]
    with sqlite3.connect(cluster.data / "hub.db") as database:
        database.execute("UPDATE nodes SET phase = 'Terminated', phase_since = last_contact")
    wait_for(lambda: cluster.node_at_hub()["state"] == "Still talks", "that it still talks")
    assert cluster.node_at_hub()["phase"] == "Terminated"
    with sqlite3.connect(cluster.data / "hub.db") as database:
        database.execute("UPDATE nodes SET phase = 'Ready'")


# The last one: the node is not ready afterwards.
def test_shutdown(cluster):
    run(cluster, "shutdown", "--idle", "--wait", "20s")
    assert cluster.node_at_hub()["phase"] in ("Stopping", "Terminated")
    listed, = json.loads(run(cluster, "hub", "node", "list", "--json").stdout)
    request = listed["last_request"]
    assert (request["action"], request["reason"]) == ("terminate", "idle")
    assert request["by"].endswith("/" + listed["name"]) and request["time"]
    events = run(cluster, "hub", "event", "list").stdout
    assert f"terminate requested by {request['by']}: idle" in events
