"""What the libraries that write the deflate format give for each kind of logs, in one thread, beside zlib's
level 6, which is what zip has: CPU time and size. In pieces of 512 KiB, each by itself, as report_issue does."""

import random
import subprocess
from pathlib import Path

import corpus
import measure
import samples
from results import Result

RUNS = 3
KINDS = tuple(corpus.KINDS)
SIZE = 8 * corpus.MIB
# {how deflate_levels.c names it: (its pkg-config name, the macro)}; the last two are measured when they are there.
LIBRARIES = {"ISA-L": ("libisal", "WITH_ISAL"), "zlib": ("zlib", "WITH_ZLIB"),
             "libdeflate": ("libdeflate", "WITH_LIBDEFLATE"), "zlib-ng": ("zlib-ng", "WITH_ZLIB_NG")}
BASE = "zlib 6"


def build(directory):
    """The programs, one for each library, and the names of the libraries that are missing."""
    programs, missing = [], []
    for name, (package, macro) in LIBRARIES.items():
        found = subprocess.run(["pkg-config", "--cflags", "--libs", package], capture_output=True, text=True,
                               check=False)
        if found.returncode != 0:
            missing.append(name)
            continue
        programs.append(directory / f"with-{package}")
        subprocess.run(["gcc", "-O2", f"-D{macro}", Path(__file__).with_name("deflate_levels.c"), "-o", programs[-1],
                        *found.stdout.split()], check=True)
    return programs, missing


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def measured(programs, path):
    """{library and level: Result} of one file; the order is shuffled in each round."""
    ways = {way: program for program in programs for way in output_of(program)}
    results = {way: Result([], [], 0, bytes_in=path.stat().st_size) for way in ways}
    for _ in range(RUNS):
        for way in random.sample(list(ways), len(ways)):
            [line] = output_of(ways[way], path, way.rpartition(" ")[2])
            nanoseconds, size = map(int, line.split())
            results[way].seconds.append(nanoseconds / 1e9)
            results[way].bytes_out = size
    return results


def summary(results):
    """Rows: for each level, the throughput and the size beside the base's, of each kind."""
    rows = [["MiB/s, and size / zlib 6's", *results, ""]]
    for way in next(iter(results.values())):
        cells = []
        for of_kind in results.values():
            result, base = of_kind[way], of_kind[BASE]
            speed = result.bytes_in / corpus.MIB / samples.spread(result.seconds).median
            cells.append(f"{speed:.0f}, {result.bytes_out / base.bytes_out:.3f}")
        rows.append([way, *cells, ""])
    return rows


def run(directory, kinds=KINDS):
    measure.require("gcc", "pkg-config")
    directory = Path(directory)
    programs, missing = build(directory)
    if missing:
        measure.note(f"not installed, and so not measured: {', '.join(missing)}")
    results = {}
    for kind in kinds:
        path = directory / kind
        path.write_bytes(corpus.stock(kind, SIZE))
        results[kind] = measured(programs, path)
        measure.print_table(results[kind], BASE, kind)
    measure.print_grid(summary(results))
    return True
