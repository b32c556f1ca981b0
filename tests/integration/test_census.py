"""What public projects expect of a node, on one that was installed, enrolled and converged, with nothing
more written by hand: its paths and the environment of its scripts. Its configuration is in
test_node_configuration.py, the names of the Python module are in tests/python."""

import json
import os
import pathlib
import subprocess

import pytest

from hubs import Hub

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root installs and converges")
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
FILE, DIRECTORY, PROGRAM = "file", "directory", "program"
HOME, SPEC, SPECS, LOGS = "opt/cycle/jetpack", "mnt/cluster-init/pbs/server", "mnt/cluster-init", "opt/cycle/jetpack/logs"

# What is there, of which kind, and what uses it.
PATHS = (
    (f"{HOME}/bin/jetpack", PROGRAM, "cron, prologs, health agents, by absolute path"),
    (f"{HOME}/bin/healthcheck", PROGRAM, "scripts that force a run"),
    (f"{HOME}/config/node.json", FILE, "Slurm's installers as --bootstrap-config, Symphony"),
    (f"{HOME}/config/configuration.json", FILE, "administrators, who edit it"),
    (f"{HOME}/config/properties.json", FILE, "Slurm's installer, for the size of the machine"),
    (f"{HOME}/config/connection.json", FILE, "PBS, with jq"),
    (f"{HOME}/config/jetpack.ini", FILE, "health checks, to report by themselves"),
    (f"{HOME}/config/auth.json", FILE, "scripts that look for the user, with grep and awk"),
    (f"{HOME}/config/healthcheck.d", DIRECTORY, "projects put checks in"),
    (f"{HOME}/config/service.d", DIRECTORY, "Grid Engine and ZooKeeper"),
    (f"{HOME}/run", DIRECTORY, "autostop.rb keeps its state in it"),
    (f"{HOME}/run/scheduled_shutdown", DIRECTORY, "schedulers ask for a shutdown in it"),
    (f"{HOME}/scripts", DIRECTORY, "scripts of scheduled events"),
    (LOGS, DIRECTORY, "shippers of logs"),
    (f"{LOGS}/jetpack.log", FILE, "shippers of logs"),
    (f"{LOGS}/jetpackd.log", FILE, "scripts that look for the first user"),
    (f"{LOGS}/initialize.log", FILE, "scripts that look for the first user"),
    (f"{LOGS}/installation.log", FILE, "shippers of logs"),
    (f"{LOGS}/cluster-init/pbs/server/stages/install.sh.out", FILE, "administrators, to find what failed"),
    (f"{LOGS}/cluster-init/pbs/server/scripts/10-skel.sh.out", FILE, "scripts that copy their own output"),
    (f"{LOGS}/cluster-init/pbs/execute/stages/activate.sh.out", FILE, "administrators, to find what failed"),
    (f"{HOME}/system/bootstrap", DIRECTORY, "installers work in it"),
    (f"{HOME}/system/bootstrap/cron_wrapper.sh", PROGRAM, "crontabs of autostop scripts, PBS"),
    (f"{HOME}/system/bin/cyclecloud-env.sh", FILE, "Grid Engine's scripts source it"),
    (f"{HOME}/system/embedded/bin/python", PROGRAM, "Slurm, PBS: import jetpack.converge"),
    (f"{HOME}/system/embedded/bin/python3", PROGRAM, "the first line of scripts"),
    (f"{HOME}/system/embedded/bin/pip", PROGRAM, "old installers"),
    (f"{HOME}/system/chef/cache/jetpack/downloads", DIRECTORY, "schedulers' installers take packages from it"),
    (f"{HOME}/system/chef/chef-repo/cookbooks", DIRECTORY, "scripts that look for a cookbook"),
    (f"{HOME}/system/install/install.sh", PROGRAM, "image builders"),
    ("etc/profile.d/cyclecloud.sh", FILE, "login shells"),
    ("etc/systemd/system/healthcheck.service", FILE, "projects edit its interval"),
    ("etc/systemd/system/jetpackd.service", FILE, "administrators"),
    (SPECS, DIRECTORY, "scripts, by absolute path"),
    ("mnt/cluster-init/pbs", DIRECTORY, "CYCLECLOUD_PROJECT_PATH"),
    (SPEC, DIRECTORY, "CYCLECLOUD_SPEC_PATH"),
    (f"{SPEC}/scripts/10-skel.sh", PROGRAM, "scripts call one another"),
    (f"{SPEC}/stages/install.sh", PROGRAM, "PBS"),
    (f"{SPEC}/tests/test_submit.py", FILE, "jetpack test"),
    ("mnt/cluster-init/pbs/execute/stages/activate.sh", PROGRAM, "PBS"),
    ("mnt/cluster-init/pbs/default/files/utils.sh", FILE, "PBS sources it from another spec"),
    ("mnt/cluster-init/pbs/default/templates/default/pbs.conf.template", FILE, "PBS, with sed"),
    (f"{SPECS}/.run/pbs/server/scripts/10-skel.sh.run", FILE, "removed to run a script again"),
    (f"{SPECS}/.run/pbs/server/stages/install.sh.run", FILE, "removed to run a script again"),
)

