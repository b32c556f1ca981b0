"""A file system of its own, small enough for a test to use up."""

import contextlib
import subprocess

import pytest


@contextlib.contextmanager
def small_disk(path, options):
    """A tmpfs at the path, with these options of mount."""
    path.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {done.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)
