"""Plugins that are wrong in every way we know, fed to the real host: each is refused before an
instruction of it runs, or contained; and the commands beside them keep working."""

import json
import os
import struct
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
GOOD_NOTE = {
    "schema": 1,
    "id": "test.bad",
    "version": "1.0.0",
    "abi": [1, 0],
    "commands": [{"name": "bad", "summary": "Does what a test asked for"}],
}


def c_string(text):
    return '"' + "".join(f"\\{byte:03o}" if byte < 32 or byte in b'"\\?' or byte > 126 else chr(byte)
                         for byte in text.encode("latin-1")) + '"'


@pytest.fixture
def directory(tmp_path):
    directory = tmp_path / "plugins"
    directory.mkdir(mode=0o755)
    return directory


@pytest.fixture
def build(sdk, directory):
    """build(MACRO=VALUE, ...) makes directory/bad.so; a `note` replaces the one in bad.c."""

    def build_plugin(*, note=None, source="bad.c", name="bad.so", links=(), **macros):
        if note is not None:
            text = note if isinstance(note, str) else json.dumps(note)
            macros["NOTE"] = c_string(text)
        # Strict C promises no string longer than 4095 bytes; every compiler takes longer ones.
        flags = ["-Wno-overlength-strings"]
        flags += [f"-D{macro}={value}" for macro, value in macros.items()]
        return sdk.build(HERE / source, directory / name, flags=flags, links=links)

    return build_plugin


@pytest.fixture(scope="session")
def good_plugin(sdk, tmp_path_factory):
    library = sdk.build(HERE / "bad.c", tmp_path_factory.mktemp("good") / "bad.so")
    return library.read_bytes()


@pytest.fixture(scope="session")
def throws(sdk, tmp_path_factory):
    """throws(COMPILER): the library of throws.cpp, built once by each compiler."""
    directory = tmp_path_factory.mktemp("throws")

    def library(compiler):
        path = directory / f"{compiler}.so"
        if not path.exists():
            sdk.build(HERE / "throws.cpp", path, compiler=compiler)
        return path.read_bytes()

    return library


@pytest.fixture
def run(jetpack, home, directory, tmp_path):
    """run(ARGS...) with the plugin directory; the marker of bad.c's constructor is tmp_path/marker."""

    home.node({})

    def run_plugin(*args, **options):
        environment = {"TEST_MARKER": str(tmp_path / "marker")}
        return jetpack("--plugin-path", directory, *args, env=environment, **options)

    return run_plugin


@pytest.fixture
def refused(run, tmp_path):
    """Asserts that `jetpack bad` is refused for a reason that has `words`, and that all else works."""

    def check(*words, command="bad"):
        result = run(command)
        assert result.returncode == 126, result
        assert result.stdout == ""
        for word in words:
            assert word in result.stderr, result.stderr
        assert "bad.so" in result.stderr
        listing = run("plugin", "list", "--json")
        assert listing.returncode == 0, listing
        entries = [p for p in json.loads(listing.stdout) if p.get("path", "").endswith("bad.so")]
        assert len(entries) == 1, listing.stdout
        reason = json.dumps(entries[0])
        assert all(json.dumps(word)[1:-1] in reason for word in words), reason
        assert "bad.so" in run("plugin", "list").stdout
        usable(run)
        assert not (tmp_path / "marker").exists(), "an instruction of a refused plugin ran"

    return check


def usable(run):
    """What must work whatever plugins stand about."""
    help_text = run("--help")
    assert (help_text.returncode, help_text.stderr) == (0, "")
    assert "\n  config " in help_text.stdout
    assert run("--version").returncode == 0
    answer = run("config", "no.such.key", "fallback")
    assert (answer.returncode, answer.stdout) == (0, "fallback\n")


def test_the_good_plugin_runs_and_leaves_its_marker(build, run, tmp_path):
    build()
    assert run("--help").returncode == 0
    assert not (tmp_path / "marker").exists(), "--help loaded a plugin"
    result = run("bad")
    assert (result.returncode, result.stdout, result.stderr) == (0, "right\n", "")
    assert (tmp_path / "marker").exists()


