"""`jetpack download`: lookup order, destinations and errors. The locker is a directory here; tests with
servers are in tests/integration and tests/faults."""

import hashlib
import json
import os
import pty
import re
import select
import stat
import subprocess

import pytest


@pytest.fixture
def locker(home, tmp_path):
    """A directory as the node's locker: locker(NAME, CONTENT) stores a blob."""
    directory = tmp_path / "locker"
    directory.mkdir()
    home.write("config/locker.json", {"url": f"file://{directory}"})

    def put(name, content):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    put.directory = directory
    return put


@pytest.fixture
def here(tmp_path):
    """The current directory of the commands."""
    directory = tmp_path / "here"
    directory.mkdir()
    return directory


def left_behind(directory):
    """Partial files and their state files."""
    return sorted(path.name for path in directory.rglob("*.jetpack-*"))


def test_help(transcript):
    transcript("help_download", ["help", "download"], ["download"], ["download", "x"])


@pytest.mark.parametrize("words", [
    ["--project", "p", "X.tgz", "DEST"], ["X.tgz", "--project", "p", "DEST"],
    ["X.tgz", "DEST", "--project", "p"], ["X.tgz", "--project=p", "DEST"]])
def test_options_and_arguments_in_any_order(jetpack, locker, here, words):
    locker("projects/p/blobs/X.tgz", "content")
    for destination, path in ((here / "new-name", here / "new-name"), (here, here / "X.tgz"),
                              (f"{here}/new/", here / "new/X.tgz")):
        answer = jetpack.answer("download", *(destination if word == "DEST" else word
                                              for word in words), cwd=here)
        assert answer == ""
        assert path.read_text() == "content"
    assert left_behind(here) == []


def test_the_default_destination_is_the_current_directory(jetpack, locker, here):
    locker("blobs/p/sub/dir/tool.tgz", "content")
    jetpack.answer("download", "sub/dir/tool.tgz", "--project", "p", cwd=here)
    jetpack.answer("download", "sub/dir/tool.tgz", "--project", "p", ".", cwd=here)
    assert os.listdir(here) == ["tool.tgz"]
    assert stat.S_IMODE((here / "tool.tgz").stat().st_mode) & 0o444 == 0o444


def test_the_lookup_order(jetpack, locker, here):
    script = {"CYCLECLOUD_PROJECT_NAME": "p", "CYCLECLOUD_PROJECT_VERSION": "1.2.3"}
    places = ["blobs/p/x", "projects/p/blobs/x", "projects/p/1.2.3/blobs/x",
              "cache/projects/p/1.2.3/blobs/x"]
    for place in reversed(places):
        locker(place, place)
        done = json.loads(jetpack.answer("download", "x", "--json", cwd=here, env=script))
        assert (here / "x").read_text() == place
        assert done == {"downloaded": [{"blob": place, "path": str(here / "x"), "bytes": len(place),
                                        "resumed": 0,
                                        "checked": done["downloaded"][0]["checked"]}],
                        "failed": []}


def test_the_version_applies_only_to_the_inferred_project(jetpack, locker, here):
    script = {"CYCLECLOUD_PROJECT_NAME": "p", "CYCLECLOUD_PROJECT_VERSION": "1.2.3"}
    locker("projects/p/1.2.3/blobs/x", "p's")
    locker("projects/other/1.2.3/blobs/x", "other's")
    jetpack.answer("download", "--project", "p", "x", cwd=here, env=script)
    assert jetpack("download", "--project", "other", "x", cwd=here, env=script).returncode == 1
    assert jetpack("download", "--project", "p", "x", cwd=here).returncode == 1


def test_a_missing_blob_is_reported_with_all_candidates(jetpack, locker, here):
    result = jetpack("download", "--project", "p", "none.tgz", cwd=here)
    assert (result.returncode, result.stdout) == (1, "")
    first, rest = result.stderr.split("\n", 1)
    assert "'none.tgz'" in first and "'p'" in first
    assert str(locker.directory) in rest and "blobs/p/none.tgz" in rest and "projects/p/blobs/none.tgz" in rest
    assert os.listdir(here) == []


