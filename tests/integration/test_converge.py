"""A node that converges: with a real hub, and its blob store as the locker."""

import json
import os
import subprocess

import pytest
from hub_client import BINARY, DevCluster
from servers.process import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root converges")


class Cluster(DevCluster):
    """A hub and a node without its daemon: what converge reports it delivers by itself."""

    start_options = ("--no-daemon",)

    def __init__(self):
        super().__init__()
        self.specs_directory = self.directory / "cluster-init"
        self.ran = self.directory / "ran"

    def put(self, name, content):
        done = subprocess.run([BINARY, "hub", "blob", "put", name, "-", "--data", self.data], input=content,
                              text=True, capture_output=True, check=False, timeout=60,
                              env={**os.environ, "JETPACK_HOME": str(self.home)})
        assert done.returncode == 0, done.stderr

    def remove(self, name):
        done = self.jetpack("hub", "blob", "remove", name, "--data", self.data)
        assert done.returncode == 0, done.stderr

    def script(self, name, content=None, spec="site/1.0.0/default", below="scripts"):
        content = content or f"echo {name} >> {self.ran}\n"
        self.put(f"projects/{spec}/cluster-init/{below}/{name}", content)

    def configure(self, *specs, **keys):
        """What the server says of the node: its specs as PROJECT/VERSION/SPEC, or objects."""
        listed = [dict(zip(("project", "version", "spec"), spec.split("/"))) if isinstance(spec, str) else spec
                  for spec in specs]
        path = self.directory / "configuration.json"
        path.write_text(json.dumps({"cyclecloud": {
            **keys, "cluster_init_specs": listed,
            "jetpack": {"cluster_init_dir": str(self.specs_directory)}}}))
        done = self.jetpack("hub", "node", "configure", "execute-1", "--file", path, "--data", self.data)
        assert done.returncode == 0, done.stderr

    def converge(self, *args, code=0):
        result = self.jetpack("converge", *args)
        assert result.returncode == code, result
        return result

    def noted(self):
        names = self.ran.read_text().splitlines() if self.ran.exists() else []
        self.ran.unlink(missing_ok=True)
        return names

    def at_hub(self):
        """The node, and its converge, as the page has them."""
        answer = self.get("/api/node?cluster=demo&node=execute-1").json
        return answer["node"], answer["node"].get("converge")


@pytest.fixture(scope="module")
def cluster():
    running = Cluster()
    yield running
    running.stop()


def test_from_an_enrolled_node_to_a_configured_one(cluster):
    cluster.script("1.sh", f"set -e\ncat ../files/x $CYCLECLOUD_PROJECT_PATH/other/files/y >> {cluster.ran}\n"
                   f"python3 -c 'import json; print(json.load(open(\"{cluster.home}/config/node.json\"))"
                   f"[\"cyclecloud\"][\"cluster\"][\"name\"])' >> {cluster.ran}\n")
    cluster.put("projects/site/1.0.0/default/cluster-init/files/x", "from x\n")
    cluster.put("projects/site/1.0.0/default/cluster-init/files/empty", "")
    cluster.put("projects/site/1.0.0/other/cluster-init/files/y", "from y\n")
    cluster.script("install.sh", spec="site/1.0.0/other", below="stages")
    missing = {"project": "gone", "version": "1", "spec": "default", "optional": True}
    cluster.configure("site/1.0.0/default", "site/1.0.0/other", missing)
    out = cluster.converge().stdout
    assert "Getting node configuration from /clusterlink/userdata/" in out
    assert "Fetched project 'site v1.0.0' spec 'default': 3 files, 3 transferred" in out
    assert "Skipping optional spec gone/default" in out
    assert cluster.noted() == ["install.sh", "from x", "from y", "demo"]
    assert (cluster.specs_directory / "site/default/files/empty").read_bytes() == b""
    node, converge = cluster.at_hub()
    assert node["phase"] == "Ready", node
    assert converge["status"] == "ok"
    assert [(step["name"], step["script"], step["status"]) for step in converge["steps"]] == [
        ("configuration", "", "ok"), ("fetch", "", "ok"), ("fetch", "", "ok"), ("fetch", "", "ok"),
        ("script", "install.sh", "ok"), ("script", "1.sh", "ok")]


def test_nothing_to_do(cluster):
    result = json.loads(cluster.converge("--json").stdout)
    assert not cluster.noted()
    assert [step["status"] for step in result["steps"]] == ["ran"] * 4 + ["skipped"] * 2
    assert all(", 0 transferred" in step["why"] for step in result["steps"][1:3])
    plan = cluster.converge("--dry-run").stdout
    assert "configuration: the server may have another" in plan
    assert "site/default: 3 files (0 MiB) are in the locker" in plan
    assert "would skip" in plan and "would run" not in plan


