"""A plugin's author has the packages, a compiler and sdk/README.md: from nothing to a plugin that runs."""

import re

import pytest

from package_set import NEW, PLACE


@pytest.mark.parametrize("language", ["cpp", "bash"])
def test_from_the_packages_to_a_running_plugin(machine, packages, repository, language):
    [block] = re.findall(r"^```sh\n(jetpack plugin new .*?)^```$", (repository / "sdk/README.md").read_text(), re.M | re.S)
    greeting = "greet runs on a node without a name\n"
    if language == "bash":
        block = block.replace(" --id ", " --language bash --id ").replace("\njetpack greet\n", "\njetpack greet Ada\n")
        # The three commands that it prints are others.
        block = re.sub(r"meson setup.*?(?=jetpack plugin keygen)", "bash -e ./steps\n", block, flags=re.S)
        greeting = "Hello, Ada, from a node without a name\n"
    machine.run("dpkg", "-i", packages.deb(NEW), packages.deb(NEW, "-sdk"))
    # A login shell, which knows where jetpack is, and where its SDK is, as the README has it.
    setting = f"export PKG_CONFIG_PATH={PLACE}/share/pkgconfig"
    assert setting in (repository / "sdk/README.md").read_text()
    said = machine.run("bash", "-lc", f"set -e; {setting}; mkdir /srv/author; cd /srv/author\n{block}", timeout=300).stdout
    assert said.endswith("\n" + greeting)
    # Another administrator's session has it as well.
    assert machine.jetpack("greet", *(["Ada"] if language == "bash" else [])).stdout == greeting