# -- The note ------------------------------------------------------------------------------------


def test_no_note(build, refused):
    build(NO_NOTE=1)
    refused(".note.jetpack")


@pytest.mark.parametrize(
    "note",
    [
        "{",
        " ",
        "[]",
        "null",
        '"text"',
        json.dumps(GOOD_NOTE) + "x",
        "\xff\xfe",
        '{"schema":1,' * 500,
        "[" * 5000,
        {**GOOD_NOTE, "schema": 2},
        {**GOOD_NOTE, "schema": "1"},
        {**GOOD_NOTE, "id": 7},
        {**GOOD_NOTE, "version": None},
        {**GOOD_NOTE, "abi": [1]},
        {**GOOD_NOTE, "abi": "1.0"},
        {**GOOD_NOTE, "abi": [1, -1]},
        {**GOOD_NOTE, "abi": [1, 65536]},
        {**GOOD_NOTE, "requires": "jetpack.config/1"},
        {**GOOD_NOTE, "commands": []},
        {**GOOD_NOTE, "commands": {}},
        {**GOOD_NOTE, "commands": ["bad"]},
        {**GOOD_NOTE, "commands": [{"name": "bad"}]},
        {**GOOD_NOTE, "commands": [{"name": "Bad\u001b[31m", "summary": "colours"}]},
        {**GOOD_NOTE, "commands": [{"name": "bad", "summary": "escape \u001b[31m"}]},
        {**GOOD_NOTE, "commands": [{"name": "a b c d", "summary": "four words"}]},
        {**GOOD_NOTE, "commands": [{"name": "../bad", "summary": "a path"}]},
        {key: value for key, value in GOOD_NOTE.items() if key != "id"},
        {key: value for key, value in GOOD_NOTE.items() if key != "commands"},
    ],
    ids=lambda note: (note if isinstance(note, str) else json.dumps(note)[60:])[:60],
)
def test_a_faulty_note(build, refused, note):
    build(note=note)
    refused("note")


@pytest.mark.parametrize(
    "parameter",
    [
        {"options": [{"name": "help"}]},
        {"options": [{"name": "x", "letter": "h"}]},
        {"options": [{"name": "x", "letter": "xy"}]},
        {"options": [{"name": "x", "type": "colour"}]},
        {"options": [{"name": "x", "default": 5}]},
        {"options": [{"name": "x", "choices": [1, 2]}]},
        {"options": [{"name": "--x"}]},
        {"options": "none"},
        {"arguments": [{"name": ""}]},
        {"arguments": [{}]},
        {"arguments": [7]},
    ],
    ids=json.dumps,
)
def test_a_faulty_parameter_is_refused_when_its_command_is_asked_for(build, run, tmp_path, parameter):
    build(note={**GOOD_NOTE, "details": [{"command": "bad", **parameter}]})
    result = run("bad")
    assert result.returncode == 126, result
    assert "note" in result.stderr and "bad.so" in result.stderr
    assert run("help", "bad").returncode == 126
    usable(run)
    assert not (tmp_path / "marker").exists()


def test_parameters_that_contradict_each_other(build, run):
    """A note that no C++ author can write: how it is parsed is the plugin's fault, but no crash."""
    options = [{"name": "x", "letter": "l"}, {"name": "x", "letter": "l"}, {"name": "y", "letter": "l"},
               {"name": "z", "type": "flag", "negatable": True}, {"name": "no-z", "required": True}]
    arguments = [{"name": "A", "repeated": True}, {"name": "A", "required": True}]
    details = [{"command": "bad", "options": options, "arguments": arguments}] * 2
    build(note={**GOOD_NOTE, "details": details})
    for args in ([], ["-l", "1"], ["--x=1", "a", "b"], ["--no-z", "1", "a", "b"], ["--help"]):
        assert run("bad", *args).returncode in (0, 2, 126)
    usable(run)


