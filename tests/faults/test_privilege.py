"""What a member of the group of run/ does to verbs and daemons of root, as that member: locks that stay held,
FIFOs, links, an outbox that runs code; code that others can write; a PATH that leads elsewhere."""

import contextlib
import json
import os
import shutil
import sqlite3
import struct
import subprocess

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")

GROUP = 4242
# Far below a hang, far above what a busy machine needs for a wait of five seconds.
BOUND = 45
LOCKS = {"run/.conditions.lock": ("condition", "set", "-n", "gpu", "-s", "OK", "-m", "m", "--wait", "0"),
         "run/outbox.place.lock": ("log", "m", "--wait", "0"),
         "config/.properties.lock": ("props", "set", "a", "1")}


@pytest.fixture
def member(home, as_user):
    """Runs a command as a member of the group of run/, in that directory."""
    os.chown(home / "run", 0, GROUP)
    (home / "run").chmod(0o2770)

    def run(*command):
        return subprocess.run([*as_user(GROUP), *command], cwd=home / "run", check=True, timeout=60)

    run.prefix = as_user(GROUP)
    return run


@contextlib.contextmanager
def held(prefix, path):
    """Holds the lock until the end, in a process of its own; yields its pid."""
    with subprocess.Popen([*prefix, "flock", "--no-fork", path, "sh", "-c", "echo locked; exec sleep 600"],
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "locked\n"
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_that_stays_held_is_an_error_that_names_the_holder(name, jetpack, home, member):
    home.node({})
    assert jetpack("log", "m", "--wait", "0").returncode == 0
    path = home.write(name, "")
    os.chown(path, 0, GROUP)
    path.chmod(0o660)
    (home / "config").chmod(0o755)
    home.path.chmod(0o755)
    prefix = member.prefix if name.startswith("run") else []
    with held(prefix, path) as pid:
        result = jetpack(*LOCKS[name], timeout=BOUND)
        # A condition is reported though it cannot be recorded.
        assert result.returncode == (0 if "condition" in LOCKS[name] else 1), result
        assert path.name in result.stderr and f"pid {pid} (sleep)" in result.stderr, result.stderr
    assert jetpack(*LOCKS[name]).returncode == 0


def test_status_does_not_wait_for_locks(jetpack, home, member):
    home.node({})
    assert jetpack("log", "m", "--wait", "0").returncode == 0
    with contextlib.ExitStack() as locks:
        for name in ("outbox.place.lock", "outbox.setup.lock", ".conditions.lock", "jetpackd.lock", "outbox.lock"):
            path = home / "run" / name
            if not path.exists():
                member("touch", path)
            locks.enter_context(held(member.prefix, path))
        writer = locks.enter_context(contextlib.closing(sqlite3.connect(home / "run/outbox.db")))
        writer.execute("BEGIN EXCLUSIVE")
        answer = json.loads(jetpack("status", "--json", timeout=BOUND).stdout)
        assert any("outbox.place.lock: still held by" in problem and "after 250 ms" in problem
                   for problem in answer["problems"]), answer["problems"]
        second = subprocess.run([jetpack.binary.parent / "jetpackd", "--once"], env=jetpack.environment(),
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BOUND, check=False)
        assert second.returncode == 1 and "(sleep)" in second.stderr, second.stderr


FILES = ("outbox.place.lock", "outbox.setup.lock", "outbox.lock", "outbox.db", "outbox.db-wal", "outbox.db-shm",
         "jetpackd.lock", "jetpackd.json", ".conditions.lock", "conditions.json")


@pytest.mark.parametrize("trap", ["fifo", "link", "directory"])
def test_what_is_put_in_the_place_of_a_file_in_run_hangs_nothing(trap, jetpack, home, member, tmp_path):
    """Each file in turn; no verb waits for it, follows it, or dies of a signal."""
    home.node({})
    victim = home.write("precious", "precious\n")
    victim.chmod(0o600)
    command = {"fifo": "mkfifo {}", "link": f"ln -s {victim} {{}}", "directory": "mkdir {}"}[trap]
    for name in FILES:
        shutil.rmtree(home / "run")
        (home / "run").mkdir()
        os.chown(home / "run", 0, GROUP)
        (home / "run").chmod(0o2770)
        if name.startswith("outbox.db-"):
            assert jetpack("log", "m", "--wait", "0").returncode == 0
        member("sh", "-ec", f"rm -rf {name}; {command.format(name)}")
        for args in (("log", "m", "--wait", "0"), ("condition", "set", "-n", "g", "-s", "OK", "-m", "m"),
                     ("status",), ("condition", "list")):
            result = jetpack(*args, timeout=BOUND)
            assert result.returncode in (0, 1), (name, args, result)
            assert "precious\n" not in result.stderr, (name, args, result)
        once = subprocess.run([jetpack.binary.parent / "jetpackd", "--once"], env=jetpack.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BOUND, check=False)
        assert once.returncode == 1, (name, once)
        assert victim.read_text() == "precious\n" and victim.stat().st_mode & 0o777 == 0o600, name


ENDLESS = ("DROP TABLE outbox; CREATE VIEW outbox AS WITH RECURSIVE t(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 "
           "FROM t) SELECT seq, 'x' id, 'log' type, '{}' data, 't' time, 1 kind, NULL cluster, NULL node, "
           "NULL instance, NULL session, NULL hostname, 0 attempts, NULL error FROM t WHERE seq < 0")
TRIGGER = "CREATE TRIGGER t AFTER INSERT ON outbox BEGIN DELETE FROM outbox; END"


@pytest.mark.parametrize("sql", [ENDLESS, TRIGGER], ids=["endless view", "trigger"])
def test_an_outbox_that_runs_code_is_replaced(sql, jetpack, home, member):
    home.node({})
    assert jetpack("log", "kept", "--wait", "0").returncode == 0
    member("/usr/bin/python3", "-c",
           f"import sqlite3; d = sqlite3.connect('outbox.db'); d.executescript({sql!r}); d.close()")
    result = jetpack("log", "new", "--wait", "0", timeout=BOUND)
    assert result.returncode == 0, result
    assert list((home / "run").glob("outbox.db.corrupt-*"))
    with contextlib.closing(sqlite3.connect(home / "run/outbox.db")) as database:
        assert database.execute("SELECT count(*) FROM sqlite_master WHERE type <> 'table'").fetchone() == (0,)
        assert database.execute("SELECT count(*) FROM outbox WHERE data LIKE '%new%'").fetchone() == (1,)


PLUGIN = """
#include <jetpack/plugin.hpp>
int demo(const jetpack::Call& call) { call.print("ran\\n"); return 0; }
JETPACK_PLUGIN("test.demo", "1.0.0", jetpack::needs<>(), jetpack::command("demo", "Print a word", demo));
"""


@pytest.fixture(scope="module")
def library(sdk, tmp_path_factory):
    directory = tmp_path_factory.mktemp("plugin")
    (directory / "demo.cpp").write_text(PLUGIN)
    return sdk.build(directory / "demo.cpp", directory / "demo.so")


def run_in_namespace(as_user, jetpack, plugins, tmp_path, *, user, passwd, group):
    """`jetpack demo` as the user, where /etc/passwd and /etc/group hold these lines too."""
    for name, lines in (("passwd", passwd), ("group", group)):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
    script = (f"mount --bind {tmp_path}/passwd /etc/passwd; mount --bind {tmp_path}/group /etc/group; "
              f"exec setpriv --reuid={user} --regid={user} --clear-groups \"$@\"")
    as_user()  # chooses the copy of jetpack that every user can run
    return subprocess.run(["unshare", "--mount", "sh", "-ec", script, "sh",
                           *jetpack.command("--plugin-path", plugins, "demo")],
                          env=jetpack.environment(), capture_output=True, text=True, timeout=60, check=False)


ROOT = "root:x:0:0::/root:/bin/sh"
EVE = "eve:x:7001:7001::/:/bin/sh"
ACCESS_LIST = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in (
    (1, 6, 2**32 - 1), (2, 6, 7002), (4, 4, 2**32 - 1), (16, 6, 2**32 - 1), (32, 4, 2**32 - 1)))


