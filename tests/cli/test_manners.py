"""What all commands have in common: words that begin with a dash, options, JSON, `-` for a FILE, and
what they do on terminals, in pipes, and without /proc."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios

import pytest


@pytest.fixture(scope="module")
def commands(built_home):
    """The declaration of every command."""
    result = subprocess.run([built_home / "bin/jetpack", "help", "--json"], capture_output=True,
                            text=True, timeout=60, check=True)
    return [command for plugin in json.loads(result.stdout)["plugins"] for command in plugin["details"]]


# -- Words and options ----------------------------------------------------------------------------


def test_the_word_after_an_option_is_its_value_with_every_command(commands, jetpack):
    """An unknown option at the end shows how what is before it was understood; nothing is run."""
    tried = 0
    for command in commands:
        names = []
        for option in command.get("options", []):
            if option.get("type") != "flag":
                names += ["--" + option["name"], *(["-" + option["letter"]] if option.get("letter") else [])]
        for value in ("--help", "-h", "--", "--zzz", "-1", "-a b") if names else ():
            words = [word for name in names for word in (name, value)]
            result = jetpack(*command["command"].split(), *words, "--nonsense")
            assert (result.returncode, result.stdout) == (2, ""), (command["command"], words, result)
            assert "unknown option '--nonsense'" in result.stderr, (command["command"], words)
            tried += 1
    assert tried > 200


def test_negative_numbers_and_words_with_blanks_are_arguments_of_every_command(commands, jetpack):
    for command in commands:
        for word in ("-1", "-2.5", "-i 2048 -I 512", "--- a line ---"):
            result = jetpack(*command["command"].split(), word, "--nonsense")
            assert (result.returncode, result.stdout) == (2, ""), (command["command"], result)
            assert "unknown option '--nonsense'" in result.stderr, command["command"]


# Names that mean different things, as the reference has them.
DIFFERENT = {"all", "broker", "broker-ca", "count", "description", "dry-run", "expires", "file", "key", "list", "name", "node",
             "output", "owner", "since", "type", "url"}


def test_an_option_is_the_same_in_every_command(commands):
    known = {}
    for command in commands:
        for option in command.get("options", []):
            # Beside --cert everybody expects --key, which elsewhere is a user's; and --level of a compression,
            # which elsewhere is a message's.
            if (command["command"], option["name"]) in (("hub serve", "key"), ("report_issue", "level")):
                continue
            form = (option.get("letter"), option.get("metavar"), option.get("type", "text"))
            assert known.setdefault(option["name"], form) == form, (command["command"], option)
            text = option.get("help", "").split(":")[0].split(",")[0].split(";")[0]
            if option["name"] in DIFFERENT or command["command"] == "props set":
                continue
            if command["command"] == "hub enroll" and option["name"] == "cluster":
                continue
            assert known.setdefault(("help", option["name"]), text) == text, (command["command"], option)
            assert not option.get("help") or option["help"][0].isupper() or option["help"].startswith(
                "postgresql://"), option


# What prints nothing of its own that a script would read: services, shell code, what other verbs replaced.
WITHOUT_JSON = {"completion", "healthcheck serve", "hub serve", "jetpackd", "log", "plugin run", "props"}


def test_every_command_has_an_example_and_prints_json_where_a_script_would_want_it(commands):
    for command in commands:
        name = command["command"]
        assert command.get("examples"), name
        has_json = any(option["name"] == "json" for option in command.get("options", []))
        assert has_json != (name in WITHOUT_JSON), name


def test_a_file_is_told_to_be_standard_input_or_output_too(commands):
    for command in commands:
        for parameter in command.get("options", []) + command.get("arguments", []):
            if "FILE" in (parameter.get("metavar"), parameter["name"]):
                assert re.search("- is standard (input|output)", parameter["help"]), (command, parameter)


def test_all_that_is_missing_is_told_at_once(jetpack):
    assert "missing --routing-key\n" in jetpack("send").stderr
    assert "missing --name and --status\n" in jetpack("condition", "set").stderr
    assert "missing KEY and VALUE\n" in jetpack("props", "set").stderr
    assert "missing --cluster, --node and --home\n" in jetpack("hub", "enroll").stderr


# -- JSON -----------------------------------------------------------------------------------------


def test_json_has_one_style(jetpack, home, server):
    home.node({"a": {"b": [1]}})
    home.properties({"c": {"d": "e"}})
    home.write("config/auth.json", [{"name": "ada", "uid": 20001}])
    for args in (["log", "a", "--wait", "0"], ["condition", "set", "-n", "a", "-s", "NA", "--wait", "0", "--json"],
                 ["condition", "list", "--json"], ["config", "--json"], ["config", "a", "--json"],
                 ["props", "get", "--json"], ["users", "--json"], ["status", "--json"],
                 ["initialize", "--no-start", "--json"], ["report_issue", "--dry-run", "--json"],
                 ["report_issue", "--no-upload", "--json"],
                 ["plugin", "list", "--json"], ["version", "--json"], ["help", "--json"],
                 ["help", "settings", "--json"], ["condition", "clear", "--all", "--wait", "0", "--json"]):
        text = jetpack(*args).stdout
        if args[0] == "log":
            assert text == ""
            continue
        parsed = json.loads(text)
        assert text == json.dumps(parsed, indent=4, ensure_ascii=False) + "\n", args


# -- `-` ------------------------------------------------------------------------------------------


def test_a_message_from_standard_input(jetpack, server):
    assert jetpack("log", "-", input="two\nlines\n").returncode == 0
    assert server.messages[-1]["data"]["message"] == "two\nlines"
    sent = len(server.messages)
    for args, text in ((["log", ""], None), (["log", "-"], ""), (["log", "-"], "\n")):
        result = jetpack(*args, **({} if text is None else {"input": text}))
        assert (result.returncode, result.stdout) == (0, ""), args
        assert result.stderr == "jetpack log: the message is empty; nothing was sent\n"
    assert len(server.messages) == sent


def test_a_property_from_standard_input(jetpack, home):
    assert jetpack("props", "set", "a", "-", "--json", input='{"b": [1]}').returncode == 0
    assert home.read_properties() == {"a": {"b": [1]}}


def test_a_report_to_standard_output(jetpack, home, tmp_path):
    home.write("logs/jetpack.log", "a line\n")
    with open(tmp_path / "report.zip", "wb") as report:
        result = jetpack("report_issue", "--output", "-", stdout=report, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (0, "")
    listing = subprocess.run(["python3", "-m", "zipfile", "--list", tmp_path / "report.zip"],
                             capture_output=True, text=True, check=True, timeout=60).stdout
    assert "jetpack.log" in listing and "manifest.json" in listing
    assert jetpack("report_issue", "--output", "-", "--json").returncode == 2


# -- Terminals ------------------------------------------------------------------------------------

# ESC, BEL, DEL; CSI as one character, and as a byte that is not UTF-8; bidirectional overrides, isolates
# and marks; a line separator.
HOSTILE = "x\x1b[31m\x07\x7f\x9b2J\u202e\u2066\u200f\u061c\u2028y"
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\udc80-\udcff]")


def check_printed(result, what):
    for text in (result.stdout, result.stderr):
        found = STEERS.search(text)
        assert not found, (what, text[max(found.start() - 40, 0):found.end() + 10])


def test_what_others_wrote_cannot_steer_the_terminal(jetpack, home, server, tmp_path):
    plugins = tmp_path / f"plugins{HOSTILE}"
    plugins.mkdir()
    (plugins / f"{HOSTILE}.so").write_bytes(b"\x7fELF")
    home.write("config/auth.json", [{"name": HOSTILE, "fullName": HOSTILE, "uid": 20001}])
    home.write("run/conditions.json", {HOSTILE: {"status": HOSTILE, "since": HOSTILE, "message": HOSTILE}})
    home.write(f"logs/{HOSTILE}.log", HOSTILE)
    home.node({"a": 1})
    server.override["/clusterlink/messages"] = (503, HOSTILE, [])
    words = ([], ["status"], ["users"], ["condition", "list"], ["plugin", "list"], ["help"],
             ["condition", "clear", "--all", "--wait", "1s"], ["condition", "set", "-n", HOSTILE, "-s", "NA"],
             ["condition", "clear", HOSTILE],
             ["log", HOSTILE, "--wait", "1s"], ["log", "m", "--level", HOSTILE], ["log", "a", HOSTILE],
             ["log", "m", f"--{HOSTILE}"], [HOSTILE], ["props", HOSTILE], ["plugin", HOSTILE],
             ["config", HOSTILE], ["config", f"a.{HOSTILE}"], ["props", "set", HOSTILE, "{", "--json"],
             ["props", "set", f"{HOSTILE}.", "x"], ["download", HOSTILE, "--project", HOSTILE],
             ["download", "x", f"/{HOSTILE}/", "--project", "p"], ["send", "m", "--routing-key", HOSTILE],
             ["send", "--file", f"/{HOSTILE}", "--routing-key", "k"], ["autoscale", "--file", f"/{HOSTILE}"],
             ["autoscale", "--name", HOSTILE, "--corecount", "1"], ["report_issue", "--dry-run"],
             ["report_issue", "--max-size", HOSTILE], ["report_issue", f"/{HOSTILE}", "--no-upload"],
             ["initialize", "--no-start"], ["shutdown", "--wait", "1s"],
             ["hub", "node", "list", "--data", f"/{HOSTILE}"], ["hub", "blob", "get", HOSTILE, "--data", "/x"],
             ["hub", "user", "add", HOSTILE, "-c", HOSTILE, "--key", f"/{HOSTILE}"])
    for args in words:
        check_printed(jetpack(*args), args)
        check_printed(jetpack("--plugin-path", plugins, *args), args)
    # An answer of the server that is no JSON, and a refusal for good.
    server.override["/clusterlink/messages"] = (422, {"error": HOSTILE}, [])
    check_printed(jetpack("log", "m", "--wait", "1s"), "refused")
    server.override["/clusterlink/messages"] = (403, {"error": HOSTILE}, [])
    check_printed(jetpack("log", "m", "--wait", "1s"), "denied")
    server.stop()
    check_printed(jetpack("log", "m", "--wait", "1s"), "nobody")
    check_printed(jetpack("status"), "status")
    for log in (home / "logs").glob("*.log"):
        if HOSTILE not in log.name:
            assert not STEERS.search(log.read_text(errors="surrogateescape")), log


def on_terminal(jetpack, columns, *args):
    """What the command prints on a terminal that is so wide."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = jetpack.start(*args, stdin=subprocess.DEVNULL, stdout=side, stderr=side)
    os.close(side)
    text = b""
    try:
        while piece := os.read(main, 65536):
            text += piece
    except OSError:  # the terminal's other end is closed
        pass
    os.close(main)
    process.wait(timeout=60)
    return text.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns, least, most", [(20, 50, 60), (60, 50, 60), (75, 65, 75), (100, 85, 100),
                                                  (200, 85, 100), (0, 70, 80)])
