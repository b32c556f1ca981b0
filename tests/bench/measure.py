"""What the benchmarks share: runs side by side in shuffled order, exact counts, and the table."""

import atexit
import functools
import os
import random
import re
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
BUILT_HOME = REPOSITORY / os.environ.get("JETPACK_BUILD", "build") / "home"


@dataclass
class Case:
    """A program to measure: a name for the table, its arguments, its environment."""

    name: str
    command: list
    environment: dict
    directory: str = "/"


@dataclass
class Result:
    milliseconds: float  # median
    peak_kib: int  # the least peak that was seen: what it needs
    instructions: int = 0
    libraries: int = 0


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


def side_by_side(cases, runs=200):
    """Runs every case `runs` times, the order shuffled in each round; {name: Result}."""
    samples = {case.name: [] for case in cases}
    for case in cases:
        run_once(case)
    for _ in range(runs):
        for case in random.sample(cases, len(cases)):
            samples[case.name].append(run_once(case))
    return {
        name: Result(statistics.median(s for s, _ in taken) * 1000, min(kib for _, kib in taken))
        for name, taken in samples.items()
    }


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


def print_table(results, base):
    """One line for each case; the ratio is that of the medians to the case `base`."""
    width = max(map(len, results)) + 2
    print(f"{'':{width}}{'median ms':>10}{'ratio':>8}{'M instr.':>10}{'peak MB':>9}{'libraries':>11}")
    for name, r in results.items():
        ratio = r.milliseconds / results[base].milliseconds
        counts = f"{r.instructions / 1e6:10.3f}" if r.instructions else f"{'':10}"
        libraries = f"{r.libraries:11}" if r.libraries else ""
        print(f"{name:{width}}{r.milliseconds:10.2f}{ratio:8.2f}{counts}{r.peak_kib / 1024:9.1f}{libraries}")
    print(f"(ratio: to {base})")


def budget(what, value, limit, unit=""):
    """Prints one line of the verdict; returns whether it holds."""
    holds = value <= limit
    print(f"  {'ok  ' if holds else 'OVER'}  {what}: {value:.3g}{unit}, budget {limit:g}{unit}")
    return holds


def jetpack_environment(home):
    return {"JETPACK_HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


def require(*programs):
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"tools/bench: install {', '.join(missing)} first")