@pytest.mark.parametrize(
    "details",
    ["", "null", "7]", "[7]", '[{"command":7}]', "[{]", '[{"command":"bad"}],"x":\t\v', "[" * 300],
)
def test_faulty_details(build, run, tmp_path, details):
    """They are read only when a command is asked for; a listing must not pass them on unread."""
    build(note=json.dumps(GOOD_NOTE)[:-1] + ',"details":' + details + "}")
    assert run("bad").returncode == 126
    assert run("help", "bad").returncode == 126
    everything = run("help", "--json")
    assert everything.returncode == 0
    assert "config" in json.dumps(json.loads(everything.stdout))
    usable(run)
    assert not (tmp_path / "marker").exists()


def test_a_note_as_long_as_allowed_and_a_longer_one(build, refused, run, tmp_path):
    room = 65536 - len(json.dumps(GOOD_NOTE))
    long_summary = {**GOOD_NOTE["commands"][0], "summary": "x" * (room + 26)}
    build(note={**GOOD_NOTE, "commands": [long_summary]})
    assert run("bad").returncode == 0
    (tmp_path / "marker").unlink()
    build(note={**GOOD_NOTE, "commands": [{**long_summary, "summary": "x" * (room + 27)}]})
    refused("65537")


def test_an_abi_that_is_too_new(build, refused):
    build(note={**GOOD_NOTE, "abi": [2, 0]})
    refused("2.0", "1.0", "update jetpack")
    build(note={**GOOD_NOTE, "abi": [1, 9]})
    refused("1.9", "1.0", "update jetpack")


def test_an_abi_that_is_too_old(build, refused):
    build(note={**GOOD_NOTE, "abi": [0, 9]})
    refused("0.9", "newer build of the plugin")


def test_a_missing_service(build, refused):
    build(note={**GOOD_NOTE, "requires": ["jetpack.config/1", "jetpack.telepathy/1"]})
    refused("jetpack.telepathy/1")
    build(note={**GOOD_NOTE, "requires": ["jetpack.config/2"]})
    refused("jetpack.config/2")


# -- The file ------------------------------------------------------------------------------------


def with_bytes(content, offset, replacement):
    return content[:offset] + replacement + content[offset + len(replacement) :]


@pytest.mark.parametrize(
    "offset, replacement, word",
    [
        (0, b"\x7fELG", "ELF"),
        (4, b"\x01", "64-bit"),
        (5, b"\x02", "big-endian"),
        (18, struct.pack("<H", 0x28), "arm"),
        (18, struct.pack("<H", 0xF3), "machine 243"),
        (16, struct.pack("<H", 2), "shared library"),
        (54, struct.pack("<H", 57), "program header"),
        (56, struct.pack("<H", 0), "program header"),
        (56, struct.pack("<H", 0xFFFF), "program header"),
        (32, struct.pack("<Q", 1 << 63), "truncated"),
        (32, struct.pack("<Q", (1 << 64) - 1), "truncated"),
    ],
)
def test_another_elf_file(good_plugin, directory, refused, offset, replacement, word):
    (directory / "bad.so").write_bytes(with_bytes(good_plugin, offset, replacement))
    refused(word)


def note_segment(content):
    """(offset of the program header, offset in the file, size) of the segment with our note."""
    table, count = struct.unpack_from("<Q", content, 32)[0], struct.unpack_from("<H", content, 56)[0]
    note = content.index(b"jetpack\0{")
    for index in range(count):
        header = table + index * 56
        kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", content, header)
        if kind == 4 and offset <= note < offset + size:
            return header, offset, size
    raise AssertionError("no note segment")


def test_a_note_segment_that_lies(good_plugin, directory, refused):
    header, offset, size = note_segment(good_plugin)
    library = directory / "bad.so"
    for field, value in [(8, 1 << 62), (8, len(good_plugin)), (32, 1 << 40), (32, (1 << 64) - 1)]:
        library.write_bytes(with_bytes(good_plugin, header + field, struct.pack("<Q", value)))
        refused()
    ours = good_plugin.index(b"jetpack\0{") - 12
    for field, value in [(0, 0xFFFFFFFF), (4, 0xFFFFFFFF), (0, 0xFFFFFFFD), (4, size), (8, 7)]:
        library.write_bytes(with_bytes(good_plugin, ours + field, struct.pack("<I", value)))
        refused()


