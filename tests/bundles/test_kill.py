"""Kill -9 at system calls of install, upgrade, rollback and remove: afterwards one whole version is active, or
none where there was none or was to be none, and the next command works.

By default at some of the calls that change files; with JETPACK_LONG=1 at every system call."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

LONG = bool(os.environ.get("JETPACK_LONG"))
HERE = Path(__file__).resolve().parent
SAMPLES = 12  # of each verb


@pytest.fixture(scope="module", name="kill_at")
def _kill_at(tmp_path_factory):
    program = tmp_path_factory.mktemp("kill") / "kill_at"
    subprocess.run(["gcc", "-O1", "-Wall", "-Werror", HERE / "kill_at.c", "-o", program], check=True)
    return program


@pytest.fixture(name="bundles")
def _bundles(build_marked, jetpack, keys, tmp_path):
    """Two versions, as files."""
    made = {}
    for version in ("1.0.0", "2.0.0"):
        made[version] = tmp_path / f"{version}.jpb"
        jetpack.answer("plugin", "pack", build_marked(VERSION=version), "--key", keys["vendor"].path, "-o", made[version])
    return made


def active_version(home):
    """The version that is active, after a look at every file of it; None when there is none."""
    link = home / "plugins/active/test.marked"
    if not link.is_symlink():
        return None
    directory = link.resolve(strict=True)
    manifest = json.loads((directory / "plugin.json").read_text())
    for name, file in manifest["files"].items():
        content = (directory / name).read_bytes()
        assert len(content) == file["size"] and hashlib.sha256(content).hexdigest() == file["sha256"]
    present = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}
    assert present == {"plugin.json", "plugin.json.sig", *manifest["files"]}
    assert manifest["version"] == directory.name
    return manifest["version"]


CASES = {
    # What is installed before, the verb, and what may be active when it was killed.
    "install": ([], ["install", "1.0.0"], {None, "1.0.0"}),
    "upgrade": (["1.0.0"], ["install", "2.0.0"], {"1.0.0", "2.0.0"}),
    "rollback": (["1.0.0", "2.0.0"], ["rollback", "test.marked"], {"1.0.0", "2.0.0"}),
    "remove": (["1.0.0", "2.0.0"], ["remove", "test.marked"], {"2.0.0", None}),
}


@pytest.mark.timeout(3600 if LONG else 300)
@pytest.mark.parametrize("name", CASES)
def test_one_whole_version_is_active(name, kill_at, trusting, home, bundles, tmp_path):
    before, verb, allowed = CASES[name]
    for version in before:
        trusting.answer("plugin", "install", bundles[version])
    verb = [bundles.get(word, word) for word in verb]
    saved = tmp_path / "saved"
    shutil.copytree(home.path, saved, symlinks=True)

    def run(number):
        shutil.rmtree(home.path)
        shutil.copytree(saved, home.path, symlinks=True)
        result = trusting("plugin", *verb, prefix=[kill_at, str(number), "all" if LONG else "changes"])
        return result.returncode, int(result.stderr.splitlines()[-1])

    code, total = run(0)
    assert code == 0 and total > 5, (code, total)
    done = active_version(home)
    assert done in allowed
    numbers = range(1, total + 1)
    seen = set()
    for number in numbers if LONG else sorted({1 + i * (total - 1) // (SAMPLES - 1) for i in range(SAMPLES)}):
        code, made = run(number)
        # The last few may not be reached: how many calls a run makes depends a little on what it meets.
        assert code == 137 or (code == 0 and made < number and number > total - 10), (number, code, made, total)
        version = active_version(home)
        assert version in allowed, (number, version)
        seen.add(version)
        listed = trusting("plugin", "list", "--json")
        assert listed.returncode == 0 and '"refused"' not in listed.stdout, (number, listed)
        ran = trusting("marked")
        assert (ran.returncode, ran.stdout) == ((127, "") if version is None else (0, f"{version}\n")), (number, ran)
        again = trusting("plugin", "install", bundles["2.0.0"])
        assert again.returncode == 0, (number, again)
        assert active_version(home) == "2.0.0", number
        left = [path for path in (home / "plugins").rglob(".tmp-*")]
        assert left == [], (number, left)
    assert seen == allowed, seen
