"""Converge is killed, or loses power, at each change of a file: what has run and was recorded does not run again,
and at most the one script that had ended, but was not recorded, does."""

import collections
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root converges")

SCRIPTS = ("stages/install.sh", "scripts/1.sh", "scripts/2.sh", "stages/activate.sh")
MOST_STEPS = 500


@pytest.fixture(scope="module")
def preloaded():
    directory = tempfile.mkdtemp()
    library = Path(directory) / "power.so"
    subprocess.run(["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", Path(__file__).with_name("power.c"),
                    "-o", library, "-ldl"], check=True, timeout=120)
    yield library
    shutil.rmtree(directory)


class Node:
    """A new node whose scripts note that they run."""

    def __init__(self, jetpack, base):
        shutil.rmtree(base, ignore_errors=True)
        self.jetpack, self.ran, self.mnt = jetpack, base / "ran", base / "mnt"
        self.home = jetpack.home = type(jetpack.home)(base / "home")
        for name in SCRIPTS:
            path = self.mnt / "site/default" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"echo {name} >> {self.ran}\n")
        self.home.node({"cyclecloud": {"cluster_init_specs": [{"project": "site", "spec": "default"}],
                                       "jetpack": {"cluster_init_dir": str(self.mnt)}}})

    def converge(self, **options):
        return self.jetpack("converge", "--offline", **options)

    def counts(self):
        return collections.Counter(self.ran.read_text().splitlines() if self.ran.exists() else [])

    def boot(self):
        """The markers' boot is another one from now on."""
        state = self.home / "config/cluster-init.jsonl"
        if state.exists():
            state.write_text(re.sub(r'"boot":"[^"]*"', '"boot":"before"', state.read_text()))


@pytest.mark.parametrize("loses_power", (False, True), ids=("killed", "power"))
def test_at_each_step(loses_power, jetpack, preloaded, tmp_path):
    # The one that was interrupted and, where its record was being synced meanwhile, the one before.
    most = len(SCRIPTS) + (2 if loses_power else 1)
    memory = Path("/dev/shm")
    base = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else tmp_path))
    try:
        for step in range(1, MOST_STEPS):
            node = Node(jetpack, base / "node")
            env = {"LD_PRELOAD": str(preloaded), "POWER_STEP": str(step), **({"POWER_LOSS": "1"} if loses_power else {})}
            first = node.converge(env=env)
            if first.returncode == 0:
                assert step > 30, "it was hardly ever killed"
                return
            assert first.returncode == -9, first
            if loses_power:
                node.boot()
            again = node.converge()
            assert again.returncode == 0, (step, again)
            counts = node.counts()
            assert set(counts) == set(SCRIPTS) and sum(counts.values()) <= most, (step, counts)
            assert not any((node.home / "config").glob("*.corrupt-*")), step
            node.converge()
            assert node.counts() == counts, step
            last = json.loads(jetpack.answer("converge", "history", "--json"))[-1]
            assert last["status"] == "ok" and {s["status"] for s in last["steps"]} == {"skipped"}, step
        raise AssertionError("it never ended")
    finally:
        shutil.rmtree(base)
