"""Hostile and broken bundles: each is refused with 126 and a message that says why, nothing of it is run, and
no file is changed."""

import dataclasses
import json
import os
import stat
import struct

import pytest

from bundle_maker import Entry, deflated

CASES = {}


def case(*words):
    """Registers a function that returns the bytes of a bad bundle, made from a right one."""

    def register(function):
        CASES[function.__name__] = (function, words)
        return function

    return register


def with_file(bundle, name, content=b"x", **options):
    """A bundle with one file more, which is in its manifest and signed as all others."""
    text = name.decode("utf-8", "replace")
    bundle.files[text] = content
    entries = [entry for entry in bundle.entries() if entry.name != text.encode()]
    return bundle.build([*entries, Entry(name, content, **options)])


def with_changed(bundle, name, **changes):
    """A bundle in which one entry of the zip is changed, behind the manifest's back."""
    entries = [dataclasses.replace(entry, **changes) if entry.name == name.encode() else entry
               for entry in bundle.entries()]
    return bundle.build(entries)


# Who signed it, and what the policy says.

@case("not signed")
def unsigned(bundle, _keys):
    bundle.signature = b""
    return bundle.build()


@case("not trusted", "plugin trust")
def wrong_key(bundle, keys):
    bundle.key = keys["stranger"]
    return bundle.build()


@case("signed", "changed since")
def tampered_manifest(bundle, keys):
    bundle.signature = keys["vendor"].sign(bundle.manifest_text(), bundle.tmp_path)
    bundle.manifest["version"] = "9.0.0"
    return bundle.build()


@case("signature is damaged")
def signature_of_another_key_id(bundle, keys):
    line = keys["vendor"].sign(bundle.manifest_text(), bundle.tmp_path)
    bundle.signature = keys["stranger"].id.encode() + line[16:]
    return bundle.build()


@case("signature is damaged")
def signature_that_is_junk(bundle, _keys):
    bundle.signature = b"\0\xff junk junk"
    return bundle.build()


@case("plugin.json.sig has", "limit")
def huge_signature(bundle, _keys):
    bundle.signature = b"a" * 5000
    return bundle.build()


# What the zip is.

@case("zip directory")
def no_zip(_bundle, _keys):
    return b"#!/bin/sh\ntouch /tmp/owned\n" * 10


@case("too short")
def empty_file(_bundle, _keys):
    return b""


@case("truncated")
def truncated_zip(bundle, _keys):
    return bundle.build()[:-40]


@case("not where its end record says")
def junk_before(bundle, _keys):
    return b"MZ junk" + bundle.build()


@case("does not end with a zip directory")
def junk_behind(bundle, _keys):
    return bundle.build() + b"junk"


@case("something before its first file")
def data_before_the_first_entry(bundle, _keys):
    bundle.zip_options["start"] = b"hidden"
    return bundle.build()


@case("followed by something")
def data_between_entries(bundle, _keys):
    bundle.zip_options["between"] = b"hidden"
    return bundle.build()


@case("files; the limit is 10000")
def too_many_entries(bundle, _keys):
    for i in range(10_001):
        bundle.files[f"share/{i}"] = b""
    return bundle.build()


@case("there twice")
def duplicate_entries(bundle, _keys):
    entries = bundle.entries()
    return bundle.build([*entries, dataclasses.replace(entries[-1], content=b"other")])


@case("there twice")
def two_manifests(bundle, _keys):
    entries = bundle.entries()
    return bundle.build([entries[0], *entries])


@case("differs from another only in case")
def case_collision(bundle, _keys):
    bundle.files["lib/MARKED.so"] = b"x"
    return bundle.build()


@case("a file and a directory")
def file_as_directory(bundle, _keys):
    bundle.files["lib/marked.so/inner"] = b"x"
    return bundle.build()


@case("encrypted")
def encrypted_entry(bundle, _keys):
    return with_changed(bundle, "lib/marked.so", flags=0x0801)


@case("no known size")
def data_descriptor(bundle, _keys):
    return with_changed(bundle, "lib/marked.so", flags=0x0808)


@case("method other than deflate")
def other_compression(bundle, _keys):
    return with_changed(bundle, "lib/marked.so", method=14, data=b"x")


@case("comment")
def entry_with_comment(bundle, _keys):
    return with_changed(bundle, "lib/marked.so", comment=b"hello")


@case("described differently in two places")
def two_names(bundle, _keys):
    return with_changed(bundle, "lib/marked.so", local_name=b"lib/another.so")