def test_without_a_project_it_is_a_usage_error(jetpack, locker, here):
    result = jetpack("download", "x", cwd=here)
    assert result.returncode == 2
    assert "--project" in result.stderr


@pytest.mark.parametrize("blob", ["../x", "a/../../x", "/etc/passwd", "a//x", "./x", "", "x/", "a\nb"])
def test_invalid_names_are_rejected(jetpack, locker, here, blob):
    locker("x", "content")
    locker("blobs/p/x", "content")
    result = jetpack("download", "--project", "p", "--", blob, cwd=here)
    assert (result.returncode, result.stdout) == (2, ""), result
    assert os.listdir(here) == []
    assert jetpack("download", "--project", "../p", "x", cwd=here).returncode == 2


def test_without_a_locker_it_names_the_file(jetpack, here):
    result = jetpack("download", "--project", "p", "x", cwd=here)
    assert (result.returncode, result.stdout) == (1, "")
    assert "config/locker.json" in result.stderr
    assert "server" in result.stderr.split("\n")[0]


def test_an_existing_file_is_replaced_in_one_step(jetpack, locker, here):
    source = locker("blobs/p/x", "first")
    jetpack.answer("download", "--project", "p", "x", cwd=here)
    before = open(here / "x", "rb")
    source.write_bytes(b"second")
    jetpack.answer("download", "--project", "p", "x", cwd=here)
    assert (here / "x").read_bytes() == b"second"
    assert before.read() == b"first"
    assert left_behind(here) == []


@pytest.mark.parametrize("kind", ["directory", "fifo", "no-directory", "file-as-directory"])
def test_invalid_destinations_are_reported_and_left_alone(jetpack, locker, here, kind):
    locker("blobs/p/x", "content")
    place, other = here / "x", here / "other"
    other.write_text("untouched")
    if kind == "directory":
        place.mkdir()
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "no-directory":
        place = here / "none/x"
    else:
        place = other / "x"
    before = sorted(path.name for path in here.iterdir())
    words = [] if kind == "directory" else [place]
    result = jetpack("download", "--project", "p", "x", *words, cwd=here)
    assert (result.returncode, result.stdout) == (1, ""), result
    assert result.stderr.split("\n")[0].count("cannot write") == 1
    assert other.read_text() == "untouched"
    assert sorted(path.name for path in here.iterdir()) == before


def test_a_link_to_a_directory(jetpack, locker, here):
    locker("blobs/p/x", "content")
    (here / "real").mkdir()
    (here / "link").symlink_to("real")
    jetpack.answer("download", "--project", "p", "x", here / "link", cwd=here)
    assert (here / "real/x").read_text() == "content"


@pytest.mark.parametrize("target", ["other", "missing"])
def test_a_link_is_followed_as_the_kernel_would(jetpack, locker, here, target, as_user):
    locker("blobs/p/x", "content")
    (here / "other").write_text("old")
    (here / "x").symlink_to(target)
    jetpack.answer("download", "--project", "p", "x", cwd=here)
    assert os.readlink(here / "x") == target
    assert (here / target).read_text() == "content"
    # In a directory that all can write to, the link of another user is not followed.
    here.chmod(0o1777)
    for directory in (jetpack.home.path, jetpack.home / "config", locker.directory):
        directory.chmod(0o755)
    subprocess.run([*as_user(), "ln", "-s", here / "other", here / "link"], check=True)
    (here / "other").write_text("old")
    result = jetpack("download", "--project", "p", "x", here / "link", cwd=here)
    assert result.returncode == 1 and "symbolic link of another user" in result.stderr
    assert (here / "other").read_text() == "old"


