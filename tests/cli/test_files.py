"""The files of a node: one table, of which `jetpack help files`, docs/files.md and doctor's check of the
tree are views, and which installation and agent must keep to."""

import json
import re
import subprocess

import pytest
from servers.home_files import entry_of

HEADING = """# Files

Paths are below the home tree, `/opt/cycle/jetpack` unless `JETPACK_HOME` names another, or absolute. `NAME` and
other words in upper case stand for any text, `...` for everything below. The mode is that of a new file, whose group is
`cyclecloud`. Edit only what is marked: jetpack replaces or removes the rest. Edited files in `/etc` are kept by upgrades.
A file marked with * may have passwords in it. `jetpack help files` prints this table.

| path | what it is | by | format | mode | edit |
|---|---|---|---|---|---|
"""


def as_document(files):
    """docs/files.md, from the table."""
    lines = [f"| `{file['path']}`{'*' if file['secret'] else ''} | {file['help']} | {file['writer']} | {file['format']} | {file['mode']} | "
             f"{'yes' if file['editable'] else ''} |\n" for file in files]
    return HEADING + "".join(lines)


@pytest.fixture(name="files")
def _files(jetpack):
    return json.loads(jetpack.answer("help", "files", "--json"))


def test_the_document_is_the_table(files, repository, request):
    document = repository / "docs/files.md"
    if request.config.getoption("--update-expected"):
        document.write_text(as_document(files))
    assert document.read_text() == as_document(files)
    assert len({file["path"] for file in files}) == len(files)


def test_help_prints_every_file(jetpack, files):
    blocks = {block.split("\n")[0].split(" (")[0]: block for block in jetpack.answer("help", "files").split("\n\n")}
    for file in files:
        block = blocks[file["path"]]
        assert file["help"] in block and file["writer"] in block and file["mode"] in block
        assert (" (editable)" in block) == file["editable"]
        assert all(len(line) <= 120 for line in block.splitlines())


def test_what_is_installed_is_in_the_table(files, built_home):
    for path in built_home.rglob("*"):
        name = path.relative_to(built_home).as_posix()
        if path.is_file() or path.is_symlink():
            assert entry_of(files, name), name


def test_the_installation_creates_the_directories_of_the_table(files, repository):
    steps = repository / "tools/packaging/install/steps.sh"
    created = subprocess.run(["sh", "-c", f"program=test; . {steps}; state_tree"], text=True, capture_output=True,
                             check=True).stdout
    in_table = {(file["mode"], file["path"]) for file in files if file["format"] == "directory"}
    assert {tuple(line.split()) for line in created.splitlines()} == in_table


def test_what_is_copied_to_the_system_is_in_the_table(files, repository):
    steps = repository / "tools/packaging/install/steps.sh"
    copied = subprocess.run(["sh", "-c", f"program=test; . {steps}; system_files"], text=True, capture_output=True,
                            check=True).stdout
    assert {line.split()[1] for line in copied.splitlines()} <= {file["path"] for file in files}

