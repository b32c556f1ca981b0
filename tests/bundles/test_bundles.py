"""Bundles as authors make them and administrators use them: pack, sign, trust, install, update, roll back."""

import json
import os
import subprocess

import pytest

from bundle_maker import Bundle


@pytest.fixture(name="pack")
def _pack(build_marked, jetpack, keys, tmp_path):
    """pack(VERSION="1.1.0"): the path of a bundle of marked.so, signed by the vendor."""

    def make(*options, key="vendor", **macros):
        path = tmp_path / f"{macros.get('ID', 'marked')}-{macros.get('VERSION', '1.0.0')}.jpb"
        jetpack.answer("plugin", "pack", build_marked(**macros), "--key", keys[key].path, "-o", path, *options)
        return path

    return make


def versions_in(home, identity="test.marked"):
    return sorted(path.name for path in (home / "plugins/store" / identity).iterdir())


def test_install_update_and_rollback(trusting, home, pack, keys):
    old, new = pack(), pack(VERSION="1.1.0")
    first = json.loads(trusting.answer("plugin", "install", old, "--json"))
    assert first == {"id": "test.marked", "version": "1.0.0", "key": keys["vendor"].id, "before": None,
                     "changed": True, "commands": ["marked"]}
    assert trusting.answer("marked") == "1.0.0\n"
    assert os.readlink(home / "plugins/active/test.marked") == "../store/test.marked/1.0.0"
    assert trusting.answer("plugin", "install", new) == \
        f"installed test.marked 1.1.0 in place of 1.0.0, signed by key {keys['vendor'].id}\n"
    assert trusting.answer("marked") == "1.1.0\n"
    assert os.readlink(home / "plugins/previous/test.marked") == "../store/test.marked/1.0.0"
    assert "1.0.0 is active again" in trusting.answer("plugin", "rollback", "test.marked")
    assert trusting.answer("marked") == "1.0.0\n"
    assert json.loads(trusting.answer("plugin", "rollback", "test.marked", "--json")) == \
        {"id": "test.marked", "version": "1.1.0", "before": "1.0.0"}
    assert trusting.answer("plugin", "install", new) == "test.marked 1.1.0 is active already\n"
    assert versions_in(home) == ["1.0.0", "1.1.0"]


def test_only_two_versions_are_kept(trusting, home, pack):
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        trusting.answer("plugin", "install", pack(VERSION=version))
    assert versions_in(home) == ["1.1.0", "1.2.0"]


def test_remove_leaves_nothing(trusting, home, pack):
    trusting.answer("plugin", "install", pack())
    trusting.answer("plugin", "install", pack(VERSION="1.1.0"))
    trusting.answer("plugin", "disable", "test.marked")
    assert trusting.answer("plugin", "remove", "test.marked") == "removed test.marked 1.1.0\n"
    for name in ("store", "active", "previous", "state"):
        assert [path.name for path in (home / "plugins" / name).iterdir() if path.name != ".lock"] == []
    assert trusting("marked").returncode == 127
    gone = trusting("plugin", "remove", "test.marked")
    assert gone.returncode == 1 and "not installed" in gone.stderr


def test_files_have_safe_modes_whatever_the_umask(trusting, home, pack):
    trusting.answer("plugin", "install", pack(), prefix=["sh", "-c", 'umask 0; exec "$@"', "sh"])
    found = {path.name: oct(path.stat().st_mode & 0o7777)
             for path in (home / "plugins/store").rglob("*")}
    assert found == {"test.marked": "0o755", "1.0.0": "0o755", "lib": "0o755", "marked.so": "0o644",
                     "plugin.json": "0o644", "plugin.json.sig": "0o644"}
    result = trusting("plugin", "verify")
    assert (result.returncode, result.stdout) == (0, "test.marked 1.0.0: OK\n"), result


def test_the_same_input_gives_the_same_bytes(pack, tmp_path):
    first = pack().read_bytes()
    (tmp_path / "marked-1.0.0.jpb").unlink()
    assert pack().read_bytes() == first


def test_a_bundle_that_is_signed_later_is_the_same(jetpack, build_marked, keys, pack, tmp_path):
    later = tmp_path / "later.jpb"
    jetpack.answer("plugin", "pack", build_marked(), "-o", later)
    assert "not signed" in jetpack.answer("plugin", "info", later)
    jetpack.answer("plugin", "sign", later, "--key", keys["vendor"].path)
    assert later.read_bytes() == pack().read_bytes()


def test_it_is_a_zip_that_other_tools_read(pack, tmp_path):
    subprocess.run(["unzip", "-q", pack(), "-d", tmp_path / "out"], check=True)
    manifest = json.loads((tmp_path / "out/plugin.json").read_text())
    assert list(manifest) == ["schema", "id", "version", "abi", "requires", "libraries", "platforms", "commands",
                              "files"]
    assert manifest["commands"] == [{"name": "marked", "summary": "Say which version it is",
                                     "library": "lib/marked.so"}]