def test_help_is_as_wide_as_the_terminal(jetpack, columns, least, most):
    for args in (["--help"], ["help", "report_issue"], ["condition", "set"], ["hub", "node", "--help"], []):
        lines = on_terminal(jetpack, columns, *args).splitlines()
        widest = max(len(line) for line in lines if not line.startswith("  jetpack "))
        assert widest <= max(most, 77 if args == ["hub", "node", "--help"] else 0), (args, columns)
        if args == ["help", "report_issue"]:
            assert widest >= least


# -- Pipes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("handling", [signal.SIG_DFL, signal.SIG_IGN])
@pytest.mark.parametrize("args", [["config"], ["--help"], ["help", "--json"], ["plugin", "list"], ["version"],
                                  ["users"], ["hub", "blob", "list", "-c", "demo", "--json"]], ids=" ".join)
def test_a_closed_pipe_ends_quietly(jetpack, home, handling, args):
    """As SIGPIPE ends a program, also where the caller ignores the signal and the plugin runs in a child."""
    home.node({f"k{i}": "x" * 100 for i in range(1000)})
    home.write("config/auth.json", [{"name": f"u{i}"} for i in range(1000)])
    if args[0] == "hub":
        (home / "hub").mkdir(mode=0o700)
        (home / "hub/blob-account.key").write_bytes(b"")
    reader, writer = os.pipe()
    os.close(reader)
    process = jetpack.start(*args, stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE,
                            restore_signals=False, preexec_fn=lambda: signal.signal(signal.SIGPIPE, handling))
    os.close(writer)
    _, error = process.communicate(timeout=60)
    assert error == b""
    assert process.returncode in (-signal.SIGPIPE, 128 + signal.SIGPIPE)


