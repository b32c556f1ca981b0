"""Programs that only some tests need."""

from pathlib import Path

import pytest


def need_program(path, package):
    """Skips the test by name where the program is missing."""
    if not Path(path).exists():
        pytest.skip(f"{path} is missing: apt-get install {package}")