def test_openssl_checks_the_signature(pack, keys, tmp_path):
    subprocess.run(["unzip", "-q", pack(), "-d", tmp_path / "out"], check=True)
    line = (tmp_path / "out/plugin.json.sig").read_text().split(" ")
    subprocess.run(f"base64 -d > {tmp_path}/raw", shell=True, check=True, input=line[1].encode())
    done = subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", keys["vendor"].public,
                           "-in", tmp_path / "out/plugin.json", "-sigfile", tmp_path / "raw"], capture_output=True)
    assert done.returncode == 0, done


def test_what_python_makes_is_accepted(trusting, bundle, tmp_path):
    path = tmp_path / "made.jpb"
    path.write_bytes(bundle.build())
    assert trusting("plugin", "install", path).returncode == 0
    assert trusting.answer("marked") == "1.0.0\n"


def test_install_from_a_directory(trusting, pack, tmp_path):
    directory = tmp_path / "out"
    subprocess.run(["unzip", "-q", pack(), "-d", directory], check=True)
    assert trusting("plugin", "install", directory).returncode == 0
    assert trusting.answer("marked") == "1.0.0\n"


def test_unsigned_bundles_when_the_policy_says_so(trusting, home, jetpack, build_marked, tmp_path):
    path = tmp_path / "unsigned.jpb"
    jetpack.answer("plugin", "pack", build_marked(), "-o", path)
    assert trusting("plugin", "install", path).returncode == 126
    home.write("config/plugins.ini", "[trust]\nsignatures = optional\n")
    assert trusting.answer("plugin", "install", path) == "installed test.marked 1.0.0, not signed\n"


def test_a_key_that_is_no_longer_trusted(trusting, keys, pack):
    trusting.answer("plugin", "trust", "--distrust", keys["vendor"].id)
    assert trusting("plugin", "install", pack()).returncode == 126
    assert trusting("plugin", "trust", "--distrust", keys["vendor"].id).returncode == 1


def test_keygen_replaces_nothing(jetpack, tmp_path):
    created = json.loads(jetpack.answer("plugin", "keygen", tmp_path / "a.key", "--json"))
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "a.key").read_bytes()
    assert jetpack("plugin", "keygen", tmp_path / "a.key").returncode == 1
    assert (tmp_path / "a.key").read_bytes() == before
    shown = subprocess.run(["openssl", "pkey", "-in", tmp_path / "a.key", "-pubout"], capture_output=True, check=True)
    assert shown.stdout == (tmp_path / "a.key.pub").read_bytes()
    assert len(created["key"]) == 16


def test_a_private_key_that_others_can_read(jetpack, build_marked, tmp_path):
    jetpack.answer("plugin", "keygen", tmp_path / "a.key")
    (tmp_path / "a.key").chmod(0o644)
    result = jetpack("plugin", "pack", build_marked(), "--key", tmp_path / "a.key")
    assert result.returncode == 1 and "chmod 600" in result.stderr


def test_verify_finds_what_was_changed(trusting, home, pack):
    trusting.answer("plugin", "install", pack())
    library = home / "plugins/store/test.marked/1.0.0/lib/marked.so"
    content = library.read_bytes()
    for change, words in (
            (lambda: library.write_bytes(content[:-1] + b"?"), "was changed"),
            (lambda: library.chmod(0o666), "can be written by others"),
            (lambda: (library.parent / "more").write_bytes(b""), "not in the manifest"),
            (library.unlink, "missing")):
        change()
        result = trusting("plugin", "verify", "--json")
        assert result.returncode == 1
        problems = json.loads(result.stdout)[0]["problems"]
        assert any(words in problem for problem in problems), problems
        (library.parent / "more").unlink(missing_ok=True)
        library.write_bytes(content)
        library.chmod(0o644)
        assert trusting("plugin", "verify").returncode == 0


def test_verify_applies_the_policy_of_today(trusting, home, pack, keys):
    trusting.answer("plugin", "install", pack())
    home.write("config/plugins.ini", f"[revoked]\nkeys = {keys['vendor'].id}\n")
    result = trusting("plugin", "verify")
    assert result.returncode == 1 and "revoked" in result.stdout


def test_disable_and_enable(trusting, home, pack):
    trusting.answer("plugin", "install", pack())
    trusting.answer("plugin", "disable", "test.marked", "--reason", "too loud")
    listed = [plugin for plugin in json.loads(trusting.answer("plugin", "list", "--json"))
              if plugin.get("id") == "test.marked"]
    assert listed[0]["disabled"] == "too loud"
    assert "too loud" in trusting.answer("plugin", "info", "test.marked")
    trusting.answer("plugin", "enable", "test.marked")
    assert not (home / "plugins/state/test.marked.json").exists()
    assert trusting.answer("marked") == "1.0.0\n"


