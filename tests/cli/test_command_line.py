"""The host: help, versions, usage errors, suggestions, dispatch, and loaded libraries."""

import json
import os
import re
import signal
import subprocess

import pytest


# -- Help and versions ----------------------------------------------------------------------------


def test_the_overview_names_every_command(jetpack):
    text = jetpack.answer("--help")
    assert text == jetpack.answer("-h") == jetpack.answer("help")
    assert text.startswith("usage: jetpack ")
    groups = [re.findall(r"^  ([a-z_]+(?: [a-z_]+)?)  ", part, re.M)
              for part in re.split(r"^[A-Z][a-z ]+:$", text, flags=re.M)[1:]]
    assert len(groups) == 6 and all(group == sorted(group) for group in groups)
    names = [name for group in groups for name in group]
    assert len(names) == len(set(names)) and {"converge", "converge history"} <= set(names)
    assert re.findall(r"^([A-Z].*):$", text, re.M) == [
        "Node", "Cluster", "Files and logs", "Service", "Hub", "Help and plugins"]
    assert {"config", "users", "props get", "props set", "log", "help"} <= set(names)
    assert re.search(r"^  plugin \.\.\. +.*disable, enable, .*list,", text, re.M)
    assert "Print a configuration value" in text
    assert max(map(len, text.splitlines())) <= 80


def test_every_command_has_help(jetpack):
    everything = json.loads(jetpack.answer("help", "--json"))
    names = [c["name"] for plugin in everything["plugins"] for c in plugin["commands"]]
    assert len(names) >= 8
    for name in names:
        text = jetpack.answer("help", *name.split())
        assert text == jetpack.answer(*name.split(), "--help") == jetpack.answer(*name.split(), "-h")
        assert text.startswith(f"usage: jetpack {name}")
        assert "-h, --help" in text
        assert max(map(len, text.splitlines())) <= 80, name


def test_help_texts(transcript):
    transcript("help_config", ["help", "config"])
    transcript("help_props", ["props", "get", "--help"], ["props", "set", "--help"], ["props", "--help"])
    transcript("help_users", ["help", "users"])
    transcript("help_join", ["help", "join"])


def test_help_with_invalid_arguments(jetpack):
    for args in (["config", "--nonsense", "--help"], ["config", "a", "b", "c", "-h"], ["users", "x", "--help"]):
        assert jetpack.answer(*args).startswith("usage: jetpack " + args[0])


def test_help_needs_no_home(jetpack, tmp_path):
    env = {"JETPACK_HOME": str(tmp_path / "nowhere")}
    assert "config" in jetpack.answer("--help", env=env)
    assert "KEY" in jetpack.answer("help", "config", env=env)


def test_the_version_as_callers_parse_it(jetpack):
    for args in (["--version"], ["-v"], ["version"]):
        text = jetpack.answer(*args)
        assert re.fullmatch(r"\d+\.\d+\.\d+-\d+\n", text)
    major, minor, patch = text.strip().split("-")[0].split(".")
    assert [int(major), int(minor), int(patch)] == [int(x.split("-")[0]) for x in text.split(".")]
    assert (int(major), int(minor)) >= (8, 10)
    cut = subprocess.run(f"'{jetpack.binary}' --version | cut -d. -f1", shell=True, text=True,
                         capture_output=True, env=jetpack.environment(), timeout=60)
    assert int(cut.stdout) == int(major)


def test_our_own_version(jetpack):
    answer = json.loads(jetpack.answer("version", "--json"))
    assert answer["version"] == jetpack.answer("--version").strip()
    assert {"jetpack", "abi", "reference"} <= set(answer)


# -- Usage errors ---------------------------------------------------------------------------------


def usage_error(jetpack, *args, words=()):
    result = jetpack(*args)
    assert (result.returncode, result.stdout) == (2, ""), result
    for word in words:
        assert word in result.stderr, result.stderr
    return result.stderr


