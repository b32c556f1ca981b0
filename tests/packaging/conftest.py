"""What the tests of packages share: a staged tree, packages made of it, a machine to install them on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent))
from machine import Machine, NotPossible  # noqa: E402
from package_set import NEW, OLD, PLACE, STALE, PackageSet, list_files, once  # noqa: E402


@pytest.fixture(scope="session", name="tools")
def _tools(repository):
    return repository / "tools/packaging"


@pytest.fixture(scope="session", name="stage")
def _stage(built_home, tools, shared_directory):
    """The built home as a build with the final prefix stages it, stripped."""

    def make(directory):
        for part in ("bin", "include", "lib", "plugins", "share", "system"):
            shutil.copytree(built_home / part, directory / "jetpack" / part, symlinks=True)
        programs = []
        for path in directory.rglob("*"):
            if path.is_symlink() or not path.is_file():
                continue
            content = path.read_bytes()
            if content.startswith(b"\x7fELF"):
                programs.append(path)
            elif str(built_home).encode() in content:
                path.write_bytes(content.replace(str(built_home).encode(), PLACE.encode()))
        subprocess.run(["strip", "--strip-unneeded", *programs], check=True)
        for bundle in (directory / "jetpack/plugins/store").glob("*/*"):
            subprocess.run([tools / "bundle_manifest.py", bundle], check=True,
                           env={**os.environ, "JETPACK_BUNDLE_KEY": str(directory / "bundle-key.pem")})
        list_files(tools, directory / "jetpack")

    return once(shared_directory, "stage", make) / "jetpack"


@pytest.fixture(scope="session", name="packages")
def _packages(stage, tools, shared_directory, tmp_path_factory):
    """Packages of this version, and of an older one that has one plugin more."""
    if not shutil.which("rpmbuild"):
        pytest.skip("rpmbuild is missing")

    def make(directory):
        packages = PackageSet(directory, tools)
        packages.make(stage, NEW)
        old = tmp_path_factory.mktemp("old") / "jetpack"
        shutil.copytree(stage, old, symlinks=True, copy_function=os.link)
        shutil.copy(old / "lib/jetpack/plugins/users.so", old / STALE)
        list_files(tools, old)
        packages.make(old, OLD)

    return PackageSet(once(shared_directory, "packages", make), tools)


@pytest.fixture(name="release")
def _release(repository, tools, tmp_path):
    """Packages of a release, which needs no library that a distribution does not have: those in
    JETPACK_RELEASE_PACKAGES, or made of what tools/release staged."""
    if made := os.environ.get("JETPACK_RELEASE_PACKAGES"):
        return PackageSet(Path(made), tools)
    home = repository / "build-release/x86_64/stage" / PLACE[1:]
    home = Path(os.environ.get("JETPACK_RELEASE_STAGE", home))
    if not (home / "system/install/agent.sha256").exists():
        pytest.skip(f"there is no release in {home}; run tools/release")
    packages = PackageSet(tmp_path / "packages", tools)
    packages.make(home, NEW, "deb")
    return packages


@pytest.fixture(name="start_machine")
def _start_machine(packages, tmp_path):
    """start_machine(boot=False): a machine like this one on which jetpack is not installed."""
    machines = []

    def start(**options):
        try:
            machines.append(Machine(tmp_path / f"machine{len(machines)}", packages.directory, **options))
        except NotPossible as why:
            pytest.skip(str(why))
        return machines[-1]

    yield start
    for machine in machines:
        machine.end()


@pytest.fixture(name="machine")
def _machine(start_machine):
    return start_machine()
