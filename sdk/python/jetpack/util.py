"""Helpers for scripts and daemons on a node."""
import os
import sys
import time

from jetpack.errors import UserError

__all__ = ["UserError", "already_running", "get_cyclecloud_connection", "is_linux", "iso_8601_timestamp",
           "parse_config", "query_cyclecloud", "setup_logging", "test_cyclecloud_connection"]

_held = []  # the locks of already_running, until the process ends


def is_linux():
    """Whether this is Linux."""
    return sys.platform.startswith("linux")


def iso_8601_timestamp():
    """The time, UTC, as in messages to the server: 2026-03-01T12:00:00.000Z."""
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + ".{:03d}Z".format(int(now * 1000) % 1000)


def setup_logging(level=None):
    """Sends the log messages of this process to logs/jetpack.log, or to standard error where that cannot
    be written. level is a level of the module logging; the default is INFO."""
    from jetpack import _logging
    _logging.set_up(level)


def parse_config(path=None):
    """The connection's settings: a dictionary of the sections of config/jetpack.ini, or of the file given.

    "cycle_server" has webserver, api_username and api_password, "identity" has cluster_name and
    instance_id, also where config/connection.json or the configuration has them in place of jetpack.ini.
    Raises UserError for a file that cannot be read.
    """
    from jetpack import _server
    return _server.parse_config(path)


def get_cyclecloud_connection(config=None):
    """(connection, headers): an http.client connection to the cluster's server, and the headers that
    authenticate this node. config is what parse_config takes or returns."""
    from jetpack import _server
    return _server.get_connection(config)


def query_cyclecloud(path, body=None, method=None):
    """Sends a request to the cluster's server and returns the response, which has status and read().

    body is text, bytes, or what json.dumps takes; the method is then POST unless given, otherwise GET.
    Raises UserError where there is no response.
    """
    from jetpack import _server
    return _server.query(path, body, method)


def test_cyclecloud_connection(connection):
    """Connects to the server; raises UserError with the reason where that fails."""
    from jetpack import _server
    return _server.test(connection)


test_cyclecloud_connection.__test__ = False  # for pytest: no test


def already_running(pidfile):
    """Whether another process holds the file; otherwise this one does until it ends, and its number is
    in the file. A file that a killed process left behind counts for nothing."""
    import fcntl
    while True:
        descriptor = os.open(pidfile, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return True
        try:
            current = os.stat(pidfile, follow_symlinks=False)
        except FileNotFoundError:
            current = None
        if current and os.path.samestat(current, os.fstat(descriptor)):
            break
        os.close(descriptor)  # its owner removed it meanwhile
    os.ftruncate(descriptor, 0)
    os.write(descriptor, "{}\n".format(os.getpid()).encode())
    _held.append(descriptor)
    return False
