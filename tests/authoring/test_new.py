"""`jetpack plugin new`: every project builds, is tested, packed, signed, trusted, installed and runs, by the
commands that it prints and that its README has."""

import json
import os
import re
import shutil
import subprocess

import pytest

KINDS = [("cpp", "meson"), ("cpp", "cmake"), ("c", "meson"), ("c", "cmake"), ("bash", "meson")]


@pytest.fixture
def author(jetpack, sdk, built_home, tmp_path):
    """author(COMMAND, DIRECTORY): what a command line of an author prints; it must succeed."""
    environment = {**sdk.environment, **jetpack.environment(), "HOME": str(tmp_path),
                   "PATH": f"{built_home}/bin:{os.environ['PATH']}"}

    def run(command, directory):
        result = subprocess.run(["bash", "-c", command], cwd=directory, env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        assert result.returncode == 0, f"{command}\n{result.stdout}"
        return result.stdout

    return run


def commands_of_readme(directory):
    text = (directory / "README.md").read_text()
    return [line.split("#")[0].strip() for line in re.findall(r"^    (jetpack .*)$", text, re.M)]


@pytest.mark.parametrize("language, build", KINDS)
def test_from_nothing_to_a_running_bundle(jetpack, author, tmp_path, language, build):
    if build == "cmake" and not shutil.which("cmake"):
        pytest.skip("cmake is not installed")
    result = json.loads(jetpack.answer("plugin", "new", "gpu-reset", "-l", language, "-b", build, "-d",
                                       tmp_path / "project", "--json"))
    directory = tmp_path / "project"
    assert result["id"] == "com.example.gpu-reset" and len(result["next"]) == 3
    assert sorted(result["files"]) == sorted(
        path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
    assert (directory / "steps").read_text().splitlines() == result["next"]
    for command in [*result["next"], *commands_of_readme(directory)]:
        author(command, directory)
    [bundle] = directory.glob("*.jpb")
    assert bundle.name == "com.example.gpu-reset-0.1.0.jpb"
    arguments = ["Ada"] if language == "bash" else []
    expected = "Hello, Ada, from a node without a name\n" if language == "bash" else (
        "gpu-reset runs on a node without a name\n")
    assert jetpack.answer("gpu-reset", *arguments) == expected
    [plugin] = [plugin for plugin in json.loads(jetpack.answer("plugin", "list", "--json"))
                if plugin.get("id") == "com.example.gpu-reset"]
    assert plugin["origin"] == "bundle"


def test_the_commands_of_the_sdks_readme(repository, author, tmp_path):
    [block] = re.findall(r"^```sh\n(jetpack plugin new .*?)^```$", (repository / "sdk/README.md").read_text(), re.M | re.S)
    assert author("set -e\n" + block, tmp_path).endswith("\ngreet runs on a node without a name\n")


def test_a_directory_with_content_is_left_alone(jetpack, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/keep").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        result = jetpack("plugin", "new", "greet", "-d", tmp_path / name)
        assert result.returncode == 1 and "is not an empty directory" in result.stderr
    assert os.listdir(tmp_path / "full") == ["keep"]
    (tmp_path / "empty").mkdir()
    assert jetpack("plugin", "new", "greet", "-d", tmp_path / "empty").returncode == 0
    assert (tmp_path / "empty/greet.cpp").exists()


def test_the_workflow_is_yaml_that_runs_the_steps(jetpack, tmp_path):
    yaml = pytest.importorskip("yaml")
    jetpack.answer("plugin", "new", "greet", "-d", tmp_path / "p")
    workflow = yaml.safe_load((tmp_path / "p/.github/workflows/ci.yml").read_text())
    steps = [step.get("run", "") for step in workflow["jobs"]["plugin"]["steps"]]
    assert any("./steps" in step for step in steps)
