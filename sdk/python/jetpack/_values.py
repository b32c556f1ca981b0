"""Typed values from `jetpack config` and `jetpack props get`."""
import binascii
import json
import os

from jetpack import _command
from jetpack.errors import ConfigError

NOTHING = object()
# What the command prints for a key that is missing: no configuration has it.
_ABSENT = "absent:" + binascii.hexlify(os.urandom(16)).decode()


def read(command, key, default):
    """The value of a key, or the whole tree for key None; command is the list of its words."""
    if key is None:
        return _load(_command.run(*command + ["--json"], error=ConfigError))
    if not key:
        if default is NOTHING:
            raise ConfigError("the key is empty; omit it for all values")
        return default
    arguments = command + ["--json", "--", key]
    if default is not NOTHING:
        arguments.append(_ABSENT)
    output = _command.run(*arguments, error=ConfigError)
    value = _load(output)
    # An object is printed as it is, on several lines unless it is empty; anything else on one line,
    # under its key.
    if value and output.count(b"\n") <= 1:
        (value,) = value.values()
    return default if value == _ABSENT else value


def _load(output):
    try:
        return json.loads(output.decode("utf-8", "surrogateescape"))
    except ValueError as e:
        raise ConfigError("jetpack printed no JSON: {}".format(e)) from e
