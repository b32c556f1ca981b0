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


@pytest.fixture(scope="session")
def probe(sdk, repository, tmp_path_factory):
    """The plugin that has the service at a shell."""
    library = tmp_path_factory.mktemp("probe") / "probe.so"
    return sdk.build(repository / "tests/integration/storage_probe.cpp", library).parent


@pytest.fixture
def blob(jetpack, probe):
    """blob(ACTION, ...): what `jetpack blob` prints; status: its exit code."""
    def run(*words, status=0, content=None, **options):
        if content is not None:
            options["stdin"] = subprocess.PIPE
        with jetpack.start("--plugin-path", probe, "blob", *words, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, **options) as process:
            out, err = process.communicate(content, timeout=60)
        assert process.returncode == status, (words, out, err)
        return (out if status == 0 else err).decode()
    return run
