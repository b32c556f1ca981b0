"""Whatever happens to a node between and during converges, each script runs exactly as often as it has to.

Each sequence is generated: converges that complete, fail, or are killed in a script; the resource disk wiped;
redeployment, deallocation, reimage, a captured image on another machine; edited, added and removed scripts; a new
version; markers removed; --rerun-scripts. A model says what must have run, by this table:

| what happened                                   | a script that has succeeded      |
|-------------------------------------------------|----------------------------------|
| converge again                                  | does not run                     |
| killed (-9) or failed before its end            | runs again                       |
| redeployed, deallocated, resource disk wiped    | does not run                     |
| reimaged, or another machine with its image     | runs again                       |
| edited, or another version of the project       | does not run                     |
| edited, and rerun_edited_scripts                | runs once                        |
| marker or all markers removed, on the disk of the next converge | runs once                        |
| taken out of the project, and put back later    | runs once, if a converge was between |
| --rerun-scripts                                 | runs once                        |

$JETPACK_CONVERGE_SEQUENCES says how many (default: 12)."""

import collections
import json
import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest

SEQUENCES = int(os.environ.get("JETPACK_CONVERGE_SEQUENCES", "12"))
EVENTS = 14

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root converges")

# Notes that it runs; then does what the sequence wants of it.
SCRIPT = """#!/bin/sh
# edition {edition}
echo {key} >> {base}/ran
read -r what key < {base}/wanted
[ "$key" = {key} ] || exit 0
[ "$what" = fail ] && exit 5
# Its parent supervises it; whose parent is converge.
read -r line < /proc/$PPID/stat
set -- ${{line##*) }}
kill -9 "$2"
exec sleep 60
"""


