"""Keeps one server up for all the processes of a test run, and ends it after the last of them.

usage: keeper.py (rabbitmq | postgresql) [FOLDER]

Without FOLDER: prints one line of JSON with the URL of an account or a database that it made, and runs
until SIGTERM. With it: whoever uses the server holds a shared lock on FOLDER/users; when nobody does any
more, whatever became of them, the server ends. FOLDER/about.json describes it to `adopt`."""

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
    vars(server).update(about, folder=Path(about["folder"]), process=None)
    return server


@contextlib.contextmanager
def shared(name, folder):
    """The server of that name which all processes with this folder share; do not break it."""
    folder = Path(folder) / name
    folder.mkdir(parents=True, exist_ok=True)
    about = folder / "about.json"
    with open(folder / "users", "wb") as users:
        with open(folder / "start", "wb") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)
            if not about.exists():
                launch(name, folder)
        yield adopt(name, json.loads(about.read_text()))


def launch(name, folder):
    """Starts a keeper and waits until its server is up."""
    with open(folder / "keeper.log", "ab") as log:
        keeper = subprocess.Popen([sys.executable, __file__, name, folder],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                  start_new_session=True)
    with keeper.stdout:
        ready = keeper.stdout.readline()
    assert ready == b"ready\n", (folder / "keeper.log").read_text()


def keep(name, folder):
    """The keeper's whole work."""
    about, server = folder / "about.json", server_class(name)()
    try:
        told = {key: value for key, value in vars(server).items() if isinstance(value, int)}
        temporary = folder / "about.tmp"
        temporary.write_text(json.dumps({**told, "folder": str(server.folder)}))
        temporary.rename(about)
        with open(folder / "users", "rb") as users:
            print("ready", flush=True)
            sys.stdout.close()
            fcntl.flock(users, fcntl.LOCK_EX)
            # Whoever comes now waits for the lock, and then finds that it must start another.
            about.unlink()
    finally:
        server.remove()


def serve(name):
    """One server for whoever started this process, until SIGTERM."""
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
