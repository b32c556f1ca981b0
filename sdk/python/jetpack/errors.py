"""What the functions of this package raise."""


class JetpackError(Exception):
    """A command failed. The text is the line that it printed to standard error."""


class ConfigError(JetpackError):
    """There is no such key, or the configuration cannot be read."""


class UserError(JetpackError):
    """Something that an administrator can fix; `recommendation` says how, where that is known."""

    def __init__(self, message="", recommendation=None):
        super().__init__(message)
        self.recommendation = recommendation
