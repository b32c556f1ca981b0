"""Accounts that jetpackd manages: what a member of the group of run/ can do to them (nothing), accounts that
were left half made, names and keys as the server sends them, and what a revoked user keeps."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can create accounts")

GROUP = 4242
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoKeyOfNobody ada@demo"
OWN = "ssh-rsa AAAAB3own me@home"


def mark(uid):
    return f",,,,managed by jetpackd as uid {uid}"


def user(name, uid, **more):
    return {"name": name, "fullName": "", "uid": uid, "isAdmin": False, "isOwner": False,
            "publicKeys": [KEY], **more}


ADA = user("ada", 20001, isAdmin=True)
BOB = user("bob", 20002, isAdmin=True)


def accounts(root):
    lines = (root / "etc/passwd").read_text().splitlines()
    return {line.split(":")[0]: line.split(":")[1:] for line in lines}


def expiry(root, name):
    lines = [line.split(":") for line in (root / "etc/shadow").read_text().splitlines()]
    return next(line[7] for line in lines if line[0] == name)


def sudoers(root):
    path = root / "etc/sudoers.d/jetpack"
    return [line for line in path.read_text().splitlines() if line[:2] != "# "] if path.exists() else []


def sudo(*uids):
    return [f"#{uid} ALL=(ALL) NOPASSWD: ALL" for uid in uids]


def log(home):
    return (home / "logs/jetpackd.log").read_text()


@pytest.fixture
def send(server, once):
    """send(USER..., code=0): the server sends these users, and jetpackd applies them once."""
    versions = iter(range(1, 1000))

    def run(*users, code=0):
        server.userdata = {"version": f"v{next(versions)}", "configuration": {"a": 1}, "users": list(users)}
        once(code)
        return [m["data"] for m in server.messages if m["type"] == "installation"][-1]

    return run


@pytest.fixture
def member(home, as_user, root):
    """member(SCRIPT): what a member of the group of run/ runs there; the script must succeed."""
    os.chown(home / "run", 0, GROUP)
    (home / "run").chmod(0o2770)
    with (root / "etc/passwd").open("a") as file:
        file.write("slurm:x:450:450::/home/slurm:/bin/bash\n")

    def run(script):
        subprocess.run([*as_user(GROUP), "sh", "-ec", script], cwd=home / "run", check=True, timeout=60)

    return run


def write(name, content):
    return f"rm -rf {name}; printf '%s' '{json.dumps(content) if not isinstance(content, str) else content}' > {name}"


def test_what_the_group_writes_decides_over_no_account(send, member, root, home):
    """look-security.md A1 (a) and (c), with the files of every version."""
    before = accounts(root)
    member(write("users.json", {"root": 0, "slurm": 450, "carol": 20003}) + "; rm -f userdata.json")
    send(ADA, user("slurm", 450, isAdmin=True), user("carol", 20003, isAdmin=True), user("root", 20009))
    after = accounts(root)
    assert {name: after[name] for name in before} == before
    assert sudoers(root) == sudo(20001)
    assert not (root / "home/carol").exists() and not (root / "home/slurm").exists()
    send()
    assert {name: accounts(root)[name] for name in before} == before


@pytest.mark.parametrize("attack", [
    "rm -rf *", write("users.json", "{") + ";" + write("userdata.json", "{"),
    "mkdir sudoers.draft users.json userdata.json",
    write("userdata.json", {"version": "v2", "properties": {}})],
    ids=["removed", "damaged", "directories", "forged"])
def test_access_is_taken_whatever_the_group_does(attack, send, member, root):
    """A1 (b), (d) and (e): a demotion and a revocation reach the accounts."""
    send(ADA, BOB)
    assert sudoers(root) == sudo(20001, 20002)
    member(attack)
    assert send({**ADA, "isAdmin": False}) == {"status": "ok"}
    assert accounts(root)["bob"][-1] == "/sbin/nologin" and expiry(root, "bob") == "1"
    assert accounts(root)["ada"][-1] == "/bin/bash"
    assert sudoers(root) == []
    send(ADA)
    assert sudoers(root) == sudo(20001)


def test_a_state_that_others_could_have_written_is_not_used(send, home, server, once, root):
    send(ADA, BOB)
    state = home / "config/userdata.json"
    forged = json.dumps({"version": "v2", "properties": {}})

    def applies():
        server.userdata_requests.clear()
        once()
        return "?known=v2" not in server.userdata_requests[-1]

    state.write_text(forged)
    assert not applies(), "a file of root's is believed"
    for spoil in (lambda: state.chmod(0o660), lambda: os.chown(state, 4242, -1),
                  lambda: state.parent.chmod(0o775),
                  lambda: (state.rename(home / "elsewhere"), state.symlink_to(home / "elsewhere"))):
        state.write_text(forged)
        spoil()
        assert applies(), "a file that others can write is believed"
        state.parent.chmod(0o755)
        state.unlink()
    assert "cannot trust" in log(home)


def test_only_a_mark_with_the_accounts_own_uid_makes_it_ours(send, root):
    with (root / "etc/passwd").open("a") as file:
        file.write(f"copied:x:20011:20011:{mark(20012)}:/home/copied:/bin/bash\n"
                   f"system:x:999:999:{mark(999)}:/home/system:/bin/bash\n"
                   "typed:x:20013:20013:managed by jetpackd as uid 20013:/home/typed:/bin/bash\n")
    before = accounts(root)
    report = send(*(user(name, 20020 + i, isAdmin=True)
                    for i, name in enumerate(("copied", "system", "typed"))))
    send()
    assert accounts(root) == before and sudoers(root) == []
    assert report["status"] == "warning"
    assert all(f"user '{name}'" in report["message"] for name in ("copied", "system", "typed"))


def test_names_that_mean_something(send, root, home):
    """A14, case 16: neither sudoers nor groups are given by a name, and one name costs only itself."""
    with (root / "etc/group").open("a") as file:
        file.write("docker:x:998:\nwheel:x:10:\n")
    names = ["ALL", "Defaults", "User_Alias", "docker", "wheel", "root"]
    report = send(*(user(name, 20030 + i, isAdmin=True) for i, name in enumerate(names)), ADA, BOB,
                  user("ANNA", 20008, isAdmin=True))
    assert set(accounts(root)) == {"root", "carol", "ada", "bob", "ANNA"}
    assert sudoers(root) == sudo(20001, 20002, 20008)
    assert report["status"] == "warning" and all(f"user '{n}'" in report["message"] for n in names)
    assert "docker:x:998:\n" in (root / "etc/group").read_text()
    if pathlib.Path("/usr/sbin/visudo").exists():
        assert subprocess.run(["/usr/sbin/visudo", "-cqf", root / "etc/sudoers.d/jetpack"],
                              check=False).returncode == 0


def test_names_that_the_system_cannot_have_are_told_to_the_cluster(send, root):
    """Case 50."""
    names = ["1234", "a" * 35, "ada@example.com"]
    report = send(ADA, *(user(name, 20030 + i) for i, name in enumerate(names)), user("low", 999))
    assert report["status"] == "warning"
    assert all(f"user '{name}'" in report["message"] for name in [*names, "low"])
    assert "ada'" not in report["message"].replace("ada@", "")
    assert set(accounts(root)) == {"root", "carol", "ada"}
    assert send(ADA) == {"status": "ok"}


def test_an_account_without_home_is_finished_later(send, root, home):
    """Case 15: useradd has made the account and exits with 12, because the home's place is not there yet."""
    (root / "etc/skel").mkdir()
    (root / "etc/skel/.profile").write_text("# skeleton\n")
    (root / "shared").mkdir()
    (root / "shared/home").write_text("not mounted yet")
    report = send(BOB, code=1)
    assert accounts(root)["bob"][:2] == ["x", "20002"]
    assert report["status"] == "warning" and "user 'bob'" in report["message"]
    assert sudoers(root) == sudo(20002)
    (root / "shared/home").unlink()
    (root / "shared/home").mkdir()
    assert send(BOB) == {"status": "ok"}
    directory = root / "shared/home/bob"
    assert KEY in (directory / ".ssh/authorized_keys").read_text()
    assert (directory / ".profile").read_text() == "# skeleton\n"
    for path in (directory, directory / ".profile", directory / ".ssh/authorized_keys"):
        assert (path.stat().st_uid, path.stat().st_gid) == (20002, 20002)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in directory.parent.iterdir()] == ["bob"]