# -- Where there is little ------------------------------------------------------------------------


def test_without_proc(jetpack, home):
    """As while an image is built."""
    if os.geteuid() != 0:
        pytest.skip("only root can hide /proc")
    script = 'mount -t tmpfs none /proc && test ! -e /proc/self && exec "$@"'
    prefix = ["unshare", "--mount", "sh", "-c", script, "sh"]
    home.node({"a": 1})
    assert jetpack.answer("config", "x", "D", prefix=prefix) == "D\n"
    assert jetpack.answer("config", "a", prefix=prefix) == "1\n"
    assert "config" in jetpack.answer("--help", prefix=prefix)
    assert json.loads(jetpack("status", "--json", prefix=prefix).stdout)["plugins"]["count"] > 10
    env = {"PATH": f"{jetpack.binary.parent}:{os.environ['PATH']}"}
    by_name = subprocess.run([*prefix, "sh", "-c", "cd / && jetpack config a"], capture_output=True, text=True,
                             env=jetpack.environment(env), timeout=60, check=False)
    assert (by_name.returncode, by_name.stdout) == (0, "1\n"), by_name


def test_no_command_is_denied_before_the_plugins_were_looked_at(jetpack, copied_home):
    jetpack.binary = copied_home / "bin/jetpack"
    plugins = copied_home / "lib/jetpack/plugins"
    plugins.rename(copied_home / "elsewhere")
    result = jetpack("config", "a", "b")
    assert (result.returncode, result.stdout) == (127, "")
    assert result.stderr.startswith("jetpack: failed to look up the command 'config': "
                                    f"{plugins}: cannot read the directory: No such file or directory\n")
    assert "unknown command" not in result.stderr


