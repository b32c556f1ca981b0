"""What installers report in place of `jetpack converge`."""
from jetpack import _command

__all__ = []


def _send_installation_status(status="warning", message=None):
    """Reports the status of this node's installation: ok, warning, error or running.

    The cluster takes the node's host name and address from the same message. Delivered or safely queued;
    raises JetpackError where it cannot be queued.
    """
    options = [] if message is None else ["--message=" + str(message)]
    _command.run("installation", "set", *options + ["--", status])
