"""Looks up a path in the table that `jetpack help files --json` prints."""

import re


def entry_of(files, name):
    """The entry that is about this path of the home tree, or None."""
    return next((file for file in files if pattern(file["path"]).match(name)), None)


def pattern(path):
    """Words in upper case stand for any name, `...` for everything below."""
    expression = re.escape(path).replace(re.escape("..."), ".+")
    return re.compile(re.sub(r"(?<![A-Za-z])[A-Z]{3,}(?![A-Za-z])", "[^/]+", expression) + r"\Z")
