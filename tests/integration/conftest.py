"""Lets the tests here import hub_client, which pytest's importlib mode would not find; lockers of all kinds."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from lockers import Lockers  # noqa: E402


@pytest.fixture(scope="module")
def lockers(shared_directory):
    """make(KIND, DIRECTORY): a locker of one of lockers.KINDS."""
    made = Lockers(shared_directory)
    yield made
    made.close()
