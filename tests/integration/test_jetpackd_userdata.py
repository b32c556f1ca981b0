"""jetpackd applies the userdata that the server sends: files and users."""

import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys

import pytest
from servers import node_server
from servers.process import wait_for

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoKeyOfNobody ada@demo"
ADA = {"name": "ada", "fullName": "Ada Lovelace", "uid": 20001, "isAdmin": True, "isOwner": True,
       "publicKeys": [KEY + "\n"]}
BOB = {"name": "bob", "fullName": "Bob: the, builder", "uid": 20002, "isAdmin": False,
       "isOwner": False, "publicKeys": []}


def log(home):
    path = home / "logs/jetpackd.log"
    return path.read_text() if path.exists() else ""


def userdata(version, *users, configuration=None, properties=None):
    return {"version": version, "configuration": configuration or {"a": {"b": 1}},
            "properties": properties or {}, "users": list(users)}


def accounts(root):
    lines = (root / "etc/passwd").read_text().splitlines()
    return {line.split(":")[0]: line.split(":")[1:] for line in lines}


def installations(server):
    return [m["data"] for m in server.messages if m["type"] == "installation"]


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can create accounts")


def test_files_are_written_once_per_version(jetpack, home, server, root, once):
    server.userdata = userdata("v1", configuration={"cyclecloud": {"x": [1, "ü"]}},
                               properties={"os": {"id": "debian"}})
    once()
    assert json.loads((home / "config/configuration.json").read_text()) == {
        "cyclecloud": {"x": [1, "ü"]}}
    assert jetpack.answer("config", "cyclecloud.x") == "[1, 'ü']\n"
    assert home.read_properties()["os"]["id"] == "debian"
    assert json.loads((home / "config/auth.json").read_text()) == []
    for name in ("configuration.json", "properties.json", "auth.json"):
        info = (home / "config" / name).stat()
        assert stat.S_IMODE(info.st_mode) == 0o640
        assert info.st_gid == (home / "config").stat().st_gid
    assert installations(server) == [{"status": "ok"}]
    before = (home / "config/configuration.json").stat()
    once()
    assert server.userdata_requests[-1].endswith("?known=v1")
    assert (home / "config/configuration.json").stat().st_ino == before.st_ino
    assert installations(server) == [{"status": "ok"}]
    server.userdata = userdata("v2", configuration={"new": True})
    once()
    assert json.loads((home / "config/configuration.json").read_text()) == {"new": True}
    assert installations(server) == [{"status": "ok"}] * 2


def test_a_node_with_specs_is_as_far_as_its_converge(jetpack, home, server, root, once):
    specs = {"cyclecloud": {"cluster_init_specs": [{"project": "p", "version": "1", "spec": "s"}]}}
    server.userdata = userdata("v1", configuration=specs)
    once()
    assert installations(server) == []
    for number, (status, reports) in enumerate((("failed", 0), ("running", 0), ("ok", 1)), 2):
        home.write("config/converge.json", {"runs": [{"status": "ok"}, {"status": status}]})
        server.userdata = userdata(f"v{number}", configuration={**specs, "number": number})
        once()
        assert installations(server) == [{"status": "ok"}] * reports, status


def test_files_get_the_group_of_the_directory(jetpack, home, server, root, once):
    os.chown(home / "config", -1, 12345)
    server.userdata = userdata("v1")
    once()
    assert (home / "config/configuration.json").stat().st_gid == 12345


def test_properties_set_on_the_node_are_kept(jetpack, home, server, root, once):
    server.userdata = userdata("v1", properties={"os": {"id": "debian"}, "rack": "r1"})
    once()
    assert jetpack("props", "set", "os.version", "of mine").returncode == 0
    assert jetpack("props", "set", "rack", "here").returncode == 0
    server.userdata = userdata("v2", properties={"os": {"id": "ubuntu"}, "rack": "r2"})
    once()
    properties = home.read_properties()
    assert (properties["os"]["id"], properties["os"]["version"], properties["rack"]) == (
        "ubuntu", "of mine", "here")


def test_a_missing_file_is_fetched_again(jetpack, home, server, root, once):
    server.userdata = userdata("v1")
    once()
    (home / "config/configuration.json").unlink()
    once()
    assert (home / "config/configuration.json").exists()


@pytest.mark.parametrize("reply", [
    b"", b"{", b"[]", b"{}", b'{"version": "1"}', b'{"version": "1", "configuration": []}',
    b'{"version": "1", "configuration": {}, "users": {}}', b"\xff\xfe", b"[" * 100000,
    b"x" * (17 << 20)], ids=range(10))
