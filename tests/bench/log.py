"""`jetpack log` into the outbox, beside what it cannot do without: a process and one synced write."""

import subprocess
from pathlib import Path

import measure

RUNS = 200
SYNCED_WRITE = r"""
#include <fcntl.h>
#include <unistd.h>
static char block[4096];
int main(int argc, char** argv) {
  const int fd = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
  return fd >= 0 && write(fd, block, sizeof block) == sizeof block && fsync(fd) == 0 ? 0 : 1;
}
"""


def run(directory):
    measure.require("gcc")
    directory = Path(directory)
    home = directory / "home"
    for name in ("config", "logs", "run"):
        (home / name).mkdir(parents=True)
    (home / "config/node.json").write_text('{"cyclecloud":{"cluster":{"name":"b"},"node":{"name":"n"}}}')
    source = directory / "write.c"
    source.write_text(SYNCED_WRITE)
    subprocess.run(["gcc", "-O2", source, "-o", directory / "write"], check=True)
    environment = measure.jetpack_environment(home)
    binary = str(measure.BUILT_HOME / "bin/jetpack")
    # Without a server to try: stored, synced, left to the daemon.
    queued = measure.Case("jetpack log, queued", [binary, "log", "the system is ready", "--wait", "0"],
                          environment)
    floor = measure.Case("process + 4 KiB write + fsync", [str(directory / "write"), str(directory / "data")],
                         environment, str(directory))
    results = measure.side_by_side([queued, floor], RUNS)
    measure.print_table(results, floor.name)
    return measure.budget("jetpack log / synced write",
                          results[queued.name].ratio(results[floor.name]), 2.5)
