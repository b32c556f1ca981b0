"""`jetpack report_issue --no-upload` over 2 GiB of logs in 600 files, beside `zip -r -6`."""

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import measure

MIB = 1 << 20
# Text and JSON as services and schedulers write them, and tables of numbers. What is not text is left out.
SHARES = {"syslog": 0.62, "json": 0.13, "scheduler": 0.125, "numbers": 0.125}
FILES = {"syslog": 420, "json": 120, "scheduler": 24, "numbers": 62}


def syslog(source, size):
    messages = ("slurmd[1711]: launch task StepId=%d.0 request from UID:20001 GID:20001 HOST:10.0.%d.%d PORT:%d",
                "kernel: [%d.%06d] hv_netvsc %04d%04d eth0: VF slot 1 added",
                "systemd[1]: Started Session %d of user ubuntu, leader %d, %d of %d.",
                "chronyd[612]: Selected source 10.%d.%d.%d (time.example.com), offset %d ns",
                "jetpackd[2044]: delivered message %d of %d to https://10.0.0.%d:9443 in %d ms",
                "healthcheck[2045]: all %d of %d checks passed in %d ms: disk %d MiB free, memory, network, gpu")
    lines, length, now = [], 0, 0
    while length < size:
        now += source.randrange(3)
        line = "Nov %2d %02d:%02d:%02d execute-%d " % (
            1 + now // 86400 % 30, now // 3600 % 24, now // 60 % 60, now % 60, source.randrange(40))
        line += source.choice(messages) % tuple(source.randrange(1, most) for most in (300, 900, 250, 60000)) + "\n"
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()[:size]


def documents(source, size):
    lines, length = [], 0
    while length < size:
        line = json.dumps({"time": 1732000000 + length // 100, "level": source.choice(("info", "warn")),
                           "node": f"execute-{source.randrange(50)}", "cluster": "demo", "agent": "jetpack/8.10.0",
                           "id": f"{source.getrandbits(64):016x}",
                           "event": source.choice(("started", "stopped", "heartbeat", "job completed")),
                           "milliseconds": source.randrange(1000), "job": source.randrange(10**5)}) + "\n"
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()[:size]


def scheduler(source, size):
    messages = ("sched: _slurm_rpc_allocate_resources JobId=%d NodeList=execute-%d usec=%d",
                "_job_complete: JobId=%d WEXITSTATUS %d done in %d s",
                "backfill: Started JobId=%d in hpc on execute-[%d-%d]",
                "error: Nodes execute-%d not responding, setting DOWN, %d of %d")
    lines, length = [], 0
    while length < size:
        line = "[2026-11-%02dT%02d:%02d:%02d.%03d] " % tuple(source.randrange(1, most) for most in (28, 23, 59, 59, 999))
        line += source.choice(messages) % tuple(source.randrange(1, most) for most in (99999, 400, 9999)) + "\n"
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()[:size]


def numbers(source, size):
    lines, length = [], 0
    while length < size:
        line = " ".join([f"{source.getrandbits(32):08x}" for _ in range(4)]
                        + [f"{source.random() * 1000:.6f}" for _ in range(6)]) + "\n"
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()[:size]


def make_corpus(directory, size, seed=1):
    """Files of about `size` bytes in all, the same for the same seed; their number."""
    source = random.Random(seed)
    number = 0
    for kind, share in SHARES.items():
        count = max(1, FILES[kind] * size // (2 << 30)) if size < 2 << 30 else FILES[kind]
        each = int(size * share) // count
        # Text is made once in a size that no packer's window spans, and used again from other places.
        text = {"syslog": syslog, "json": documents, "scheduler": scheduler, "numbers": numbers}[kind]
        stock = text(source, min(each * count, 24 * MIB))
        for i in range(count):
            path = Path(directory) / f"{kind}-{i % 7}" / f"{kind}.{i}.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb") as file:
                left = each
                while left > 0:
                    piece = min(left, MIB)
                    start = source.randrange(max(1, len(stock) - piece))
                    file.write(stock[start : start + piece])
                    left -= piece
            number += 1
    return number


def home_for(directory):
    home = Path(directory) / "home"
    for name in ("config", "logs", "run"):
        (home / name).mkdir(parents=True)
    (home / "config/node.json").write_text('{"cyclecloud":{"cluster":{"name":"b"},"node":{"name":"n"}}}')
    return home


def run(directory, size=2 << 30, rounds=3):
    measure.require("zip", "gcc")
    directory = Path(directory)
    logs = directory / "logs"
    count = make_corpus(logs, size)
    home = home_for(directory)
    ours = measure.Case("report_issue", [str(measure.BUILT_HOME / "bin/jetpack"), "report_issue", str(logs),
                                         "--output", str(directory / "ours.zip")],
                        measure.jetpack_environment(home))
    peer = measure.Case("zip -r -6", [shutil.which("zip"), "-r", "-6", "-q", str(directory / "peer.zip"), str(logs)],
                        measure.jetpack_environment(home))
    subprocess.run(["sh", "-c", f"cat {logs}/*/* > /dev/null"], check=True)  # both read what is in memory
    seconds, peak = {}, {}
    for case in [ours, peer] + [ours] * (rounds - 1):
        for old in directory.glob("*.zip"):
            if (old.name == "ours.zip") == (case is ours):
                old.unlink()
        taken, kib = measure.run_once(case)
        seconds[case.name] = min(taken, seconds.get(case.name, taken))
        peak[case.name] = max(kib, peak.get(case.name, 0))
    sizes = {ours.name: (directory / "ours.zip").stat().st_size, peer.name: (directory / "peer.zip").stat().st_size}
    print(f"{count} files, {size / MIB:.0f} MiB, {os.cpu_count()} cores")
    print(f"{'':16}{'seconds':>9}{'MiB/s':>8}{'peak MB':>9}{'out MiB':>9}")
    for name, taken in seconds.items():
        print(f"{name:16}{taken:9.2f}{size / MIB / taken:8.0f}{peak[name] / 1024:9.1f}{sizes[name] / MIB:9.1f}")
    shutil.rmtree(logs)
    return all([
        measure.budget("zip's time / ours is at least 15: 15 * ours / zip", 15 * seconds[ours.name] / seconds[peer.name], 1),
        measure.budget("our output / zip's", sizes[ours.name] / sizes[peer.name], 1.05),
        measure.budget("our peak", peak[ours.name] / 1024, 64, " MB"),
    ])