def test_what_is_new_in_the_locker(cluster):
    cluster.script("2.sh")
    cluster.put("projects/site/1.0.0/default/cluster-init/files/x", "changed\n")
    cluster.script("1.sh", "exit 9\n")
    assert "was edited since it ran" in cluster.converge().stderr
    assert cluster.noted() == ["2.sh"]
    assert (cluster.specs_directory / "site/default/files/x").read_text() == "changed\n"
    cluster.remove("projects/site/1.0.0/default/cluster-init/scripts/2.sh")
    cluster.converge()
    assert not (cluster.specs_directory / "site/default/scripts/2.sh").exists()
    assert not (cluster.specs_directory / ".run/site/default/scripts/2.sh.run").exists()
    cluster.script("2.sh")
    cluster.converge("--no-sync")
    assert not cluster.noted()
    cluster.converge()
    assert cluster.noted() == ["2.sh"]


def test_a_failure_is_on_the_page(cluster):
    cluster.script("3.sh", f"echo 3.sh >> {cluster.ran}; echo about to fail; exit 4\n")
    cluster.script("4.sh")
    cluster.script("activate.sh", spec="site/1.0.0/other", below="stages")
    path = cluster.specs_directory / "site/default/scripts/3.sh"
    text = f"Failed to execute cluster-init script '{path}' in project 'site' (return code: 4)"
    assert text in cluster.converge(code=1).stderr
    assert cluster.noted() == ["3.sh"]
    node, converge = cluster.at_hub()
    assert node["phase"] == "Failed" and node["status_message"].startswith(text)
    assert "about to fail" in node["status_message"]
    last = converge["steps"][-1]
    assert (converge["status"], converge["message"], last["script"], last["status"], last["return_code"]) == (
        "error", text, "3.sh", "error", 4)
    assert "about to fail" in last["output"]
    cluster.script("3.sh")
    cluster.converge()
    assert cluster.noted() == ["3.sh", "4.sh", "activate.sh"]
    assert cluster.at_hub()[0]["phase"] == "Ready"


def test_a_script_that_takes_long_is_on_the_page(cluster):
    go = cluster.directory / "go"
    cluster.script("5.sh", f"while [ ! -e {go} ]; do sleep 0.05; done\n")
    running = subprocess.Popen([BINARY, "converge"], env={**os.environ, "JETPACK_HOME": str(cluster.home)},
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: cluster.at_hub()[1]["steps"][-1]["script"] == "5.sh", "the script to be on the page")
        node, converge = cluster.at_hub()
        assert node["phase"] == "Installing" and "5.sh (site/default)" in node["status_message"]
        assert converge["status"] == "running" and converge["steps"][-1]["status"] == "running"
        assert "  running " in cluster.jetpack("converge", "history").stdout
    finally:
        go.touch()
        assert running.wait(60) == 0
    assert {step["script"]: step["status"] for step in cluster.at_hub()[1]["steps"]}["5.sh"] == "ok"


def test_a_missing_project_runs_nothing(cluster):
    cluster.script("6.sh")
    cluster.configure("site/1.0.0/default", "none/2.0.0/default")
    result = cluster.converge(code=1)
    assert "Failed to find project none in locker at " in result.stderr.splitlines()[0]
    assert "/projects/none/2.0.0/default/" in result.stderr.splitlines()[0]
    assert ("Recommendation: Check that you have uploaded the project and correctly referenced it in your template"
            in result.stderr.splitlines())
    log = (cluster.home / "logs/jetpack.log").read_text()
    assert "Failed to find project none in locker at " in log and "Project download failed" in log
    assert not cluster.noted()
    assert cluster.at_hub()[0]["phase"] == "Failed"
    cluster.configure("site/1.0.0/default", {"project": "site", "spec": "other"})
    assert "its version is missing" in cluster.converge(code=1).stderr
    cluster.configure("site/1.0.0/default")
    cluster.converge()
    assert cluster.noted() == ["6.sh"]


def test_another_version(cluster):
    cluster.script("1.sh", spec="site/2.0.0-rc.1/default")
    cluster.script("7.sh", f"echo $CYCLECLOUD_PROJECT_VERSION >> {cluster.ran}\n", spec="site/2.0.0-rc.1/default")
    cluster.configure("site/2.0.0-rc.1/default")
    cluster.converge()
    assert cluster.noted() == ["2.0.0-rc.1"]
    assert sorted(os.listdir(cluster.specs_directory / "site/default/scripts")) == ["1.sh", "7.sh"]


def test_a_server_that_is_not_up_yet(cluster):
    cluster.tool("hub-stop")
    running = subprocess.Popen([BINARY, "converge"], env={**os.environ, "JETPACK_HOME": str(cluster.home)},
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True)
    line = running.stderr.readline()
    cluster.tool("hub-start")
    assert "retrying in" in line
    assert running.wait(60) == 0
    running.stderr.close()
    cluster.tool("hub-stop")
    cluster.converge("--offline")
    cluster.tool("hub-start")


def test_maintenance_and_boot(cluster):
    cluster.converge("--mode=maintenance")
    runs = json.loads(cluster.jetpack("converge", "history", "--json").stdout)
    assert runs[-1]["mode"] == "maintenance"
    cluster.converge("--at-boot")
    cluster.configure("site/2.0.0-rc.1/default", converge_on_boot=False)
    cluster.converge()
    assert "nothing to do" in cluster.converge("--at-boot").stderr
