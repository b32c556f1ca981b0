"""A plugin that is a script with its note beside it."""

import json
from pathlib import Path

GREET = {
    "schema": 1, "id": "com.example.greet", "version": "1.0.0", "program": "greet.sh",
    "commands": [{"name": "greet", "summary": "Greet a person"}],
    "details": [{
        "command": "greet",
        "options": [
            {"name": "times", "letter": "n", "type": "integer", "min": 1, "max": 9, "default": "1", "help": "How often"},
            {"name": "wait", "type": "duration", "help": "How long to wait"},
            {"name": "dry-run", "type": "flag", "help": "Only say it"},
            {"name": "tag", "repeated": True, "help": "A tag"},
            {"name": "word", "choices": ["Hello", "Hi"], "help": "The word"}],
        "arguments": [{"name": "NAME", "required": True, "help": "Whom to greet"}]}],
}
# Prints what it was handed.
SHOW = """#!/bin/bash
env | grep ^JETPACK_ | sort
cat <&"$JETPACK_VALUES_FD"
exit 7
"""


class Plugins:
    """A directory of plugins that the node is configured with, so that the daemons find them, too."""

    def __init__(self, home, directory):
        self.directory = directory
        directory.mkdir(mode=0o755)
        ini = home / "config/jetpack.ini"
        before = ini.read_text() if ini.exists() else ""
        home.write("config/jetpack.ini", f"{before}[plugins]\npath = {directory}\n")

        # For root, a directory of plugins that are not signed has to be named here, too.
        home.write("config/plugins.ini", f"[trust]\ndirectories = {directory}\n")

    def add(self, note, script, name=None, mode=0o755):
        """A program with its note, both named after the program; returns the program's path."""
        program = self.directory / note.get("program", "x")
        program.write_text(script)
        program.chmod(mode)
        path = self.directory / (name or Path(program.name).stem + ".json")
        path.write_text(json.dumps(note, indent=2))
        path.chmod(0o644)
        return program
