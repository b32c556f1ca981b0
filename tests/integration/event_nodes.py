"""Nodes of a simulated Azure, each with a jetpackd and scripts for scheduled events that note when they run."""

import json
import os
import signal
import subprocess
import time

from hub_client import BINARY
from servers.process import wait_for

KINDS = ("Preempt", "Terminate", "Reboot", "Redeploy", "Freeze")


class EventNode:
    """A home that is enrolled in a hub, and its daemon."""

    def __init__(self, azure, name, more=None, options=(), **settings):
        self.azure, self.name, self.options = azure, name, options
        azure.enroll(name)
        self.home = azure.directory / "homes" / "demo" / name
        for directory in ("run", "logs", "scripts"):
            (self.home / directory).mkdir(exist_ok=True)
        (self.home / "bin").mkdir()
        (self.home / "bin/jetpack").symlink_to(BINARY)
        self.configure(**settings)
        self.noted = self.home / "noted"
        self.environment = {"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C.UTF-8",
                            "JETPACK_HOME": str(self.home), **(more or {})}
        self.process = None

    def configure(self, jetpack=None, **keys):
        """Writes its configuration."""
        settings = {"metadata_url": f"{self.azure.metadata}/{self.name}", "http_port": 0, **(jetpack or {})}
        # Once the daemon has run, node.json is its own.
        known = self.home / "config/local.json"
        (known if known.exists() else self.home / "config/node.json").write_text(
            json.dumps({"cyclecloud": {**keys, "jetpack": settings}}))

    def start(self):
        """Starts its daemon."""
        with open(self.home / "stderr", "ab") as errors:
            self.process = subprocess.Popen([BINARY.parent / "jetpackd", *self.options], env=self.environment,
                                            stdin=subprocess.DEVNULL, stderr=errors)
        return self

    def watching(self):
        """Waits until it polls for events."""
        self.wait_for_log("watching for scheduled events")
        return self

    def end(self, how=signal.SIGTERM):
        """Ends it; its exit code."""
        if self.process is None:
            return None
        self.process.send_signal(how)
        code = self.process.wait(30)
        self.process = None
        return code

    def run(self, *arguments):
        """Runs a command."""
        return subprocess.run([BINARY, *map(str, arguments)], env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)

    def log(self):
        """What it has logged."""
        path = self.home / "logs/jetpackd.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_for_log(self, text, seconds=30):
        """Waits until it has logged this."""
        wait_for(lambda: text in self.log(), f"{text!r} in the log of {self.name}:\n{self.log()[-2000:]}", seconds)

    def script(self, name, body, mode=0o755):
        """A script for events, or with an absolute path another."""
        path = self.home / "scripts" / name
        path.write_text(f"#!/bin/bash\nnote() {{ echo \"$1 $JETPACK_EVENT_ID $(LD_PRELOAD= date +%s.%N)\" >> {self.noted}; }}\n"
                        f"note start:$(basename $0)\n{body}\n")
        path.chmod(mode)
        return path

    def notes(self, event=None):
        """What its scripts have noted: (what, event, Unix time)."""
        lines = self.noted.read_text().splitlines() if self.noted.exists() else []
        found = [(what, of, float(when)) for what, of, when in (line.split(" ") for line in lines)]
        return [note for note in found if event in (None, note[1])]

    def whats(self, event=None):
        """The same, without event and time."""
        return [what for what, _, _ in self.notes(event)]

    def journal(self):
        """What it remembers of events: id to stage."""
        path = self.home / "config/scheduled_events.json"
        if not path.exists():
            return {}
        return {event["id"]: event["stage"] for event in json.loads(path.read_text())["events"]}


def starts_of(azure, event):
    """What the simulator says of each acknowledgement of an event: (result, Unix time)."""
    return [(r["result"], r["time_ms"] / 1000) for r in azure.simulate("list")["start_requests"] if r["event"] == event]


def wait_for_start(azure, event, seconds=30):
    """Waits until it was acknowledged."""
    wait_for(lambda: starts_of(azure, event), f"the acknowledgement of {event}", seconds)
    assert [result for result, _ in starts_of(azure, event)] == ["started"]
