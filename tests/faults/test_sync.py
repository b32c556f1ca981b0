"""Storage's sync is killed at each change of a directory, while a script creates files in the tree: none of them is
lost, and the tree is the old one or the new one. With exchange and hard links, and where the kernel, the file system
or a seccomp profile has neither."""

import errno
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

PREFIX = "projects/p/1.0.0/specs/s/cluster-init"
OLD = {"scripts/1.sh": b"1", "scripts/2.sh": b"2", "gone/3": b"3"}
NEW = {"scripts/1.sh": b"1", "scripts/2.sh": b"two", "files/4": b"4"}
MOST_STEPS = 200
# renameat2, link, linkat, openat2
CALLS = {"x86_64": (316, 86, 265, 437), "aarch64": (276, 37, 437)}


@pytest.fixture(scope="module")
def meanwhile(tmp_path_factory):
    library = tmp_path_factory.mktemp("meanwhile") / "meanwhile.so"
    subprocess.run(["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", Path(__file__).with_name("meanwhile.c"),
                    "-o", library, "-ldl"], check=True, timeout=120)
    return library


def write(locker, blobs, at):
    """Makes the locker hold these, all last changed at that second."""
    for path in sorted(locker.rglob("*"), reverse=True):
        name = str(path.relative_to(locker / PREFIX)) if path.is_relative_to(locker / PREFIX) else None
        if path.is_file() and name not in blobs:
            path.unlink()
    for name, content in blobs.items():
        path = locker / PREFIX / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
            os.utime(path, (at, at))


def content_of(tree):
    """{name: content} of what was synced, and the names of what a script created."""
    files = {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    created = {name for name in files if name.startswith("of-script-")}
    return {name: content for name, content in files.items() if name not in created}, created


@pytest.mark.parametrize("lacks", (False, True), ids=("all calls", "without"))
def test_no_file_is_lost_at_any_step(jetpack, home, probe, meanwhile, denying, tmp_path, lacks):
    if lacks and platform.machine() not in CALLS:
        pytest.skip("the numbers of the system calls are not known here")
    prefix = denying(errno.EPERM, *CALLS[platform.machine()]) if lacks else ()
    locker = tmp_path / "locker"
    home.write("config/locker.json", {"url": f"file://{locker}"})
    first = tmp_path / "at0"
    first.mkdir(mode=0o755)
    write(locker, OLD, 1_600_000_000)
    jetpack.answer("--plugin-path", probe, "blob", "sync", PREFIX, first / "synced", prefix=prefix)
    write(locker, NEW, 1_700_000_000)
    killed_without_tree = 0
    for step in range(1, MOST_STEPS):
        tree, log = tmp_path / f"at{step}" / "synced", tmp_path / f"at{step}.log"
        shutil.copytree(first, tree.parent)
        words = ["--plugin-path", probe, "blob", "sync", PREFIX, tree]
        killed = jetpack(*words, prefix=prefix, env={
            "LD_PRELOAD": str(meanwhile), "MEANWHILE_BELOW": str(tree.parent), "MEANWHILE_TREE": str(tree),
            "MEANWHILE_LOG": str(log), "MEANWHILE_STEP": str(step)})
        created = set(log.read_text().split())
        if killed.returncode != 0:
            assert killed.returncode in (-9, 137), killed
            killed_without_tree += not tree.exists()
            assert not tree.exists() or content_of(tree)[0] in (OLD, NEW), step
            assert jetpack.answer(*words, prefix=prefix).split()[1] == "3"
        found, kept = content_of(tree)
        assert found == NEW, step
        assert kept == created, (step, created - kept)
        assert sorted(os.listdir(tree.parent / ".synced.jetpack-sync")) == ["lock", "manifest"]
        if killed.returncode == 0:
            assert step > 15, "it was hardly ever killed"
            assert jetpack.answer(*words, prefix=prefix) == "0 3 0 0\n"
            # Only without an exchange there is a moment without a tree.
            assert killed_without_tree == int(lacks)
            return
    raise AssertionError("it never ended")
