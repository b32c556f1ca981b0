"""`jetpack report_issue --output` of four kinds of logs, each as 600 files and as one, beside `zip -r -6`."""

import shutil
import subprocess
from pathlib import Path

import corpus
import measure

RUNS = 3
KINDS = tuple(corpus.KINDS)
SIZE = 256 * corpus.MIB  # of each set
COUNTS = (600, 1)
PEER = "zip -r -6"
LEVELS = {"report_issue": [], "report_issue --level 6": ["--level", "6"]}


def home_for(directory):
    home = Path(directory) / "home"
    for name in ("config", "logs", "run"):
        (home / name).mkdir(parents=True)
    (home / "config/node.json").write_text('{"cyclecloud":{"cluster":{"name":"b"},"node":{"name":"n"}}}')
    return home


def cases_of(directory, home, logs):
    environment = measure.jetpack_environment(home)
    binary = str(measure.BUILT_HOME / "bin/jetpack")
    ours = [measure.Case(name, [binary, "report_issue", str(logs), *options, "--output", f"{directory}/{name}.zip"],
                         environment) for name, options in LEVELS.items()]
    return [*ours, measure.Case(PEER, [shutil.which("zip"), "-r", "-6", "-q", f"{directory}/{PEER}.zip", str(logs)],
                                environment)]


def measured(directory, home, kind, count, size):
    """{name: Result} of one set of logs."""
    logs = directory / "logs"
    corpus.write(logs, kind, count, size)
    # Both read what is in memory, of files that are on the disk.
    subprocess.run(["sh", "-c", f"sync; cat {logs}/*/* > /dev/null"], check=True)
    cases = cases_of(directory, home, logs)
    results = measure.side_by_side(cases, RUNS, lambda case: Path(f"{directory}/{case.name}.zip").unlink(missing_ok=True),
                                   is_warmed=False)
    for name, result in results.items():
        result.bytes_in = size
        result.bytes_out = Path(f"{directory}/{name}.zip").stat().st_size
    shutil.rmtree(logs)
    return results


def run(directory, kinds=KINDS, size=SIZE):
    measure.require("zip", "gcc")
    directory = Path(directory)
    home = home_for(directory)
    within = []
    for kind, count in ((kind, count) for kind in kinds for count in COUNTS):
        name = f"{kind}, {count} file{'s' if count > 1 else ''}"
        results = measured(directory, home, kind, count, size)
        measure.print_table(results, PEER, name)
        ours, peer = results["report_issue"], results[PEER]
        within += [
            measure.budget(f"{name}: time, of a 15th of zip's", ours.ratio(peer).times(15), 1),
            measure.budget(f"{name}: output / zip's", ours.bytes_out / peer.bytes_out, 1.05),
            measure.budget(f"{name}: peak", max(r.peak_kib for key, r in results.items() if key != PEER) / 1024, 64,
                           " MB"),
        ]
    return all(within)