def test_an_account_of_a_killed_useradd_is_finished(send, root, tmp_path):
    """It writes passwd first, then shadow, group and home; here the home is there and still root's."""
    with (root / "etc/passwd").open("a") as file:
        file.write(f"bob:x:20002:20002:{mark(20002)}:/home/bob:/bin/bash\n")
    (root / "home/bob").mkdir()
    assert send(BOB) == {"status": "ok"}
    assert "bob:x:20002:\n" in (root / "etc/group").read_text()
    assert expiry(root, "bob") == ""
    assert (root / "home/bob").stat().st_uid == 20002
    assert KEY in (root / "home/bob/.ssh/authorized_keys").read_text()
    assert sudoers(root) == sudo(20002)


def test_a_daemon_that_is_killed_at_any_time_leaves_nothing_half_made(send, server, jetpack, root):
    users = [user(f"u{n}", 20100 + n, isAdmin=True) for n in range(8)]
    server.userdata = {"version": "killed", "configuration": {"a": 1}, "users": users}
    for milliseconds in (40, 60, 80, 100, 120, 150, 180, 220):
        daemon = subprocess.Popen([jetpack.binary.parent / "jetpackd", "--once", "--root", root],
                                  env=jetpack.environment(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            daemon.wait(milliseconds / 1000)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
    assert send(*users) == {"status": "ok"}
    assert sudoers(root) == sudo(*(20100 + n for n in range(8)))
    groups = (root / "etc/group").read_text().splitlines()
    for n in range(8):
        assert accounts(root)[f"u{n}"][1:] == [f"{20100 + n}", f"{20100 + n}", mark(20100 + n), f"/home/u{n}",
                                               "/bin/bash"]
        assert f"u{n}:x:{20100 + n}:" in groups and expiry(root, f"u{n}") == ""
        keys = root / f"home/u{n}/.ssh/authorized_keys"
        assert KEY in keys.read_text() and keys.stat().st_uid == 20100 + n
    assert len(list((root / "home").iterdir())) == 8


NSS = r"""
#include <nss.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
enum nss_status _nss_elsewhere_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size,
                                          int *error) {
  (void)buffer, (void)size, (void)error;
  if (strcmp(name, "dora") != 0) return NSS_STATUS_NOTFOUND;
  *entry = (struct passwd){"dora", "x", 7001, 7001, "", "/home/dora", "/bin/sh"};
  return NSS_STATUS_SUCCESS;
}
"""


def test_a_user_whom_another_directory_knows_is_left_to_it(send, root, home, tmp_path):
    """As SSSD and LDAP do: getpwnam() finds her, /etc/passwd does not, and useradd exits with 9."""
    (tmp_path / "nss.c").write_text(NSS)
    machine = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True, check=True).stdout.strip()
    library = root / "lib" / machine / "libnss_elsewhere.so.2"
    library.parent.mkdir(parents=True)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, tmp_path / "nss.c"], check=True)
    (root / "etc/nsswitch.conf").write_text("passwd: files elsewhere\ngroup: files\nshadow: files\n")
    report = send(user("dora", 20021, isAdmin=True), ADA)
    assert report["status"] == "warning" and "user 'dora'" in report["message"]
    assert "LDAP" in log(home)
    assert set(accounts(root)) == {"root", "carol", "ada"} and sudoers(root) == sudo(20001)


