"""Plugins that are executables: a note as JSON beside a program in any language."""

import json
import os
import signal

import pytest
from program_plugins import GREET, SHOW


def values_of(result):
    return json.loads(result.stdout.splitlines()[-1])


def variables_of(result):
    return dict(line.split("=", 1) for line in result.stdout.splitlines()[:-1] if "=" in line)


def test_values_arrive_as_json_and_as_variables(jetpack, plugins, home):
    program = plugins.add(GREET, SHOW)
    result = jetpack("greet", "Ada", "-n3", "--wait", "2m", "--dry-run", "--tag=a", "--tag", "b c", "--word", "hi",
                     env={"JETPACK_OPTION_GHOST": "x", "JETPACK_OFFER": "check"})
    assert (result.returncode, result.stderr) == (7, "")
    assert values_of(result) == {
        "command": "greet",
        "options": {"times": 3, "wait": 120000, "dry-run": True, "tag": ["a", "b c"], "word": "Hi"},
        "arguments": {"NAME": "Ada"}, "given": ["times", "wait", "dry-run", "tag", "word", "NAME"]}
    variables = variables_of(result)
    assert variables.pop("JETPACK_VALUES_FD").isdigit()
    variables.pop("JETPACK_JOURNAL_SOCKET", None)  # of all tests
    assert variables == {
        "JETPACK_COMMAND": "greet", "JETPACK_HOME": str(home.path), "JETPACK_PLUGIN_DIR": str(program.parent),
        "JETPACK_OPTION_TIMES": "3", "JETPACK_OPTION_WAIT": "120000", "JETPACK_OPTION_DRY_RUN": "1",
        "JETPACK_OPTION_TAG": "a", "JETPACK_OPTION_WORD": "Hi", "JETPACK_ARGUMENT_NAME": "Ada"}


def test_values_that_are_repeated_are_lines(jetpack, plugins):
    plugins.add(GREET, "#!/bin/sh\nprintf '%s.' \"$JETPACK_OPTION_TAG\"\n")
    assert jetpack.answer("greet", "x", "--tag=a", "--tag", "b c") == "a\nb c."


def test_what_is_not_given_is_null_and_no_variable(jetpack, plugins):
    plugins.add(GREET, SHOW)
    result = jetpack("greet", "Ada")
    assert values_of(result)["options"] == {"times": 1, "wait": None, "dry-run": False, "tag": [], "word": None}
    assert {name for name in variables_of(result) if "OPTION" in name} == {"JETPACK_OPTION_TIMES"}


def test_help_usage_errors_and_listings_come_from_the_note(jetpack, plugins):
    plugins.add(GREET, SHOW)
    assert "greet  " in jetpack.answer("--help") and "Greet a person" in jetpack.answer("--help")
    assert "-n, --times VALUE  How often [default: 1]" in jetpack.answer("help", "greet")
    wrong = jetpack("greet", "--times", "10", "Ada")
    assert (wrong.returncode, wrong.stdout) == (2, "") and "from 1 to 9" in wrong.stderr
    assert "did you mean '--times'" in jetpack("greet", "--tims=1", "Ada").stderr
    listed = {plugin.get("id"): plugin for plugin in json.loads(jetpack.answer("plugin", "list", "--json"))}
    assert listed["com.example.greet"]["program"].endswith("/greet.sh")
    assert "--dry-run" in jetpack.answer("completion", "words", "--", "greet", "--d")
    notes = json.loads(jetpack.answer("help", "--json"))["plugins"]
    assert "com.example.greet" in [note["id"] for note in notes]


def test_python_reads_the_values(jetpack, plugins):
    script = ("#!/usr/bin/env python3\nimport json, os\nvalues = json.load(os.fdopen(int(os.environ['JETPACK_VALUES_FD'])))\n"
              "print(values['arguments']['NAME'] * values['options']['times'])\n")
    plugins.add({**GREET, "program": "greet.py"}, script)
    assert jetpack.answer("greet", "Ada", "-n", "2") == "AdaAda\n"


def test_bytes_that_are_not_utf_8_arrive_as_they_are_in_the_variables(jetpack, plugins):
    plugins.add(GREET, "#!/bin/sh\nprintf %s \"$JETPACK_ARGUMENT_NAME\" | od -An -tx1\n")
    assert jetpack.answer("greet", os.fsdecode(b"\xff\n")).split() == ["ff", "0a"]


def test_standard_streams_and_signals_are_the_programs(jetpack, plugins):
    plugins.add(GREET, "#!/bin/sh\ncat\necho err >&2\n")
    result = jetpack("greet", "x", input="in")
    assert (result.returncode, result.stdout, result.stderr) == (0, "in", "err\n")
    plugins.add(GREET, "#!/bin/sh\nkill -KILL $$\n")
    assert jetpack("greet", "x").returncode == -signal.SIGKILL