class Node:
    """A node and what must be true of it."""

    def __init__(self, jetpack, base, choice):
        self.jetpack, self.home, self.base, self.choice = jetpack, jetpack.home, base, choice
        self.mnt = base / "mnt"
        self.vm, self.version, self.edition = 1, 1, 0
        self.reruns_edited = False
        self.scripts = {}  # KEY: the edition that the project has
        for spec in ("a/one", "a/two", "b/one"):
            for name in choice.sample(("1.sh", "10.sh", "2.sh", "x y.sh"), 2):
                self.scripts[f"{spec}/scripts/{name}"] = 0
        self.scripts["b/one/stages/install.sh"] = self.scripts["a/one/stages/activate.sh"] = 0
        self.done = {}  # KEY: the edition that has run
        self.unmarked = set()  # whose markers were removed since
        self.sync()
        self.configure()

    def sync(self):
        """What fetching the projects does."""
        for spec in ("a/one", "a/two", "b/one"):
            shutil.rmtree(self.mnt / spec, ignore_errors=True)
            (self.mnt / spec / "scripts").mkdir(parents=True)
        for key, edition in self.scripts.items():
            path = self.mnt / key
            path.parent.mkdir(exist_ok=True)
            path.write_text(SCRIPT.format(key=f"'{key}'", base=self.base, edition=edition))

    def configure(self):
        specs = [{"project": p, "spec": s, "version": str(self.version)}
                 for p, s in (("a", "one"), ("a", "two"), ("b", "one"))]
        self.home.node({"azure": {"metadata": {"compute": {"vmId": f"vm-{self.vm}"}}},
                        "cyclecloud": {"cluster_init_specs": specs, "jetpack": {
                            "cluster_init_dir": str(self.mnt), "rerun_edited_scripts": self.reruns_edited}}})

    def order(self):
        spec_of = {"a/one": 0, "a/two": 1, "b/one": 2}

        def rank(key):
            project, spec, below, name = key.split("/")
            stage = 1 if below == "scripts" else {"install.sh": 0, "activate.sh": 2}[name]
            return stage, spec_of[f"{project}/{spec}"], name.encode()

        return sorted(self.scripts, key=rank)

    def must_run(self, key):
        if key not in self.done:
            return True
        return self.reruns_edited and self.done[key] != self.scripts[key]

    def converge(self, what="", *args):
        """One converge, in which at most one script does `what`, and the check."""
        victim = self.choice.choice(self.order()) if what else "-"
        (self.base / "wanted").write_text(f"{what or 'nothing'} {victim}\n")
        if "--rerun-scripts" in args:
            self.done.clear()
        for key in [key for key in self.done if key not in self.scripts or key in self.unmarked]:
            del self.done[key]
        self.unmarked.clear()
        expected, ends = [], "ok"
        for key in self.order():
            if not self.must_run(key):
                continue
            expected.append(key)
            self.done.pop(key, None)
            if key == victim:
                ends = what
                break
            self.done[key] = self.scripts[key]
        result = self.jetpack("converge", "--offline", *args)
        ran = self.base / "ran"
        found = ran.read_text().splitlines() if ran.exists() else []
        ran.unlink(missing_ok=True)
        assert found == expected, (what, victim, result)
        assert result.returncode == {"ok": 0, "fail": 1, "kill": -9}[ends], result

    # What happens to it.

    def complete(self):
        self.converge()

    def fail(self):
        self.converge("fail")

    def kill(self):
        self.converge("kill")

    def rerun(self):
        self.converge("", "--rerun-scripts")

    def kill_in_rerun(self):
        self.converge("kill", "--rerun-scripts")

    def wipe(self):
        """Redeployed or deallocated: the resource disk is another one."""
        shutil.rmtree(self.mnt)
        self.unmarked.clear()
        if self.choice.random() < 0.5:
            self.mnt.mkdir()
        self.sync()

    def another_machine(self):
        """With the image of this one: its home, and perhaps its markers."""
        self.vm += 1
        self.configure()
        self.done.clear()
        if self.choice.random() < 0.5:
            self.wipe()

    def reimage(self):
        """A fresh home; the resource disk may stay, with markers that others made."""
        shutil.rmtree(self.home / "logs")
        (self.home / "logs").mkdir()
        for name in ("cluster-init.jsonl", ".converge.lock"):
            (self.home / "config" / name).unlink(missing_ok=True)
        self.done.clear()
        if self.choice.random() < 0.5:
            self.wipe()
        else:
            self.vm += 1  # stands for /etc/machine-id, which a test cannot change
            self.configure()

    def edit(self):
        key = self.choice.choice(list(self.scripts))
        self.edition += 1
        self.scripts[key] = self.edition
        self.sync()

    def new_version(self):
        self.version += 1
        self.scripts[f"a/two/scripts/new {self.version}.sh"] = 0
        self.configure()
        self.edit()

    def take_out(self):
        key = self.choice.choice(list(self.scripts))
        del self.scripts[key]
        self.sync()
        if self.choice.random() < 0.5:
            self.converge()
        self.scripts[key] = 0
        self.sync()

    def remove_marker(self):
        keys = [key for key in self.done if (self.mnt / f".run/{key}.run").exists()]
        if keys:
            key = self.choice.choice(keys)
            (self.mnt / f".run/{key}.run").unlink()
            self.unmarked.add(key)

    def remove_markers(self):
        keys = [key for key in self.done if (self.mnt / f".run/{key}.run").exists()]
        shutil.rmtree(self.mnt / ".run", ignore_errors=True)
        self.unmarked.update(keys)

    def switch(self):
        self.reruns_edited = not self.reruns_edited
        self.configure()


EVENT = {"complete": 4, "fail": 2, "kill": 5, "rerun": 1, "kill_in_rerun": 1, "wipe": 3, "another_machine": 1,
         "reimage": 1, "edit": 2, "new_version": 1, "take_out": 1, "remove_marker": 2, "remove_markers": 1,
         "switch": 1}


@pytest.fixture
def base():
    """In memory where that is possible: most of the time would be spent waiting for the disk."""
    memory = Path("/dev/shm")
    directory = tempfile.mkdtemp(prefix="jetpack-", dir=memory if os.access(memory, os.W_OK) else None)
    yield Path(directory)
    shutil.rmtree(directory)


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_each_script_runs_exactly_as_often_as_it_has_to(jetpack, base, seed):
    choice = random.Random(seed)
    jetpack.home = type(jetpack.home)(base / "home")
    (jetpack.home / "bin").symlink_to(jetpack.binary.parent)
    node = Node(jetpack, base, choice)
    events = choice.choices(list(EVENT), list(EVENT.values()), k=EVENTS)
    done = []
    try:
        for event in events:
            done.append(event)
            getattr(node, event)()
        done.append("last")
        node.converge()
        node.converge()
    except AssertionError as failure:
        raise AssertionError(f"seed {seed}, after {done}") from failure
    lines = (node.home / "config/cluster-init.jsonl").read_text().splitlines()
    assert len(lines) < 300 and all(json.loads(line) for line in lines)
    history = json.loads(jetpack.answer("converge", "history", "--json"))
    assert history[-1]["status"] == "ok"
    assert collections.Counter(step["status"] for step in history[-1]["steps"]) == {"skipped": len(node.scripts)}
