"""Which plugin has which command is kept in plugins/commands.index of the home, and never believed beyond what is so."""

import copy
import json
import os
import time
from pathlib import Path

import pytest
from program_plugins import GREET

SCRIPT = "#!/bin/sh\nprintf greeted\n"
OVERVIEW = ["--help"]


@pytest.fixture
def index(home, jetpack, plugins):
    """Its file, which every test begins with; what it was made from is older than a second by then."""
    plugins.add(GREET, SCRIPT)
    (home / "plugins").mkdir(mode=0o755)
    return kept(home, jetpack)


def kept(home, jetpack):
    """The index, after jetpack has looked for commands until it could be kept."""
    file = home / "plugins/commands.index"
    end = time.monotonic() + 60
    before = file.stat().st_ino if file.exists() else None
    while time.monotonic() < end:
        jetpack(*OVERVIEW)
        if file.exists() and file.stat().st_ino != before:
            return file
        time.sleep(0.2)
    raise AssertionError("no index was kept")


def summaries(jetpack):
    return [line.strip() for line in jetpack.answer(*OVERVIEW).splitlines() if "greet" in line]


def renamed(name, summary="Another"):
    note = copy.deepcopy(GREET)
    note.update(program=f"{name}.sh", id=f"com.example.{name}", commands=[{"name": name, "summary": summary}],
                details=[{"command": name}])
    return note


def test_help_and_commands_are_the_same_with_an_index_and_without(jetpack, index):
    with_index = [jetpack.answer(*OVERVIEW), jetpack.answer("greet", "x"), jetpack.answer("help", "plugin"),
                  jetpack.answer("completion", "words", "--", "gre")]
    assert index.stat().st_mode & 0o777 == 0o644
    index.unlink()
    index.parent.rmdir()
    assert with_index == [jetpack.answer(*OVERVIEW), jetpack.answer("greet", "x"), jetpack.answer("help", "plugin"),
                          jetpack.answer("completion", "words", "--", "gre")]
    assert not index.exists()


