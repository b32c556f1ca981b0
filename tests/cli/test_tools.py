"""The tools that developers run: --help prints what a tool is for, and does nothing else."""

import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = sorted(path.name for path in (REPOSITORY / "tools").iterdir()
               if path.is_file() and os.access(path, os.X_OK))


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("name", TOOLS)
def test_help_prints_usage_and_does_nothing_else(name, option):
    result = subprocess.run([REPOSITORY / "tools" / name, option], text=True, capture_output=True,
                            stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert name in result.stdout