@case("described differently in two places")
def two_sizes(bundle, _keys):
    return with_changed(bundle, "lib/marked.so", local_size=1)


@case("damaged", "checksum")
def wrong_checksum(bundle, _keys):
    return with_changed(bundle, "lib/marked.so", crc=1)


@case("cannot be inflated")
def broken_deflate(bundle, _keys):
    return with_changed(bundle, "lib/marked.so", data=b"\xff" * 4000)


@case("shorter than its size")
def shorter_than_said(bundle, _keys):
    return with_changed(bundle, "lib/marked.so", data=deflated(b"short"))


@case("longer than its size")
def longer_than_said(bundle, _keys):
    content = bundle.files["lib/marked.so"]
    return with_changed(bundle, "lib/marked.so", data=deflated(content + b"more"))


@case("zip bomb")
def bomb_by_ratio(bundle, _keys):
    return with_file(bundle, b"share/zeros", b"\0" * (64 << 20))


@case("MiB, which is the limit")
def bomb_by_total(bundle, _keys):
    entries = bundle.entries()
    many = [Entry(f"share/{i}".encode(), size=100 << 20, data=b"x" * (1 << 20)) for i in range(11)]
    return bundle.build([*entries, *many])


# Where files would go.

@case("not a path inside the bundle")
def zip_slip(bundle, _keys):
    return with_file(bundle, b"lib/../../../../../../tmp/owned")


@case("absolute path")
def absolute_path(bundle, _keys):
    return with_file(bundle, b"/tmp/owned")


@case("backslash")
def backslashes(bundle, _keys):
    return with_file(bundle, b"lib\\..\\..\\owned")


@case("extra top directory")
def extra_top_directory(bundle, _keys):
    entries = [dataclasses.replace(entry, name=b"marked-1.0.0/" + entry.name) for entry in bundle.entries()]
    return bundle.build(entries)


@case("neither in lib/ nor in share/")
def file_beside_the_manifest(bundle, _keys):
    return with_file(bundle, b"setup.sh")


@case("not UTF-8")
def name_that_is_not_utf8(bundle, _keys):
    return bundle.build([*bundle.entries(), Entry(b"share/\xff\xfe", b"x")])


@case("control or special character")
def control_characters(bundle, _keys):
    return with_file(bundle, b"share/a\x1b[2Jb")


@case("control or special character")
def right_to_left_override(bundle, _keys):
    return with_file(bundle, "share/\u202egpj.so".encode())


@case("too long a path")
def long_name(bundle, _keys):
    return with_file(bundle, b"share/" + b"a" * 300)


@case("too long a path")
def deep_path(bundle, _keys):
    return with_file(bundle, b"share/" + b"a/" * 40 + b"b")


@case("is a directory")
def directory_entry(bundle, _keys):
    return bundle.build([*bundle.entries(), Entry(b"share/", mode=stat.S_IFDIR | 0o755)])


@case("symbolic link")
def symbolic_link(bundle, _keys):
    return with_file(bundle, b"share/link", b"/etc/shadow", mode=stat.S_IFLNK | 0o777)


@case("device, pipe or socket")
def device_node(bundle, _keys):
    return with_file(bundle, b"share/sda", mode=stat.S_IFBLK | 0o660)


@case("device, pipe or socket")
def fifo(bundle, _keys):
    return with_file(bundle, b"share/pipe", mode=stat.S_IFIFO | 0o660)


@case("set-user-ID")
def set_user_id(bundle, _keys):
    return with_file(bundle, b"lib/tool", mode=0o104755)


@case("set-user-ID")
def set_group_id(bundle, _keys):
    return with_file(bundle, b"lib/tool", mode=0o102755)


# What the manifest says.

@case("has no plugin.json")
def no_manifest(bundle, _keys):
    return bundle.build(bundle.entries()[2:])


@case("plugin.json has", "limit")
def huge_manifest(bundle, _keys):
    bundle.manifest["platforms"] = [os.urandom(1 << 20).hex() for _ in range(3)]
    return bundle.build()


@case("is not in its manifest")
def file_that_is_not_listed(bundle, _keys):
    bundle.listed = dict(bundle.files)
    bundle.files["share/more"] = b"x"
    return bundle.build()


@case("is in its manifest and missing")
def listed_file_missing(bundle, _keys):
    bundle.listed = {**bundle.files, "share/more": b"x"}
    return bundle.build()


