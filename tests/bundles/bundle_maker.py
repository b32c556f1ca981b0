"""Bundles made byte by byte, so that a test can make each of them wrong in one way."""

import base64
import copy
import dataclasses
import hashlib
import json
import struct
import subprocess
import zlib

STORED, DEFLATED = 0, 8


@dataclasses.dataclass
class Entry:
    """One file of a zip; what is not None replaces what is right."""
    name: bytes
    content: bytes = b""
    mode: int = 0o100644
    method: int = DEFLATED
    flags: int = 0x0800
    made_by: int = 3
    data: bytes | None = None
    size: int | None = None
    crc: int | None = None
    local_name: bytes | None = None
    local_size: int | None = None
    comment: bytes = b""


def deflated(content):
    """The bytes as a zip has them."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(content) + compressor.flush()


def make_zip(entries, start=b"", between=b"", end=b"", count=None):
    """The zip, with junk at the start, between the files, or at the end."""
    out, directory = bytearray(start), bytearray()
    for entry in entries:
        data = entry.data
        if data is None:
            data = deflated(entry.content) if entry.method == DEFLATED else entry.content
        size = len(entry.content) if entry.size is None else entry.size
        crc = zlib.crc32(entry.content) if entry.crc is None else entry.crc
        offset = len(out)
        local_name = entry.name if entry.local_name is None else entry.local_name
        local_size = size if entry.local_size is None else entry.local_size
        out += struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, entry.flags, entry.method, 0, 33, crc, len(data), local_size,
                           len(local_name), 0) + local_name + data + between
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, entry.made_by << 8 | 20, 20, entry.flags, entry.method,
                                 0, 33, crc, len(data), size, len(entry.name), 0, len(entry.comment), 0, 0,
                                 entry.mode << 16, offset) + entry.name + entry.comment
    count = len(entries) if count is None else count
    return bytes(out + directory + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), len(out), 0)
                 + end)


class Key:
    """A key made by `jetpack plugin keygen`; openssl signs with it."""

    def __init__(self, path):
        self.path, self.public = path, path.with_name(path.name + ".pub")
        pem = self.public.read_text().split("-----")[2]
        self.raw = base64.b64decode(pem)[12:]
        self.id = hashlib.sha256(self.raw).hexdigest()[:16]

    def sign(self, text, tmp_path):
        """The line of plugin.json.sig."""
        message = tmp_path / "message"
        message.write_bytes(text)
        signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", message],
                                   check=True, capture_output=True).stdout
        return b" ".join((self.id.encode(), base64.b64encode(signature), base64.b64encode(self.raw))) + b"\n"


class Bundle:
    """A right one, whose parts a test changes before it is built."""

    def __init__(self, library, key, tmp_path, identity="test.marked", version="1.0.0", command="marked"):
        self.key, self.tmp_path = key, tmp_path
        self.files = {"lib/marked.so": library}
        self.manifest = {
            "schema": 1, "id": identity, "version": version, "abi": [1, 0], "requires": [],
            "libraries": ["lib/marked.so"], "platforms": ["linux-x86_64"],
            "commands": [{"name": command, "summary": "Say which version it is", "library": "lib/marked.so"}]}
        self.text = self.signature = None
        self.listed = None  # what the manifest says of the files
        self.zip_options = {}

    def copy(self):
        """To be changed, while this one stays."""
        other = copy.copy(self)
        other.files, other.manifest = dict(self.files), copy.deepcopy(self.manifest)
        other.zip_options = {}
        return other

    def manifest_text(self):
        """As `jetpack plugin pack` writes it."""
        if self.text is not None:
            return self.text
        manifest = dict(self.manifest)
        listed = self.files if self.listed is None else self.listed
        manifest["files"] = {name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
                             for name, content in sorted(listed.items())}
        return json.dumps(manifest, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"

    def entries(self):
        """The files of the zip, manifest first."""
        text = self.manifest_text()
        signature = self.key.sign(text, self.tmp_path) if self.signature is None else self.signature
        first = [Entry(b"plugin.json", text)] + ([Entry(b"plugin.json.sig", signature)] if signature else [])
        return first + [Entry(name.encode("utf-8", "surrogateescape"), content)
                        for name, content in sorted(self.files.items())]

    def build(self, entries=None):
        """The bytes of the bundle."""
        return make_zip(self.entries() if entries is None else entries, **self.zip_options)
