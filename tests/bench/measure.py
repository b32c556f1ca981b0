"""What the benchmarks share: runs side by side in shuffled order, exact counts, and what is reported of them."""

import atexit
import functools
import os
import random
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import samples
from results import Grid, Record, Result, Table, Verdict

REPOSITORY = Path(__file__).resolve().parent.parent.parent
BUILT_HOME = REPOSITORY / os.environ.get("JETPACK_BUILD", "build") / "home"


@dataclass
class Case:
    """A program to measure: a name for the table, its arguments, its environment."""

    name: str
    command: list
    environment: dict
    directory: str = "/"


recorded = Record("", "")  # of the benchmark that runs


def start(name, about):
    """What is reported from now on belongs to this benchmark; its record."""
    global recorded
    recorded = Record(name, about)
    return recorded


@functools.cache
def launcher():
    """The program that measures one run; built once for each process of ours."""
    directory = tempfile.mkdtemp(prefix="jetpack-launch-")
    atexit.register(shutil.rmtree, directory)
    source = Path(__file__).with_name("launch.c")
    subprocess.run(["gcc", "-O2", "-static", source, "-o", f"{directory}/launch"], check=True)
    return f"{directory}/launch"


def run_once(case):
    """(seconds from posix_spawn to wait4, peak RSS in KiB). The exit code must be 0."""
    return run_fully(case)[:2]


def run_fully(case):
    """As run_once, and the seconds of CPU."""
    result = subprocess.run([launcher(), *case.command], env=case.environment, cwd=case.directory,
                            capture_output=True, text=True, timeout=120)
    if result.returncode != 0:
        raise RuntimeError(f"{case.command} did not end with 0")
    nanoseconds, kib, microseconds = result.stdout.split()
    return int(nanoseconds) / 1e9, int(kib), int(microseconds) / 1e6


def summary(taken, **more):
    """The Result of what run_fully returned in each round."""
    seconds, kib, cpu = map(list, zip(*taken))
    return Result(seconds, cpu, min(kib), **more)


def side_by_side(cases, runs=200, prepare=lambda case: None, is_warmed=True):
    """Runs every case `runs` times, the order shuffled in each round; {name: Result}. `prepare` runs
    before each, unmeasured. Every case runs once before, unless what it needs is warm already."""
    taken = {case.name: [] for case in cases}
    for case in cases if is_warmed else ():
        prepare(case)
        run_once(case)
    for _ in range(runs):
        for case in random.sample(cases, len(cases)):
            prepare(case)
            taken[case.name].append(run_fully(case))
    return {name: summary(runs_of_it) for name, runs_of_it in taken.items()}


def instructions(case):
    """Instructions in user space, the dynamic loader's included: the same in every run."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *case.command]
    log = subprocess.run(command, env=case.environment, cwd=case.directory, capture_output=True,
                         text=True, check=True, timeout=300).stderr
    return int(re.search(r"Collected : (\d+)", log)[1])


def mapped_libraries(case):
    """How many shared libraries the run maps as code."""
    with tempfile.NamedTemporaryFile("r") as trace:
        command = ["strace", "-f", "-y", "-e", "trace=mmap", "-o", trace.name, *case.command]
        subprocess.run(command, env=case.environment, cwd=case.directory, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=True, timeout=120)
        return len(set(re.findall(r"PROT_EXEC.*<(/[^>]+)>", trace.read())))


def count_exactly(cases, results):
    for case in cases:
        results[case.name].instructions = instructions(case)
        results[case.name].libraries = mapped_libraries(case)


def report(part, text):
    recorded.parts.append(part)
    print(text, flush=True)


def print_table(results, base, title=""):
    """One line for each case, {name: Result}; ratios are those of the medians to the case `base`."""
    table = Table(title, base, results)
    report(table, table.text())


def print_grid(rows):
    grid = Grid(rows)
    report(grid, grid.text())


def note(text):
    report(text, text)


def budget(what, value, limit, unit=""):
    """Prints one line of the verdict; returns whether it holds. A value may be a Ratio: then the
    verdict says when the runs differ too much to tell."""
    found = value if isinstance(value, samples.Ratio) else samples.Ratio(value, value, value)
    verdict = Verdict(what, found.value, limit, unit, found.low, found.high)
    report(verdict, f"  {verdict.text()}")
    return verdict.holds


def jetpack_environment(home):
    return {"JETPACK_HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


def require(*programs):
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"tools/bench: install {', '.join(missing)} first")