@case("its manifest says")
def wrong_size(bundle, _keys):
    bundle.listed = dict(bundle.files)
    bundle.files["lib/marked.so"] += b"x"
    return bundle.build()


@case("SHA-256")
def tampered_library(bundle, _keys):
    bundle.listed = dict(bundle.files)
    library = bytearray(bundle.files["lib/marked.so"])
    library[-1] ^= 1
    bundle.files["lib/marked.so"] = bytes(library)
    return bundle.build()


@case("manifest is faulty")
def manifest_that_is_no_json(bundle, _keys):
    bundle.text = b"{" * 100_000
    return bundle.build()


@case("schema 1 is expected", "newer jetpack")
def manifest_of_a_later_schema(bundle, _keys):
    bundle.manifest["schema"] = 2
    return bundle.build()


@case("manifest")
def id_given_twice(bundle, _keys):
    text = bundle.manifest_text()
    bundle.text = text.replace(b'"files":', b'"id":"test.other","files":')
    return bundle.build()


@case("unknown")
def unknown_member(bundle, _keys):
    text = bundle.manifest_text()
    bundle.text = text.replace(b'"commands":', b'"scripts":{"postinstall":"rm -rf /"},"commands":')
    return bundle.build()


@case("not written as")
def manifest_with_other_spacing(bundle, _keys):
    bundle.text = json.dumps(json.loads(bundle.manifest_text())).encode()
    return bundle.build()


@case("not a valid id")
def id_that_is_a_path(bundle, _keys):
    bundle.manifest["id"] = "../../../etc"
    return bundle.build()


@case("not a valid version")
def version_that_is_a_path(bundle, _keys):
    bundle.manifest["version"] = "../1"
    return bundle.build()


@case("not a path inside the bundle")
def library_outside(bundle, _keys):
    bundle.manifest["libraries"] = ["../../lib/marked.so"]
    return bundle.build()


@case("is not among its files")
def library_that_is_not_a_file_of_it(bundle, _keys):
    bundle.manifest["libraries"] = ["lib/another.so"]
    return bundle.build()


@case("nothing for this machine", "linux-")
def foreign_platform(bundle, _keys):
    library = bundle.files.pop("lib/marked.so")
    name = "lib/linux-m68k/marked.so"
    bundle.files[name] = library
    bundle.manifest.update(libraries=[name], platforms=["linux-m68k"])
    bundle.manifest["commands"][0]["library"] = name
    return bundle.build()


@case("ABI 2.0")
def later_abi(bundle, _keys):
    bundle.manifest["abi"] = [2, 0]
    return bundle.build()


@case("'ptrace'", "does not grant")
def capability_that_is_not_granted(bundle, _keys):
    bundle.manifest["capabilities"] = ["ptrace"]
    order = ("schema", "id", "version", "abi", "requires", "libraries", "capabilities", "platforms", "commands")
    bundle.manifest = {key: bundle.manifest[key] for key in order}
    return bundle.build()


# What the libraries are.

@case("built for", "aarch64")
def foreign_architecture(bundle, _keys):
    library = bytearray(bundle.files["lib/marked.so"])
    library[18:20] = struct.pack("<H", 183)
    bundle.files["lib/marked.so"] = bytes(library)
    return bundle.build()


@case("truncated")
def truncated_elf(bundle, _keys):
    bundle.files["lib/marked.so"] = bundle.files["lib/marked.so"][:5000]
    return bundle.build()


@case("not an ELF file")
def script_as_library(bundle, _keys):
    bundle.files["lib/marked.so"] = b"#!/bin/sh\ntouch $TEST_MARKER\n"
    return bundle.build()


@case("its note says")
def note_of_another_version(bundle, _keys):
    bundle.manifest["version"] = "1.0.1"
    return bundle.build()


@case("other commands than the manifest")
def forged_commands(bundle, _keys):
    bundle.manifest["commands"][0]["name"] = "config"
    return bundle.build()


@case("no .note.jetpack note")
def library_without_note(bundle, _keys):
    bundle.files["lib/marked.so"] = bundle.files["lib/marked.so"].replace(b"jetpack\0", b"jetpuck\0")
    return bundle.build()


def tree(directory):
    """Every file and link with its content, but the audit log."""
    return {path.relative_to(directory): os.readlink(path) if path.is_symlink() else
            path.read_bytes() if path.is_file() else None
            for path in sorted(directory.rglob("*")) if path.name not in ("audit.log", ".lock")}


