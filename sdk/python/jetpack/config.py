"""The configuration of this node, as `jetpack config` prints it, with the types that it has.

The module can be passed where a mapping with `get` is expected.
"""
from jetpack import _values
from jetpack.errors import ConfigError

__all__ = ["ConfigError", "get"]


def get(key=None, default=_values.NOTHING):
    """Returns the value of a dotted key, such as "cyclecloud.cluster.name"; without key, everything.

    Returns the default where the key is missing, and raises ConfigError where there is none. Raises
    ConfigError for a configuration that cannot be read, also where a default is given.
    """
    return _values.read(["config"], key, default)
