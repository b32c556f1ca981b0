"""A real PostgreSQL on a loopback port, with durable commits, that can be killed and restarted."""

import os
import signal
import subprocess
import uuid

from servers.process import NOBODY, Server, free_port

BIN = "/usr/lib/postgresql/15/bin"
PASSWORD = "postgres-s3cret"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "200",
    "log_min_messages": "warning",
}


class PostgreSql(Server):
    """Started by its constructor; `database()` creates a database."""

    def __init__(self):
        super().__init__("postgresql")
        self.port = free_port()
        password_file = self.directory / "password"
        password_file.write_text(PASSWORD)
        if os.geteuid() == 0:
            os.chown(self.directory, NOBODY, NOBODY)
        init = self.spawn([f"{BIN}/initdb", "--pgdata", self.directory / "data", "--username",
                           "postgres", "--auth", "scram-sha-256", "--pwfile", password_file,
                           "--encoding", "UTF8", "--no-sync"], user=NOBODY)
        assert init.wait(timeout=60) == 0, self.output()
        self.start()

    def start(self):
        """Starts it, at the same port each time, and waits until it answers."""
        settings = {**SETTINGS, "port": self.port, "unix_socket_directories": self.directory}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.process = self.spawn([f"{BIN}/postgres", "-D", self.directory / "data", *options],
                                  user=NOBODY)
        self.wait_until(lambda: subprocess.run(
            [f"{BIN}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)],
            check=False).returncode == 0)

    def stop(self, kind=signal.SIGINT):
        """Ends it as `pg_ctl stop` does, without waiting for its clients."""
        super().stop(kind)

    def database(self):
        """The URL of a new database."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.sql(f"CREATE DATABASE {name}", "postgres")
        return self.url(name)

    def url(self, name):
        """The URL of a database, with the password."""
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    def sql(self, statement, database):
        """Runs SQL; returns the rows as lists of text. `database` is a name or a URL of database()."""
        url = database if "://" in database else self.url(database)
        done = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-R", "\x1e", "-v", "ON_ERROR_STOP=1",
             "-c", statement, url], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        rows = done.stdout.rstrip("\n")
        return [row.split("\x1f") for row in rows.split("\x1e")] if rows else []
