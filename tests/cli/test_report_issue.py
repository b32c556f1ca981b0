"""`jetpack report_issue`: its output, its options, and what it skips."""

import gzip
import json
import os
import re
import zipfile
from pathlib import Path

import pytest

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.fixture
def node(home):
    home.node({"cyclecloud": {"cluster": {"name": "TestCluster"}, "node": {"name": "execute-1"}}})
    home.write("logs/jetpack.log", "2024-10-04 13:03:40,298 INFO     ready\n")
    home.write("logs/cluster-init/p/default/scripts/a.sh.out", "done\n")
    return home


@pytest.fixture
def archive(jetpack, node, tmp_path):
    """archive(ARGS...): runs with --output and opens the archive: (zip, manifest)."""

    def make(*args, **options):
        path = tmp_path / "report.zip"
        assert jetpack.answer("report_issue", *args, "--output", path,
                              **options) == f"Logs can be found at: {path}\n"
        opened = zipfile.ZipFile(path)
        assert opened.testzip() is None
        return opened, json.loads(opened.read("manifest.json"))

    return make


def files_of(manifest):
    return {file["path"]: file for file in manifest["files"] if "path" in file}


def why_skipped(manifest, path):
    reasons = {entry["path"]: entry["why"] for entry in manifest["left_out"]}
    return reasons[str(path)]


def test_help(transcript):
    transcript("help_report_issue", ["help", "report_issue"])


def test_without_upload_the_archive_is_below_tmp(jetpack, node):
    answer = jetpack.answer("report_issue", "--no-upload")
    found = re.fullmatch(rf"Logs can be found at: (/tmp/tmp[a-z0-9_]{{8}}/TestCluster-execute-1-{UUID}\.zip)\n",
                         answer)
    path = Path(found[1])
    try:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert os.listdir(path.parent) == [path.name]
        names = zipfile.ZipFile(path).namelist()
        assert f"files{node / 'logs/jetpack.log'}" in names
        assert f"files{node / 'logs/cluster-init/p/default/scripts/a.sh.out'}" in names
    finally:
        path.unlink()
        path.parent.rmdir()


def test_two_reports_have_two_names(jetpack, node, tmp_path):
    directory = tmp_path / "reports"
    directory.mkdir()
    for _ in range(2):
        jetpack.answer("report_issue", "--output", directory)
    names = os.listdir(directory)
    assert len(names) == 2
    assert all(re.fullmatch(rf"TestCluster-execute-1-{UUID}\.zip", name) for name in names)


def test_a_node_that_is_not_configured(jetpack, home, tmp_path):
    home.write("config/connection.json", "{broken")
    jetpack.answer("report_issue", "--output", f"{tmp_path}/")
    name, = [name for name in os.listdir(tmp_path) if name.endswith(".zip")]
    assert name.startswith("unknown-")


def test_the_manifest_lists_every_file(archive, node):
    opened, manifest = archive()
    assert (manifest["schema"], manifest["cluster"], manifest["node"]) == (1, "TestCluster", "execute-1")
    assert manifest["paths"] == [str(node / "logs")]
    assert {f["name"] for f in manifest["files"]} | {"manifest.json"} == set(opened.namelist())
    for file in manifest["files"]:
        content = opened.read(file["name"])
        assert file["bytes"] == len(content)
    names = {entry["name"] for entry in manifest["files"]}
    assert {"node/status.json", "node/config.json", "node/versions.json", "node/disk.txt"} <= names
    assert json.loads(opened.read("node/status.json"))["identity"]["cluster"] == "TestCluster"
    assert json.loads(opened.read("node/config.json"))["cyclecloud"]["node"]["name"] == "execute-1"
    # Commands that fail in a container are listed too.
    assert {"systemctl", "dmesg"} <= {what.split()[0] for what in
                                      [f.get("source", "") for f in manifest["files"] if "source" in f] +
                                      [e["path"] for e in manifest["left_out"]]}


def test_secrets_in_the_configuration(archive, node):
    node.node({"cyclecloud": {"config": {"password": "hunter2hunter2", "username": "u"},
                              "tokens": {"a": ["hunter2hunter2", 5], "empty": ""}}})
    opened, manifest = archive()
    config = json.loads(opened.read("node/config.json"))["cyclecloud"]
    assert config["config"] == {"password": "[redacted]", "username": "u"}
    assert config["tokens"] == {"a": ["[redacted]", "[redacted]"], "empty": ""}
    assert manifest["redactions"] >= 3


def test_only_recent_files(archive, node):
    old = node.write("logs/old.log", "x")
    os.utime(old, (10**9, 10**9))
    _, manifest = archive("--since", "1d")
    assert str(old) not in files_of(manifest) and str(node / "logs/jetpack.log") in files_of(manifest)
    assert "--since" in why_skipped(manifest, old)