@pytest.mark.parametrize("case, passwd, group, code", [
    ("own group", [ROOT, EVE], ["eve:x:7001:"], 0),
    ("own group that names herself", [ROOT, EVE], ["eve:x:7001:eve"], 0),
    ("another member", [ROOT, EVE], ["eve:x:7001:mallory"], 126),
    ("another's primary group", [ROOT, EVE, "mallory:x:7002:7001::/:/bin/sh"], ["eve:x:7001:"], 126),
    ("a group of many", [ROOT, EVE], ["users:x:7001:"], 126),
    ("access list", [ROOT, EVE], ["eve:x:7001:"], 126)])
def test_a_plugin_that_a_group_can_write(case, passwd, group, code, library, as_user, jetpack, home, tmp_path):
    """A17: refused for every caller, but where the group is the caller alone."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    copy = shutil.copy(library, plugins)
    for path, mode in ((plugins, 0o775), (copy, 0o664)):
        os.chown(path, 7001, 7001)
        os.chmod(path, mode)
    if case == "access list":
        try:
            os.setxattr(copy, "system.posix_acl_access", ACCESS_LIST)
        except OSError:
            pytest.skip("this file system has no access lists")
    home.path.chmod(0o755)
    done = run_in_namespace(as_user, jetpack, plugins, tmp_path, user=7001, passwd=passwd, group=group)
    assert (done.returncode, done.stdout) == (code, "ran\n" if code == 0 else ""), done
    if code:
        assert "can be written by others" in done.stderr


@pytest.mark.parametrize("module", ["session.so", "https.so"])
def test_modules_that_others_can_write_are_not_loaded(module, copied_home, jetpack, home, server):
    """As plugins are not: they run as root too."""
    jetpack.binary = copied_home / "bin/jetpack"
    path, = copied_home.rglob(module)
    args = ("log", "m", "--wait", "2s")
    path.chmod(0o666)
    refused = jetpack(*args)
    assert f"{path} can be written by others" in refused.stderr, refused
    assert refused.returncode == 1, refused
    path.chmod(0o755)
    assert jetpack(*args).returncode == 0


def test_root_runs_no_program_from_the_callers_path(jetpack, home, tmp_path):
    """A32: what report_issue runs is found in the system's directories."""
    evil = tmp_path / "evil"
    evil.mkdir()
    for name in ("df", "ps", "dmesg", "systemctl", "journalctl", "uname", "sh", "ip", "free", "getent", "useradd"):
        (evil / name).write_text(f"#!/bin/sh\necho $0 >> {tmp_path}/ran\n")
        (evil / name).chmod(0o755)
    home.node({})
    path = f"{evil}:{os.environ['PATH']}"
    assert jetpack("report_issue", "--output", tmp_path / "a.zip", env={"PATH": path}, timeout=120).returncode == 0
    jetpack("initialize", "--no-start", env={"PATH": path}, timeout=120)
    assert not (tmp_path / "ran").exists(), (tmp_path / "ran").read_text()
