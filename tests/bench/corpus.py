"""Logs of four kinds, the same for the same seed: what a node's services, scheduler and programs write."""

import json
import random
from pathlib import Path

MIB = 1 << 20
# Text is generated once in a size that no packer's window spans, and used again from other places.
STOCK = 16 * MIB

JOURNAL = (
    "slurmd[1711]: launch task StepId=%d.0 request from UID:20001 GID:20001 HOST:10.0.%d.%d PORT:%d",
    "kernel: [%d.%06d] hv_netvsc %04d%04d eth0: VF slot 1 added",
    "systemd[1]: Started Session %d of user ubuntu, leader %d, %d of %d.",
    "chronyd[612]: Selected source 10.%d.%d.%d (time.example.com), offset %d ns",
    "jetpackd[2044]: delivered message %d of %d to https://10.0.0.%d:9443 in %d ms",
    "sshd[%d]: Accepted publickey for ada from 10.0.%d.%d port %d ssh2",
    "healthcheck[2045]: all %d of %d checks passed in %d ms: disk %d MiB free, memory, network, gpu")
SLURM = (
    "sched: _slurm_rpc_allocate_resources JobId=%d NodeList=execute-%d usec=%d",
    "_job_complete: JobId=%d WEXITSTATUS %d done in %d s",
    "backfill: Started JobId=%d in hpc on execute-[%d-%d]",
    "error: Nodes execute-%d not responding, setting DOWN, %d of %d")
PBS = (
    "0008;PBS_Server;Job;%d.head;Job Run at request of Scheduler@head on exec_vnode (execute-%d:ncpus=%d)",
    "0010;PBS_Server;Job;%d.head;Exit_status=0 resources_used.cpupercent=%d resources_used.walltime=00:%02d:00",
    "0100;PBS_Server;Req;;Type %d request received from Scheduler@head, sock=%d, %d queued",
    "0040;PBS_Server;Node;%d.head;execute-%d: update2 state:0 ncpus:%d")


def lines(source, size, line):
    """Lines until there are as many bytes."""
    found, length = [], 0
    while length < size:
        found.append(line(length))
        length += len(found[-1])
    return "".join(found).encode()[:size]


def numbers_below(source, *limits):
    return tuple(source.randrange(1, limit) for limit in limits)


def journal(source, size):
    def line(at):
        now = at // 90
        return "Nov %2d %02d:%02d:%02d execute-%d %s\n" % (
            1 + now // 86400 % 30, now // 3600 % 24, now // 60 % 60, now % 60, source.randrange(40),
            source.choice(JOURNAL) % numbers_below(source, 300, 900, 250, 60000))
    return lines(source, size, line)


def scheduler(source, size):
    def line(_):
        if source.randrange(2):
            return "[2026-11-%02dT%02d:%02d:%02d.%03d] " % numbers_below(source, 28, 23, 59, 59, 999) + (
                source.choice(SLURM) % numbers_below(source, 99999, 400, 9999)) + "\n"
        return "11/%02d/2026 %02d:%02d:%02d;" % numbers_below(source, 28, 23, 59, 59) + (
            source.choice(PBS) % numbers_below(source, 99999, 400, 60)) + "\n"
    return lines(source, size, line)


def documents(source, size):
    def line(at):
        return json.dumps({"time": 1732000000 + at // 100, "level": source.choice(("info", "warn")),
                           "node": f"execute-{source.randrange(50)}", "cluster": "demo", "agent": "jetpack/8.10.0",
                           "id": f"{source.getrandbits(64):016x}",
                           "event": source.choice(("started", "stopped", "heartbeat", "job completed")),
                           "milliseconds": source.randrange(1000), "job": source.randrange(10**5)}) + "\n"
    return lines(source, size, line)


def numbers(source, size):
    """Times that repeat, numbers of 28 bits, and hexadecimal words."""
    def line(at):
        now = at // 2000
        values = [source.getrandbits(28) for _ in range(3)]
        words = [f"{source.getrandbits(32):08x}" for _ in range(3)]
        return "2026-11-29T%02d:%02d:%02dZ counter %d %d %d register %s %s %s\n" % (
            now // 3600 % 24, now // 60 % 60, now % 60, *values, *words)
    return lines(source, size, line)


KINDS = {"journal": journal, "scheduler": scheduler, "json": documents, "numbers": numbers}


def stock(kind, size=STOCK, seed=1):
    return KINDS[kind](random.Random(f"{kind} {seed}"), size)


def write(directory, kind, count, size, seed=1):
    """`count` files of `size` bytes in all below the directory."""
    source, text = random.Random(seed), stock(kind, min(size, STOCK), seed)
    for number in range(count):
        path = Path(directory) / f"{kind}-{number % 7}" / f"{kind}.{number}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        left = size // count
        with open(path, "wb") as file:
            while left > 0:
                piece = min(left, MIB)
                start = source.randrange(max(1, len(text) - piece))
                file.write(text[start : start + piece])
                left -= piece