def test_directories_of_plugins_that_are_not_used_are_told(jetpack, home, as_user, tmp_path):
    result = jetpack("--plugin-path", "./nosuch", "greet")
    assert result.returncode == 127
    assert "unknown command 'greet'" in result.stderr
    assert "jetpack: --plugin-path ./nosuch: No such file or directory\n" in result.stderr
    result = jetpack("--plugin-path", home.node({}), "plugin", "list")
    assert result.returncode == 0 and "config/node.json: not a directory\n" in result.stderr
    env = {"JETPACK_PLUGIN_PATH": "relative:/tmp"}
    assert "JETPACK_PLUGIN_PATH is ignored for root; use --plugin-path\n" in jetpack("greet", env=env).stderr
    as_nobody = jetpack("greet", env=env, prefix=as_user())
    assert "ignoring 'relative' in JETPACK_PLUGIN_PATH: it is not an absolute path\n" in as_nobody.stderr
    home.write("config/jetpack.ini", "[plugins]\npath = also/relative\n")
    assert "ignoring 'also/relative' in [plugins] path" in jetpack("greet").stderr
    assert jetpack("config", "x", "D", env=env).stderr == ""


COMPLETIONS = {
    ("co",): ["completion", "condition", "config", "converge"], ("condition", ""): ["clear", "list", "set"],
    ("condition", "set", "--s"): ["--status"], ("condition", "set", "-s", ""): ["NA", "OK", "Warning", "Error"],
    ("log", "--level", "w"): ["warn"], ("hub", "node", "l"): ["list"], ("help", "hub", "u"): ["user"],
    ("props", ""): ["get", "set"], ("completion", "b"): ["bash"], ("config", ""): [], ("nosuch", "x"): []}