def test_invalid_userdata_changes_nothing(reply, jetpack, home, server, root, once):
    home.configuration({"keep": "me"})
    server.override["/clusterlink/userdata/"] = (200, reply, [])
    once(1)
    assert json.loads((home / "config/configuration.json").read_text()) == {"keep": "me"}
    assert "cannot update the configuration" in log(home)


@pytest.mark.parametrize("status, word", [(401, "credentials"), (404, "identity"), (500, "500")])
def test_a_rejection_is_reported(status, word, jetpack, home, server, root, once):
    server.override["/clusterlink/userdata/"] = (status, b"{}", [])
    assert word in once(1)


def test_the_interval_and_sighup(jetpack, home, server, root):
    node_server.connect(home, server, userdata_interval=3600)
    server.userdata = userdata("v1")
    daemon = subprocess.Popen([jetpack.binary.parent / "jetpackd", "--root", root],
                              env=jetpack.environment(), stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: (home / "config/configuration.json").exists(), "the first version")
        server.userdata = userdata("v2", configuration={"two": 2})
        daemon.send_signal(1)
        wait_for(lambda: "two" in (home / "config/configuration.json").read_text(), "the second")
        wait_for(lambda: len(installations(server)) == 2, "the report to the cluster")
        assert json.loads(jetpack("status", "--json").stdout)["daemon"]["running"]
    finally:
        daemon.kill()
        daemon.wait()


