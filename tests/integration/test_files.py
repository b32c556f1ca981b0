"""What a node writes into its home tree is in the table of files, with the modes that it has there."""

import json
import stat
import subprocess

from hub_client import BINARY, REPOSITORY, DevCluster
from servers.home_files import entry_of


def test_what_a_node_writes_is_in_the_table():
    files = json.loads(subprocess.run([BINARY, "help", "files", "--json"], check=True, capture_output=True).stdout)
    cluster = DevCluster()
    try:
        write_all(cluster)
        found = set()
        for path in cluster.home.rglob("*"):
            name = path.relative_to(cluster.home).as_posix()
            # Links lead to what is installed; scripts keep files of their own in system/bootstrap.
            if path.is_symlink() or path.is_dir() or name.startswith("system/bootstrap/"):
                continue
            entry = entry_of(files, name)
            assert entry, name
            mode = f"{stat.S_IMODE(path.stat().st_mode):04o}"
            assert entry["mode"] in ("", mode), (name, mode)
            found.add(entry["path"])
    finally:
        cluster.stop()
    assert len(found) > 30, found


def write_all(cluster):
    """Runs each command that keeps something."""
    subprocess.run([REPOSITORY / "tools/upload-project", REPOSITORY / "tools/sample-project", "--cluster", "demo", "--data", cluster.data],
                   check=True, timeout=120, stdout=subprocess.DEVNULL)
    own = cluster.directory / "own.json"
    own.write_text(json.dumps({"cyclecloud": {
        "cluster_init_specs": [{"project": "sample", "version": "1.0.0", "spec": "default"}],
        "jetpack": {"cluster_init_dir": str(cluster.directory / "cluster-init")}}}))
    cluster.administer("hub", "cluster", "configure", "demo", "--file", own, "--data", cluster.data)
    script = cluster.directory / "drain.sh"
    script.write_text("#!/bin/sh\n")
    for command in (("log", "hello", "--wait", "30s"), ("condition", "set", "-n", "disk", "-s", "Warning"),
                    ("keepalive", "2h"), ("props", "set", "rack", "r12"), ("shutdown", "--idle"), ("initialize",),
                    ("converge",), ("healthcheck",), ("run_on_shutdown", "--remove", script)):
        done = cluster.jetpack(*command)
        assert done.returncode == 0 or command[0] in ("healthcheck", "run_on_shutdown"), done