def test_owner_and_mode_are_taken_only_from_files_of_root_or_the_caller(jetpack, locker, here, as_user):
    locker("blobs/p/x", "content")
    here.chmod(0o1777)
    subprocess.run([*as_user(), "install", "-m", "6777", "/dev/null", here / "x"], check=True)
    jetpack.answer("download", "--project", "p", "x", cwd=here)
    info = (here / "x").stat()
    assert (info.st_uid, stat.S_IMODE(info.st_mode) & 0o6022) == (0, 0)
    assert (here / "x").read_text() == "content"


def test_recursive_does_not_follow_links_below_the_destination(jetpack, locker, here, tmp_path):
    locker("blobs/p/lib/deep/x", "content")
    (tmp_path / "elsewhere").mkdir()
    for place, link in ((here / "a/lib", "../../elsewhere"), (here / "b", "../elsewhere")):
        place.parent.mkdir(exist_ok=True)
        place.symlink_to(link)
    result = jetpack("download", "--project", "p", "-r", "lib/", "a", cwd=here)
    assert result.returncode == 1
    assert "cannot create directory" in result.stderr and "symbolic link" in result.stderr
    assert os.listdir(tmp_path / "elsewhere") == []
    # The destination itself may be one.
    jetpack.answer("download", "--project", "p", "-r", "lib", "b/", cwd=here)
    assert (tmp_path / "elsewhere/lib/deep/x").read_text() == "content"


def test_standard_output_and_devices_are_written_to(jetpack, locker, here):
    content = bytes(range(256)) * 5000
    locker("blobs/p/x", content)
    for destination in ("-", "/dev/stdout"):
        with open(here.parent / "out", "wb") as out:
            result = jetpack("download", "--project", "p", "x", destination, cwd=here, stdout=out,
                             env={"TMPDIR": str(here / "missing")})
        assert result.returncode == 0
        assert (here.parent / "out").read_bytes() == content
    jetpack.answer("download", "--project", "p", "x", "/dev/null", cwd=here)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    full = jetpack("download", "--project", "p", "x", "/dev/full", cwd=here)
    assert full.returncode == 1 and "No space left on device" in full.stderr
    both = jetpack("download", "--project", "p", "x", "-", "--json", cwd=here)
    assert both.returncode == 2
    assert os.listdir(here) == []


def test_a_directory_without_write_permission(jetpack, locker, here, as_user, home):
    locker("blobs/p/x", "content")
    for directory in (home.path, home / "config", locker.directory, here):
        directory.chmod(0o755)
    result = jetpack("download", "--project", "p", "x", cwd=here, prefix=as_user())
    assert (result.returncode, result.stdout) == (1, "")
    assert "Permission denied" in result.stderr and "x" in result.stderr.split("\n")[0]


def test_a_full_disk_leaves_the_old_file(jetpack, locker, here):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    locker("blobs/p/x", os.urandom(8 << 20))
    mount = ["unshare", "--mount", "sh", "-c",
             f'mount -t tmpfs -o size=1M none {here} && echo old >{here}/x && "$@" >{here}/out 2>&1; '
             f'echo "rc $?"; cat {here}/x {here}/out', "sh"]
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("mount namespaces cannot be created here")
    result = jetpack("download", "--project", "p", "x", here / "x", prefix=mount)
    lines = result.stdout.split("\n")
    assert lines[:2] == ["rc 1", "old"], result
    assert "8388608 bytes are needed" in lines[2]


def test_several_blobs_to_a_directory(jetpack, locker, here):
    for name in ("a", "b/c", "d"):
        locker(f"blobs/p/{name}", name)
    jetpack.answer("download", "--project", "p", "a", "b/c", "d", f"{here}/new/", cwd=here)
    assert sorted(os.listdir(here / "new")) == ["a", "c", "d"]
    no_directory = jetpack("download", "--project", "p", "a", "b/c", "d", "none", cwd=here)
    assert no_directory.returncode == 2
    assert "is not a directory" in no_directory.stderr
    same = jetpack("download", "--project", "p", "b/c", "x/c", ".", cwd=here)
    assert same.returncode == 2
    assert "two blobs" in same.stderr