def test_auth_json_can_be_grepped(jetpack, home, server, root, once):
    server.userdata = userdata("v1", ADA, BOB)
    once()
    found = subprocess.run("grep name config/auth.json | awk -F'\"' '{print $4}'", shell=True,
                           cwd=home.path, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["ada", "bob"]
    assert json.loads(jetpack.answer("users", "--json")) == [ADA, BOB]


@needs_root
def test_users_are_added_revoked_and_restored(jetpack, home, server, root, once):
    server.userdata = userdata("v1", ADA, BOB)
    once()
    assert accounts(root)["ada"] == ["x", "20001", "20001", "Ada Lovelace,,,,managed by jetpackd as uid 20001",
                                         "/home/ada", "/bin/bash"]
    assert accounts(root)["bob"][1:] == ["20002", "20002",
                                         "Bob  the  builder,,,,managed by jetpackd as uid 20002", "/home/bob",
                                         "/bin/bash"]
    keys = root / "home/ada/.ssh/authorized_keys"
    assert KEY in keys.read_text().splitlines()
    for path, mode in ((keys, 0o600), (keys.parent, 0o700)):
        info = path.stat()
        assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (20001, 20001, mode)
    sudoers = root / "etc/sudoers.d/jetpack"
    assert stat.S_IMODE(sudoers.stat().st_mode) == 0o440
    assert sudoers.read_text().splitlines()[1:] == ["# ada", "#20001 ALL=(ALL) NOPASSWD: ALL"]
    for name in ("jetpackd.log", "initialize.log"):
        text = (home / "logs" / name).read_text()
        line = next(line for line in text.splitlines() if "Added user" in line)
        assert re.fullmatch(r"\S+ \S+ INFO     Added user 'ada'", line)
        assert line.split()[5] == "'ada'"

    # The user's own keys stay; ada is no longer an administrator, and bob is removed.
    with keys.open("a") as file:
        file.write("ssh-rsa AAAAown me\n")
    other = KEY.replace("Demo", "Next")
    server.userdata = userdata("v2", {**ADA, "isAdmin": False, "publicKeys": [other]})
    once()
    assert KEY not in keys.read_text() and other in keys.read_text()
    assert "ssh-rsa AAAAown me\n" in keys.read_text()
    assert not sudoers.exists()
    assert accounts(root)["bob"][-1] == "/sbin/nologin"
    assert accounts(root)["ada"][-1] == "/bin/bash"
    assert "Revoked user 'bob'" in log(home)

    server.userdata = userdata("v3", ADA, BOB)
    once()
    assert accounts(root)["bob"][-1] == "/bin/bash"
    assert accounts(root)["bob"][1] == "20002"


@needs_root
def test_homes_are_below_shared_home_if_it_exists(home, server, root, once):
    (root / "shared/home").mkdir(parents=True)
    server.userdata = userdata("v1", ADA)
    once()
    assert accounts(root)["ada"][-2] == "/shared/home/ada"
    assert (root / "shared/home/ada/.ssh/authorized_keys").exists()


@needs_root
def test_other_accounts_are_never_touched(home, server, root, once):
    before = (root / "etc/passwd").read_text()
    server.userdata = userdata("v1", {**BOB, "name": "carol", "uid": 20003, "isAdmin": True},
                               {**BOB, "name": "root", "uid": 20009},
                               {**BOB, "name": "dave", "uid": 20003})
    once()
    assert (root / "etc/passwd").read_text() == before
    assert not (root / "etc/sudoers.d/jetpack").exists()
    assert not (root / "home/carol").exists()
    assert "'carol' has an account that jetpackd did not create" in log(home)
    assert "UID conflict: user 'dave' has uid 20003 in the cluster, which belongs to 'carol'" in log(home)
    server.userdata = userdata("v2")
    once()
    assert (root / "etc/passwd").read_text() == before


@needs_root
def test_a_changed_uid_is_reported_and_not_applied(home, server, root, once):
    server.userdata = userdata("v1", BOB)
    once()
    server.userdata = userdata("v2", {**BOB, "uid": 20077})
    once()
    assert accounts(root)["bob"][1] == "20002"
    assert "UID conflict: user 'bob' has uid 20002" in log(home)


@needs_root
@pytest.mark.parametrize("trap", ["home", ".ssh", "authorized_keys"])
def test_links_are_not_followed(trap, home, server, root, once, tmp_path):
    """A user who puts a link in the path of the keys cannot reach files of others."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "authorized_keys").write_text("precious\n")
    server.userdata = userdata("v1", ADA)
    once()
    path = {"home": root / "home/ada", ".ssh": root / "home/ada/.ssh",
            "authorized_keys": root / "home/ada/.ssh/authorized_keys"}[trap]
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    path.symlink_to(victim / "authorized_keys" if trap == "authorized_keys" else victim)
    server.userdata = userdata("v2", ADA)
    once(1)
    assert "user 'ada'" in log(home)
    assert [entry.name for entry in victim.iterdir()] == ["authorized_keys"]
    assert (victim / "authorized_keys").read_text() == "precious\n"


@needs_root
def test_hostile_names_reach_no_file(home, server, root, once):
    hostile = ["../../x", "a b", "-rf", "x:0:0", "$(id)", "a\nb ALL=ALL", "%wheel", "x" * 40, ""]
    server.userdata = userdata("v1", *({**ADA, "name": name} for name in hostile))
    once()
    assert set(accounts(root)) == {"root", "carol"}
    assert json.loads((home / "config/auth.json").read_text()) == []


@needs_root
def test_a_failure_of_useradd_is_reported_and_retried(home, server, root, once):
    (root / "etc/shadow").unlink()
    (root / "etc/shadow").mkdir()
    server.userdata = userdata("v1", BOB)
    once(1)
    assert "cannot add user 'bob'" in log(home)
    assert installations(server)[-1]["status"] == "warning"
    (root / "etc/shadow").rmdir()
    (root / "etc/shadow").write_text("root:*:19000:0:99999:7:::\n")
    once()
    assert "bob" in accounts(root)
    assert installations(server)[-1] == {"status": "ok"}


@needs_root
@pytest.mark.skipif(not pathlib.Path("/usr/sbin/visudo").exists(), reason="sudo is not installed")
def test_sudoers_are_checked(home, server, root, once):
    server.userdata = userdata("v1", ADA)
    once()
    path = root / "etc/sudoers.d/jetpack"
    assert subprocess.run(["/usr/sbin/visudo", "-cqf", path], check=False).returncode == 0


def test_userdata_that_costs_memory_is_bounded(jetpack, home, server, root, once):
    server.userdata = userdata("v1")
    once()
    small = b'{"version":"v2","configuration":{"a":[' + b"{}," * 2_700_000 + b"{}]}}"
    server.override["/clusterlink/userdata/"] = (200, small, ())
    # From a process of its own: a child's peak begins with the size of the one that starts it.
    measure = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
               "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    done = subprocess.run([sys.executable, "-c", measure, jetpack.binary.parent / "jetpackd", "--once",
                           "--root", root], env=jetpack.environment(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    assert int(done.stdout) < 192 << 10, "of the 256 MiB that the unit allows"
    large = b'{"version":"v3","configuration":{"a":"' + b"x" * (9 << 20) + b'"}}'
    server.override["/clusterlink/userdata/"] = (200, large, ())
    once(code=1)
    assert "more than 8388608 bytes" in log(home)
    assert '"version": "v3"' not in (home / "config/configuration.json").read_text()
