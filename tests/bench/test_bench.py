"""What tools/bench says of repeated runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

DIRECTORY = Path(__file__).resolve().parent
sys.path.insert(0, str(DIRECTORY))
import machine_state  # noqa: E402
import measure  # noqa: E402
import samples  # noqa: E402
from results import Grid, Record, Result, Table, Verdict  # noqa: E402

BENCH = DIRECTORY.parent.parent / "tools/bench"


def result(*seconds):
    return Result(list(seconds), [0.0] * len(seconds), 1024)


def test_the_spread_is_of_the_extremes():
    found = samples.spread([4.0, 1.0, 2.0])
    assert (found.minimum, found.median, found.maximum, found.percent) == (1.0, 2.0, 4.0, 150.0)


def test_few_rounds_have_the_greatest_possible_interval():
    assert samples.ratio([1.0, 2.0, 3.0], [4.0, 4.0, 8.0]) == samples.Ratio(0.5, 1 / 8, 3 / 4)


def test_steady_runs_make_a_ratio_that_is_sure():
    found = samples.ratio([1.0, 1.01, 0.99] * 10, [2.0, 2.02, 1.98] * 10)
    assert found.low <= 0.5 <= found.high
    assert found.doubt == ""
    assert not found.is_unsure_of(1)


def test_equal_programs_show_no_difference():
    ours = [1.0 + 0.001 * (i % 7) for i in range(50)]
    theirs = [1.0 + 0.001 * (i % 5) for i in range(50)]
    assert samples.ratio(ours, theirs).doubt == "no difference"


def test_runs_that_differ_much_are_unclear():
    found = samples.ratio([1.0, 9.0, 1.0, 9.0, 5.0, 2.0, 7.0], [1.0, 1.1, 1.0, 1.2, 1.0, 1.1, 1.0])
    assert found.doubt.startswith("unclear")


def test_what_disturbs_a_round_disturbs_both():
    disturbance = [1.0, 3.0, 1.0, 2.0, 1.5, 4.0, 1.0, 2.5] * 5
    found = samples.ratio([0.5 * d for d in disturbance], disturbance)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_the_same_samples_have_the_same_interval():
    ours, theirs = [1.0, 2.0, 1.5, 1.7, 1.2, 1.9], [2.0, 2.5, 2.2, 2.1, 2.4, 2.3]
    assert samples.ratio(ours, theirs) == samples.ratio(ours, theirs)


def test_a_verdict_says_when_the_limit_is_within_the_interval():
    assert "unclear" in Verdict("x", 0.9, 1, "", 0.8, 1.1).text()
    assert "unclear" not in Verdict("x", 0.9, 1, "", 0.8, 0.95).text()
    assert Verdict("x", 1.1, 1, "", 1.1, 1.1).text().startswith("OVER")


def test_a_table_has_each_form():
    table = Table("kind", "peer", {"ours": result(0.001, 0.002, 0.003), "peer": result(0.001, 0.009, 0.002)})
    head, ours, peer = table.text().splitlines()
    assert head.split()[:7] == ["kind", "min", "ms", "median", "ms", "max", "ms"]
    assert ours.split()[:5] == ["ours", "1.00", "2.00", "3.00", "100"]
    assert "unclear" in ours and "unclear" not in peer
    assert table.markdown().splitlines()[2].startswith("| ours | 1.00 | 2.00 | 3.00 | 100 % | 1.000 (0.111-3.000) |")
    row = table.as_dict()["rows"][0]
    assert row["seconds"] == [0.001, 0.002, 0.003]
    assert row["ratio"]["doubt"].startswith("unclear")
    assert "ratio" not in table.as_dict()["rows"][1]


def test_a_grid_is_a_table_of_text():
    grid = Grid([["", "journal", ""], ["ISA-L 1", "700, 1.1", ""]])
    assert grid.text().splitlines() == ["          journal", "ISA-L 1  700, 1.1"]
    assert grid.markdown().splitlines()[2] == "| ISA-L 1 | 700, 1.1 |  |"


def test_a_record_keeps_the_order_of_what_was_reported(capsys):
    record = measure.start("name", "What it measures.")
    measure.note("a note")
    assert measure.budget("a budget", 2, 1) is False
    assert measure.budget("a ratio", samples.Ratio(0.5, 0.4, 0.6), 1) is True
    assert capsys.readouterr().out.splitlines()[0] == "a note"
    assert record.markdown() == ("## name\n\nWhat it measures.\n\n- a note\n- **over**: a budget: 2, budget 1\n"
                                 "- ok: a ratio: 0.5, budget 1\n")
    assert [budget["holds"] for budget in record.as_dict()["budgets"]] == [False, True]
    assert isinstance(record, Record)


def test_side_by_side_prepares_and_runs_each_case_as_often(tmp_path):
    seen = []
    cases = [measure.Case(name, ["/bin/true"], {}) for name in ("a", "b")]
    found = measure.side_by_side(cases, 3, lambda case: seen.append(case.name))
    assert sorted(seen) == ["a"] * 4 + ["b"] * 4  # once to warm up
    assert [len(found[name].seconds) for name in ("a", "b")] == [3, 3]


@pytest.mark.parametrize("options, warning", [
    ({"optimization": "0"}, "optimization 0"),
    ({"optimization": "2", "b_sanitize": "address"}, "address sanitizer"),
    ({"optimization": "2", "b_sanitize": "none"}, None),
])
def test_a_build_that_is_not_like_a_release_is_a_warning(tmp_path, options, warning):
    kept = tmp_path / "meson-info/intro-buildoptions.json"
    kept.parent.mkdir()
    options = {"buildtype": "custom", **options}
    kept.write_text(json.dumps([{"name": name, "value": value} for name, value in options.items()]))
    build, warnings = machine_state.describe_build(tmp_path)
    assert build == f"custom, optimization {options['optimization']}"
    assert [warning in text for text in warnings] == ([True] if warning else [])


@pytest.mark.parametrize("arguments", [["--runs", "0"], ["--runs", "x"], ["--json", "--markdown"], ["nothing"],
                                       ["archive:pictures"], ["log:json"]])
def test_usage_errors_end_with_2(arguments):
    found = subprocess.run([BENCH, *arguments], capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert found.stdout == ""


def test_help_lists_what_can_be_measured_and_only_that():
    text = subprocess.run([BENCH, "--help"], capture_output=True, text=True, check=True).stdout
    names = text.rpartition("benchmarks: ")[2].strip().split(", ")
    assert {"archive", "log", "start_up", "transfer"} <= set(names)
    assert not {"measure", "samples", "results", "machine_state", "simulated_fleet"} & set(names)


def test_json_is_all_of_standard_output(built_home):
    found = subprocess.run([BENCH, "--json", "--runs", "2", "log"], capture_output=True, text=True, check=False)
    answer = json.loads(found.stdout)
    [table] = answer["benchmarks"][0]["tables"]
    assert [len(row["seconds"]) for row in table["rows"]] == [2, 2]
    assert {"cores", "kernel", "file_system", "load_before", "build"} <= set(answer["machine"])
    assert "== log" in found.stderr
