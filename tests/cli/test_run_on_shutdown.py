"""`jetpack run_on_shutdown`: what may be registered, by whom, and in which order it is kept."""

import json
import os
import subprocess

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root registers what root runs")


def test_help(transcript):
    transcript("help_run_on_shutdown", ["help", "run_on_shutdown"])


@pytest.fixture
def script(tmp_path):
    """script(NAME[, MODE]): an executable file in a directory that only root can write."""
    directory = tmp_path / "scripts"
    directory.mkdir(mode=0o755)

    def write(name, mode=0o755):
        path = directory / name
        path.write_text("#!/bin/sh\n")
        path.chmod(mode)
        return path

    return write


def listed(jetpack):
    return json.loads(jetpack.answer("run_on_shutdown", "--list", "--json"))


def paths(jetpack):
    return [entry["path"] for entry in listed(jetpack)]


def test_the_order_of_registration_is_kept(jetpack, home, script):
    assert jetpack("run_on_shutdown", "--list").stderr == "No scripts are registered.\n"
    assert listed(jetpack) == []
    z, a, m = script("z.sh"), script("a b\n.sh"), script("m.sh", 0o700)
    for path in (z, a, m):
        result = jetpack("run_on_shutdown", path)
        assert (result.returncode, result.stdout) == (0, ""), result
        assert result.stderr.endswith(": registered\n") and result.stderr.count("\n") == 1
    result = jetpack("run_on_shutdown", a)
    assert result.returncode == 0 and "already registered" in result.stderr
    assert paths(jetpack) == [str(z), str(a), str(m)]
    assert all(entry["registered"].endswith("Z") and "problem" not in entry for entry in listed(jetpack))
    lines = jetpack.answer("run_on_shutdown", "--list").splitlines()
    assert lines[0].split() == ["REGISTERED", "STATE", "SCRIPT"] and len(lines) == 4
    assert lines[1].split()[1:] == ["ok", str(z)]
    assert (home / "config/run_on_shutdown.json").stat().st_mode & 0o777 == 0o644

    assert json.loads(jetpack.answer("run_on_shutdown", "--remove", z, "--json")) == {
        "path": str(z), "removed": True}
    assert z.exists() and paths(jetpack) == [str(a), str(m)]
    result = jetpack("run_on_shutdown", "--remove", z)
    assert result.returncode == 1 and "is not registered" in result.stderr
    assert json.loads(jetpack.answer("run_on_shutdown", z, "--json")) == {
        "path": str(z), "registered": True}
    assert paths(jetpack) == [str(a), str(m), str(z)]
    assert f"run_on_shutdown: {z} registered" in (home / "logs/jetpack.log").read_text()


def test_a_link_is_resolved(jetpack, script):
    real = script("real.sh")
    link = real.parent / "link.sh"
    link.symlink_to("real.sh")
    assert str(real) in jetpack("run_on_shutdown", link).stderr
    assert "already registered" in jetpack("run_on_shutdown", real).stderr
    assert paths(jetpack) == [str(real)]
    assert jetpack("run_on_shutdown", "--remove", link).returncode == 0
    assert paths(jetpack) == []


def test_what_is_refused(jetpack, home, script):
    good = script("good.sh")
    directory = good.parent
    (directory / "dangling").symlink_to("none")
    owned = script("owned.sh")
    os.chown(owned, 12345, 0)
    (directory / "open").mkdir()
    (directory / "open/x.sh").write_text("#!/bin/sh\n")
    (directory / "open/x.sh").chmod(0o755)
    (directory / "open").chmod(0o777)
    for path, code, reason in (
            ("good.sh", 2, "not an absolute path"), ("./good.sh", 2, "not an absolute path"),
            ("", 2, "not an absolute path"), (directory / "none", 1, "No such file or directory"),
            (directory / "dangling", 1, "is a dangling link"), (directory, 1, "is a directory"),
            (script("plain", 0o644), 1, "is not executable"),
            (script("others", 0o757), 1, "can be written by others"),
            (script("group", 0o775), 1, "can be written by others"),
            (directory / "open/x.sh", 1, "can be written by others"),
            (owned, 1, "belongs to user 12345"), ("/dev/null", 1, "not a regular file"),
            ("/" + "x" * 5000, 2, "too long"), (b"/tmp/\xff", 2, "not UTF-8")):
        result = jetpack("run_on_shutdown", path, cwd=directory)
        assert result.returncode == code and reason in result.stderr, result
    assert listed(jetpack) == [] and not (home / "config/run_on_shutdown.json").exists()