@pytest.fixture(name="refused")
def _refused(trusting, home, tmp_path):
    """refused(SOURCE, words...): the install is refused for these reasons, and leaves no trace."""

    def check(source, *words):
        marker = tmp_path / "marker"
        for directory in ("store", "active", "previous", "state"):
            (home / "plugins" / directory).mkdir(exist_ok=True)
        before = tree(tmp_path)
        result = trusting("plugin", "install", source, env={"TEST_MARKER": str(marker)})
        assert result.returncode == 126, result
        assert result.stdout == ""
        assert result.stderr.startswith("jetpack plugin install: refused "), result.stderr
        assert len(result.stderr.splitlines()) == 1 and len(result.stderr) < 700, result.stderr
        for word in words:
            assert word in result.stderr, result.stderr
        assert not marker.exists()
        assert tree(tmp_path) == before
        last = json.loads((home / "plugins/audit.log").read_text().splitlines()[-1])
        assert (last["verb"], last["decision"]) == ("install", "refused"), last
        return result

    return check


@pytest.mark.parametrize("name", CASES)
def test_is_refused(name, bundle, keys, refused, tmp_path):
    function, words = CASES[name]
    path = tmp_path / "bad.jpb"
    path.write_bytes(function(bundle, keys))
    refused(path, *words)


def test_an_active_version_survives_a_refused_one(bundle, keys, refused, trusting, tmp_path):
    path = tmp_path / "good.jpb"
    path.write_bytes(bundle.build())
    assert trusting("plugin", "install", path).returncode == 0
    bad = tmp_path / "bad.jpb"
    bad.write_bytes(tampered_library(bundle.copy(), keys))
    refused(bad, "SHA-256")
    assert trusting.answer("marked") == "1.0.0\n"


@pytest.mark.parametrize("policy, words", [
    ("[allow]\nids = com.example.*\n", ["not among the ids"]),
    ("[revoked]\nkeys = {key}\n", ["is revoked"]),
    ("[revoked]\nversions = test.marked@1.0.0\n", ["version 1.0.0", "revoked"]),
    ("[revoked]\nversions = test.marked@1.*\n", ["revoked"]),
    ("[trust]\nsignatures = maybe\n", ["plugins.ini", "maybe"]),
    ("[trust]\nsignature = optional\n", ["unknown key"]),
    ("not ini", ["plugins.ini"]),
])
def test_the_policy_refuses(policy, words, bundle, keys, refused, home, tmp_path):
    home.write("config/plugins.ini", policy.format(key=keys["vendor"].id))
    path = tmp_path / "good.jpb"
    path.write_bytes(bundle.build())
    refused(path, *words)


def test_a_policy_that_others_can_write_refuses(bundle, refused, home, tmp_path):
    home.write("config/plugins.ini", "[trust]\nsignatures = optional\n").chmod(0o666)
    path = tmp_path / "good.jpb"
    path.write_bytes(bundle.build())
    refused(path, "plugins.ini")


def test_a_key_file_that_others_can_write_refuses(bundle, keys, refused, home, tmp_path):
    (home / f"plugins/keys/{keys['vendor'].id}.pub").chmod(0o666)
    path = tmp_path / "good.jpb"
    path.write_bytes(bundle.build())
    refused(path, ".pub")


def unpacked(bundle, directory):
    """The bundle as a directory."""
    for entry in bundle.entries():
        path = directory / entry.name.decode()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(entry.content)
    return directory


@pytest.mark.parametrize("change, words", [
    (lambda d: (d / "share").mkdir() or os.symlink("/etc/shadow", d / "share/link"), ["symbolic link"]),
    (lambda d: (d / "share").mkdir() or os.mkfifo(d / "share/pipe"), ["device, pipe or socket"]),
    (lambda d: (d / "lib/marked.so").chmod(0o4755), ["set-user-ID"]),
    (lambda d: (d / "lib/more").write_bytes(b"x"), ["not in its manifest"]),
    (lambda d: (d / "plugin.json").unlink(), ["no plugin.json"]),
    (lambda d: (d / "lib/marked.so").unlink(), ["missing"]),
    (lambda d: (d / "README").write_bytes(b"x"), ["neither in lib/ nor in share/"]),
])
def test_a_directory_is_judged_alike(change, words, bundle, refused, tmp_path):
    directory = unpacked(bundle, tmp_path / "unpacked")
    change(directory)
    refused(directory, *words)


def test_the_matrix_is_large_enough():
    assert len(CASES) >= 40
