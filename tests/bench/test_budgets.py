"""The budgets that can be checked exactly on any machine: instructions, memory, libraries."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import measure  # noqa: E402
import start_up  # noqa: E402


@pytest.fixture(scope="module")
def cases(built_home, tmp_path_factory):
    return start_up.jetpack_cases(tmp_path_factory.mktemp("bench"))


def test_help_and_version_take_at_most_600000_instructions(cases):
    for case in cases[:2]:
        assert measure.instructions(case) <= 600_000, case.name


def test_the_host_uses_no_standard_streams(built_home):
    """They are not prepared: core/cli/no_iostreams.cpp."""
    symbols = subprocess.run(["nm", "-C", built_home / "bin/jetpack"], capture_output=True, text=True, check=True)
    if not symbols.stdout:
        pytest.skip("the program has no symbols: it is a release")
    assert " main\n" in symbols.stdout
    assert not re.search(r" std::w?(cin|cout|cerr|clog)\b", symbols.stdout)


def test_a_long_key_is_looked_up_in_linear_time(cases):
    few, many = (measure.Case("", [cases[2].command[0], "config", ".".join("a" * parts), "default"],
                              cases[2].environment) for parts in (5_000, 20_000))
    base = measure.instructions(cases[2])
    assert measure.instructions(many) - base <= 8 * (measure.instructions(few) - base) + 1_000_000


def test_config_needs_at_most_8_mb(cases):
    # The least of some runs: what a run needs beyond that is the kernel's choice.
    assert min(measure.run_once(cases[2])[1] for _ in range(5)) <= 8 << 10


def test_each_maps_no_library_beyond_its_needs(cases):
    assert measure.mapped_libraries(cases[0]) <= 4
    assert measure.mapped_libraries(cases[2]) <= 5
