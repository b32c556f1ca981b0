"""A bundle of one library in a home tree, signed as an installed one is, and what tests do to it."""

import hashlib
import json
import os
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/packaging"))
import sign_bundle  # noqa: E402

ID = "test.hostile"
LIMITS = {"memory": 512 << 20, "processes": 20, "files": 64, "cpu": 20000, "wall": 20000}


class Bundle:
    """Installed by hand in HOME/plugins, with a key that is made for it."""

    def __init__(self, home, library, key):
        self.home = home
        self.key = key
        self.directory = home / f"plugins/store/{ID}/1.0.0"
        self.library = self.directory / "lib/hostile.so"
        self.library.parent.mkdir(parents=True, mode=0o755)
        self.library.write_bytes(library)
        self.library.chmod(0o644)
        active = home / "plugins/active"
        active.mkdir()
        (active / ID).symlink_to(f"../store/{ID}/1.0.0")
        self.sign()

    @property
    def manifest(self):
        return self.directory / "plugin.json"

    @property
    def signature(self):
        return self.directory / "plugin.json.sig"

    @property
    def key_file(self):
        return next((self.home / "plugins/keys").iterdir())

    @property
    def state(self):
        return self.home / f"plugins/state/{ID}.json"

    def sign(self, limits=None, capabilities=(), **changes):
        """Writes the manifest of what is there, and signs it."""
        content = self.library.read_bytes()
        manifest = {
            "schema": 1, "id": ID, "version": "1.0.0", "abi": [1, 0], "requires": ["jetpack.config/1"],
            "libraries": ["lib/hostile.so"], "capabilities": list(capabilities),
            "limits": {**LIMITS, **(limits or {})},
            "commands": [{"name": "hostile", "summary": "Does what a test asked for", "library": "lib/hostile.so"}],
            "files": {"lib/hostile.so": {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}},
            **changes,
        }
        self.manifest.write_text(json.dumps(manifest))
        self.manifest.chmod(0o644)
        os.environ["JETPACK_BUNDLE_KEY"] = str(self.key)
        sign_bundle.sign(self.directory)

    def policy(self, text, mode=0o644):
        path = self.home / "config/plugins.ini"
        path.write_text(text)
        path.chmod(mode)

    def audit(self):
        path = self.home / "plugins/audit.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def access_list(*entries):
    """A POSIX access control list as the kernel stores it: (tag, permissions, id) each."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


# The owner, user 1234, the group, the mask, others.
WRITABLE_BY_1234 = access_list((1, 6, 0xFFFFFFFF), (2, 6, 1234), (4, 4, 0xFFFFFFFF), (16, 6, 0xFFFFFFFF),
                               (32, 4, 0xFFFFFFFF))


def processes_with(text):
    """The processes that have `text` in their environment: a test's home tree is in that of what it started."""
    found = []
    for directory in Path("/proc").iterdir():
        try:
            if directory.name.isdigit() and text.encode() in (directory / "environ").read_bytes():
                found.append(int(directory.name))
        except OSError:
            continue  # it has ended
    return found