def test_truncated_anywhere(good_plugin, directory, run, tmp_path):
    """Every cut is refused by the note reader or by the loader, and none crashes the host."""
    _, offset, size = note_segment(good_plugin)
    cuts = {0, 1, 4, 16, 63, 64, 65, 300, offset - 1, offset, offset + 11, offset + 12}
    cuts |= {offset + 20, offset + size - 1, len(good_plugin) // 2}
    for cut in sorted(cuts):
        (directory / "bad.so").write_bytes(good_plugin[:cut])
        result = run("bad")
        assert result.returncode == 126, (cut, result)
        assert "bad.so" in result.stderr and result.stdout == ""
        assert not (tmp_path / "marker").exists()
    usable(run)


def test_not_a_library_at_all(directory, refused):
    for content in (b"", b"\x7f", b"#!/bin/sh\nexit 0\n", os.urandom(4096), b"\0" * 100000):
        (directory / "bad.so").write_bytes(content)
        refused()


def test_a_directory_a_fifo_and_a_dangling_link_in_its_place(directory, refused):
    library = directory / "bad.so"
    library.mkdir()
    refused()
    library.rmdir()
    os.mkfifo(library)
    refused()
    library.unlink()
    library.symlink_to("nowhere")
    refused()


def test_no_entry_symbol(build, run, tmp_path, sdk, directory):
    # Without the version script, which would not link without the symbol it names.
    sdk.run("gcc", "-std=c11", "-fPIC", "-shared", "-DNO_ENTRY=1", f"-I{sdk.include}", HERE / "bad.c",
            "-o", directory / "bad.so")
    result = run("bad")
    assert result.returncode == 126, result
    assert "jetpack_plugin_v1" in result.stderr and "bad.so" in result.stderr


def test_an_undefined_symbol_is_found_before_the_command_runs(build, run):
    # As a plugin is that was linked without the options of jetpack-plugin.pc.
    build(UNDEFINED=1, BEHAVIOUR="run_undefined", links=["-Wl,-z,undefs"])
    result = run("bad")
    assert result.returncode == 126, result
    assert "jp_test_defined_nowhere" in result.stderr and result.stdout == ""


@pytest.mark.parametrize("macros", [{"TABLE_SIZE": 0}, {"TABLE_SIZE": 24}, {"TABLE_MAJOR": 2}])
def test_a_table_that_disagrees_with_the_note(build, run, macros):
    build(**macros)
    result = run("bad")
    assert result.returncode == 126, result
    assert "bad.so" in result.stderr and result.stdout == ""


# -- Trust ---------------------------------------------------------------------------------------


def untrusted(run, tmp_path, *words):
    result = run("bad")
    assert result.returncode == 126, result
    for word in words:
        assert word in result.stderr, result.stderr
    assert not (tmp_path / "marker").exists()
    usable(run)


@pytest.mark.parametrize("mode", [0o666, 0o646, 0o664])
def test_a_file_that_others_can_write(build, run, tmp_path, mode):
    build().chmod(mode)
    untrusted(run, tmp_path, "bad.so", "can be written by others", "chmod go-w")


def test_a_directory_that_others_can_write(build, run, directory, tmp_path):
    build()
    directory.chmod(0o777)
    untrusted(run, tmp_path, str(directory), "can be written by others")
    directory.chmod(0o1777)
    assert run("bad").returncode == 0, "a sticky directory of root's is as safe as /tmp"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_or_directory_of_another_user(build, run, directory, tmp_path):
    library = build()
    os.chown(library, 1234, -1)
    untrusted(run, tmp_path, "bad.so", "belongs to user 1234")
    os.chown(library, 0, -1)
    os.chown(directory, 1234, -1)
    untrusted(run, tmp_path, str(directory), "belongs to user 1234")


def test_a_link_to_where_others_can_write(build, run, directory, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    library = build()
    library.rename(elsewhere / "real.so")
    library.symlink_to(elsewhere / "real.so")
    assert run("bad").returncode == 0, "a link to a safe place is safe"
    (tmp_path / "marker").unlink()
    elsewhere.chmod(0o777)
    untrusted(run, tmp_path, "elsewhere")


def test_root_ignores_the_environment(build, run, jetpack, directory):
    build()
    result = jetpack("bad", env={"JETPACK_PLUGIN_PATH": str(directory)})
    assert result.returncode == (127 if os.geteuid() == 0 else 0), result


# -- What runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "behaviour, code, words",
    [
        ("run_error", 1, ["cannot do it: the test said so", "details stand below"]),
        ("run_strange_status", 1, ["bad"]),
        ("run_long_error", 1, ["x" * 100]),
        ("run_segfault", 128 + 11, ["test.bad", "SIGSEGV"]),
        ("run_recursion", 128 + 11, ["test.bad", "SIGSEGV"]),
        ("run_abort", 128 + 6, ["test.bad", "SIGABRT"]),
        ("run_kill", 128 + 9, ["test.bad", "SIGKILL"]),
        ("run_exit", 77, []),
    ],
)
def test_a_plugin_that_fails(build, run, behaviour, code, words):
    build(BEHAVIOUR=behaviour)
    result = run("bad")
    assert (result.returncode, result.stdout) == (code, ""), result
    for word in words:
        assert word in result.stderr, result.stderr
    assert len(result.stderr) < 4096


def test_open_that_fails(build, run):
    build(OPEN_FAILS=1)
    result = run("bad")
    assert (result.returncode, result.stdout) == (1, ""), result
    assert "cannot start: the test said so" in result.stderr


@pytest.mark.parametrize(
    "command, code, text",
    [
        ("error", 1, "cannot reach it: nobody answers"),
        ("usage", 2, "give less"),
        ("standard", 1, "basic_string::at"),
        ("bad-alloc", 1, "bad_alloc"),
        ("int", 1, "not a std::exception"),
        ("undeclared", 1, "'undeclared'"),
        ("three", 3, ""),
    ],
)
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_exceptions_stay_inside(throws, directory, run, compiler, command, code, text):
    (directory / "throws.so").write_bytes(throws(compiler))
    result = run("throw", command)
    assert (result.returncode, result.stdout) == (code, ""), result
    assert text in result.stderr


@pytest.mark.parametrize("command", ["huge", "negative"])
def test_an_impossible_exit_code_is_not_success(throws, directory, run, command):
    (directory / "throws.so").write_bytes(throws("g++"))
    assert run("throw", command).returncode not in (0, None)


def test_a_command_that_is_taken(build, run, tmp_path):
    build(note={**GOOD_NOTE, "commands": [{"name": "config", "summary": "Not the real one"}]})
    answer = run("config", "no.such.key", "real")
    assert (answer.returncode, answer.stdout) == (0, "real\n")
    assert "Not the real one" not in run("--help").stdout
    assert "shadowed" in run("plugin", "list").stdout
    assert not (tmp_path / "marker").exists()


def test_many_bad_plugins_at_once(good_plugin, directory, run):
    for index in range(50):
        (directory / f"bad{index}.so").write_bytes(good_plugin[: index * 100])
    usable(run)
    listing = run("plugin", "list", "--json")
    assert listing.returncode == 0
    assert sum("/bad" in plugin.get("path", "") for plugin in json.loads(listing.stdout)) == 50


def test_a_plugin_directory_that_cannot_be_read(jetpack, as_user, copied_home):
    directory = copied_home / "lib/jetpack/plugins"
    as_nobody = as_user()
    jetpack.binary = copied_home / "bin/jetpack"
    directory.chmod(0o700)
    result = jetpack("log", "m", prefix=as_nobody)
    assert (result.returncode, result.stdout) == (127, "")
    assert f"refused: {directory}: cannot read the directory: Permission denied" in result.stderr
    assert "cannot read the directory" in jetpack.answer("plugin", "list", prefix=as_nobody)
