"""npm packages of a pinned version, in a cache directory outside the repository, made at the first use."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

INSTALL_SECONDS = 240
REFUSED = {}  # directory: why it cannot be had, so that only one test waits to learn it


def package(name, version):
    """The node_modules directory that has this version; a test that cannot have it is skipped by name."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jetpack-tests"
    directory = cache / f"{name.replace('/', '-').strip('@')}-{version}"
    if not shutil.which("npm"):
        pytest.skip(f"npm is missing, which installs {name}: apt-get install npm")
    if directory in REFUSED:
        pytest.skip(REFUSED[directory])
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists() and (why := install(f"{name}@{version}", directory)):
            REFUSED[directory] = why
            pytest.skip(why)
    return directory / "node_modules"


def azure_storage_blob():
    """Azure's own client for node, the newest that takes the node of Debian 12's age."""
    return package("@azure/storage-blob", "12.32.0")


def azcopy():
    """The program."""
    modules = package("@azure-tools/azcopy-linux", "10.32.2")
    program = modules / "@azure-tools/azcopy-linux/dist/bin/azcopy_linux_amd64"
    program.chmod(0o755)  # the package has it without
    return program


def install(what, directory):
    """Installs beside the directory and renames: it is there whole or not at all. Says why it cannot be."""
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".new-") as temporary:
        (Path(temporary) / "package.json").write_text('{"private": true}')
        try:
            subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
                            "--fetch-retries=1", what],
                           cwd=temporary, check=True, capture_output=True, text=True,
                           timeout=INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            return f"npm could not install {what} within {INSTALL_SECONDS} s"
        except subprocess.CalledProcessError as error:
            return f"npm cannot install {what}: {error.stderr.strip()[-300:]}"
        shutil.copytree(temporary, f"{temporary}.whole", symlinks=True)
        os.rename(f"{temporary}.whole", directory)
    return None
