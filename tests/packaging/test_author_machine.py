"""A plugin's author has the packages, a compiler and sdk/README.md: from nothing to a plugin that runs."""

import os
import re

import pytest

from machine import Machine, NotPossible, distribution
from package_set import NEW, PLACE

# What sdk/README.md says that an author needs, and what the project that is made is built with.
COMPILER = ("g++", "meson", "ninja-build", "pkg-config")


def follow(machine, packages, readme, language):
    """Does what stands below "From nothing to a signed bundle"."""
    [block] = re.findall(r"^```sh\n(jetpack plugin new .*?)^```$", readme, re.M | re.S)
    greeting = "greet runs on a node without a name\n"
    if language == "bash":
        block = block.replace(" --id ", " --language bash --id ").replace("\njetpack greet\n", "\njetpack greet Ada\n")
        # The three commands that it prints are others.
        block = re.sub(r"meson setup.*?(?=jetpack plugin keygen)", "bash -e ./steps\n", block, flags=re.S)
        greeting = "Hello, Ada, from a node without a name\n"
    machine.run("dpkg", "-i", packages.deb(NEW), packages.deb(NEW, "-sdk"))
    # A login shell, which knows where jetpack is, and where its SDK is, as the README has it.
    setting = f"export PKG_CONFIG_PATH={PLACE}/share/pkgconfig"
    assert setting in readme
    said = machine.run("bash", "-lc", f"set -e; {setting}; mkdir /srv/author; cd /srv/author\n{block}", timeout=300).stdout
    assert said.endswith("\n" + greeting)
    # Another administrator's session has it as well.
    assert machine.jetpack("greet", *(["Ada"] if language == "bash" else [])).stdout == greeting


def type_five_minutes(machine, readme):
    """Types what stands below "Five minutes"; every command prints what it says there."""
    section = re.search(r"^## Five minutes\n(.*?)^## ", readme, re.M | re.S)[1]
    [source] = re.findall(r"^```cpp\n(.*?)^```$", section, re.M | re.S)
    machine.write("/srv/five/greet.cpp", source)
    setting = re.search(r"`(export PKG_CONFIG_PATH=\S+)`", section)[1]
    steps = [step for block in re.findall(r"^```console\n(.*?)^```$", section, re.M | re.S)
             for step in re.split(r"^\$ ", block, flags=re.M)[1:]]
    assert len(steps) >= 7
    for step in steps:
        command, _, expected = step.partition("\n")
        result = machine.run("bash", "-lc", f"exec 2>&1; {setting}; cd /srv/five; {command}", check=False, timeout=300)
        assert result.stdout == expected, command


@pytest.fixture(name="readme")
def _readme(repository):
    return (repository / "sdk/README.md").read_text()


@pytest.mark.parametrize("language", ["cpp", "bash"])
def test_from_the_packages_to_a_running_plugin(machine, packages, readme, language):
    follow(machine, packages, readme, language)


@pytest.mark.skipif(not os.environ.get("JETPACK_LONG"), reason="takes minutes: run tools/test --long")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("language", ["cpp", "bash"])
def test_on_a_fresh_distribution(release, repository, readme, tmp_path, language):
    """With the packages of a release and a compiler, and nothing else."""
    try:
        root = distribution("bookworm", repository / "build-release/roots", COMPILER)
        machine = Machine(tmp_path / "machine", release.directory, lower=root)
    except NotPossible as why:
        pytest.skip(str(why))
    try:
        follow(machine, release, readme, language)
        if language == "cpp":
            machine.jetpack("plugin", "remove", "org.example.greet")
            type_five_minutes(machine, readme)
    finally:
        machine.end()
