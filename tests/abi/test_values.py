"""What a command gets for its parameters: from the command line, the configuration, the declaration; and what
happens to a plugin that asks for something else, or ends with what is no exit code."""

import json
import os
import subprocess

import pytest


@pytest.fixture(scope="session")
def values_plugin(repository, sdk, tmp_path_factory):
    directory = tmp_path_factory.mktemp("values")
    return sdk.build(repository / "tests/abi/values.cpp", directory / "p/val.so").parent


@pytest.fixture
def val(jetpack, home, values_plugin):
    home.node({})
    return lambda *args, **options: jetpack("--plugin-path", values_plugin, "val", *args, **options)


def done(result):
    return result.returncode, result.stdout, result.stderr


def test_what_is_not_given_comes_from_the_configuration_else_from_the_declaration(val, home):
    assert done(val("show")) == (0, "count=4 wait=-1 level=none force=no given=no names=\n", "")
    home.node({"gpu": {"count": 6, "wait": "2m", "level": "HIGH", "force": True, "names": ["a", "b"]}})
    assert done(val("show")) == (0, "count=6 wait=120000 level=high force=yes given=no names=a,b,\n", "")
    given = val("show", "--count=1", "--wait", "1s", "-l", "low", "--no-force", "c")
    assert done(given) == (0, "count=1 wait=1000 level=low force=no given=yes names=c,\n", "")
    home.node({"gpu": {"count": "7", "wait": 90, "force": "false", "names": "x", "level": None}})
    assert done(val("show")) == (0, "count=7 wait=90000 level=none force=no given=no names=x,\n", "")


def test_a_node_without_a_configuration_has_the_declared_defaults(val, home):
    os.remove(home / "config/node.json")
    assert done(val("show")) == (0, "count=4 wait=-1 level=none force=no given=no names=\n", "")


@pytest.mark.parametrize("gpu, what", [
    ({"count": 9}, "gpu.count in the configuration: 9; expected a whole number from 1 to 8, or give --count"),
    ({"count": "abc"}, "gpu.count in the configuration: abc; expected a whole number from 1 to 8"),
    ({"count": 1.5}, "gpu.count in the configuration: 1.5; expected a whole number"),
    ({"count": [1, 2]}, "gpu.count in the configuration: a list; expected one value"),
    ({"count": {"a": 1}}, "gpu.count in the configuration: an object; expected a text, a number"),
    ({"wait": "soon"}, "gpu.wait in the configuration: soon; expected a duration"),
    ({"level": "middle"}, "gpu.level in the configuration: middle; use low or high, or give --level"),
    ({"force": "maybe"}, "gpu.force in the configuration: maybe; expected true or false"),
    ({"names": [["a"]]}, "gpu.names in the configuration: a list"),
])
def test_a_configured_value_that_is_not_valid(val, home, gpu, what):
    """Not a usage error: the command line is right. Not replaced by the default either, which the administrator
    has replaced on purpose."""
    home.node({"gpu": gpu})
    result = val("show")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("jetpack val show: invalid value of " + what)
    assert result.stderr.count("\n") == 1
    assert val("show", "-n1", "--wait=1", "-llow", "--force", "x").returncode == 0
    assert val("show", "--help").returncode == 0


def test_a_configuration_that_cannot_be_read(val, home):
    home.write("config/node.json", '{"gpu": ')
    result = val("show")
    assert (result.returncode, result.stdout) == (1, "") and "node.json" in result.stderr
    assert val("numbers", "1").stdout == "1 0\n"


def test_what_is_required_may_be_in_the_configuration(val, home):
    result = val("must")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("jetpack val must: missing --user (or gpu.user in the configuration)\n")
    home.node({"gpu": {"user": "ann"}})
    assert done(val("must")) == (0, "ann\n", "")
    assert done(val("must", "--user", "bob")) == (0, "bob\n", "")
    assert "usage: jetpack val must [--user NAME]\n" in val("must", "--help").stdout


def test_help_names_the_key(val):
    text = " ".join(val("show", "--help").stdout.split())
    assert "How many [default: gpu.count of the configuration, else 4]" in text
    assert "How long [default: gpu.wait of the configuration]" in text


