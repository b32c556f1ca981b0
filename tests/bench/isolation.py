"""A plugin as a built-in, from a directory and as a bundle; a checked load beside an unchecked one; and how late what does not end is ended."""

import os
import random
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import measure
import samples
import start_up

sys.path.insert(0, str(measure.REPOSITORY / "tests/bad-plugins"))
from hostile_bundle import ID, Bundle  # noqa: E402

RUNS = 200
LOADS = 300
LATE_RUNS = 5
WALL_MS = 300
HANGING = ("sleep", "spin", "deaf", "stop", "fork-and-hang", "constructor-hang")


def build(directory):
    """The library of tests/bad-plugins/hostile.c, which does nothing when it is asked for nothing."""
    library = directory / "hostile.so"
    home = measure.BUILT_HOME
    subprocess.run(
        ["gcc", "-O2", "-fPIC", "-shared", "-w", f"-I{home}/include", measure.REPOSITORY / "tests/bad-plugins/hostile.c",
         "-o", library, f"-Wl,--version-script={home}/share/jetpack/jetpack-plugin.map", "-lpthread"], check=True)
    return library.read_bytes()


def make_home(path):
    for name in ("config", "logs", "run"):
        (path / name).mkdir(parents=True)
    (path / "config/node.json").write_text("{}")
    return path


def cases_of(directory, library):
    """{how it runs: case}, and the bundle."""
    installed = directory / "installed"
    for part in ("bin", "lib"):
        shutil.copytree(measure.BUILT_HOME / part, installed / part, symlinks=True)
    binary = str(installed / "bin/jetpack")
    # Three trees, so that each holds the plugin once.
    builtin = shutil.copytree(installed, directory / "builtin", symlinks=True)
    (builtin / "lib/jetpack/plugins/hostile.so").write_bytes(library)
    (directory / "site").mkdir()
    (directory / "site/hostile.so").write_bytes(library)
    bundle = Bundle(make_home(directory / "home"), library, directory / "key.pem")
    empty = make_home(directory / "empty")
    (empty / "plugins").mkdir()
    for home in (bundle.home, empty):
        start_up.keep_index(binary, home, measure.jetpack_environment(home))

    def case(name, home, *command):
        return measure.Case(name, list(command), measure.jetpack_environment(home))

    return [case("as a built-in", empty, str(builtin / "bin/jetpack"), "hostile"),
            case("from a directory", empty, binary, "--plugin-path", str(directory / "site"), "hostile"),
            case("as a bundle", bundle.home, binary, "hostile")], bundle


def load_times(bundle):
    """{checked or unchecked: µs of each load}, each in a process of its own, in shuffled order."""
    build_directory = measure.BUILT_HOME.parent
    subprocess.run(["ninja", "-C", build_directory, "--quiet", "core/load-bench"], check=True)
    program, active = build_directory / "core/load-bench", bundle.home / "plugins/active" / ID
    taken = {"checked": [], "unchecked": []}
    for _ in range(LOADS):
        for kind in random.sample(list(taken), len(taken)):
            taken[kind].append(int(subprocess.run([program, kind, active, "lib/hostile.so"], check=True,
                                                    stdout=subprocess.PIPE).stdout) / 1000)
    return taken


def lateness(case):
    """How long after its deadline each hanging plugin has ended, in ms: the median of some runs."""
    late = {}
    for behaviour in HANGING:
        taken = []
        for _ in range(LATE_RUNS):
            command = measure.Case("", ["/bin/sh", "-c", '"$0" "$@" 2>/dev/null; [ $? = 137 ]', *case.command],
                                   {**case.environment, "HOSTILE": behaviour})
            taken.append(measure.run_once(command)[0] * 1000 - WALL_MS)
        late[behaviour] = statistics.median(taken)
    return late


def run(directory):
    measure.require("gcc", "ninja", "openssl")
    directory = Path(directory)
    os.chmod(directory, 0o755)
    cases, bundle = cases_of(directory, build(directory))
    results = measure.side_by_side(cases, RUNS)
    measure.print_table(results, "as a built-in")
    loads = {kind: samples.spread(taken) for kind, taken in load_times(bundle).items()}
    for kind, load in loads.items():
        measure.note(f"one {kind} load: {load.minimum:.0f} / {load.median:.0f} / {load.maximum:.0f} µs "
                     f"(minimum, median, maximum of {LOADS})")
    bundle.sign(limits={"wall": WALL_MS})
    late = lateness(cases[2])
    measure.note("ended after the deadline: " + ", ".join(f"{name} {ms:.0f} ms" for name, ms in late.items()))
    builtin = results["as a built-in"].milliseconds
    bundle_costs = results["as a bundle"].milliseconds - builtin
    checks = (loads["checked"].median - loads["unchecked"].median) / 1000
    measure.note(f"a bundle costs {bundle_costs:.3f} ms more than a built-in: its isolation and its checks")
    return all([
        measure.budget("isolation of a plugin from a directory", results["from a directory"].milliseconds - builtin, 0.6, " ms"),
        measure.budget("isolation of a bundle", bundle_costs - checks, 0.6, " ms"),
        measure.budget("checked load, more than unchecked", checks, 0.15, " ms"),
        measure.budget("latest end after the deadline", max(late.values()), 250, " ms"),
    ])