def test_of_several_blobs_the_existing_ones_arrive(jetpack, locker, here):
    locker("blobs/p/a", "a")
    locker("blobs/p/c", "c")
    result = jetpack("download", "--project", "p", "a", "b", "c", ".", "--json", cwd=here)
    assert result.returncode == 1
    report = json.loads(result.stdout)
    assert [done["blob"] for done in report["downloaded"]] == ["blobs/p/a", "blobs/p/c"]
    assert [failed["blob"] for failed in report["failed"]] == ["b"]
    assert "'b'" in result.stderr and "2 downloaded, 1 failed" in result.stderr
    assert sorted(os.listdir(here)) == ["a", "c"]


def test_a_prefix_is_copied_like_cp_r(jetpack, locker, here):
    locker("blobs/p/lib/one", "user's")
    locker("projects/p/blobs/lib/one", "project's")
    locker("projects/p/blobs/lib/deep/two", "project's")
    locker("projects/p/blobs/library", "another")
    jetpack.answer("download", "--project", "p", "--recursive", "lib", cwd=here)
    assert (here / "lib/one").read_text() == "user's"
    assert (here / "lib/deep/two").read_text() == "project's"
    jetpack.answer("download", "--project", "p", "-r", "lib/", "renamed", cwd=here)
    assert sorted(os.listdir(here / "renamed")) == ["deep", "one"]
    jetpack.answer("download", "--project", "p", "-r", "lib", ".", cwd=here)
    jetpack.answer("download", "--project", "p", "-r", ".", "all", cwd=here)
    assert sorted(os.listdir(here / "all")) == ["lib", "library"]
    assert sorted(os.listdir(here)) == ["all", "lib", "renamed"]
    none = jetpack("download", "--project", "p", "-r", "none", cwd=here)
    assert none.returncode == 1 and "no blob below" in none.stderr


def test_a_blob_that_is_not_there_is_told_with_what_is(jetpack, locker, here):
    for name in ("tool.tgz", "lib/one"):
        locker(f"blobs/p/{name}", "x")
    result = jetpack("download", "--project", "p", "nosuch.tgz", cwd=here)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(
        "jetpack download: project 'p' has no blob 'nosuch.tgz'; it has: lib/one, tool.tgz\nLooked in ")
    result = jetpack("download", "--project", "q", "nosuch.tgz", cwd=here)
    assert result.stderr.startswith("jetpack download: project 'q' has no blob 'nosuch.tgz'\n")


def test_an_empty_blob_is_an_empty_file(jetpack, locker, here):
    locker("blobs/p/empty", "")
    jetpack.answer("download", "--project", "p", "empty", cwd=here)
    assert (here / "empty").read_bytes() == b""


def on_terminal(jetpack, *args, cwd):
    """Runs with a terminal as standard error: (exit code, standard output, terminal output)."""
    ours, theirs = pty.openpty()
    with jetpack.start(*args, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                shown += os.read(ours, 65536)
            except OSError:
                break
        out = process.stdout.read()
    os.close(ours)
    return process.returncode, out, shown.decode()


def test_progress_is_shown_only_on_a_terminal(jetpack, locker, here):
    content = os.urandom(32 << 20)
    locker("blobs/p/large.bin", content)
    code, out, shown = on_terminal(jetpack, "download", "--project", "p", "large.bin", cwd=here)
    assert (code, out) == (0, b"")
    assert hashlib.sha256((here / "large.bin").read_bytes()).digest() == hashlib.sha256(content).digest()
    last = shown.rstrip().split("\r")[-1]
    assert re.search(r"large\.bin  32\.0 MiB in \d+\.\d s, [\d.]+ [KMG]iB/s", last), shown
    # A rate is known only after some time, when everything may already be there.
    assert re.search(r"\[#*\.*\] +\d+%  [\d.]+ [A-Z]?i?B of 32\.0 MiB", shown), shown
    code, _, shown = on_terminal(jetpack, "download", "--project", "p", "none", cwd=here)
    assert code == 1 and "has no blob" in shown
