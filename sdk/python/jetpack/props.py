"""The properties of this node, as `jetpack props get` prints them, with the types that they have."""
from jetpack import _values
from jetpack.errors import ConfigError

__all__ = ["ConfigError", "get"]


def get(key=None, default=_values.NOTHING):
    """Returns the value of a dotted key, such as "os.version"; without key, all properties.

    Defaults and errors are those of jetpack.config.get.
    """
    return _values.read(["props", "get"], key, default)
