"""What a measurement depends on and the program does not show: processor, load, kernel, file system, build."""

import json
import os
import platform
import re
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Machine:
    processor: str
    cores: int
    memory_gib: int
    kernel: str
    file_system: str  # of the files that are measured
    load_before: float  # of the last minute
    build: str
    warnings: list

    def lines(self):
        return [f"{self.cores} cores ({self.processor}), {self.memory_gib} GiB of memory, Linux {self.kernel}, "
                f"files on {self.file_system}, load average {self.load_before:.2f} at the start",
                f"build: {self.build}"] + [f"warning: {text}" for text in self.warnings]

    def as_dict(self):
        return asdict(self)


def processor():
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)
    return found[1].strip() if found else platform.machine()


def memory_gib():
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30))


def file_system(directory):
    found = subprocess.run(["stat", "-f", "-c", "%T", directory], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def describe_build(build_directory):
    """(in words, warnings): from what meson keeps beside the build, which a release does not have."""
    kept = Path(build_directory) / "meson-info/intro-buildoptions.json"
    if not kept.exists():
        return "a release", []
    options = {option["name"]: option["value"] for option in json.loads(kept.read_text(encoding="utf-8"))}
    level, sanitizer = options["optimization"], options.get("b_sanitize", "none")
    warnings = []
    if level not in ("2", "3", "s"):
        warnings.append(f"built with optimization {level}: the figures say nothing about a release")
    if sanitizer != "none":
        warnings.append(f"built with the {sanitizer} sanitizer: the figures say nothing about a release")
    return f"{options['buildtype']}, optimization {level}", warnings


def describe(directory, build_directory):
    build, warnings = describe_build(build_directory)
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    if load > cores / 4:
        warnings.append(f"load average {load:.2f} on {cores} cores: other programs disturb the times")
    return Machine(processor(), cores, memory_gib(), platform.release(), file_system(directory), load, build,
                   warnings)