# The variable, its value below the root, and what uses it.
ENVIRONMENT = (
    ("CYCLECLOUD_SPEC_PATH", SPEC, "scripts of most projects"),
    ("CYCLECLOUD_PROJECT_PATH", "mnt/cluster-init/pbs", "PBS, to source files of other specs"),
    ("CYCLECLOUD_HOME", HOME, "Slurm's and PBS's installers"),
    ("BOOTSTRAP_HOME", f"{HOME}/system/bootstrap", "PBS's server works in it"),
    ("CYCLECLOUD_BOOTSTRAP", f"{HOME}/system/bootstrap", "the same, by its old name"),
)

# A project of the shape that schedulers have.
PROJECT = {
    "project.ini": "[project]\nname = pbs\nversion = 2.0.25\n",
    "blobs/pkg.tar.gz": "x",
    "specs/default/cluster-init/files/utils.sh": "function fail() { exit 2; }\n",
    "specs/default/cluster-init/templates/default/pbs.conf.template": "PBS_SERVER=__SERVERNAME__\n",
    "specs/default/cluster-init/scripts/hwlocs.sh": "#!/bin/bash\njetpack props get os.version\n",
    "specs/server/cluster-init/stages/install.sh":
        "#!/bin/bash\nset -e\nsource \"$CYCLECLOUD_PROJECT_PATH/default/files/utils.sh\"\n"
        "\"$CYCLECLOUD_PROJECT_PATH/default/scripts/hwlocs.sh\" || fail\n"
        "cd \"$BOOTSTRAP_HOME\"; jetpack download pkg.tar.gz --project pbs ./ || fail\n",
    "specs/server/cluster-init/scripts/10-skel.sh": "#!/bin/bash\nenv -0 > \"$BOOTSTRAP_HOME/environment\"; pwd\n",
    "specs/server/cluster-init/tests/test_submit.py": "def test_it():\n    import jetpack\n",
    "specs/execute/cluster-init/stages/activate.sh": "#!/bin/bash\ntrue\n",
}


@pytest.fixture(scope="module")
def node(built_home, tmp_path_factory):
    """The root directory of a node that is installed, enrolled, initialized and converged; run(...) as that node."""
    root = tmp_path_factory.mktemp("node")
    for name in ("etc", "home", "var", "tmp"):
        (root / name).mkdir()
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (root / "etc/group").write_text("root:x:0:\n")
    subprocess.run([built_home / "system/install/install.sh", "--root", root], check=True, capture_output=True,
                   timeout=120)
    hub = Hub("--simulate-azure")
    try:
        project = tmp_path_factory.mktemp("project")
        for name, content in PROJECT.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(content)
        environment = {**os.environ, "JETPACK_BUILD": str(built_home.parent)}
        subprocess.run([REPOSITORY / "tools/upload-project", project, "--cluster", "demo", "--data", hub.data], check=True,
                       capture_output=True, timeout=120, env=environment)
        metadata = json.loads((hub.data / "hub.json").read_text())["metadata"]
        configuration = project / "configuration.json"
        configuration.write_text(json.dumps({"cyclecloud": {
            "cluster_init_specs": [{"project": "pbs", "version": "2.0.25", "spec": spec}
                                   for spec in ("default", "server", "execute")],
            "jetpack": {"metadata_url": f"{metadata}/n1", "http_port": 0,
                        "cluster_init_dir": str(root / SPECS)}}}))
        hub.administer("cluster", "create", "demo")
        hub.administer("cluster", "configure", "demo", "--file", configuration)
        key = project / "ann.pub"
        key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoKeyOfNobody ann@demo\n")
        hub.administer("user", "add", "ann", "-c", "demo", "--key", key, "--owner")
        hub.administer("enroll", "--cluster", "demo", "--node", "n1", "--home", root / HOME)

        def run(*words):
            done = subprocess.run([root / HOME / "bin" / words[0], *words[1:]], capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=60, check=False,
                                  env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
            assert done.returncode == 0, done
            return done.stdout

        run("jetpack", "initialize", "--no-start")
        run("jetpackd", "--once", "--root", root)
        run("jetpack", "converge")
        run("healthcheck")
        yield root, run
    finally:
        hub.remove()


def test_the_paths(node):
    root, _ = node
    assert len(PATHS) == 44
    missing = []
    for name, kind, use in PATHS:
        path = root / name
        is_there = path.is_dir() if kind == DIRECTORY else path.is_file()
        if not is_there or (kind == PROGRAM and not os.access(path, os.X_OK)):
            missing.append(f"{name} ({use})")
    assert not missing
    node_json = json.loads((root / HOME / "config/node.json").read_text())
    assert node_json["cyclecloud"]["node"]["name"] == "n1" and node_json["hostname"] and node_json["ipaddress"]


def test_the_environment(node):
    root, _ = node
    content = (root / HOME / "system/bootstrap/environment").read_text()
    found = dict(line.split("=", 1) for line in content.split("\0") if line)
    assert {name: found.get(name) for name, _, _ in ENVIRONMENT} == {
        name: str(root / value) for name, value, _ in ENVIRONMENT}
    assert found["CYCLECLOUD_PROJECT_NAME"] == "pbs" and found["SHELL"] == "/bin/bash"
    assert found["PATH"].startswith(f"{root / HOME}/bin:") and "embedded" not in found["PATH"]
    assert (root / LOGS / "cluster-init/pbs/server/scripts/10-skel.sh.out").read_text() == f"{root / SPEC}/scripts\n"


def test_the_node_is_proved(node):
    _, run = node
    assert "PASSED  pbs/server/test_submit.py" in run("jetpack", "test")
