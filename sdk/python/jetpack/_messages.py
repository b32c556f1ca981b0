"""Messages to the cluster."""
from jetpack import _command
from jetpack.errors import UserError

_LEVELS = ("info", "warn", "error")
_PRIORITIES = ("low", "medium", "high")
_MAX_BYTES = 1 << 20  # the command cuts far below, and says so


def log(message, level="info", priority=None):
    """Logs a message (text or bytes) to the cluster, like `jetpack log`: delivered or safely queued.

    level is info, warn or error; priority low, medium or high (default: high for errors, otherwise
    medium). Raises UserError for another level or priority, JetpackError where it cannot be queued.
    """
    level = {"warning": "warn"}.get(level, level)
    if level not in _LEVELS:
        raise UserError("Invalid level: {}".format(level), "Use one of: " + ", ".join(_LEVELS))
    arguments = ["log", "-", "--level", level]
    if priority is not None:
        if priority not in _PRIORITIES:
            raise UserError("Invalid priority: {}".format(priority),
                            "Use one of: " + ", ".join(_PRIORITIES))
        arguments += ["--priority", priority]
    # As standard input: it may begin with a dash, contain NUL, or be longer than an argument can be.
    _command.run(*arguments, body=_command.to_bytes(message)[:_MAX_BYTES])