def test_keys_as_people_paste_them(send, root, home):
    """Case 17: read as sshd reads an authorized_keys file."""
    lines = ["ssh-rsa AAAAB3one a", "ssh-rsa  AAAAB3two", "ssh-rsa\tAAAAB3three",
             'from="10.0.0.0/8",no-pty ssh-rsa AAAAB3four']
    users = [user("one", 20041, publicKeys=[f"# laptop\r\n{lines[0]}\r\n\n  {lines[1]} \n"]),
             user("two", 20042, publicKeys=lines[2] + "\n" + lines[3]),
             user("six", 20046, publicKeys=["ssh-rsa", lines[0]])]
    report = send(*users)

    def installed(name):
        text = (root / f"home/{name}/.ssh/authorized_keys").read_text().splitlines()
        return [line for line in text if not line.startswith("#")]

    assert installed("one") == lines[:2] and installed("two") == lines[2:] and installed("six") == lines[:1]
    assert report == {"status": "warning",
                      "message": "not set up: a public key of user 'six'; see logs/jetpackd.log on the node"}


def test_a_private_key_is_refused_by_name(send, root, home):
    private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n"
    report = send(user("eve", 20047, publicKeys=[private, KEY]))
    assert "a private key of user 'eve'" in report["message"]
    assert log(home).count("private key") == 1
    for path in (home / "logs/jetpackd.log", home / "config/auth.json", root / "home/eve/.ssh/authorized_keys"):
        assert "c2VjcmV0" not in path.read_text()
    assert KEY in (root / "home/eve/.ssh/authorized_keys").read_text()