def test_run_reaches_a_shadowed_command(trusting, pack):
    path = pack(COMMAND="config", ID="test.shadow")
    result = trusting("plugin", "install", path)
    assert result.returncode == 0 and "plugin run test.shadow config" in result.stderr
    assert trusting.answer("plugin", "run", "test.shadow", "config") == "1.0.0\n"
    assert trusting("plugin", "run", "test.shadow", "nothing").returncode == 127
    assert trusting("plugin", "run", "test.nobody", "config").returncode == 127
    assert "usage: jetpack config" in trusting.answer("plugin", "run", "test.shadow", "config", "--help")
    assert "usage: jetpack plugin run" in trusting.answer("plugin", "run", "--help")


def test_every_decision_is_logged(trusting, home, pack):
    trusting.answer("plugin", "install", pack())
    trusting.answer("plugin", "install", pack(VERSION="1.1.0"))
    trusting.answer("plugin", "rollback", "test.marked")
    trusting.answer("plugin", "verify")
    trusting.answer("plugin", "remove", "test.marked")
    lines = [json.loads(line) for line in (home / "plugins/audit.log").read_text().splitlines()]
    assert [line["verb"] for line in lines if line["verb"] != "load"] == \
        ["trust", "install", "install", "rollback", "verify", "remove"]
    assert lines[1]["id"] == "test.marked" and lines[1]["version"] == "1.0.0"


def test_several_plugins_in_one_bundle(trusting, jetpack, build_marked, keys, tmp_path):
    libraries = []
    for name in ("one", "two"):
        library = tmp_path / f"{name}.so"
        library.write_bytes(build_marked(ID=f"test.many.{name}", COMMAND=name).read_bytes())
        libraries.append(library)
    result = jetpack("plugin", "pack", *libraries, "--key", keys["vendor"].path)
    assert result.returncode == 1 and "--id" in result.stderr
    path = tmp_path / "many.jpb"
    jetpack.answer("plugin", "pack", *libraries, "--key", keys["vendor"].path, "--id", "test.many", "-o", path)
    trusting.answer("plugin", "install", path)
    assert trusting.answer("one") == trusting.answer("two") == "1.0.0\n"
    assert trusting.answer("plugin", "run", "test.many", "two") == "1.0.0\n"


def test_several_platforms_in_one_bundle(trusting, build_marked, keys, tmp_path):
    (tmp_path / "arm").mkdir()
    foreign = bytearray(build_marked().read_bytes())
    foreign[18:20] = b"\xb7\x00"
    (tmp_path / "arm/marked.so").write_bytes(foreign)
    path = tmp_path / "both.jpb"
    made = json.loads(trusting.answer("plugin", "pack", build_marked(), tmp_path / "arm/marked.so", "--json",
                                      "--key", keys["vendor"].path, "-o", path))
    assert made["platforms"] == ["linux-aarch64", "linux-x86_64"]
    trusting.answer("plugin", "install", path)
    assert trusting.answer("marked") == "1.0.0\n"
    assert [entry for entry in json.loads(trusting.answer("plugin", "list", "--json")) if "refused" in entry] == []


def test_share_capabilities_and_limits(trusting, home, pack, tmp_path):
    (tmp_path / "data/inner").mkdir(parents=True)
    (tmp_path / "data/inner/table.txt").write_text("1 2 3\n")
    path = pack("--share", tmp_path / "data", "--capability", "ptrace", "--max", "memory=512M", "--max", "wall=90")
    refused = trusting("plugin", "install", path)
    assert refused.returncode == 126 and "ptrace" in refused.stderr
    home.write("config/plugins.ini", "[allow]\ncapabilities = ptrace\n")
    trusting.answer("plugin", "install", path)
    manifest = json.loads((home / "plugins/active/test.marked/plugin.json").read_text())
    assert manifest["capabilities"] == ["ptrace"]
    assert manifest["limits"] == {"memory": 512 << 20, "wall": 90_000}
    assert (home / "plugins/active/test.marked/share/inner/table.txt").read_text() == "1 2 3\n"


def test_an_executable_plugin(trusting, keys, tmp_path):
    note = {"schema": 1, "id": "test.script", "version": "1.0", "program": "script.sh",
            "commands": [{"name": "script", "summary": "Run a script"}]}
    (tmp_path / "script.json").write_text(json.dumps(note))
    (tmp_path / "script.sh").write_text("#!/bin/sh\necho script\n")
    path = tmp_path / "script.jpb"
    trusting.answer("plugin", "pack", tmp_path / "script.json", "--key", keys["vendor"].path, "-o", path)
    trusting.answer("plugin", "install", path)
    info = json.loads(trusting.answer("plugin", "info", "test.script", "--json"))
    assert info["platforms"] == [] and info["files"] == 2
    program = trusting.home / "plugins/active/test.script/lib/script.sh"
    assert program.stat().st_mode & 0o777 == 0o755