def completions(jetpack, *words):
    """What bash offers at the end of `jetpack WORDS`."""
    script = ('PATH=$1:$PATH; shift; source <(jetpack completion bash); COMP_WORDS=(jetpack "$@"); '
              'COMP_CWORD=$#; _jetpack; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", jetpack.binary.parent, *words], text=True,
                          capture_output=True, env=jetpack.environment(), check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_options_and_values(jetpack):
    for words, expected in COMPLETIONS.items():
        assert completions(jetpack, *words) == expected, words
    for shell in ("zsh", "fish"):
        assert "jetpack completion words" in jetpack.answer("completion", shell)


def test_bash_completes_what_is_on_the_node(jetpack, home):
    specs = [{"project": "slurm", "version": "1", "spec": "default"}]
    home.configuration({"cyclecloud": {"cluster": {"name": "demo"}, "cluster_init_specs": specs,
                                       "jetpack": {"cluster_init_dir": str(home / "ci")}},
                        "bad": {"a b": 1, "$(reboot)": 2, "good": 3}})
    tests = home / "ci/slurm/default/tests"
    tests.mkdir(parents=True)
    (tests / "a.sh").write_text("true\n")
    home.write("config/auth.json", [{"name": "ann", "uid": 1}])
    home.write("config/properties.json", {"os": {"version": "9"}})
    home.write("run/conditions.json", {"conditions": {"gpu": {"status": "Error"}}})
    assert completions(jetpack, "config", "cyclecloud.cluster.n") == ["cyclecloud.cluster.name"]
    assert completions(jetpack, "config", "bad") == ["bad.good"]
    assert completions(jetpack, "props", "get", "os.v") == ["os.version"]
    assert completions(jetpack, "condition", "clear", "") == jetpack.answer(
        "condition", "list", "--names").split()
    assert completions(jetpack, "test", "") == ["slurm"]
    assert completions(jetpack, "download", "--project", "s") == ["slurm"]
    assert jetpack.answer("test", "--list") == "slurm default a.sh\n"
    assert jetpack.answer("users", "--names") == "ann\n"


def test_what_completes_a_value_exists_and_only_lists(commands):
    """The host runs these command lines while a user types."""
    known = {command["command"]: command for command in commands}
    for command in commands:
        for parameter in command.get("options", []) + command.get("arguments", []):
            words = parameter.get("values_from", "").split(" --")
            if words == [""]:
                continue
            assert words[0] in known, (command["command"], parameter)
            assert not any(argument.get("required") for argument in known[words[0]].get("arguments", []))
            options = {option["name"]: option for option in known[words[0]].get("options", [])}
            assert all(options[name]["type"] == "flag" for name in words[1:]), parameter


def test_every_command_has_a_manual_page(jetpack, built_home):
    pages = built_home / "share/man/man1"
    names = [command["name"] for plugin in json.loads(jetpack.answer("help", "--json"))["plugins"]
             for command in plugin["commands"]]
    for page in ["jetpack", "jetpackd", *(f"jetpack-{name.replace(' ', '-')}" for name in names)]:
        assert (pages / f"{page}.1").exists(), page
    text = (pages / "jetpack-log.1").read_text()
    for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "ARGUMENTS", "OPTIONS", "EXAMPLES"):
        assert f".SH {heading}\n" in text
    assert "\\fB\\-p, \\-\\-priority" in text or "\\fB\\-p\\fR, \\fB\\-\\-priority\\fR" in text
