"""Runs each libFuzzer target from a small corpus and finds nothing: no crash, no sanitizer report, no
slow input, no leak. Each for $JETPACK_FUZZ_SECONDS; by default 60."""

import base64
import hashlib
import io
import json
import os
import struct
import subprocess
import zipfile

import pytest

SECONDS = int(os.environ.get("JETPACK_FUZZ_SECONDS", "60"))
BUILD = os.environ.get("JETPACK_FUZZ_BUILD", "build-asan")

NOTE = json.dumps({
    "schema": 1, "id": "a.b", "version": "1", "abi": [1, 0], "requires": ["jetpack.config/1"],
    "commands": [{"name": "c d", "summary": "s"}],
    "details": [{
        "command": "c d", "description": "d\n\u00e9",
        "options": [{"name": "o", "letter": "o", "type": "integer", "min": -1, "max": 9, "default": "3"},
                    {"name": "f", "type": "flag", "negatable": True, "help": "h"},
                    {"name": "l", "choices": ["a", "b"], "metavar": "L", "required": True}],
        "arguments": [{"name": "A", "required": True}, {"name": "B", "repeated": True}],
        "examples": [{"line": "l", "help": "h"}]}]}).encode()


def note(owner, kind, descriptor):
    padding = b"\0" * (-len(descriptor) % 4)
    header = struct.pack("<III", len(owner), len(descriptor), kind)
    return header + owner + b"\0" * (-len(owner) % 4) + descriptor + padding


def elf(*segments):
    """The least ELF library: a header, one PT_NOTE for each segment, the segments."""
    offset = 64 + 56 * len(segments)
    content = b"\x7fELF\x02\x01\x01" + b"\0" * 9
    content += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 64, 0, 0)
    for segment in segments:
        size = len(segment)
        content += struct.pack("<IIQQQQQQ", 4, 4, offset, offset, offset, size, size, 4)
        offset += size
    return content + b"".join(segments)


def bundle(method):
    """A zip that a bundle could be."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in (("plugin.json", "{}"), ("lib/x.so", "x" * 100), ("share/a/b.txt", "text")):
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


MANIFEST = {
    "schema": 1, "id": "a.b", "version": "1.0-rc1", "abi": [1, 0], "requires": ["jetpack.config/1"],
    "libraries": ["lib/linux-x86_64/x.so", "lib/linux-aarch64/x.so"], "capabilities": ["ptrace"],
    "limits": {"memory": 1 << 30, "wall": 250}, "platforms": ["linux-aarch64", "linux-x86_64"],
    "commands": [{"name": "c d", "summary": "s", "library": "lib/linux-x86_64/x.so"}],
    "files": {f"lib/linux-{machine}/x.so": {"sha256": "0123456789abcdef" * 4, "size": 9}
              for machine in ("aarch64", "x86_64")}}
INDEX = {"schema": 1, "bundles": [{"id": "a.b", "version": "2", "summary": "s", "platforms": [], "commands": ["c"],
                                   "url": "x.jpb", "sha256": "0" * 64, "size": 1}]}
KEY = bytes(range(32))
SIGNATURE = b" ".join([hashlib.sha256(KEY).hexdigest()[:16].encode(), base64.b64encode(b"s" * 64),
                       base64.b64encode(KEY)]) + b"\n"


def pem(kind, start):
    """A key as OpenSSL writes it."""
    body = base64.b64encode(bytes.fromhex(start) + KEY)
    return b"-----BEGIN %s-----\n%s\n-----END %s-----\n" % (kind, body, kind)


ours = note(b"jetpack\0", 0x4A500001, NOTE)
gnu = note(b"GNU\0", 3, b"\x11" * 20)
CORPUS = {
    "fuzz_bundle": [bundle(zipfile.ZIP_DEFLATED), bundle(zipfile.ZIP_STORED), bundle(zipfile.ZIP_STORED)[:-1]],
    "fuzz_manifest": [json.dumps(MANIFEST, separators=(",", ":")).encode() + b"\n", json.dumps(MANIFEST).encode(),
                      json.dumps(INDEX).encode()],
    "fuzz_signature": [SIGNATURE, pem(b"PRIVATE KEY", "302e020100300506032b657004220420"),
                       pem(b"PUBLIC KEY", "302a300506032b6570032100"), b"# a comment\n" + SIGNATURE],
    "fuzz_note": [elf(ours), elf(gnu, gnu + ours), elf(gnu), elf(ours)[:-1], b"\x7fELF"],
    "fuzz_config": [
        b'{"a":{"b":1,"c":[true,false,null,-1.5e-9]},"d.e":"x"}\xff{"a":{"b":{"z":"\xc3\xa9"}}}\xffa.b.z',
        b'{"a":18446744073709551615,"b":-9223372036854775808,"":"\\u0000\\ud83d\\ude00"}\xff{"a":{}}\xff.',
        b'\xef\xbb\xbf{"a":NaN,"b":[-Infinity,1e400,18446744073709551616],"a":{"b":1},"a":{"c":"\\udcfc\xfe"}}\xff{"a":1}\xffa.b',
        b'[[[[["\\n\\t\'\\""]]]]]\xff{}\xff',
        b"{" + b'"k":{' * 100 + b"}" * 101 + b"\xff{}\xffk.k.k",
    ],
    "fuzz_command_line": [
        b"--text\0a b\0--text=\0-t\0x\0-tx\0--no-flag\0-f\0first\0--\0--rest\0-1",
        b"--count=-5\0--wait\x0010m\0--level=a\0first",
        b"--lev\0a\0--flag=1\0-ft\0x",
    ],
}


@pytest.mark.timeout(SECONDS + 600)
@pytest.mark.parametrize("name", CORPUS)
def test_no_finding(repository, tmp_path, name):
    program = repository / BUILD / "tests/fuzz" / name
    assert program.exists(), f"{program} is missing: build it as tools/test does, or set JETPACK_FUZZ_BUILD"
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for index, content in enumerate(CORPUS[name]):
        (corpus / str(index)).write_bytes(content)
    limits = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=8192"]
    command = [program, f"-max_total_time={SECONDS}", *limits, "-print_final_stats=1",
               f"-artifact_prefix={tmp_path}/", corpus]
    environment = {**os.environ, "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
    result = subprocess.run(command, capture_output=True, timeout=SECONDS + 300, env=environment)
    log = result.stderr.decode(errors="replace")
    assert result.returncode == 0, log[-8000:]
    assert "stat::number_of_executed_units:" in log
