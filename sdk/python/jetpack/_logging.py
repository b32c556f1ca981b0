"""Log messages of scripts go to logs/jetpack.log."""
import logging
import logging.handlers
import os
import stat

from jetpack import _command


def _open_log(path, flags):
    """A group can write the directory, so nothing but a plain file is opened in it."""
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags | os.O_EXCL, 0o660)
        os.fchmod(descriptor, 0o660)  # whatever the umask: the group writes it too
    except FileExistsError:
        descriptor = os.open(path, flags & ~os.O_CREAT)
    info = os.fstat(descriptor)
    if not stat.S_ISREG(info.st_mode) or info.st_nlink != 1:
        os.close(descriptor)
        raise OSError("{} is not a regular file with one name".format(path))
    return descriptor


class _Handler(logging.handlers.WatchedFileHandler):
    def _open(self):
        return open(self.baseFilename, "a", encoding="utf-8", errors="backslashreplace",
                    opener=_open_log)

    def emit(self, record):
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)


def set_up(level):
    try:
        handler = _Handler(os.path.join(_command.home(), "logs", "jetpack.log"))
    except OSError:
        handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-8s %(message)s"))
    root = logging.getLogger()
    for old in [h for h in root.handlers if getattr(h, "of_jetpack", False)]:
        root.removeHandler(old)
        old.close()
    handler.of_jetpack = True
    root.addHandler(handler)
    root.setLevel(logging.INFO if level is None else level)
