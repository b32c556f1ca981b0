"""A node that converges: with a real hub, and its blob store as the locker."""

import json
import os
import re
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


@pytest.fixture
def cluster():
    running = Cluster()
    yield running
    running.stop()


@pytest.fixture
def site(cluster):
    """The cluster, with a node that has converged with two specs."""
    cluster.script("1.sh")
    cluster.put("projects/site/1.0.0/default/cluster-init/files/x", "from x\n")
    cluster.put("projects/site/1.0.0/default/cluster-init/files/empty", "")
    cluster.script("install.sh", spec="site/1.0.0/other", below="stages")
    cluster.configure("site/1.0.0/default", "site/1.0.0/other")
    cluster.converge()
    assert cluster.noted() == ["install.sh", "1.sh"]
    return cluster


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


def test_nothing_to_do(site):
    result = json.loads(site.converge("--json").stdout)
    assert not site.noted()
    assert [step["status"] for step in result["steps"]] == ["ran"] * 3 + ["skipped"] * 2
    assert all(", 0 transferred" in step["why"] for step in result["steps"][1:3])
    plan = site.converge("--dry-run").stdout
    assert "configuration: the server may have another" in plan
    assert re.search(r"site/default: 3 files \([1-9]\d* B\) are in the locker", plan)
    assert "would skip" in plan and "would run" not in plan


def test_what_is_new_in_the_locker(site):
    site.script("2.sh")
    site.put("projects/site/1.0.0/default/cluster-init/files/x", "changed\n")
    site.script("1.sh", "exit 9\n")
    assert "was edited since it ran" in site.converge().stderr
    assert site.noted() == ["2.sh"]
    assert (site.specs_directory / "site/default/files/x").read_text() == "changed\n"
    site.remove("projects/site/1.0.0/default/cluster-init/scripts/2.sh")
    site.converge()
    assert not (site.specs_directory / "site/default/scripts/2.sh").exists()
    assert not (site.specs_directory / ".run/site/default/scripts/2.sh.run").exists()
    site.script("2.sh")
    site.converge("--no-sync")
    assert not site.noted()
    site.converge()
    assert site.noted() == ["2.sh"]


def test_a_failure_is_on_the_page(site):
    site.script("3.sh", f"echo 3.sh >> {site.ran}; echo about to fail; exit 4\n")
    site.script("4.sh")
    site.script("activate.sh", spec="site/1.0.0/other", below="stages")
    path = site.specs_directory / "site/default/scripts/3.sh"
    text = f"Failed to execute cluster-init script '{path}' in project 'site' (return code: 4)"
    assert text in site.converge(code=1).stderr
    assert site.noted() == ["3.sh"]
    node, converge = site.at_hub()
    assert node["phase"] == "Failed" and node["status_message"].startswith(text)
    assert "about to fail" in node["status_message"]
    last = converge["steps"][-1]
    assert (converge["status"], converge["message"], last["script"], last["status"], last["return_code"]) == (
        "error", text, "3.sh", "error", 4)
    assert "about to fail" in last["output"]
    site.script("3.sh")
    site.converge()
    assert site.noted() == ["3.sh", "4.sh", "activate.sh"]
    assert site.at_hub()[0]["phase"] == "Ready"


def test_a_script_that_takes_long_is_on_the_page(site):
    go = site.directory / "go"
    site.script("5.sh", f"while [ ! -e {go} ]; do sleep 0.05; done\n")
    running = subprocess.Popen([BINARY, "converge"], env={**os.environ, "JETPACK_HOME": str(site.home)},
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: site.at_hub()[1]["steps"][-1]["script"] == "5.sh", "the script to be on the page")
        node, converge = site.at_hub()
        assert node["phase"] == "Installing" and "5.sh (site/default)" in node["status_message"]
        assert converge["status"] == "running" and converge["steps"][-1]["status"] == "running"
        assert "  running " in site.jetpack("converge", "history").stdout
    finally:
        go.touch()
        assert running.wait(60) == 0
    assert {step["script"]: step["status"] for step in site.at_hub()[1]["steps"]}["5.sh"] == "ok"


def test_a_missing_project_runs_nothing(site):
    site.script("6.sh")
    site.configure("site/1.0.0/default", "none/2.0.0/default")
    result = site.converge(code=1)
    assert "Failed to find project none in locker at " in result.stderr.splitlines()[0]
    assert "/projects/none/2.0.0/default/" in result.stderr.splitlines()[0]
    assert ("Recommendation: Check that you have uploaded the project and correctly referenced it in your template"
            in result.stderr.splitlines())
    log = (site.home / "logs/jetpack.log").read_text()
    assert "Failed to find project none in locker at " in log and "Project download failed" in log
    assert not site.noted()
    assert site.at_hub()[0]["phase"] == "Failed"
    site.configure("site/1.0.0/default", {"project": "site", "spec": "other"})
    assert "its version is missing" in site.converge(code=1).stderr
    site.configure("site/1.0.0/default")
    site.converge()
    assert site.noted() == ["6.sh"]


def test_another_version(site):
    site.script("1.sh", spec="site/2.0.0-rc.1/default")
    site.script("7.sh", f"echo $CYCLECLOUD_PROJECT_VERSION >> {site.ran}\n", spec="site/2.0.0-rc.1/default")
    site.configure("site/2.0.0-rc.1/default")
    site.converge()
    assert site.noted() == ["2.0.0-rc.1"]
    assert sorted(os.listdir(site.specs_directory / "site/default/scripts")) == ["1.sh", "7.sh"]


def test_a_server_that_is_not_up_yet(site):
    site.tool("hub-stop")
    running = subprocess.Popen([BINARY, "converge"], env={**os.environ, "JETPACK_HOME": str(site.home)},
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True)
    line = running.stderr.readline()
    site.tool("hub-start")
    assert "retrying in" in line
    assert running.wait(60) == 0
    running.stderr.close()
    site.tool("hub-stop")
    site.converge("--offline")
    site.tool("hub-start")


def test_maintenance_and_boot(site):
    site.converge("--mode=maintenance")
    runs = json.loads(site.jetpack("converge", "history", "--json").stdout)
    assert runs[-1]["mode"] == "maintenance"
    site.converge("--at-boot")
    site.configure("site/1.0.0/default", converge_on_boot=False)
    site.converge()
    assert "nothing to do" in site.converge("--at-boot").stderr