def test_it_is_not_written_again_while_nothing_changes(jetpack, index):
    before = index.stat()
    for command in (OVERVIEW, ["greet", "x"], ["plugin", "list"], ["nothing"]):
        jetpack(*command)
    assert (index.stat().st_ino, index.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_plugin_that_changes_in_place_is_read_again(jetpack, home, index, plugins):
    note = plugins.directory / "greet.json"
    old = note.stat()
    note.write_text(note.read_text().replace("Greet a person", "Greet a parson"))
    os.utime(note, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert summaries(jetpack) == ["greet  Greet a parson"]
    kept(home, jetpack)
    assert summaries(jetpack) == ["greet  Greet a parson"]


def test_a_plugin_that_comes_or_goes_is_seen_at_once(jetpack, index, plugins):
    plugins.add(renamed("greetings"), SCRIPT, "greetings.json")
    assert summaries(jetpack) == ["greet      Greet a person", "greetings  Another"]
    assert jetpack.answer("greetings") == "greeted"
    (plugins.directory / "greet.json").unlink()
    assert summaries(jetpack) == ["greetings  Another"]
    assert jetpack("greet", "x").returncode == 127


def test_the_first_plugin_of_a_name_keeps_it(jetpack, home, index, plugins):
    plugins.add(renamed("greet", "Take it"), "#!/bin/sh\nprintf taken", "a-first.json")
    kept(home, jetpack)
    assert (summaries(jetpack), jetpack.answer("greet")) == (["greet  Take it"], "taken")


def test_an_index_that_lies_leads_to_nothing_else(jetpack, index, plugins):
    text = index.read_text()
    index.write_text(text.replace("/greet.json", "/other.json", 1).replace("Greet a person", "Lies"))
    assert jetpack.answer("greet", "x") == "greeted"
    other = plugins.directory.parent / "other.json"
    other.write_text(json.dumps(renamed("other")))
    line = next(line for line in text.splitlines() if line.startswith("p ") and line.endswith("/greet.json"))
    index.write_text(text.replace(line, line.replace(str(plugins.directory / "greet.json"), str(other))))
    assert jetpack.answer("greet", "x") == "greeted"


@pytest.mark.parametrize("damage", [
    lambda file: file.chmod(0o666), lambda file: file.write_bytes(b""), lambda file: file.write_bytes(os.urandom(5000)),
    lambda file: file.write_text(file.read_text()[:-3]), lambda file: file.write_bytes(b"\0" * file.stat().st_size),
    lambda file: (file.unlink(), file.mkdir()), lambda file: (file.unlink(), os.mkfifo(file))],
    ids=["writable by all", "empty", "random", "cut", "zeros", "a directory", "a FIFO"])
def test_an_index_that_cannot_be_trusted_is_not_used(jetpack, index, damage):
    lie = index.read_text().replace("Greet a person", "It is a lie   ")
    index.write_text(lie)
    assert "It is a lie" in jetpack.answer(*OVERVIEW)  # else this test could not fail
    damage(index)
    assert summaries(jetpack) == ["greet  Greet a person"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_an_index_of_another_user_is_not_used(jetpack, index):
    index.write_text(index.read_text().replace("Greet a person", "It is a lie   "))
    os.chown(index, 12345, 12345)
    assert summaries(jetpack) == ["greet  Greet a person"]


def test_none_is_kept_while_a_plugin_is_refused_or_others_could_write_it(jetpack, home, index, plugins):
    (plugins.directory / "bad.so").write_bytes(b"\x7fELF")
    index.unlink()
    old = time.time() - 100
    for name in (plugins.directory / "bad.so", plugins.directory):
        os.utime(name, (old, old))
    jetpack(*OVERVIEW)
    assert not index.exists()
    (plugins.directory / "bad.so").unlink()
    index.parent.chmod(0o777)
    jetpack(*OVERVIEW)
    assert not index.exists()


def test_a_directory_for_one_call_is_not_kept(jetpack, index, plugins, tmp_path):
    before = index.read_text()
    Path(tmp_path / "more").mkdir()
    (tmp_path / "more/wave.json").write_text(json.dumps(renamed("wave")))
    (tmp_path / "more/wave.sh").write_text(SCRIPT)
    (tmp_path / "more/wave.sh").chmod(0o755)
    assert jetpack.answer("--plugin-path", str(tmp_path / "more"), "wave") == "greeted"
    assert "wave" not in jetpack.answer(*OVERVIEW) and index.read_text() == before


def test_a_directory_for_one_call_has_its_place_with_an_index_and_without(jetpack, index, plugins, tmp_path):
    """After the built-ins, and before what is configured; its refused plugins are reported."""
    more = tmp_path / "more"
    more.mkdir()
    for name in ("greet", "wave", "config"):
        (more / f"{name}.json").write_text(json.dumps(renamed(name)))
        (more / f"{name}.sh").write_text("#!/bin/sh\nprintf 'from %s' more\n")
        (more / f"{name}.sh").chmod(0o755)
    (more / "bad.so").write_bytes(b"\x7fELF")

    newer = tmp_path / "newer"
    newer.mkdir()
    (newer / "greet.json").write_text(json.dumps({**renamed("greet"), "abi": [9, 0]}))
    (newer / "greet.sh").write_text(SCRIPT)
    (newer / "greet.sh").chmod(0o755)

    def results():
        calls = [["greet"], ["wave"], ["config", "--help"], OVERVIEW, ["absent"], ["bad"],
                 ["completion", "words", "--", "wav"], ["plugin", "list"]]
        found = [jetpack("--plugin-path", str(more), *words) for words in calls]
        found.append(jetpack("--plugin-path", str(newer), "greet", "x"))
        return [(result.returncode, result.stdout, result.stderr) for result in found]

    with_index = results()
    assert [result[:2] for result in with_index[:2]] == [(0, "from more"), (0, "from more")]
    assert "Another" not in with_index[2][1] and with_index[4][0] == 127 and with_index[5][0] == 126
    assert with_index[-1][:2] == (0, "greeted")
    assert jetpack.answer("greet", "x") == "greeted"
    index.unlink()
    index.parent.rmdir()
    assert results() == with_index
    assert not index.exists()
