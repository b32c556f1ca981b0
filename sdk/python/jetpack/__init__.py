"""Access to this node's jetpack from Python.

    import jetpack
    jetpack.config.get("cyclecloud.cluster.name")
    jetpack.log("system is now ready", "info")

Works with Python 3.6 and newer, without other packages. Whatever reads or sends runs the command `jetpack`,
so that what is sent is queued durably.
"""
from jetpack import autoscale, config, converge, props, util
from jetpack._messages import log
from jetpack.errors import ConfigError, JetpackError, UserError

__all__ = ["autoscale", "config", "converge", "log", "props", "util",
           "ConfigError", "JetpackError", "UserError"]