def test_the_program_calls_jetpack(jetpack, plugins, home):
    home.node({"a": {"b": "deep"}})
    plugins.add(GREET, '#!/bin/sh\nexec "$JETPACK" config a.b\n')
    assert jetpack.answer("greet", "x") == "deep\n"


def test_a_builtin_is_not_shadowed(jetpack, plugins, home):
    home.node({"a": 1})
    plugins.add({**GREET, "commands": [{"name": "config", "summary": "Not the real one"}], "details": []},
                "#!/bin/sh\necho mine\n")
    assert jetpack.answer("config", "a") == "1\n"
    assert "shadowed" in jetpack.answer("plugin", "list")


REFUSED = {
    "missing program": (lambda p: p.unlink(), "No such file"),
    "not executable": (lambda p: p.chmod(0o644), "is not executable (chmod +x it)"),
    "others can write it": (lambda p: p.chmod(0o777), "can be written by others"),
    "others can write the note": (lambda p: p.with_suffix(".json").chmod(0o666), "can be written by others"),
    "a directory": (lambda p: (p.unlink(), p.mkdir()), "is not a regular file"),
    "no interpreter": (lambda p: p.write_text("#!/no/such/shell\n"), "/no/such/shell"),
    "CRLF": (lambda p: p.write_text("#!/bin/sh\r\necho x > $0.ran\n"), "CRLF"),
    "no program": (lambda p: p.write_text("echo x > $0.ran\n"), "neither a program for this machine nor begins with #!"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_must_not_run_is_refused(jetpack, plugins, case):
    spoil, text = REFUSED[case]
    program = plugins.add(GREET, "#!/bin/sh\necho ran > \"$0.ran\"\n")
    spoil(program)
    result = jetpack("greet", "x")
    assert (result.returncode, result.stdout) == (126, ""), result
    assert text in result.stderr and "was refused" in result.stderr
    assert not list(program.parent.glob("*.ran"))


NOTES = {
    "a path": ({"program": "../greet.sh"}, "not a name in the note's directory"),
    "a hidden file": ({"program": ".greet.sh"}, "not a name in the note's directory"),
    "no text": ({"program": 1}, "'program' is not a string"),
    "empty": ({"program": ""}, "'program' is not the name of a file"),
    "no id": ({"id": ""}, "no id"),
    "schema": ({"schema": 2}, "schema 1 is expected"),
    "an older ABI's": ({"abi": [9, 0]}, "built for plugin ABI 9.0"),
    "a service": ({"requires": ["x.y/1"]}, "which this jetpack does not offer"),
    "no command": ({"commands": []}, "it declares no command"),
    "a control character": ({"version": "\u001b[31m"}, "control character"),
}


@pytest.mark.parametrize("case", NOTES)
def test_a_faulty_note_is_listed_with_the_reason(jetpack, plugins, case):
    change, text = NOTES[case]
    program = plugins.add(GREET, SHOW)
    program.with_suffix(".json").write_text(json.dumps({**GREET, **change}))
    refused = [plugin["refused"] for plugin in json.loads(jetpack.answer("plugin", "list", "--json"))
               if plugin.get("refused")]
    assert len(refused) == 1 and text in refused[0]


def test_other_json_files_are_no_plugins(jetpack, plugins):
    (plugins.directory / "compile_commands.json").write_text("[]")
    (plugins.directory / "package.json").write_text('{"name": "x"}')
    assert "refused" not in jetpack.answer("plugin", "list")


def test_notes_that_are_no_files_or_too_long(jetpack, plugins):
    os.mkfifo(plugins.directory / "fifo.json")
    (plugins.directory / "long.json").write_text('{"program":"x"' + " " * 70000 + "}")
    (plugins.directory / "cut.json").write_text('{"program":"x"')
    (plugins.directory / "link.json").symlink_to("/no/such/file")
    listing = jetpack.answer("plugin", "list")
    assert "not a regular file" in listing and "65536" in listing and listing.count("refused:") == 4


def test_the_arguments_are_too_long_for_the_system(jetpack, plugins):
    plugins.add(GREET, SHOW)
    # As a variable of its own it would be too long; the JSON has it.
    tags = [word for _ in range(9) for word in ("--tag", "x" * 10000)]
    result = jetpack("greet", "x", *tags)
    assert result.returncode == 7 and "JETPACK_OPTION_TAG" not in result.stdout
    assert [len(tag) for tag in values_of(result)["options"]["tag"]] == [10000] * 9
