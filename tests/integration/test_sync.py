"""The storage service's sync: a directory holds what is below a prefix of a locker of any kind, the old one
until the new one is complete."""

import json
import os
import random
import signal
import stat
import subprocess

import pytest

from lockers import random_bytes

KINDS = ("azurite-sas", "hub-key", "file")
PREFIX = "projects/p/1.0.0/specs/s"


@pytest.fixture(params=KINDS)
def locker(request, lockers, home, tmp_path):
    made = lockers.make(request.param, tmp_path)
    made.connect(home)
    return made


@pytest.fixture
def here(tmp_path):
    """The parent of what is synced."""
    directory = tmp_path / "cluster-init"
    directory.mkdir(mode=0o755)
    return directory


def content_of(tree):
    """{name: content} of all files."""
    return {str(path.relative_to(tree)): path.read_bytes()
            for path in tree.rglob("*") if path.is_file()}


def remove(locker, name):
    """A blob, by other means than ours."""
    if locker.directory:
        (locker.directory / name).unlink()
    else:
        assert locker.account.ask("DELETE", f"{locker.container}/{name}").status == 202


def put_all(locker, blobs):
    for name, content in blobs.items():
        locker.put(f"{PREFIX}/{name}", content)


def test_only_what_changed_is_brought(blob, locker, here):
    tree = here / "s"
    blobs = {"scripts/010 a.sh": b"#!/bin/sh\n", "scripts/\u00e4~.bak": b"old", "files/empty": b"",
             "files/large": random_bytes(9_000_001), ".hidden": b"x", "1.0.0/v": b"1"}
    put_all(locker, blobs)
    locker.put(f"{PREFIX}-other/x", b"not below it")
    assert blob("sync", PREFIX, tree) == "1 6 6 0\n"
    assert content_of(tree) == blobs
    assert blob("sync", PREFIX, tree) == "0 6 0 0\n"

    before = tree.stat().st_ino
    (tree / "scripts/010 a.sh").chmod(0o755)
    (tree / "scripts/.out").write_bytes(b"of a script")
    (tree / "files/large").write_bytes(b"damaged")
    script = (tree / "scripts/010 a.sh").stat()
    locker.put(f"{PREFIX}/files/empty", b"no more")
    locker.put(f"{PREFIX}/files/new", b"new")
    remove(locker, f"{PREFIX}/1.0.0/v")
    assert blob("sync", PREFIX, tree) == "1 6 3 1\n"
    blobs.pop("1.0.0/v")
    blobs.update({"files/empty": b"no more", "files/new": b"new", "scripts/.out": b"of a script"})
    assert content_of(tree) == blobs
    assert not (tree / "1.0.0").exists()
    assert tree.stat().st_ino != before
    assert (tree / "scripts/010 a.sh").stat().st_ino == script.st_ino
    assert os.access(tree / "scripts/010 a.sh", os.X_OK)
    assert sorted(path.name for path in here.iterdir()) == [".s.jetpack-sync", "s"]
    assert sorted(path.name for path in (here / ".s.jetpack-sync").iterdir()) == ["lock", "manifest"]
    assert stat.S_IMODE((here / ".s.jetpack-sync").stat().st_mode) == 0o700


def test_what_cannot_be_synced_leaves_the_old_tree(blob, locker, here):
    tree = here / "s"
    put_all(locker, {"a": b"1"})
    blob("sync", PREFIX, tree)
    assert "no blob is below it" in blob("sync", "projects/none", tree, status=1)
    if not locker.directory:
        put_all(locker, {"a/b": b"both"})
        assert "both a file and a directory" in blob("sync", PREFIX, tree, status=1)
    assert content_of(tree) == {"a": b"1"}
    here.chmod(0o777)
    assert "other users can write" in blob("sync", PREFIX, tree, status=1)
    here.chmod(0o755)
    for name in ("", "/", f"{tree}/.."):
        assert "names no directory" in blob("sync", PREFIX, name, status=2)


@pytest.mark.parametrize("damage", [b"{", b"[]", b"\0", b'{"files": 1}', None])
def test_a_manifest_that_cannot_be_used_is_moved_aside(blob, lockers, home, here, tmp_path, damage):
    locker = lockers.make("file", tmp_path)
    locker.connect(home)
    put_all(locker, {"a": b"1", "b": b"2"})
    tree, manifest = here / "s", here / ".s.jetpack-sync/manifest"
    blob("sync", PREFIX, tree)
    if damage is None:
        manifest.chmod(0o666)
    else:
        manifest.write_bytes(damage)
    assert blob("sync", PREFIX, tree) == "1 2 2 0\n"
    assert len(list(manifest.parent.glob("manifest.corrupt-*"))) == 1
    assert blob("sync", PREFIX, tree) == "0 2 0 0\n"
    assert json.loads(manifest.read_text())["files"][0]["name"] == "a"


def test_after_a_reboot_the_files_are_checked_by_their_content(blob, lockers, home, here, tmp_path):
    locker = lockers.make("file", tmp_path)
    locker.connect(home)
    put_all(locker, {"a": b"1" * 100, "b": b"2" * 100})
    tree, manifest = here / "s", here / ".s.jetpack-sync/manifest"
    blob("sync", PREFIX, tree)
    known = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**known, "boot": "another"}))
    lost = (tree / "a").stat()
    (tree / "a").write_bytes(b"\0" * 100)
    os.utime(tree / "a", ns=(lost.st_atime_ns, lost.st_mtime_ns))
    assert blob("sync", PREFIX, tree) == "1 2 1 0\n"
    assert content_of(tree) == {"a": b"1" * 100, "b": b"2" * 100}


def test_killed_at_any_moment_it_goes_on(jetpack, probe, blob, locker, here):
    """The tree is the old one or the new one, whole, and what was fetched is not fetched again."""
    tree, chance = here / "s", random.Random(7)
    old = {f"d/{i}": random_bytes(20_000) for i in range(30)}
    put_all(locker, old)
    blob("sync", PREFIX, tree)
    new = {f"d/{i}": random_bytes(20_000) for i in range(10, 60)}
    put_all(locker, new)
    for i in range(10):
        remove(locker, f"{PREFIX}/d/{i}")
    kills = 0
    for turn in range(15):
        with jetpack.start("--plugin-path", probe, "blob", "sync", PREFIX, tree,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                process.wait(timeout=turn * chance.uniform(0.001, 0.02))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                kills += 1
        assert content_of(tree) in (old, new)
    assert kills > 0
    blob("sync", PREFIX, tree)
    assert content_of(tree) == new
    assert blob("sync", PREFIX, tree) == "0 50 0 0\n"


def test_a_full_disk_is_reported_and_the_old_tree_stays(blob, lockers, home, here, tmp_path):
    locker = lockers.make("file", tmp_path)
    locker.connect(home)
    put_all(locker, {"a": b"1"})
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "none", here],
                      check=False, capture_output=True).returncode != 0:
        pytest.skip("cannot mount a tmpfs")
    try:
        blob("sync", PREFIX, here / "s")
        put_all(locker, {"b": b"2" * 3_000_000})
        assert "bytes are needed" in blob("sync", PREFIX, here / "s", status=1)
        assert content_of(here / "s") == {"a": b"1"}
        remove(locker, f"{PREFIX}/b")
        assert blob("sync", PREFIX, here / "s") == "0 1 0 0\n"
    finally:
        subprocess.run(["umount", here], check=True)
