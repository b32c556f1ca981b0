"""Keeps one server up for all the processes of a test run, and ends it after the last of them.

usage: shared.py (rabbitmq | postgresql) [DIRECTORY]

Without DIRECTORY: prints one line of JSON with the URL of a new account or database, and runs
until SIGTERM. With it: each user of the server holds a shared lock on DIRECTORY/users; when none is left,
however they ended, the server ends. DIRECTORY/about.json describes it to `adopt`."""

import contextlib
import fcntl
import importlib
import json
import signal
import subprocess
import sys
from pathlib import Path

CLASSES = {"rabbitmq": "RabbitMq", "postgresql": "PostgreSql", "azurite": "Azurite"}
if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def server_class(name):
    """The class of a server."""
    return getattr(importlib.import_module(f"servers.{name}"), CLASSES[name])


def adopt(name, about):
    """The running server as an object, for everything but starting and ending it."""
    server = object.__new__(server_class(name))
    vars(server).update(about, directory=Path(about["directory"]), process=None)
    return server


@contextlib.contextmanager
def lease(name, directory):
    """The server of that name which all processes with this directory share; do not break it."""
    directory = Path(directory) / name
    directory.mkdir(parents=True, exist_ok=True)
    about = directory / "about.json"
    with open(directory / "users", "wb") as users:
        with open(directory / "start", "wb") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)
            if not about.exists():
                launch(name, directory)
        yield adopt(name, json.loads(about.read_text()))


def launch(name, directory):
    """Starts the process that has the server and waits until its server is up."""
    with open(directory / "shared.log", "ab") as log:
        process = subprocess.Popen([sys.executable, __file__, name, directory],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                  start_new_session=True)
    with process.stdout:
        ready = process.stdout.readline()
    assert ready == b"ready\n", (directory / "shared.log").read_text()


def keep(name, directory):
    """What that process does: starts the server, describes it, ends it after its last user."""
    about, server = directory / "about.json", server_class(name)()
    try:
        ports = {key: value for key, value in vars(server).items() if isinstance(value, int)}
        temporary = directory / "about.tmp"
        temporary.write_text(json.dumps({**ports, "directory": str(server.directory)}))
        temporary.rename(about)
        with open(directory / "users", "rb") as users:
            print("ready", flush=True)
            sys.stdout.close()
            fcntl.flock(users, fcntl.LOCK_EX)
            # A process that comes now waits for the lock, and then starts another server.
            about.unlink()
    finally:
        server.remove()


def serve(name):
    """One server for the process that started this one, until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = server_class(name)()
    try:
        if name == "rabbitmq":
            about = {"url": server.account().url, "ca": str(server.ca)}
        else:
            about = {"url": server.database()}
        print(json.dumps(about), flush=True)
        while True:
            signal.pause()
    finally:
        server.remove()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        keep(sys.argv[1], Path(sys.argv[2]))
    else:
        serve(sys.argv[1])
