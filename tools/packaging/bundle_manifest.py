#!/usr/bin/env python3
"""Writes a bundle's plugin.json from the ELF notes of its libraries and the files that are there, and signs it.

Run by meson as an install script, so that what is hashed is what was installed, stripped or not.
"""
import argparse
import hashlib
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

import sign_bundle

NOTE_OWNER = b"jetpack\0"
NOTE_TYPE = 0x4A500001
PT_NOTE = 4
ELF64_LITTLE = b"\x7fELF\x02\x01"
MACHINES = {62: "x86_64", 183: "aarch64"}
MANIFEST = "plugin.json"


class BadLibrary(Exception):
    """A library whose note cannot be read."""


def notes(segment):
    """The (owner, type, descriptor) of each note in a PT_NOTE segment."""
    at = 0
    while at + 12 <= len(segment):
        name_size, size, kind = struct.unpack_from("<III", segment, at)
        name_at = at + 12
        text_at = name_at + (name_size + 3) // 4 * 4
        if text_at + size > len(segment):
            return
        yield segment[name_at:name_at + name_size], kind, segment[text_at:text_at + size]
        at = text_at + (size + 3) // 4 * 4


def read_note(path):
    """The machine that a library is for, and the declaration in its jetpack note."""
    image = path.read_bytes()
    if not image.startswith(ELF64_LITTLE) or len(image) < 64:
        raise BadLibrary(f"{path}: not a 64-bit little-endian ELF file")
    machine, = struct.unpack_from("<H", image, 18)
    table, = struct.unpack_from("<Q", image, 32)
    entry_size, count = struct.unpack_from("<HH", image, 54)
    for entry in range(count):
        start = table + entry * entry_size
        kind, = struct.unpack_from("<I", image, start)
        offset, = struct.unpack_from("<Q", image, start + 8)
        size, = struct.unpack_from("<Q", image, start + 32)
        if kind != PT_NOTE:
            continue
        for owner, note_type, text in notes(image[offset:offset + size]):
            if owner == NOTE_OWNER and note_type == NOTE_TYPE:
                return MACHINES.get(machine, f"machine-{machine}"), json.loads(text)
    raise BadLibrary(f"{path}: has no .note.jetpack (stripped by a packaging tool?)")


def files_of(bundle):
    """Every file of the bundle but the manifest, by its path in the bundle."""
    found = {}
    for path in sorted(bundle.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BadLibrary(f"{path}: only plain files and directories may be in a bundle")
        name = path.relative_to(bundle).as_posix()
        if path.is_file() and name not in (MANIFEST, MANIFEST + ".sig"):
            found[name] = path
    return found


def make_manifest(bundle):
    """The manifest, as an object."""
    files = files_of(bundle)
    manifest = {"schema": 1}
    commands, libraries = [], []
    for name, path in files.items():
        if not name.startswith("lib/") or not name.endswith(".so"):
            continue
        machine, note = read_note(path)
        libraries.append(name)
        for key in ("id", "version", "abi"):
            if manifest.setdefault(key, note[key]) != note[key]:
                raise BadLibrary(f"{path}: its {key} differs from that of another library")
        manifest["platform"] = f"linux-{machine}"
        required = manifest.setdefault("requires", [])
        required += [service for service in note.get("requires", []) if service not in required]
        commands += [{"name": command["name"], "summary": command["summary"], "library": name}
                     for command in note["commands"]]
    if not libraries:
        raise BadLibrary(f"{bundle}: there is no plugin in lib/")
    # First, so that a listing needs to read no more; its commands are in the notes.
    manifest["libraries"] = libraries
    manifest["commands"] = commands
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
               "size": path.stat().st_size}
        for name, path in files.items()}
    return manifest


def write_durably(path, text):
    """Replaces a file as a whole."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".", delete=False) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)


def main():
    """Writes the manifest of the bundle that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", help="the bundle's directory, below the installation prefix")
    arguments = parser.parse_args()
    prefix = os.environ.get("MESON_INSTALL_DESTDIR_PREFIX", "")
    bundle = pathlib.Path(prefix, arguments.bundle)
    try:
        manifest = make_manifest(bundle)
        write_durably(bundle / MANIFEST, json.dumps(manifest, separators=(",", ":")) + "\n")
        sign_bundle.sign(bundle)
    except (BadLibrary, subprocess.CalledProcessError, OSError, KeyError, ValueError, struct.error) as error:
        sys.exit(f"bundle_manifest: cannot write the manifest of {bundle}: {error}")


if __name__ == "__main__":
    main()