def test_the_end_of_a_long_file(archive, node):
    """... even when a secret starts before the included part."""
    long = node.write("logs/long.log", "password=" + "hunter2" * 600 + "\n" + "x" * 100 + "\nend\n")
    opened, manifest = archive("--max-size", "1k")
    entry = files_of(manifest)[str(long)]
    assert entry["truncated"] and entry["first_byte"] == long.stat().st_size - 1024
    content = opened.read(entry["name"]).decode()
    assert content.endswith("x\nend\n") and "hunter2" not in content
    short = files_of(manifest)[str(node / "logs/jetpack.log")]
    assert not short["truncated"] and "first_byte" not in short


def test_compressed_logs(archive, node):
    """gzip is unpacked; other formats are skipped."""
    packed = gzip.compress(b"password=hunter2hunter2\n") + gzip.compress(b"more\n")
    rotated = node.write("logs/a.log.2.gz", packed)
    damaged = node.write("logs/damaged.gz", gzip.compress(os.urandom(50000).hex().encode())[:-3000])
    other = node.write("logs/a.log.3.xz", b"\xfd7zXZ\x00 and so on")
    twice = node.write("logs/twice.gz", gzip.compress(gzip.compress(b"password=hunter2hunter2\n")))
    opened, manifest = archive()
    entry = files_of(manifest)[str(rotated)]
    assert entry["name"].endswith("a.log.2.gz.unpacked") and entry["unpacked_from"] == "gzip"
    assert opened.read(entry["name"]) == b"password=[redacted]\nmore\n"
    assert "damaged" in files_of(manifest)[str(damaged)]["note"]
    assert "masked" in why_skipped(manifest, other)
    assert why_skipped(manifest, twice) == "in gzip: compressed; secrets in it cannot be masked"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_wide_text_is_decoded_and_masked(encoding, archive, node):
    text = "line\r\npassword=hunter2hunter2\r\n" + "more grün 🙂\r\n" * 2000
    plain = node.write("logs/wide.log", text.encode(encoding))
    packed = node.write("logs/wide.log.gz", gzip.compress(text.encode(encoding)))
    masked = text.replace("hunter2hunter2", "[redacted]")
    opened, manifest = archive()
    for file in plain, packed:
        entry = files_of(manifest)[str(file)]
        assert opened.read(entry["name"]).decode("utf-8-sig") == masked
        assert entry["decoded_from"].startswith(encoding[:6].upper()) and entry["redactions"] == 1
    opened, manifest = archive("--max-size", "1001")
    assert opened.read(files_of(manifest)[str(plain)]["name"]).decode(errors="ignore") in text


def test_what_is_not_text_is_left_out_and_named(archive, node):
    contents = {
        "a.log.Z": b"\x1f\x9d\x90 and so on", "a.rar": b"Rar!\x1a\x07\x01 and so on",
        "core": b"\x7fELF\x02\x01 password=hunter2hunter2", "a.db": b"SQLite format 3\x00 password=hunter2hunter2",
        "zero.log": b"password=hunter2hunter2\n\0", "noise.log": bytes(range(1, 256)) * 50}
    paths = [node.write(f"logs/{name}", content) for name, content in contents.items()]
    late = node.write("logs/late.log", b"text\n" * 50000 + bytes(range(1, 256)) * 400)
    _, manifest = archive("--max-size", "90k")
    for path in [*paths, late]:
        assert why_skipped(manifest, path).endswith("; secrets in it cannot be masked")


def test_secrets_in_names(archive, node):
    token = "ghp_" + "a1B2c3D4e5F6" * 3
    for name in (f"logs/{token}.log", f"logs/token={token[5:]}/b.log", f"logs/{token}.bin"):
        node.write(name, b"\0" if name.endswith("bin") else b"x\n")
    opened, manifest = archive()
    assert token[6:] not in "".join(opened.namelist()) + json.dumps(manifest)
    assert any(name.endswith("ghp_[redacted].log~" + name.rsplit("~")[-1]) for name in opened.namelist())
    assert any("/token=[redacted]/b.log" in name for name in opened.namelist())
    assert "not text" in why_skipped(manifest, node / "logs/ghp_[redacted].bin")


def test_a_file_with_a_second_name_is_left_out(archive, node, tmp_path):
    """Who may write in logs/ can link a file there that only root can read."""
    (tmp_path / "theirs").write_text("x")
    os.link(tmp_path / "theirs", node / "logs/linked.log")
    _, manifest = archive()
    assert "hard link" in why_skipped(manifest, node / "logs/linked.log")


def test_links_devices_and_pipes_are_not_opened(archive, node):
    os.mkfifo(node / "logs/fifo")
    os.symlink("/etc/passwd", node / "logs/link")
    os.symlink(node / "logs", node / "logs/loop")
    if os.geteuid() == 0:
        os.mknod(node / "logs/null", 0o20600, os.makedev(1, 3))
    _, manifest = archive()
    assert "link" in why_skipped(manifest, node / "logs/link")
    assert "link" in why_skipped(manifest, node / "logs/loop")
    assert "FIFO" in why_skipped(manifest, node / "logs/fifo")
    if os.geteuid() == 0:
        assert "device" in why_skipped(manifest, node / "logs/null")
    assert len(files_of(manifest)) == 2


