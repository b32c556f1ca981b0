"""Lets the tests here import hub_client, which pytest's importlib mode would not find; lockers of all kinds."""
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from lockers import Lockers  # noqa: E402


@pytest.fixture(scope="module")
def lockers(shared_directory):
    """make(KIND, DIRECTORY): a locker of one of lockers.KINDS."""
    made = Lockers(shared_directory)
    yield made
    made.close()


@pytest.fixture
def root(tmp_path):
    """A root directory with the files that useradd needs."""
    directory = tmp_path / "root"
    for name in ("etc/sudoers.d", "home", "var", "tmp"):
        (directory / name).mkdir(parents=True)
    (directory / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n"
                                       "carol:x:20003:20003::/home/carol:/bin/bash\n")
    (directory / "etc/group").write_text("root:x:0:\ncarol:x:20003:\n")
    (directory / "etc/shadow").write_text("root:*:19000:0:99999:7:::\ncarol:*:19000:0:99999:7:::\n")
    (directory / "etc/gshadow").write_text("root:*::\ncarol:*::\n")
    shutil.copy("/etc/login.defs", directory / "etc/login.defs")
    (directory / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\n")
    return directory


@pytest.fixture
def once(jetpack, root):
    """Runs the daemon once on the users of `root`."""

    def run(code=0):
        result = subprocess.run([jetpack.binary.parent / "jetpackd", "--once", "--root", root],
                                env=jetpack.environment(), capture_output=True, text=True,
                                stdin=subprocess.DEVNULL, timeout=60, check=False)
        log = jetpack.home / "logs/jetpackd.log"
        assert result.returncode == code, result.stderr + (log.read_text() if log.exists() else "")
        return result.stderr

    return run
