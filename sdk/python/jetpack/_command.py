"""Finds and runs the command `jetpack`."""
import os
import subprocess

from jetpack.errors import JetpackError

DEFAULT_HOME = "/opt/cycle/jetpack"
# Beyond what jetpack itself waits for: locks, the server, a slow disk.
TIMEOUT_SECONDS = 120
# This package is in HOME/lib/jetpack/python.
_OWN_TREE = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 4))


def _named_homes():
    names = (os.environ.get(name) for name in ("JETPACK_HOME", "CYCLECLOUD_HOME"))
    return [name for name in names if name]


def home():
    """The node's home tree, found as the command finds it."""
    named = _named_homes()
    if named:
        return named[0]
    return _OWN_TREE if os.path.isdir(os.path.join(_OWN_TREE, "config")) else DEFAULT_HOME


def program():
    """The path of the command: that of the first tree which has one."""
    trees = _named_homes() + [_OWN_TREE, DEFAULT_HOME]
    for tree in trees:
        path = os.path.join(tree, "bin", "jetpack")
        if os.access(path, os.X_OK):
            return path
    raise JetpackError("bin/jetpack: not found in " + ", ".join(trees)
                       + "; install jetpack or set JETPACK_HOME")


def to_bytes(text):
    """The text as UTF-8, whatever the locale; bytes that were not UTF-8 are what they were."""
    if isinstance(text, (bytes, bytearray)):
        return bytes(text)
    try:
        return str(text).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return str(text).encode("utf-8", "surrogatepass")


def _reason(stderr, status):
    """The line of an error, which may follow warnings and be followed by the usage."""
    lines = stderr.decode("utf-8", "replace").splitlines()
    errors = [line for line in lines if line.startswith("jetpack")]
    if errors or lines:
        return errors[-1] if errors else lines[0]
    if status < 0:
        return "jetpack: killed by signal {}".format(-status)
    return "jetpack: exit code {}".format(status)


def run(*arguments, **options):
    """Runs `jetpack ARGUMENTS` and returns its standard output; `body` (bytes) is its standard input.

    Raises JetpackError, or what `error` names, when it cannot be run, fails or times out.
    """
    error = options.get("error", JetpackError)
    name = "jetpack " + arguments[0]
    environment = dict(os.environ)
    if not _named_homes():
        environment["JETPACK_HOME"] = home()  # this package's, also where the command is a link
    try:
        done = subprocess.run([program()] + [to_bytes(argument) for argument in arguments],
                              input=options.get("body", b""), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=TIMEOUT_SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        raise error("{}: timed out after {} s".format(name, TIMEOUT_SECONDS)) from None
    except (OSError, ValueError) as e:
        raise error("{}: {}".format(name, e)) from e
    except JetpackError as e:
        raise error(str(e)) from None
    if done.returncode != 0:
        raise error(_reason(done.stderr, done.returncode))
    return done.stdout
