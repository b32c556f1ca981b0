"""tools/sample-project: uploaded to a hub's locker, its scripts and tests run as converge and test run them."""
import os
import pathlib
import subprocess

import pytest

from hub_client import DevCluster
from servers.process import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROJECT = ROOT / "tools/sample-project"


@pytest.fixture(scope="module")
def cluster():
    """A cluster with the project in its locker."""
    made = DevCluster()
    try:
        subprocess.run([ROOT / "tools/upload-project", PROJECT, "--cluster", "demo", "--data", made.data], check=True, timeout=120)
        yield made
    finally:
        made.stop()


def test_the_locker_has_the_project(cluster):
    names = cluster.administer("hub", "blob", "list", "-c", "demo", "--data", cluster.data, "--json").stdout
    for path in PROJECT.rglob("*"):
        if path.is_file() and "specs" in path.parts and "__pycache__" not in path.parts:
            assert f'projects/sample/1.0.0/{path.relative_to(PROJECT / "specs")}"' in names
    assert "projects/sample/blobs/greet" in names


def run(cluster, spec, path):
    """Runs a script or test where it is, with the environment that converge gives it."""
    environment = {"CYCLECLOUD_HOME": cluster.home, "JETPACK_HOME": cluster.home,
                   "BOOTSTRAP_HOME": cluster.home / "system/bootstrap", "CYCLECLOUD_PROJECT_NAME": "sample",
                   "CYCLECLOUD_PROJECT_VERSION": "1.0.0", "CYCLECLOUD_PROJECT_PATH": PROJECT / "specs",
                   "CYCLECLOUD_SPEC_NAME": spec, "PATH": f"{cluster.home}/bin:/usr/bin:/bin"}
    file = PROJECT / "specs" / spec / "cluster-init" / path
    python = [cluster.home / "system/embedded/bin/python", "-B", "-m", "unittest", "-v"]
    command = [*python, file.name] if file.suffix == ".py" else ["/bin/bash", file.name]
    return subprocess.run(command, cwd=file.parent, env={**environment, "HOME": os.environ.get("HOME", "/root")},
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)


def test_scripts_and_tests(cluster):
    for spec, script, output in (
            ("default", "stages/install.sh", ""),
            ("default", "scripts/10-welcome.sh", "Welcome to node execute-1 of cluster demo.\n"),
            ("execute", "scripts/10-install-greet.sh", ""),
            ("execute", "scripts/20-record-version.sh", "sample 1.0.0 on execute-1\n")):
        done = run(cluster, spec, script)
        assert done.returncode == 0 and done.stdout == output, done
    wait_for(lambda: {"sample 1.0.0 is installed"} <= {event["message"] for event in cluster.events()},
             "the event of the last script")
    assert run(cluster, "default", "tests/test_welcome.py").returncode == 0
    assert run(cluster, "execute", "tests/test_greet.sh").returncode == 0
    failing = run(cluster, "execute", "tests/test_licence.py")
    assert failing.returncode == 1 and "the licence server does not answer" in failing.stderr
