"""sdk/README.md is run as it stands: its plugin is built and every command prints what it says."""

import os
import re
import shutil
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
    for text in blocks(readme, "cpp"):
        (directory / re.match(r"// (\w+\.cpp):", text)[1]).write_text(text)
    for name, language in (("site.json", "json"), ("site.sh", "bash")):
        (directory / name).write_text(next(b for b in blocks(readme, language) if "site power" in b))
    # The plugin is installed into a copy of the tree, which its pkg-config file finds by itself.
    for part in ("include", "share"):
        shutil.copytree(sdk.prefix / part, copied_home / part, symlinks=True)
    environment = {
        **sdk.environment,
        "PATH": f"{copied_home}/bin:{os.environ['PATH']}",
        "PKG_CONFIG_PATH": f"{copied_home}/share/pkgconfig",
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
    assert ran >= 20


def test_the_examples_of_the_readme_are_the_files(readme, repository):
    """sdk/examples has what an author copies; the larger one is short."""
    for name in ("gpu.cpp", "gpu_test.cpp"):
        assert (repository / "sdk/examples" / name).read_text() in blocks(readme, "cpp")
    assert len((repository / "sdk/examples/gpu.cpp").read_text().splitlines()) <= 60


def test_every_key_of_the_note_is_in_the_readme(readme, repository):
    writer = (repository / "sdk/include/jetpack/detail/note.hpp").read_text()
    keys = set(re.findall(r'\\"(\w+)\\":', writer)) | set(re.findall(r'member\("(\w+)"', writer))
    keys |= set(re.findall(r'write_parameters\(c, "(\w+)"', writer))
    assert len(keys) >= 20
    assert not [key for key in keys if f"`{key}`" not in readme and f'"{key}"' not in readme]


def test_every_refinement_and_accessor_is_in_the_readme(readme, sdk):
    declared = re.findall(r"^  consteval Parameter (\w+)\(", (sdk.include / "jetpack/command.hpp").read_text(), re.M)
    public = (sdk.include / "jetpack/call.hpp").read_text().split(" private:")[0]
    asked = re.findall(r"^  (?:bool|[\w:]+(?:<[^>]*>)?) (\w+)\(std::string_view name[),]", public, re.M)
    assert len(declared) >= 9 and {"text", "need", "text_or", "integers", "durations", "flag"} <= set(asked)
    private = {"mistaken", "typed"}
    missing = [name for name in declared if name not in private and f"`.{name}(" not in readme]
    missing += [name for name in asked if name != "declares" and f"`call.{name}(" not in readme]
    assert not missing


def test_every_header_is_in_the_readme(readme, sdk):
    names = {path.name for path in (sdk.include / "jetpack").glob("*.h*")}
    named = {name for name in names if f"`{name}`" in readme or f"<jetpack/{name}>" in readme}
    # What plugin.hpp brings along is described, not named.
    assert names - named <= {"call.hpp", "command.hpp", "error.hpp"}


def test_the_cmake_project_builds_installs_and_runs(readme, sdk, jetpack, home, copied_home, tmp_path):
    """As it stands in the section "Building", with an SDK that is not where it was built."""
    if not shutil.which("cmake"):
        pytest.skip("cmake is not installed")
    for part in ("include", "share"):
        shutil.copytree(sdk.prefix / part, copied_home / part, symlinks=True)
    directory = tmp_path / "author"
    directory.mkdir()
    (directory / "greet.cpp").write_text(blocks(readme, "cpp")[0])
    (directory / "CMakeLists.txt").write_text(blocks(readme, "cmake")[0])
    environment = {**sdk.environment, "PKG_CONFIG_PATH": f"{copied_home}/share/pkgconfig",
                   "PATH": f"{copied_home}/bin:{os.environ['PATH']}"}
    commands = re.search(r"^cmake .*(?:\n.*cmake .*)+", "\n".join(blocks(readme, "sh")), re.M)[0].splitlines()
    assert len(commands) == 3
    for command in commands:
        result = subprocess.run(["bash", "-c", command], cwd=directory, env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240)
        assert result.returncode == 0 and "warning" not in result.stdout.lower(), result.stdout
    exported = sdk.run("nm", "--dynamic", "--defined-only", directory / "build/greet.so").split()
    assert exported[-1] == "jetpack_plugin_v1" and len(exported) == 3
    assert jetpack.answer("--plugin-path", directory / "build", "greet", "Ada") == "Hello, Ada, from this node\n"
    jetpack.binary = copied_home / "bin/jetpack"
    assert jetpack.answer("greet", "Ada") == "Hello, Ada, from this node\n"