@pytest.mark.parametrize(
    "args, words",
    [
        (["config", "--jsn"], ["unknown option '--jsn'", "did you mean '--json'?", "usage: jetpack config"]),
        (["config", "--jsno", "a"], ["did you mean '--json'?"]),
        (["report_issue", "--s", "1h"], ["'--s' is ambiguous: --sign or --since"]),
        (["config", "-x"], ["unknown option '-x'"]),
        (["config", "--zzzzz"], ["unknown option '--zzzzz'"]),
        (["config", "--json=yes", "a"], ["--json", "takes no value"]),
        (["config", "--json=", "a"], ["--json", "takes no value"]),
        (["config", "a", "b", "c"], ["too many arguments", "'c'"]),
        (["config", ""], ["KEY"]),
        (["users", "x"], ["too many arguments"]),
        (["log", "m", "--level", "loud"], ["Invalid level: loud; use info, warn or error"]),
        (["log", "m", "--level="], ["Invalid level: "]),
        (["log", "m", "-p", "urgent"], ["Invalid priority: urgent"]),
        (["log", "m", "--priority"], ["--priority", "requires a value"]),
        (["log"], ["MESSAGE"]),
        (["log", "a", "b"], ["too many arguments"]),
        (["log", "m", "--wait", "soon"], ["soon", "90", "10m"]),
        (["log", "m", "--wait", "99999999999999999999d"], ["duration"]),
        (["props", "set", "k"], ["VALUE"]),
        (["help", "--jsn"], ["did you mean '--json'?"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_usage_errors(jetpack, args, words):
    usage_error(jetpack, *args, words=words)


def test_without_a_command(jetpack):
    error = usage_error(jetpack)
    assert "config" in error and "usage: jetpack" in error


def test_unknown_global_options(jetpack):
    usage_error(jetpack, "--verison", words=["--verison"])
    usage_error(jetpack, "--plugin-path", words=["--plugin-path"])


@pytest.mark.parametrize("typed, meant", [("confg", "config"), ("usres", "users"), ("hlep", "help"),
                                          ("conf", "config"), ("version-", "version")])
def test_an_unknown_command_with_a_suggestion(jetpack, typed, meant):
    result = jetpack(typed)
    assert (result.returncode, result.stdout) == (127, "")
    assert f"'{typed}'" in result.stderr and f"did you mean '{meant}'" in result.stderr


@pytest.mark.parametrize("typed", ["zzzzzz", "", " ", "../config", "/bin/sh", "config.so", "x" * 100000,
                                   "\x1b[31m", "CONFIG"])
def test_an_unknown_command_without(jetpack, typed):
    result = jetpack(typed)
    assert (result.returncode, result.stdout) == (127, ""), result
    assert len(result.stderr) < 1000 and "\x1b" not in result.stderr


def test_a_second_word_that_is_unknown_or_missing(jetpack):
    result = jetpack("plugin")
    assert result.returncode == 2 and "plugin list" in result.stderr
    result = jetpack("plugin", "lits")
    assert result.returncode == 127 and "plugin list" in result.stderr
    assert "plugin list" in jetpack.answer("plugin", "--help")


# -- Options and arguments ------------------------------------------------------------------------


def test_options_in_any_position(jetpack, home):
    home.node({"a": {"b": 1}})
    expected = '{"a.b": 1}\n'
    for args in (["--json", "a.b"], ["a.b", "--json"], ["a.b", "--json", "x"], ["--json", "a.b", "x"]):
        assert jetpack.answer("config", *args) == expected


def test_a_long_option_may_be_cut_short(jetpack, home):
    home.node({"a": 1})
    assert jetpack.answer("config", "--js", "a") == '{"a": 1}\n'
    assert jetpack.answer("config", "--he").startswith("usage: jetpack config")
    for args in (["--lev=warn", "--prio", "low"], ["-p=low", "--level", "WARN"]):
        assert jetpack("log", "m", "--wait", "0", *args).returncode == 0


def test_a_dash_dash_ends_options(jetpack, home):
    home.node({"--json": "odd", "-x": "odd too"})
    assert jetpack.answer("config", "--", "--json") == "odd\n"
    assert jetpack.answer("config", "--", "-x") == "odd too\n"
    assert jetpack.answer("config", "--", "no.such.key", "--") == "--\n"


@pytest.mark.parametrize("word", ["-1", "-2.5", "-i 2048 -I 512", "--- Waiting for the MDS node ---"])
def test_a_negative_number_or_a_word_with_a_blank_is_an_argument(jetpack, home, word):
    home.node({word: "the key"})
    assert jetpack.answer("config", word) == "the key\n"
    assert jetpack.answer("config", "no.such.key", word) == word + "\n"
    assert jetpack("props", "set", "k", word).returncode == 0
    assert jetpack.answer("props", "get", "k") == word + "\n"
    assert jetpack.answer("props", "get", "no.such.key", word) == word + "\n"


def test_the_word_after_an_option_is_its_value(jetpack, home):
    home.write("config/connection.json", json.dumps(
        {"url": "https://127.0.0.1:1", "username": "u", "password": "p", "cluster": "c"}))
    home.write("config/jetpack.ini", "[identity]\nnode_name = n\n")
    for word in ("-n", "--help", "-h", "--", "-m", "--name=x", "-1", ""):
        result = jetpack("condition", "set", "-n", "gpu", "-s", "Error", "-m", word, "-r", word, "--wait", "0")
        assert (result.returncode, result.stdout) == (0, ""), (word, result)
        listed, = json.loads(jetpack.answer("condition", "list", "--json"))
        # A text that is empty is left out.
        assert (listed.get("message", ""), listed.get("recommendations", "")) == (word, word)


def test_unusual_arguments(jetpack, home):
    home.node({"ü": 1, " ": 2, "a\nb": 3})
    assert jetpack.answer("config", "ü") == "1\n"
    assert jetpack.answer("config", " ") == "2\n"
    assert jetpack.answer("config", "a\nb") == "3\n"
    for key in (b"\xff\xfe", b"\xed\xa0\x80"):
        result = jetpack("config", os.fsdecode(key))
        assert (result.returncode, result.stdout) == (1, "")
        assert jetpack.answer("config", os.fsdecode(key), "x") == "x\n"


def test_very_many_arguments(jetpack):
    usage_error(jetpack, "config", *["x"] * 20000)
    usage_error(jetpack, "config", "x" * 100000, "y" * 100000, "z" * 100000)


# -- Dispatch by name -----------------------------------------------------------------------------


@pytest.mark.parametrize("how", [os.symlink, os.link])
def test_a_link_named_after_a_command(jetpack, home, copied_home, how):
    home.node({"a": 1})
    how(copied_home / "bin/jetpack", copied_home / "bin/config")
    jetpack.binary = copied_home / "bin/config"
    assert jetpack.answer("a") == "1\n"
    assert jetpack.answer("no", "fallback") == "fallback\n"
    assert jetpack.answer("--help").startswith("usage: jetpack config")
    how(copied_home / "bin/jetpack", copied_home / "bin/nonsense")
    jetpack.binary = copied_home / "bin/nonsense"
    assert jetpack("a").returncode == 127


def test_found_through_the_path_and_from_any_directory(jetpack, home, built_home, tmp_path):
    home.node({"a": 1})
    env = {"PATH": f"{built_home}/bin:{os.environ['PATH']}"}
    result = subprocess.run(["sh", "-c", "cd / && jetpack config a"], capture_output=True, text=True,
                            env=jetpack.environment(env), timeout=60)
    assert (result.returncode, result.stdout) == (0, "1\n")
    (tmp_path / "link").symlink_to(built_home / "bin/jetpack")
    # A link from elsewhere finds the plugins of the tree it points to.
    jetpack.binary = tmp_path / "link"
    assert jetpack("config", "a").returncode == 127
    (tmp_path / "jetpack").symlink_to(built_home / "bin/jetpack")
    jetpack.binary = tmp_path / "jetpack"
    assert jetpack.answer("config", "a") == "1\n"


def test_a_moved_tree(jetpack, home, copied_home, tmp_path):
    moved = copied_home.rename(tmp_path / "else where")
    home.node({"a": 1})
    jetpack.binary = moved / "bin/jetpack"
    assert jetpack.answer("config", "a") == "1\n"


# -- Output errors --------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [["config", "a"], ["config", "--json"], ["--help"], ["--version"],
                                  ["help", "config"], ["users", "--json"], ["plugin", "list"]],
                         ids=" ".join)
def test_a_full_or_closed_standard_output_is_a_failure(jetpack, home, args):
    home.node({"a": 1})
    home.write("config/auth.json", "[]")
    with open("/dev/full", "w") as full:
        result = jetpack(*args, stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 1 and "standard output" in result.stderr
    closed = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *jetpack.command(*args)],
                            env=jetpack.environment(), stderr=subprocess.PIPE, text=True, timeout=60)
    assert closed.returncode == 1 and "standard output" in closed.stderr


def test_a_closed_pipe(jetpack, home):
    home.node({f"k{i}": "x" * 100 for i in range(10000)})
    process = jetpack.start("config", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(10)
    process.stdout.close()
    process.stderr.read()
    assert process.wait(timeout=60) in (1, 128 + signal.SIGPIPE, -signal.SIGPIPE)


def test_no_standard_streams_at_all(jetpack, home):
    """A file must not be opened as descriptor 0, 1 or 2 and then be written to as a standard stream."""
    path = home.node({"a": 1})
    before = path.read_bytes()
    script = 'exec "$@" <&- >&- 2>&-'
    for args in (["config", "a"], ["props", "set", "k", "v"], ["nonsense"]):
        subprocess.run(["sh", "-c", script, "sh", *jetpack.command(*args)], env=jetpack.environment(),
                       timeout=60, check=False)
        assert path.read_bytes() == before
    properties = home / "config/properties.json"
    assert not properties.exists() or json.loads(properties.read_text()) == {"k": "v"}


# -- Loaded libraries -----------------------------------------------------------------------------


def mapped_libraries(jetpack, tmp_path, *args):
    """The files that the command maps as code, from strace."""
    trace = tmp_path / "trace"
    prefix = ["strace", "-f", "-y", "-e", "trace=mmap", "-o", trace]
    result = jetpack(*args, prefix=list(map(str, prefix)))
    assert result.returncode == 0, result
    return set(re.findall(r"PROT_EXEC.*<(/[^>]+)>", trace.read_text()))


def test_listings_load_no_plugin(jetpack, built_home, tmp_path):
    built_home = built_home.resolve()
    for args in (["--help"], ["help", "config"], ["config", "--help"], ["plugin", "list"], ["--version"],
                 ["help", "--json"]):
        mapped = mapped_libraries(jetpack, tmp_path, *args)
        assert mapped, "strace saw nothing"
        assert not [path for path in mapped if path.startswith(str(built_home))], args


def test_a_command_loads_its_own_plugin_and_no_network_library(jetpack, home, built_home, tmp_path):
    home.node({"a": 1})
    built_home = built_home.resolve()
    mapped = mapped_libraries(jetpack, tmp_path, "config", "a")
    assert [path for path in mapped if path.startswith(str(built_home))] == [
        str(built_home / "lib/jetpack/plugins/config.so")]
    network = re.compile("ssl|crypto|cpprest|Poco|rabbitmq|sqlite|resolv|curl")
    assert not [path for path in mapped if network.search(os.path.basename(path))]
    assert len(mapped) <= 6, mapped
