"""A tree from Azurite on loopback, beside rclone sync: at first, with nothing changed, with 1 % changed."""

import concurrent.futures
import json
import os
import random
import shutil
from pathlib import Path

import drain
import measure
from servers import azurite

RUNS = 3
STATES = ("first", "nothing changed", "1 % changed")
CONTAINER, PREFIX = "locker", "projects"
# {kind: (files, prefixes, bytes of each)}
KINDS = {"small": (2000, 50, 100_000), "large": (4, 1, 64 << 20)}


class Tree:
    """The blobs of one kind, which can change."""

    def __init__(self, account, kind):
        self.account, self.kind = account, kind
        files, prefixes, self.size = KINDS[kind]
        self.names = [f"{PREFIX}/{kind}/{number % prefixes}/{number}.bin" for number in range(files)]
        self.put(self.names)

    def put(self, names):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: self.account.put(f"{CONTAINER}/{name}", os.urandom(self.size)), names))

    def change(self):
        self.put(random.sample(self.names, max(1, len(self.names) // 100)))


def cases_of(directory, account, kind):
    """What each runs, and the directory that it syncs."""
    home = directory / "home"
    for name in ("config", "logs", "run"):
        (home / name).mkdir(parents=True, exist_ok=True)
    sas = account.sas(CONTAINER, "rl", end=3600)
    (home / "config/node.json").write_text("{}")
    (home / "config/locker.json").write_text(json.dumps(
        {"url": f"az://{account.name}/{CONTAINER}", "endpoint": account.endpoint, "sas": sas,
         "ca_file": str(account.ca)}))
    probe = drain.build_plugin(directory, "tests/integration/storage_probe.cpp", "probe")
    jetpack = [str(measure.BUILT_HOME / "bin/jetpack"), "--plugin-path", str(probe), "blob", "sync",
               f"{PREFIX}/{kind}", str(directory / kind / "jetpack")]
    remote = f":azureblob,sas_url='{account.endpoint}/{CONTAINER}?{sas}':{CONTAINER}/{PREFIX}/{kind}"
    rclone = [shutil.which("rclone"), "--config", "", "--ca-cert", str(account.ca), "sync", remote,
              str(directory / kind / "rclone")]
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C.UTF-8"}
    (directory / kind).mkdir()
    return [measure.Case("jetpack", jetpack, measure.jetpack_environment(home)),
            measure.Case("rclone", rclone, environment)]


def files_of(tree):
    return {path.relative_to(tree): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def measured(directory, tree, cases):
    """{state: {case: Result}}."""
    taken = {state: {case.name: [] for case in cases} for state in STATES}
    for _ in range(RUNS):
        for path in (directory / tree.kind).iterdir():
            shutil.rmtree(path)
        for state in STATES:
            if state == "1 % changed":
                tree.change()
            for case in random.sample(cases, len(cases)):
                taken[state][case.name].append(measure.run_fully(case))
    ours, theirs = (files_of(directory / tree.kind / case.name) for case in cases)
    if ours != theirs or len(ours) != len(tree.names):
        raise RuntimeError("the trees differ")
    return {state: {name: measure.summary(runs) for name, runs in of_state.items()}
            for state, of_state in taken.items()}


def run(directory, kinds=tuple(KINDS)):
    measure.require("rclone", "node", "g++")
    directory = Path(directory)
    server = azurite.Azurite()
    within = True
    try:
        account = server.account(True)
        account.create(CONTAINER)
        for kind in kinds:
            cases = cases_of(directory, account, kind)
            results = measured(directory, Tree(account, kind), cases)
            for state, result in results.items():
                measure.print_table(result, "rclone", f"{kind}, {KINDS[kind][0]} x {KINDS[kind][2]} bytes, {state}")
                ratio = result["jetpack"].ratio(result["rclone"])
                within = measure.budget(f"{kind}, {state}: jetpack / rclone, time", ratio, 1) and within
    finally:
        server.remove()
    return within