def test_what_has_become_bad_is_shown(jetpack, script):
    gone, bad = script("gone.sh"), script("bad.sh")
    for path in (gone, bad):
        assert jetpack("run_on_shutdown", path).returncode == 0
    gone.unlink()
    bad.chmod(0o666)
    problems = [entry["problem"] for entry in listed(jetpack)]
    assert "No such file" in problems[0] and "can be written by others" in problems[1]
    result = jetpack("run_on_shutdown", "--list")
    assert result.returncode == 0 and result.stdout.count(" refused ") == 2
    assert "can be written by others" in result.stderr
    # What is gone can still be removed, by its path.
    assert jetpack("run_on_shutdown", "--remove", gone).returncode == 0
    assert paths(jetpack) == [str(bad)]


def test_only_root_registers(jetpack, home, script, as_user):
    (home / "config").chmod(0o755)
    path = script("x.sh")
    assert jetpack("run_on_shutdown", path).returncode == 0
    user = as_user()
    for args in (["--remove", path], [script("y.sh")]):
        result = jetpack("run_on_shutdown", *args, prefix=user)
        assert result.returncode == 1 and "only root" in result.stderr, result
    assert json.loads(jetpack.answer("run_on_shutdown", "--list", "--json", prefix=user))[0]["path"] == str(path)
    # A list that a member of the group could write is not trusted, and not taken over.
    file = home / "config/run_on_shutdown.json"
    for target, mode in ((file, 0o664), (home / "config", 0o775)):
        before = target.stat().st_mode & 0o777
        target.chmod(mode)
        for args in (["--list"], [script("z.sh")], ["--remove", path]):
            result = jetpack("run_on_shutdown", *args)
            assert result.returncode == 1 and "cannot trust" in result.stderr, result
        target.chmod(before)
    assert paths(jetpack) == [str(path)]
    file.unlink()
    (home / "config").chmod(0o777)
    result = jetpack("run_on_shutdown", path)
    assert result.returncode == 1 and "can be written by others" in result.stderr
    assert not file.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"scripts": [{"path": "x"}]}'])
def test_a_damaged_list_is_moved_aside(content, jetpack, home, script):
    home.write("config/run_on_shutdown.json", content)
    assert jetpack("run_on_shutdown", "--list").returncode == 1
    result = jetpack("run_on_shutdown", script("x.sh"))
    assert result.returncode == 0 and "moved to" in result.stderr
    assert len(paths(jetpack)) == 1
    assert len(list((home / "config").glob("run_on_shutdown.json.corrupt-*"))) == 1


def test_many_at_once_lose_none(jetpack, script):
    scripts = [script(f"{i}.sh") for i in range(8)]
    running = [jetpack.start("run_on_shutdown", path, stderr=subprocess.DEVNULL) for path in scripts]
    assert [process.wait(60) for process in running] == [0] * 8
    assert sorted(paths(jetpack)) == sorted(map(str, scripts))


@pytest.mark.parametrize("args", [[], ["--list", "/x"], ["--list", "--remove", "/x"],
                                  ["/x", "--remove", "/x"], ["/x", "/y"]])
def test_invalid_command_lines(args, jetpack):
    result = jetpack("run_on_shutdown", *args)
    assert result.returncode == 2 and result.stderr, result
