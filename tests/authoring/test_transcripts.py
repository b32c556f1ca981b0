"""`jetpack plugin test`: transcripts pass, fail with what differs, and leave nothing behind."""

import json
import os

import pytest


@pytest.fixture
def plugins(repository, sdk, tmp_path):
    return sdk.build(repository / "subprojects/hello/hello.cpp", tmp_path / "plugins/hello.so").parent


@pytest.fixture
def run(jetpack, plugins, tmp_path):
    def run_text(text, *options):
        path = tmp_path / "t.test"
        path.write_text(text)
        return jetpack("plugin", "test", plugins, path, *options, env={"TMPDIR": str(tmp_path)})

    yield run_text
    assert [name for name in os.listdir(tmp_path) if name.startswith("jetpack-test")] == []


def test_what_is_printed_as_expected_passes(run):
    result = run("""A comment.
$ jetpack hello Ada
Hello, Ada.

$ jetpack hello a b
jetpack hello: * (glob)
usage: * (glob)
See 'jetpack help hello'.
[exit 2]

$ echo out; echo err >&2; echo out
out
err
out
$ kill -TERM $$
[signal 15]
""")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("t.test\n1 passed, 0 failed\n")


@pytest.mark.parametrize("text, shown", [
    ("$ jetpack hello Ada\nHello, Eve.\n", "  - Hello, Eve.\n  + Hello, Ada.\n"),
    ("$ jetpack hello Ada\n", "  + Hello, Ada.\n"),
    ("$ true\nsomething\n", "  - something\n"),
    ("$ exit 3\n", "  + [exit 3]\n"),
    ("$ true\n[exit 1]\n", "  - [exit 1]\n"),
    ("$ printf '\\033[31mred'\n", "  + \\x1b[31mred\n"),
    ("no step\n", "no line begins with '$ COMMAND'\n"),
])
def test_what_differs_is_shown(run, text, shown):
    result = run(text)
    assert result.returncode == 1
    assert shown in result.stdout and result.stdout.endswith("0 passed, 1 failed\n")


def test_a_command_that_hangs_is_ended(run):
    result = run("$ echo a; sleep 60 & sleep 60\na\n", "--timeout", "300ms")
    assert result.returncode == 1 and "  + [timed out after " in result.stdout


def test_each_transcript_has_a_home_of_its_own(jetpack, plugins, tmp_path):
    tests = tmp_path / "tests"
    tests.mkdir()
    text = '$ ls -A .; ls "$JETPACK_HOME/config"\n$ touch x "$JETPACK_HOME/config/y"\n'
    for name in ("a.test", "b.test", "c.txt"):
        (tests / name).write_text(text)
    result = jetpack("plugin", "test", plugins, tests, "--json")
    assert result.returncode == 0, result.stdout
    outcomes = json.loads(result.stdout)
    assert [os.path.basename(outcome["path"]) for outcome in outcomes] == ["a.test", "b.test"]
    assert all(outcome["passed"] and outcome["steps"] == 2 for outcome in outcomes)


def test_no_plugin_and_no_transcript_are_errors(jetpack, plugins, tmp_path):
    (tmp_path / "empty").mkdir()
    assert jetpack("plugin", "test", tmp_path / "empty", tmp_path).returncode == 1
    result = jetpack("plugin", "test", plugins, tmp_path / "empty")
    assert (result.returncode, result.stdout) == (1, "") and "no transcript found" in result.stderr
