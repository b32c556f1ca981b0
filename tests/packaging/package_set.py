"""Packages of two versions, made of a staged tree."""

import fcntl
import os
import re
import shutil
import subprocess

PLACE = "/opt/cycle/jetpack"
OLD, NEW = "8.10.0-100001", "8.10.0-100100"
STALE = "lib/jetpack/plugins/gone.so"


class PackageSet:
    """The packages of two versions, in one directory."""

    def __init__(self, directory, tools):
        self.directory = directory
        self.tools = tools

    def make(self, home, version, formats="deb,rpm", architecture="x86_64", output=None):
        subprocess.run([self.tools / "packages.py", "--compression=none", f"--formats={formats}", architecture, version,
                        home, output or self.directory], check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1764000000"})

    def deb(self, version, part=""):
        return f"/packages/jetpack{part}_{version}_amd64.deb"

    def rpm(self, version, part=""):
        return f"/packages/jetpack{part}-{version}.x86_64.rpm"


def list_files(tools, home):
    for old in (home / "system/install").glob("*.sha256"):
        old.unlink()
    subprocess.run([tools / "file_list.py", home], check=True)


def once(shared_directory, name, make):
    """A directory that the first of the run's processes fills, and all use."""
    directory = shared_directory / f"packaging-{name}"
    with (shared_directory / f"packaging-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            unfinished = directory.with_name(directory.name + ".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(directory)
    return directory


def matches(pattern, text):
    assert re.search(pattern, text), f"no {pattern!r} in:\n{text}"
