"""npm packages of a pinned version, in a cache folder outside the repository, made at the first use."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

INSTALL_SECONDS = 240


def package(name, version):
    """The node_modules folder that has this version; a test that cannot have it is skipped by name."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jetpack-tests"
    folder = cache / f"{name.replace('/', '-').strip('@')}-{version}"
    if not shutil.which("npm"):
        pytest.skip(f"npm is missing, which installs {name}: apt-get install npm")
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            install(f"{name}@{version}", folder)
    return folder / "node_modules"


def install(what, folder):
    """Installs beside the folder and renames: it is there whole or not at all."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as temporary:
        (Path(temporary) / "package.json").write_text('{"private": true}')
        try:
            subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", what],
                           cwd=temporary, check=True, capture_output=True, text=True,
                           timeout=INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm could not install {what} within {INSTALL_SECONDS} s")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"npm cannot install {what}: {error.stderr.strip()[-300:]}")
        shutil.copytree(temporary, f"{temporary}.whole", symlinks=True)
        os.rename(f"{temporary}.whole", folder)