def test_accessors(val):
    assert done(val("numbers", "1", "-5", "10", "--wait=1s", "--wait", "5ms")) == (0, "6 1005\n", "")
    assert done(val("numbers")) == (0, "0 0\n", "")
    assert done(val("need", "--user", "ann")) == (0, "ann\n", "")
    result = val("need")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("jetpack val need: missing 'user'\nusage: jetpack val need [--user NAME]\n")


@pytest.mark.parametrize("how", [
    "integer-of-text", "integers-of-text", "integer-of-duration", "duration-of-integer", "durations-of-integer",
    "flag-of-text", "flag-of-integer", "text-of-flag", "texts-of-flag", "integer-of-flag"])
def test_asking_for_another_type_is_an_internal_error(val, how):
    asked, _, declared = how.partition("-of-")
    article = {"integer": "an integer", "text": "a text", "flag": "a flag", "duration": "a duration"}
    assert done(val("misuse", how)) == (
        1, "", f"jetpack val misuse: internal error: command 'val misuse' asks for '{declared}' as "
               f"{article[asked.rstrip('s')]}; it is declared as {article[declared]}\n")


def test_asking_for_what_is_not_declared(val):
    result = val("misuse", "undeclared")
    assert (result.returncode, result.stdout) == (1, "") and "'nothing', which it does not declare" in result.stderr
    assert done(val("misuse", "right")) == (0, "", "")


@pytest.mark.parametrize("code", [0, 1, 125, 255])
def test_an_exit_code_is_passed_on(val, code):
    assert done(val("exit", str(code))) == (code, "", "")


@pytest.mark.parametrize("code", [256, 300, -1, -300, 2147483647])
def test_what_is_no_exit_code_is_reported(val, code):
    assert done(val("exit", str(code))) == (
        1, "", f"jetpack val exit: internal error: the command returned {code}; an exit code is from 0 to 255\n")


def test_a_command_of_three_words_has_its_own_options_help_and_completion(val, jetpack, values_plugin):
    assert done(val("node", "add", "--level=high", "a", "b")) == (
        0, "count=-1 wait=-1 level=high force=no given=no names=a,b,\n", "")
    text = val("node", "add", "--help").stdout
    assert text.startswith("usage: jetpack val node add [--level LEVEL]") and "Adds a" in text
    assert "The level (low, high) [default: low]" in text and "--user" not in text
    assert "--user" in val("node", "remove", "--help").stdout
    assert "jetpack val node remove: unknown option '--level'" in val("node", "remove", "--level", "x").stderr
    note = jetpack.answer("--plugin-path", values_plugin, "help", "--json")
    plugin = next(p for p in json.loads(note)["plugins"] if p["id"] == "test.values")
    details = {each["command"]: each for each in plugin["details"]}
    assert [option["name"] for option in details["val node remove"]["options"]] == ["user"]


COMPLETED = [
    (["val", "node", ""], ["add", "remove"]),
    (["val", "node", "remove", "--us"], ["--user"]),
    (["val", "node", "remove", "--user", ""], ["ann", "bob"]),
    (["val", "node", "remove", "--user", "="], ["ann", "bob"]),
    (["val", "node", "remove", "--user", "=", "b"], ["bob"]),
    (["val", "node", "remove", "--user=b"], ["--user=bob"]),
    (["val", "show", "--level="], ["--level=low", "--level=high"]),
    (["val", "show", "--force="], []),
]


@pytest.mark.parametrize("words, candidates", COMPLETED)
def test_completion(jetpack, values_plugin, words, candidates):
    result = jetpack("--plugin-path", values_plugin, "completion", "words", "--", *words)
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == candidates


def test_the_manual_page_of_a_command_of_three_words(jetpack, copied_home, values_plugin, repository):
    (copied_home / "lib/jetpack/plugins/val.so").write_bytes((values_plugin / "val.so").read_bytes())
    subprocess.run(["python3", repository / "tools/packaging/man_pages.py", copied_home], check=True,
                   env=jetpack.environment(), timeout=60)
    page = (copied_home / "share/man/man1/jetpack-val-node-add.1").read_text()
    assert "\\fBjetpack val node add\\fR" in page and "\\-\\-level" in page and "Adds a" in page
    assert "default: gpu.count of the configuration, else 4" in (
        copied_home / "share/man/man1/jetpack-val-show.1").read_text()
    assert "[\\fB\\-\\-user\\fR \\fINAME\\fR]" in (copied_home / "share/man/man1/jetpack-val-must.1").read_text()