def test_a_bundle_runs_the_command_of_a_bundle(trusting, keys, tmp_path):
    """Also where the kernel already asks the monitor of the outer one before each fork."""
    note = {"schema": 1, "id": "test.nest", "version": "1.0", "program": "nest.sh",
            "commands": [{"name": "nest", "summary": "Run itself"}]}
    (tmp_path / "nest.json").write_text(json.dumps(note))
    (tmp_path / "nest.sh").write_text("""#!/bin/bash
level=${LEVEL:-0}
echo "level $level"
[ "$level" = 2 ] && exit 7
LEVEL=$((level + 1)) "$JETPACK" nest
echo "level $((level + 1)) ended with $?"
mount -t tmpfs none /mnt 2>/dev/null && echo mounted
exit 6
""")
    path = tmp_path / "nest.jpb"
    trusting.answer("plugin", "pack", tmp_path / "nest.json", "--key", keys["vendor"].path, "-o", path)
    trusting.answer("plugin", "install", path)
    result = trusting("nest")
    assert (result.returncode, result.stderr) == (6, "")
    assert result.stdout == "level 0\nlevel 1\nlevel 2\nlevel 2 ended with 7\nlevel 1 ended with 6\n"


def test_pack_says_what_is_wrong(jetpack, build_marked, tmp_path):
    (tmp_path / "empty/lib").mkdir(parents=True)
    (tmp_path / "text.so").write_text("text")
    for arguments, words in (
            ([tmp_path / "empty"], "no plugin"),
            ([tmp_path / "none.so"], "none.so"),
            ([tmp_path / "text.so"], "not an ELF file"),
            ([build_marked(), "--max", "memory"], "NAME=VALUE"),
            ([build_marked(), "--max", "memory=much"], "memory"),
            ([build_marked(), "--capability", "magic"], "magic")):
        result = jetpack("plugin", "pack", *arguments, "-o", tmp_path / "out.jpb")
        assert result.returncode in (1, 2, 126) and words in result.stderr, result
        assert not (tmp_path / "out.jpb").exists()


def test_a_user_installs_into_a_home_of_his_own(as_user, jetpack, home, keys, pack, tmp_path):
    path = pack()
    tmp_path.chmod(0o755)
    for entry in [home.path, *home.path.rglob("*")]:
        os.chown(entry, 65534, 65534)
    public = tmp_path / "vendor.pub"
    public.write_bytes(keys["vendor"].public.read_bytes())
    for file in (public, path):
        file.chmod(0o644)
    assert jetpack("plugin", "trust", public, prefix=as_user()).returncode == 0
    result = jetpack("plugin", "install", path, prefix=as_user())
    assert result.returncode == 0, result
    assert jetpack.answer("marked", prefix=as_user()) == "1.0.0\n"


def test_root_installs_nothing_where_others_can_write(trusting, home, pack):
    path = pack()
    (home / "plugins").chmod(0o777)
    result = trusting("plugin", "install", path)
    assert result.returncode != 0 and "can be written by others" in result.stderr, result
    assert not (home / "plugins/active/test.marked").is_symlink()


def test_installs_at_once_do_not_meet(trusting, home, pack):
    paths = [pack(VERSION=f"1.{i}.0") for i in range(4)]
    running = [trusting.start("plugin", "install", path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
               for path in paths]
    for process in running:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, (out, err)
    assert len(versions_in(home)) == 2
    assert trusting("plugin", "verify").returncode == 0


def test_leftovers_of_a_killed_install_are_removed(trusting, home, pack):
    trusting.answer("plugin", "install", pack())
    left = home / "plugins/store/.tmp-abcdef/lib"
    left.mkdir(parents=True)
    (left / "x.so").write_bytes(b"x")
    os.symlink("../store/x/1", home / "plugins/active/.tmp-test.marked")
    trusting.answer("plugin", "install", pack(VERSION="1.1.0"))
    assert not left.parent.exists()
    assert os.listdir(home / "plugins/active") == ["test.marked"]


def test_another_build_of_the_same_version_replaces_it(trusting, build_marked, keys, pack, tmp_path):
    trusting.answer("plugin", "install", pack())
    other = Bundle(build_marked().read_bytes(), keys["vendor"], tmp_path)
    other.files["share/more"] = b"more"
    (tmp_path / "other.jpb").write_bytes(other.build())
    trusting.answer("plugin", "install", tmp_path / "other.jpb")
    assert (trusting.home / "plugins/active/test.marked/share/more").read_bytes() == b"more"
    assert versions_in(trusting.home) == ["1.0.0"]
