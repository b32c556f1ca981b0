"""`jetpack download`: what is looked for where, and what becomes of the file. The locker is a folder; the
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
    """A folder as the node's locker: locker(NAME, CONTENT) puts a blob."""
    folder = tmp_path / "locker"
    folder.mkdir()
    home.write("config/locker.json", {"url": f"file://{folder}"})

    def put(name, content):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    put.folder = folder
    return put


@pytest.fixture
def here(tmp_path):
    """The current folder of the commands."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def left_behind(folder):
    """Partial files and their states."""
    return sorted(path.name for path in folder.rglob("*.jetpack-*"))


def test_help(transcript):
    transcript("help_download", ["help", "download"], ["download"], ["download", "x"])


@pytest.mark.parametrize("words", [
    ["--project", "p", "X.tgz", "DEST"], ["X.tgz", "--project", "p", "DEST"],
    ["X.tgz", "DEST", "--project", "p"], ["X.tgz", "--project=p", "DEST"]])
def test_the_order_of_words_is_free(jetpack, locker, here, words):
    locker("projects/p/blobs/X.tgz", "content")
    for destination, path in ((here / "new-name", here / "new-name"), (here, here / "X.tgz"),
                              (f"{here}/made/", here / "made/X.tgz")):
        answer = jetpack.answer("download", *(destination if word == "DEST" else word
                                              for word in words), cwd=here)
        assert answer == ""
        assert path.read_text() == "content"
    assert left_behind(here) == []


def test_without_a_destination_it_keeps_its_name_here(jetpack, locker, here):
    locker("blobs/p/sub/dir/tool.tgz", "content")
    jetpack.answer("download", "sub/dir/tool.tgz", "--project", "p", cwd=here)
    jetpack.answer("download", "sub/dir/tool.tgz", "--project", "p", ".", cwd=here)
    assert os.listdir(here) == ["tool.tgz"]
    assert stat.S_IMODE((here / "tool.tgz").stat().st_mode) & 0o444 == 0o444


def test_places_in_their_order(jetpack, locker, here):
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


def test_the_version_is_of_the_inferred_project_alone(jetpack, locker, here):
    script = {"CYCLECLOUD_PROJECT_NAME": "p", "CYCLECLOUD_PROJECT_VERSION": "1.2.3"}
    locker("projects/p/1.2.3/blobs/x", "p's")
    locker("projects/other/1.2.3/blobs/x", "other's")
    jetpack.answer("download", "--project", "p", "x", cwd=here, env=script)
    assert jetpack("download", "--project", "other", "x", cwd=here, env=script).returncode == 1
    assert jetpack("download", "--project", "p", "x", cwd=here).returncode == 1


def test_a_blob_that_is_not_there_is_told_with_all_places(jetpack, locker, here):
    result = jetpack("download", "--project", "p", "none.tgz", cwd=here)
    assert (result.returncode, result.stdout) == (1, "")
    first, rest = result.stderr.split("\n", 1)
    assert "'none.tgz'" in first and "'p'" in first and str(locker.folder) in first
    assert "blobs/p/none.tgz" in rest and "projects/p/blobs/none.tgz" in rest
    assert os.listdir(here) == []


def test_without_a_project_it_is_a_usage_error(jetpack, locker, here):
    result = jetpack("download", "x", cwd=here)
    assert result.returncode == 2
    assert "--project" in result.stderr


@pytest.mark.parametrize("blob", ["../x", "a/../../x", "/etc/passwd", "a//x", "./x", "", "x/", "a\nb"])
def test_names_that_are_not_sound_are_refused(jetpack, locker, here, blob):
    locker("x", "content")
    locker("blobs/p/x", "content")
    result = jetpack("download", "--project", "p", "--", blob, cwd=here)
    assert (result.returncode, result.stdout) == (2, ""), result
    assert os.listdir(here) == []
    assert jetpack("download", "--project", "../p", "x", cwd=here).returncode == 2


def test_without_a_locker_it_says_where_it_looked(jetpack, here):
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


@pytest.mark.parametrize("kind", ["folder", "link", "dangling", "fifo", "no-folder", "file-as-folder"])
def test_destinations_that_cannot_be_are_told_and_left_alone(jetpack, locker, here, kind):
    locker("blobs/p/x", "content")
    place, other = here / "x", here / "other"
    other.write_text("untouched")
    if kind == "folder":
        place.mkdir()
    elif kind in ("link", "dangling"):
        place.symlink_to(other if kind == "link" else here / "missing")
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "no-folder":
        place = here / "none/x"
    else:
        place = other / "x"
    before = sorted(path.name for path in here.iterdir())
    words = [] if kind == "folder" else [place]
    result = jetpack("download", "--project", "p", "x", *words, cwd=here)
    assert (result.returncode, result.stdout) == (1, ""), result
    assert result.stderr.split("\n")[0].count("cannot write") == 1
    assert other.read_text() == "untouched"
    assert sorted(path.name for path in here.iterdir()) == before


def test_a_link_to_a_folder_is_that_folder(jetpack, locker, here):
    locker("blobs/p/x", "content")
    (here / "real").mkdir()
    (here / "link").symlink_to("real")
    jetpack.answer("download", "--project", "p", "x", here / "link", cwd=here)
    assert (here / "real/x").read_text() == "content"


def test_a_folder_that_may_not_be_written_is_told(jetpack, locker, here, as_user, home):
    locker("blobs/p/x", "content")
    for folder in (home.path, home / "config", locker.folder, here):
        folder.chmod(0o755)
    result = jetpack("download", "--project", "p", "x", cwd=here, prefix=as_user())
    assert (result.returncode, result.stdout) == (1, "")
    assert "Permission denied" in result.stderr and "x" in result.stderr.split("\n")[0]


def test_a_full_disk_is_told_and_leaves_what_was_there(jetpack, locker, here):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    locker("blobs/p/x", os.urandom(8 << 20))
    mount = ["unshare", "--mount", "sh", "-c",
             f'mount -t tmpfs -o size=1M none {here} && echo old >{here}/x && "$@" >{here}/out 2>&1; '
             f'echo "rc $?"; cat {here}/x {here}/out', "sh"]
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("mount namespaces cannot be made here")
    result = jetpack("download", "--project", "p", "x", here / "x", prefix=mount)
    lines = result.stdout.split("\n")
    assert lines[:2] == ["rc 1", "old"], result
    assert "8388608 bytes are needed" in lines[2]


def test_many_blobs_go_to_a_folder(jetpack, locker, here):
    for name in ("a", "b/c", "d"):
        locker(f"blobs/p/{name}", name)
    jetpack.answer("download", "--project", "p", "a", "b/c", "d", f"{here}/made/", cwd=here)
    assert sorted(os.listdir(here / "made")) == ["a", "c", "d"]
    no_folder = jetpack("download", "--project", "p", "a", "b/c", "d", "new", cwd=here)
    assert no_folder.returncode == 2
    assert "folder" in no_folder.stderr
    same = jetpack("download", "--project", "p", "b/c", "x/c", ".", cwd=here)
    assert same.returncode == 2
    assert "two blobs" in same.stderr


def test_of_many_blobs_the_good_ones_arrive(jetpack, locker, here):
    locker("blobs/p/a", "a")
    locker("blobs/p/c", "c")
    result = jetpack("download", "--project", "p", "a", "b", "c", ".", "--json", cwd=here)
    assert result.returncode == 1
    told = json.loads(result.stdout)
    assert [done["blob"] for done in told["downloaded"]] == ["blobs/p/a", "blobs/p/c"]
    assert [failed["blob"] for failed in told["failed"]] == ["b"]
    assert "'b'" in result.stderr and "2 downloaded, 1 not" in result.stderr
    assert sorted(os.listdir(here)) == ["a", "c"]


def test_a_prefix_as_cp_does_it(jetpack, locker, here):
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


def test_an_empty_blob_is_an_empty_file(jetpack, locker, here):
    locker("blobs/p/empty", "")
    jetpack.answer("download", "--project", "p", "empty", cwd=here)
    assert (here / "empty").read_bytes() == b""


def on_terminal(jetpack, *args, cwd):
    """Runs with a terminal as standard error; (exit code, standard output, what the terminal got)."""
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


def test_a_terminal_sees_progress_and_a_pipe_does_not(jetpack, locker, here):
    content = os.urandom(32 << 20)
    locker("blobs/p/large.bin", content)
    code, out, shown = on_terminal(jetpack, "download", "--project", "p", "large.bin", cwd=here)
    assert (code, out) == (0, b"")
    assert hashlib.sha256((here / "large.bin").read_bytes()).digest() == hashlib.sha256(content).digest()
    last = shown.rstrip().split("\r")[-1]
    assert re.search(r"large\.bin  32\.0 MiB in \d+\.\d s, [\d.]+ [KMG]iB/s", last), shown
    # A rate is known only after some time, and by then all may be there.
    assert re.search(r"\[#*\.*\] +\d+%  [\d.]+ [A-Z]?i?B of 32\.0 MiB", shown), shown
    code, _, shown = on_terminal(jetpack, "download", "--project", "p", "none", cwd=here)
    assert code == 1 and "no such blob" in shown