def test_a_link_on_the_command_line_is_followed(archive, node, tmp_path):
    os.symlink(node / "logs", tmp_path / "link")
    _, manifest = archive(tmp_path / "link")
    assert manifest["paths"] == [str(node / "logs")] and len(files_of(manifest)) == 2


def test_overlapping_paths_are_collected_once(archive, node):
    opened, manifest = archive(node / "logs", node / "logs/jetpack.log", f"{node.path}/logs/../logs")
    assert len(files_of(manifest)) == 2
    assert len(set(opened.namelist())) == len(opened.namelist())


def test_a_report_does_not_include_itself(jetpack, node):
    path = node / "logs/report.zip"
    for _ in range(2):
        jetpack.answer("report_issue", "--output", path)
    manifest = json.loads(zipfile.ZipFile(path).read("manifest.json"))
    assert "masked" in why_skipped(manifest, path)  # the previous one
    assert len(files_of(manifest)) == 2


def test_a_dry_run_creates_nothing(jetpack, node, tmp_path):
    os.mkfifo(node / "logs/fifo")
    text = jetpack.answer("report_issue", "--dry-run")
    assert f"          39  {node / 'logs/jetpack.log'}\n" in text
    assert f"skipped: {node / 'logs/fifo'}: a FIFO\n" in text
    assert text.endswith("2 files, 44 bytes\n")
    listed = json.loads(jetpack.answer("report_issue", "--dry-run", "--json"))
    assert {"path": str(node / "logs/jetpack.log"), "bytes": 39} in listed


def test_every_level_archives_the_same_and_higher_ones_take_less(archive, node):
    text = "".join(f"slurmd[1711]: job {i * 37} of user ada completed on execute-{i % 40} after {i * i % 977} s\n"
                   for i in range(50_000))
    node.write("logs/jobs.log", text)
    sizes = {}
    for level in (None, 1, 2, 3, 4, 6, 9):
        opened, _ = archive(*([] if level is None else ["--level", str(level)]))
        name = f"files{node / 'logs/jobs.log'}"
        assert opened.read(name).decode() == text
        sizes[level] = opened.getinfo(name).compress_size
    assert sizes[None] == sizes[2]
    assert sizes[9] < sizes[4] < sizes[1]


def test_json(jetpack, node, tmp_path):
    answer = json.loads(jetpack.answer("report_issue", "--json", "--output", tmp_path / "r.zip"))
    assert answer["location"] == str(tmp_path / "r.zip")
    assert answer["bytes"] == (tmp_path / "r.zip").stat().st_size
    opened = zipfile.ZipFile(tmp_path / "r.zip")
    assert answer["files"] == len(opened.namelist()) - 1  # without the manifest


@pytest.mark.parametrize("args, expected", [
    (["--max-size", "many"], "--max-size"),
    (["--max-size", "3x"], "--max-size"),
    (["--max-size", "99999999999999g"], "--max-size"),
    (["--level", "0"], "--level"),
    (["--level", "10"], "--level"),
    (["--level", "best"], "--level"),
    (["--upload", "--output", "x.zip"], "cannot be combined with"),
    (["--since", "yesterday"], "since"),
])
def test_invalid_command_lines(args, expected, jetpack, node):
    result = jetpack("report_issue", *args)
    assert (result.returncode, result.stdout) == (2, "")
    assert expected in result.stderr


def test_missing_paths(jetpack, node, tmp_path):
    result = jetpack("report_issue", tmp_path / "none", "--no-upload")
    assert (result.returncode, result.stdout) == (1, "")
    assert str(tmp_path / "none") in result.stderr
    result = jetpack("report_issue", "--output", tmp_path / "no/directory/x.zip")
    assert (result.returncode, result.stdout) == (1, "")
    assert "no/directory/x.zip" in result.stderr


def test_no_locker(jetpack, node):
    result = jetpack("report_issue")
    assert (result.returncode, result.stdout) == (1, "")
    assert "locker" in result.stderr.splitlines()[0]
    assert "--no-upload" in result.stderr


@pytest.fixture
def locker(node, tmp_path):
    """A directory as the node's locker."""
    directory = tmp_path / "locker"
    directory.mkdir()
    node.write("config/locker.json", {"url": f"file://{directory}"})
    return directory


def test_a_directory_as_the_locker(jetpack, node, locker):
    """It cannot sign and says so; that is a failure only with --sign."""
    result = jetpack("report_issue")
    assert result.returncode == 0, result
    found = re.fullmatch(rf"Logs can be found at: file://({locker}/issues/TestCluster-execute-1-{UUID}\.zip)\n",
                         result.stdout)
    assert "not signed" in result.stderr
    assert zipfile.ZipFile(found[1]).testzip() is None
    assert [path.name for path in (locker / "issues").iterdir()] == [Path(found[1]).name]

    result = jetpack("report_issue", "--no-sign")
    assert (result.returncode, result.stderr) == (0, "") and result.stdout.count("\n") == 1
    result = jetpack("report_issue", "--sign")
    assert (result.returncode, result.stdout) == (1, "")
    assert "could not sign" in result.stderr