def test_a_revoked_user_keeps_no_door(send, root):
    """A15: the account expires, and the user's own keys go aside; all comes back with the access."""
    send(ADA, BOB)
    ssh = root / "home/bob/.ssh"
    with (ssh / "authorized_keys").open("a") as file:
        file.write(OWN + "\n")
    (ssh / "authorized_keys2").write_text("ssh-rsa AAAAB3second\n")
    send(ADA)
    assert expiry(root, "bob") == "1" and accounts(root)["bob"][-1] == "/sbin/nologin"
    assert {path.name for path in ssh.iterdir()} == {"authorized_keys.revoked", "authorized_keys2.revoked"}
    assert (ssh / "authorized_keys.revoked").read_text() == OWN + "\n"
    # What comes back while the user is revoked goes the same way.
    (ssh / "authorized_keys").write_text("ssh-rsa AAAAB3again\n")
    send(ADA, user("new", 20050))
    assert not (ssh / "authorized_keys").exists()
    send(ADA, BOB)
    assert expiry(root, "bob") == "" and accounts(root)["bob"][-1] == "/bin/bash"
    text = (ssh / "authorized_keys").read_text().splitlines()
    assert KEY in text and OWN in text and "ssh-rsa AAAAB3again" in text
    assert {path.name for path in ssh.iterdir()} == {"authorized_keys", "authorized_keys2"}


def test_a_date_that_an_administrator_set_is_kept(send, root):
    send(ADA)
    subprocess.run(["usermod", "--root", root, "--expiredate", "2099-01-01", "ada"], check=True)
    date = expiry(root, "ada")
    send({**ADA, "isAdmin": False})
    assert expiry(root, "ada") == date != ""


PROGRAM = """
import os, signal, sys, time
os.setresgid(20002, 20002, 20002); os.setresuid(20002, 20002, 20002)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""


def test_on_the_real_system_sessions_end(jetpack, home, server, tmp_path):
    """Without --root, in a mount and PID namespace of its own whose /etc and /home are copies."""
    shutil.copytree("/etc", tmp_path / "etc", symlinks=True, ignore_dangling_symlinks=True)
    (tmp_path / "etc/sudoers.d").mkdir(exist_ok=True)
    (tmp_path / "homes").mkdir()
    for name in ("passwd", "shadow", "group", "gshadow"):
        path = tmp_path / "etc" / name
        kept = [line for line in path.read_text().splitlines() if line.split(":")[0] not in ("ada", "bob")]
        path.write_text("\n".join(kept) + "\n")
    server.userdata = {"version": "v1", "configuration": {}, "users": [ADA, BOB]}
    daemon = jetpack.binary.parent / "jetpackd"
    script = (f"mount --bind {tmp_path}/etc /etc; mount --bind {tmp_path}/homes /home\n"
              f"{daemon} --once; id bob; touch {tmp_path}/first; read answer\n"
              f"{daemon} --once; id bob; kill -0 $$; touch {tmp_path}/second; read answer\n")
    with subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-ec",
                           f"exec 3<&0; {sys.executable} -c \"$PROGRAM\" > $READY 3<&- & program=$!\n" + script
                           + "wait $program || echo ended with $?\n"],
                          env=jetpack.environment({"PROGRAM": PROGRAM, "READY": str(tmp_path / "ready")}),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as shell:
        def until(condition):
            deadline = time.monotonic() + 120
            while not condition():
                assert shell.poll() is None and time.monotonic() < deadline, shell.communicate(timeout=10)
                time.sleep(0.05)

        until((tmp_path / "first").exists)
        # bob runs something from before that ignores SIGTERM, and is revoked.
        until(lambda: (tmp_path / "ready").read_text() == "ready\n")
        server.userdata = {"version": "v2", "configuration": {}, "users": [ADA]}
        shell.stdin.write("go on\n")
        shell.stdin.flush()
        until((tmp_path / "second").exists)
        out, err = shell.communicate("end\n", timeout=60)
    assert shell.returncode == 0, err + log(home)
    assert "ended with 137" in out, out + err + log(home)
    assert out.count("uid=20002(bob)") == 2
    assert "Ended the processes of user 'bob'" in log(home)
    assert "bob" not in pathlib.Path("/etc/passwd").read_text()
