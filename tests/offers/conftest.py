"""Plugins that are written as JSON and a script, and what the daemons see of them."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from program_plugins import Plugins  # noqa: E402


@pytest.fixture(name="plugins")
def _plugins(home, tmp_path):
    home.node({})
    return Plugins(home, tmp_path / "plugins")
