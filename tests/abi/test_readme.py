"""sdk/README.md is run as it stands: its plugin is built and every command prints what it says."""

import os
import re
import subprocess

import pytest


@pytest.fixture
def readme(repository):
    return (repository / "sdk/README.md").read_text()


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def test_every_command_prints_what_the_readme_says(readme, sdk, home, copied_home, tmp_path):
    directory = tmp_path / "author"
    directory.mkdir(mode=0o755)
    (directory / "greet.cpp").write_text(blocks(readme, "cpp")[0])
    for name, language in (("site.json", "json"), ("site.sh", "bash")):
        (directory / name).write_text(next(b for b in blocks(readme, language) if "site power" in b))
    # The plugin is installed into a copy of the tree, whose pkg-config file says so.
    pkg_config = tmp_path / "pkgconfig"
    pkg_config.mkdir()
    for path in (sdk.include.parent / "share/pkgconfig").iterdir():
        text = path.read_text()
        lines = [f"plugindir={copied_home}/lib/jetpack/plugins" if line.startswith("plugindir=") else line
                 for line in text.splitlines()]
        (pkg_config / path.name).write_text("\n".join(lines) + "\n")
    home.node({})
    environment = {
        **sdk.environment,
        "PATH": f"{copied_home}/bin:{os.environ['PATH']}",
        "PKG_CONFIG_PATH": str(pkg_config),
        "JETPACK_HOME": str(home.path),
    }
    ran = 0
    for block in blocks(readme, "console"):
        for step in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, expected = step.partition("\n")
            result = subprocess.run(["bash", "-c", command], cwd=directory, env=environment, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
            assert result.stdout == expected, command
            ran += 1
    assert ran >= 12


def test_every_key_of_the_note_is_in_the_readme(readme, repository):
    writer = (repository / "sdk/include/jetpack/plugin.hpp").read_text()
    keys = set(re.findall(r'\\"(\w+)\\":', writer)) | set(re.findall(r'member\("(\w+)"', writer))
    keys |= set(re.findall(r'write_parameters\(c, "(\w+)"', writer))
    assert len(keys) >= 20
    assert not [key for key in keys if f"`{key}`" not in readme and f'"{key}"' not in readme]


def test_every_header_is_in_the_readme(readme, sdk):
    names = {path.name for path in (sdk.include / "jetpack").glob("*.h*")}
    named = {name for name in names if f"`{name}`" in readme or f"<jetpack/{name}>" in readme}
    # What plugin.hpp brings along is described, not named.
    assert names - named <= {"call.hpp", "command.hpp", "error.hpp"}
