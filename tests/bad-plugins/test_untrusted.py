"""Bundles that must not be loaded: each is refused with 126 and the reason, and the mark that their constructor
would leave shows that no instruction of them ran."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from hostile_bundle import ID, WRITABLE_BY_1234, Bundle  # noqa: E402

HERE = Path(__file__).resolve().parent
NOTE = {"schema": 1, "id": ID, "version": "1.0.0", "abi": [1, 0],
        "commands": [{"name": "hostile", "summary": "Does what a test asked for"}]}


@pytest.fixture(scope="session")
def key(tmp_path_factory):
    return tmp_path_factory.mktemp("key") / "key.pem"


@pytest.fixture(scope="session")
def built(sdk, tmp_path_factory):
    """built(NOTE): the library, which is built once for each note."""
    directory, libraries = tmp_path_factory.mktemp("untrusted"), {}

    def library(note=None):
        text = json.dumps(note or {**NOTE, "requires": ["jetpack.config/1"]})
        if text not in libraries:
            macro = text.replace("\\", "\\\\").replace('"', '\\"')
            libraries[text] = sdk.build(HERE / "hostile.c", directory / f"{len(libraries)}.so",
                                        flags=["-Wno-infinite-recursion", f'-DNOTE="{macro}"'],
                                        links=["-lpthread"]).read_bytes()
        return libraries[text]

    return library


@pytest.fixture
def bundle(home, built, key):
    home.node({})
    return Bundle(home.path, built(), key)


@pytest.fixture
def refused(jetpack, bundle, tmp_path):
    """refused(WORDS...): asserts that the bundle is refused for a reason that has them, and that all else works."""

    def check(*words, logged=True, **options):
        marker = tmp_path / "marker"
        result = jetpack("hostile", env={"HOSTILE": "right", "TEST_MARKER": str(marker)}, **options)
        assert (result.returncode, result.stdout) == (126, ""), result
        assert not marker.exists(), "an instruction of it ran"
        for word in words:
            assert word in result.stderr, result.stderr
        assert result.stderr.count("\n") == 1, result.stderr
        assert jetpack("config", "no.such.key", "fallback").stdout == "fallback\n"
        if logged:
            last = bundle.audit()[-1]
            assert (last["verb"], last["decision"], last["id"]) == ("load", "refused", ID)
            assert words[0] in last["reason"]

    return check


def test_unsigned(bundle, refused):
    bundle.signature.unlink()
    refused("it is not signed")
    bundle.policy("[trust]\nsignatures = optional\n")


def test_unsigned_where_that_is_allowed(bundle, jetpack):
    bundle.signature.unlink()
    bundle.policy("[trust]\nsignatures = optional\n")
    assert jetpack.answer("hostile", env={"HOSTILE": "right"}) == "right\n"


def test_signed_by_a_stranger(bundle, refused):
    bundle.key_file.unlink()
    refused("is not among the trusted keys", "jetpack plugin trust")


@pytest.mark.parametrize("content", ["", "x", "0123456789abcdef QUJD\n", "0123456789abcdef QUJD QUJD\n", "\0" * 9000])
def test_a_damaged_signature(bundle, refused, content):
    bundle.signature.write_text(content)
    refused("plugin.json.sig")


def test_a_forged_key_identifier(bundle, refused):
    identifier, rest = bundle.signature.read_text().split(" ", 1)
    bundle.signature.write_text("0" * len(identifier) + " " + rest)
    refused("the key's identifier is not that of its public key")


def test_a_revoked_key_or_version(bundle, refused):
    bundle.policy(f"[revoked]\nkeys = {bundle.key_file.stem}\n")
    refused("is revoked", bundle.key_file.stem)
    bundle.policy(f"[revoked]\nversions = {ID}@1.0.0\n")
    refused("version 1.0.0 of test.hostile is revoked")


def test_an_identifier_that_is_not_allowed(bundle, refused):
    bundle.policy("[allow]\nids = com.example.*\n")
    refused("not among the ids")


@pytest.mark.parametrize("policy", ["[trust]\nsignatures = maybe\n", "[revoked]\nkey = 1\n", "nonsense\n"])
def test_a_faulty_policy_refuses_all_bundles(bundle, refused, policy):
    bundle.policy(policy)
    refused("plugins.ini")


def test_a_policy_that_others_can_write(bundle, refused):
    bundle.policy("[trust]\nsignatures = optional\n", mode=0o666)
    refused("plugins.ini", "others than root can write it")


def test_disabled(bundle, refused):
    bundle.state.parent.mkdir()
    bundle.state.write_text('{"disabled":true,"reason":"it misbehaved"}')
    refused("it is disabled (it misbehaved)", f"jetpack plugin enable {ID}")
    bundle.state.write_text("{")
    refused("state/test.hostile.json")


def test_a_library_that_was_changed(bundle, refused):
    content = bundle.library.read_bytes()
    at = content.index(b"right\n")
    bundle.library.write_bytes(content[:at] + b"wrong\n" + content[at + 6 :])
    refused("its SHA-256 is not that of its manifest")
    bundle.library.write_bytes(content + b"\0")
    refused("its manifest says")


def test_a_library_that_the_manifest_does_not_list(bundle, refused):
    bundle.sign(files={})
    refused("its manifest does not list lib/hostile.so")


@pytest.mark.parametrize("what", ["library", "manifest", "signature"])
def test_links_in_a_bundle(bundle, refused, tmp_path, what):
    path = getattr(bundle, what)
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    refused("link", logged=False)


@pytest.mark.parametrize("mode", [0o666, 0o646, 0o664])
@pytest.mark.parametrize("what", ["library", "manifest", "signature", "key_file"])
def test_files_that_others_can_write(bundle, refused, what, mode):
    getattr(bundle, what).chmod(mode)
    refused("can be written by others", logged=False)


@pytest.mark.parametrize("what", ["plugins", "plugins/store", f"plugins/store/{ID}", f"plugins/store/{ID}/1.0.0/lib"])
def test_directories_that_others_can_write(bundle, refused, what):
    (bundle.home / what).chmod(0o777)
    refused("can be written by others", logged=False)


def with_list(path, name, value):
    try:
        os.setxattr(path, f"system.posix_acl_{name}", value)
    except OSError as error:
        pytest.skip(f"no access control lists here: {error}")


def test_a_library_that_an_access_list_lets_others_write(bundle, refused):
    with_list(bundle.library, "access", WRITABLE_BY_1234)
    refused("can be written by others")


def test_a_directory_whose_new_files_others_can_write(bundle, refused):
    with_list(bundle.library.parent, "default", WRITABLE_BY_1234)
    refused("default access control list", "setfacl -k")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("what", ["plugins/store", f"plugins/store/{ID}/1.0.0/lib/hostile.so",
                                  f"plugins/store/{ID}/1.0.0/plugin.json", "."])
def test_what_belongs_to_another_user(bundle, refused, what):
    os.chown(bundle.home / what, 1234, -1)
    refused("belongs to user 1234", logged=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("variable", ["JETPACK_HOME", "CYCLECLOUD_HOME"])
def test_a_home_of_another_user_in_the_environment(jetpack, bundle, tmp_path, variable):
    """Root's environment may come from whom sudo was called by."""
    os.chown(bundle.home, 1234, -1)
    environment = jetpack.environment({"HOSTILE": "right", "TEST_MARKER": str(tmp_path / "marker")})
    del environment["JETPACK_HOME"]
    environment[variable] = str(bundle.home)
    result = subprocess.run(jetpack.command("hostile"), env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 126, result
    assert "belongs to user 1234" in result.stderr
    assert not (tmp_path / "marker").exists()
    assert not (bundle.home / "plugins/audit.log").exists(), "nothing may be written there either"


def test_another_id_than_the_manifest_has(bundle, refused, built):
    bundle.library.write_bytes(built({**NOTE, "id": "test.other"}))
    bundle.sign()
    refused("its manifest says test.hostile 1.0.0, the library test.other 1.0.0", logged=False)


@pytest.mark.parametrize("abi, words", [([0, 9], "newer build of the plugin"), ([2, 0], "update jetpack"),
                                        ([1, 99], "update jetpack")])
def test_another_abi(bundle, refused, built, abi, words):
    bundle.library.write_bytes(built({**NOTE, "abi": abi}))
    bundle.sign()
    refused(words, logged=False)


@pytest.mark.parametrize("change, words", [
    (lambda content: content[:200], "truncated"),
    (lambda content: content[: len(content) // 2], "truncated"),
    (lambda content: content[:18] + b"\xb7\0" + content[20:] if os.uname().machine == "x86_64"
     else content[:18] + b"\x3e\0" + content[20:], "this machine is"),
    (lambda content: content[:4] + b"\1" + content[5:], "not a 64-bit library"),
    (lambda content: b"#!/bin/sh\n", "not an ELF file"),
])
def test_a_library_that_cannot_be_one(bundle, jetpack, tmp_path, change, words):
    """Its note cannot be read, so that only its file's name says what it was to provide."""
    bundle.library.write_bytes(change(bundle.library.read_bytes()))
    bundle.sign()
    result = jetpack("hostile", env={"TEST_MARKER": str(tmp_path / "marker")})
    assert result.returncode == 126 and words in result.stderr, result
    assert not (tmp_path / "marker").exists()


def test_a_fifo_in_its_place(bundle, jetpack):
    bundle.library.unlink()
    os.mkfifo(bundle.library)
    assert jetpack("hostile").returncode == 126


# -- Plugins in directories ---------------------------------------------------------------------------------


@pytest.fixture
def unsigned(home, built, tmp_path):
    """A directory with the library, which config/jetpack.ini names."""
    home.node({})
    directory = tmp_path / "site"
    directory.mkdir(mode=0o755)
    (directory / "hostile.so").write_bytes(built())
    home.write("config/jetpack.ini", f"[plugins]\npath = {directory}\n")
    return directory


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is not trusted to mean it")
def test_root_runs_unsigned_plugins_only_from_directories_that_are_named(jetpack, home, unsigned, tmp_path):
    environment = {"HOSTILE": "right", "TEST_MARKER": str(tmp_path / "marker")}
    result = jetpack("hostile", env=environment)
    assert result.returncode == 126, result
    assert "it is not signed; for root, name its directory with --plugin-path" in result.stderr
    assert not (tmp_path / "marker").exists()
    assert jetpack.answer("--plugin-path", unsigned, "hostile", env=environment) == "right\n"
    for policy in (f"[trust]\ndirectories = /elsewhere {unsigned}\n", "[trust]\nsignatures = optional\n"):
        home.write("config/plugins.ini", policy)
        assert jetpack.answer("hostile", env=environment) == "right\n"
    home.write("config/plugins.ini", f"[trust]\ndirectories = {unsigned}x\n")
    assert jetpack("hostile", env=environment).returncode == 126
    home.write("config/plugins.ini", "nonsense\n")
    assert jetpack("--plugin-path", unsigned, "hostile", env=environment).returncode == 126


def test_another_user_runs_what_belongs_to_root(jetpack, unsigned, as_user):
    prefix = as_user()
    assert jetpack.answer("hostile", env={"HOSTILE": "right"}, prefix=prefix) == "right\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_configuration_of_another_user_names_no_plugins_for_root(jetpack, home, unsigned):
    os.chown(home / "config/jetpack.ini", 1234, -1)
    assert jetpack("hostile", env={"HOSTILE": "right"}).returncode == 127
    listed = jetpack("plugin", "list")
    assert "ignoring [plugins] path" in listed.stdout + listed.stderr


def test_a_library_that_looks_beside_itself(sdk, home, jetpack, built, key, tmp_path):
    """What it needs is found where the bundle is, not where descriptors are."""
    helper = tmp_path / "helper.c"
    helper.write_text('const char* helper_says(void);\nconst char* helper_says(void) { return "from the helper\\n"; }\n')
    home.node({})
    bundle = Bundle(home.path, built(), key)
    sdk.run("gcc", "-shared", "-fPIC", "-Wl,-soname,libhelper.so", helper, "-o",
            bundle.library.with_name("libhelper.so"))
    library = sdk.build(HERE / "hostile.c", tmp_path / "hostile.so", flags=["-DHELPED", "-Wno-infinite-recursion"],
                        links=["-lpthread", f"-L{bundle.library.parent}", "-lhelper", "-Wl,-rpath,$ORIGIN"])
    bundle.library.write_bytes(library.read_bytes())
    bundle.sign()
    assert jetpack.answer("hostile", env={"HOSTILE": "helper"}) == "from the helper\n"


def test_swapped_between_check_and_load(bundle, built, jetpack, tmp_path):
    """Another library takes its place again and again: what runs is always what the manifest says."""
    good, bad = tmp_path / "good.so", tmp_path / "bad.so"
    good.write_bytes(bundle.library.read_bytes())
    # Of the same size and note; what it prints is another.
    bad.write_bytes(good.read_bytes().replace(b"right\n", b"wrong\n"))
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            for source in (bad, good):
                draft = bundle.library.with_name("draft")
                draft.write_bytes(source.read_bytes())
                draft.rename(bundle.library)

    swapper = threading.Thread(target=swap)
    swapper.start()
    answers = set()
    try:
        for _ in range(60):
            result = jetpack("hostile", env={"HOSTILE": "right"})
            answers.add((result.returncode, result.stdout))
    finally:
        stop.set()
        swapper.join()
    assert answers <= {(0, "right\n"), (126, "")}, answers
    assert len(answers) == 2, "it was never swapped in time"
