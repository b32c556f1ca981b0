"""`jetpack report_issue` over logs that misbehave: readers of every kind accept what comes out, no
secret is in it, and files may grow, shrink, rotate and vanish meanwhile."""

import base64
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import string
import subprocess
import threading
import zipfile

import pytest

from servers.process import wait_for

# tools/test --long sets more.
FILES = int(os.environ.get("JETPACK_REPORT_FILES", "2500"))
GIB = float(os.environ.get("JETPACK_REPORT_GIB", "0.05"))
SECRETS = 500
# What report_issue reads at once; see plugins/report_issue/contents.cpp.
BORDER = 64 << 10


@pytest.fixture
def report(jetpack, home, tmp_path):
    """report(PATHS...): makes an archive and returns its path and manifest."""
    home.node({"cyclecloud": {"cluster": {"name": "c"}, "node": {"name": "n"}}})

    def make(*args):
        path = tmp_path / "out" / "report.zip"
        path.parent.mkdir(exist_ok=True)
        result = jetpack("report_issue", *args, "--output", path, timeout=300)
        assert (result.returncode, result.stderr) == (0, ""), result
        with zipfile.ZipFile(path) as opened:
            return path, json.loads(opened.read("manifest.json"))

    return make


def check_content(path, manifest):
    """Every file of the manifest is in the archive, with this digest."""
    with zipfile.ZipFile(path) as opened:
        assert len(opened.namelist()) == len(set(opened.namelist())) == len(manifest["files"]) + 1
        for file in manifest["files"]:
            digest, size = hashlib.sha256(), 0
            with opened.open(file["name"]) as content:
                while piece := content.read(1 << 20):
                    digest.update(piece)
                    size += len(piece)
            assert (digest.hexdigest(), size) == (file["sha256"], file["bytes"]), file


def check_readers(path):
    """Readers that share no code find nothing wrong, from a file and from a pipe."""
    commands = {"unzip": ["unzip", "-tqq", path], "7z": ["7z", "t", "-bso0", path],
                "python3": ["python3", "-m", "zipfile", "-t", path]}
    missing = []
    for program, command in commands.items():
        if shutil.which(program) is None:
            missing.append(program)
            continue
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert result.returncode == 0 and "arning" not in result.stdout + result.stderr, result
    if shutil.which("bsdtar") is None:
        missing.append("bsdtar")
    else:
        with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
            result = subprocess.run(["bsdtar", "-xOf", "-"], stdin=cat.stdout, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, timeout=300)
        assert (result.returncode, result.stderr) == (0, b"")
    if missing:
        pytest.skip(f"not installed, so not asked: {', '.join(missing)}")


def test_every_reader_accepts_it(report, tmp_path):
    logs = tmp_path / "logs"
    (logs / "empty directory").mkdir(parents=True)
    (logs / "empty.log").touch()
    (logs / "größe 日本 🙂.log").write_text("ü\n")
    (logs / "line\nbreak.log").write_text("x\n")
    for size in (64 << 10, 512 << 10, 1 << 20):
        (logs / f"exactly {size}.log").write_bytes(b"x" * size)
    (logs / "one more.log").write_text(os.urandom(1 << 19).hex() + "x")
    (logs / "random.log").write_text(base64.b64encode(os.urandom(3 << 20)).decode())
    with open(os.fsencode(logs) + b"/not utf-8 \xff\xfe.log", "wb") as file:
        file.write(b"Stra\xdfe\n" * 100)
    for name, time in ("1969.log", -86400), ("1979.log", 3 * 10**8), ("2107.log", 4354819200):
        (logs / name).write_text(name)
        os.utime(logs / name, (time, time))
    path, manifest = report(logs)
    check_content(path, manifest)
    with zipfile.ZipFile(path) as opened:
        times = {info.filename.rsplit("/")[-1]: info.date_time for info in opened.infolist()}
        assert times["1969.log"] == times["1979.log"] == (1980, 1, 1, 0, 0, 0)
        assert any(name.endswith("größe 日本 🙂.log") for name in opened.namelist())
        content = {info.filename.rsplit("/")[-1]: opened.read(info) for info in opened.infolist()}
    assert content["one more.log"] == (logs / "one more.log").read_bytes()
    check_readers(path)


def test_many_files(report, tmp_path):
    logs = tmp_path / "logs"
    for i in range(FILES):
        if i % 1000 == 0:
            (logs / f"{i}").mkdir(parents=True)
        (logs / f"{i // 1000 * 1000}" / f"{i}.log").write_text("x" * (i % 500))
    path, manifest = report(logs)
    assert len([file for file in manifest["files"] if "path" in file]) == FILES
    check_content(path, manifest)
    check_readers(path)


def test_a_large_file(report, tmp_path):
    """With --long larger than 4 GiB, where zip needs zip64."""
    logs = tmp_path / "logs"
    logs.mkdir()
    size = int(GIB * (1 << 30))
    piece = ("it went well\n" * 1000).encode() + base64.encodebytes(random.Random(1).randbytes(2250))
    with open(logs / "large.log", "wb") as file:
        for _ in range(size // len(piece)):
            file.write(piece)
    path, manifest = report(logs)
    large, = [file for file in manifest["files"] if "path" in file]
    assert large["bytes"] == size // len(piece) * len(piece) and not large["truncated"]
    check_content(path, manifest)
    check_readers(path)


KINDS = [
    '{{"time": 1, "password": "{}", "user": "u"}}\n',
    '{{"a": "{{\\"client_secret\\": \\"{}\\"}}"}}\n',
    "api_key = {}\n",
    "DB_PASSWORD={}\n",
    "    token: {}\n",
    "Nov 22 10:00:00 host app[1]: connect with password={} to db\n",
    "Nov 22 10:00:00 host app[1]: GET https://a.blob.core.windows.net/c/b?sv=2020-12-06&sr=b&sig={}%3D&se=2026 403\n",
    '{{"url": "https://a.blob.core.windows.net/c/b?sv=2020\\u0026sig={}\\u0026sr=b"}}\n',
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={}==;EndpointSuffix=core.windows.net\n",
    "Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey={}=\n",
    "> Authorization: Bearer {}\n",
    "curl -H 'Authorization: Basic {}' https://host/\n",
    "Nov 22 10:00:00 host app[1]: got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIx{}.c2lnbmF0dXJl\n",
    "fetching https://user:{}@host/path\n",
    "amqp://guest:{}@10.0.0.4:5672/v\n",
    "Nov 22 10:00:00 host sudo: root : COMMAND=/usr/bin/tool --db-password {} --verbose\n",
    "['tool', '--token', '{}']\n",
    "curl -s -u admin:{} https://host/\n",
    "sshpass -p {} ssh host\n",
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
    '{{"key": "-----BEGIN PRIVATE KEY-----\\n{}\\n-----END PRIVATE KEY-----\\n"}}\n',
    "<add key=\"StoragePassword\" value=\"{}\"/>\n",
    "<Password>{}</Password>\n",
]
PLAIN = "Nov 22 10:00:00 execute-1 slurmd[1711]: launch task StepId=17.0 request from UID:20001\n"


def make_secrets(choice):
    letters = string.ascii_letters + string.digits
    return ["Sk" + "".join(choice.choices(letters, k=choice.randrange(24, 80))) for _ in range(SECRETS)]


def test_secrets_at_every_border(report, jetpack, home, tmp_path):
    """Nowhere in the archive, on stderr, in the agent's log or on a command line is any part of
    them, however the reading happens to split them."""
    choice = random.Random(4)
    secrets = make_secrets(choice)
    logs = tmp_path / "logs"
    logs.mkdir()
    filler = (PLAIN * (BORDER // len(PLAIN) + 1)).encode()
    with open(logs / "app.log", "wb") as file:
        for i, secret in enumerate(secrets):
            line = KINDS[i % len(KINDS)].format(secret).encode()
            # The border falls on each byte of the line in turn, now in the name, now in the value.
            split = (i // len(KINDS)) * len(line) * len(KINDS) // SECRETS
            gap = (i + 1) * BORDER - file.tell() - split
            file.write(filler[: gap - 1] + b"\n" + line)
    home.write("config/connection.json", {"cluster": "c", "username": "u", "password": secrets[0],
                                          "url": "https://127.0.0.1:1"})
    home.node({"cyclecloud": {"cluster": {"name": "c"}, "node": {"name": "n"},
                              "config": {"password": secrets[1], "storage": {"account_key": secrets[2]}}}})
    with watched_command_lines() as seen:
        path, manifest = report(logs)
    shown = b"\n".join(seen)
    with zipfile.ZipFile(path) as opened:
        shown += b"\n".join(opened.read(name) for name in opened.namelist())
    for log in (home / "logs").iterdir():
        shown += log.read_bytes()
    shown = shown.replace(PLAIN.encode(), b"")  # else it takes minutes to look
    leaked = [(i, KINDS[i % len(KINDS)]) for i, secret in enumerate(secrets)
              if any(part.encode() in shown for part in (secret[:12], secret[-12:], secret[8:20]))]
    assert leaked == []
    told = {file["name"]: file for file in manifest["files"]}
    assert told[f"files{logs}/app.log"]["redactions"] == SECRETS
    assert told[f"files{logs}/app.log"]["bytes"] > BORDER * (SECRETS - 1)  # and no more than they


@contextlib.contextmanager
def watched_command_lines():
    """Collects what stands in /proc/*/cmdline meanwhile."""
    seen, over = set(), threading.Event()

    def watch():
        while not over.is_set():
            for pid in filter(str.isdigit, os.listdir("/proc")):
                with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
                    seen.add(file.read())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def test_binary_files_are_left_out(report, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    key = base64.b64encode(os.urandom(64))
    (logs / "core").write_bytes(os.urandom(100_000) + b"\0AccountKey=" + key + b"\0" + os.urandom(100_000))
    path, manifest = report(logs)
    assert [(entry["path"], entry["why"]) for entry in manifest["left_out"] if "logs" in entry["path"]] == [
        (str(logs / "core"), "not text; secrets in it cannot be masked")]
    with zipfile.ZipFile(path) as opened:
        assert not any(key[:20] in opened.read(name) for name in opened.namelist())


def test_logs_that_are_in_use(report, tmp_path):
    """Files grow, shrink, rotate and vanish all the time; what was taken is reported as it is."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for i in range(200):
        (logs / f"{i}.log").write_bytes(PLAIN.encode() * 3000)
    over = threading.Event()

    def disturb(seed):
        choice = random.Random(seed)
        while not over.is_set():
            path = logs / f"{choice.randrange(200)}.log"
            with contextlib.suppress(OSError):
                what = choice.randrange(5)
                if what == 0:
                    with open(path, "ab") as file:
                        file.write(PLAIN.encode() * 5000)
                elif what == 1:
                    os.truncate(path, choice.randrange(1000))
                elif what == 2:
                    os.replace(path, f"{path}.1")
                elif what == 3:
                    path.unlink()
                else:
                    path.write_text(PLAIN)

    threads = [threading.Thread(target=disturb, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            path, manifest = report(logs)
            check_content(path, manifest)
            for file in manifest["files"]:
                if "path" in file and "shrank" in file.get("note", ""):
                    assert file["truncated"]
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_deep_directories(report, tmp_path):
    logs = directory = tmp_path / "logs"
    directory.mkdir()
    for _ in range(80):
        directory = directory / "d"
        directory.mkdir()
    (directory / "x.log").write_text("x")
    _, manifest = report(logs)
    assert any("deep" in entry["why"] for entry in manifest["left_out"])


def test_a_sparse_file(report, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    with open(logs / "lastlog", "wb") as file:
        file.truncate(300 << 30)
    _, manifest = report(logs)
    assert any("sparse" in entry["why"] for entry in manifest["left_out"])


def test_a_full_disk(jetpack, home, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a.log").write_text(os.urandom(4 << 20).hex())
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=False)
    if done.returncode != 0:
        pytest.skip("cannot mount a tmpfs here")
    try:
        result = jetpack("report_issue", tmp_path / "logs", "--output", small / "r.zip")
        assert (result.returncode, result.stdout) == (1, "")
        assert "No space left" in result.stderr and "--output" in result.stderr
        assert os.listdir(small) == []
        result = jetpack("report_issue", tmp_path / "logs", "--no-upload", env={"TMPDIR": str(small)})
        assert result.returncode == 1 and os.listdir(small) == []
    finally:
        subprocess.run(["umount", "--lazy", small], check=True)


def test_killed_in_the_middle(jetpack, home, tmp_path):
    """Nothing appears under the archive's name."""
    (tmp_path / "logs").mkdir()
    for i in range(8):
        (tmp_path / f"logs/{i}.log").write_bytes(random.Random(i).randbytes(1 << 20) * 24)
    out = tmp_path / "out"
    out.mkdir()
    process = jetpack.start("report_issue", tmp_path / "logs", "--output", out / "r.zip")
    wait_for(lambda: any(path.stat().st_size > 1 << 20 for path in out.iterdir()) or process.poll() is not None,
             "the archive grows")
    process.send_signal(signal.SIGKILL)
    if process.wait() == -signal.SIGKILL:
        assert not (out / "r.zip").exists()


def test_memory_is_bounded(jetpack, home, tmp_path, launcher):
    logs = tmp_path / "logs"
    logs.mkdir()
    with open(logs / "one.log", "wb") as file:
        for i in range(60):
            file.write(random.Random(i).randbytes(1 << 19) + PLAIN.encode() * 20_000)
    kib = launcher([str(jetpack.binary), "report_issue", str(logs), "--output", str(tmp_path / "r.zip")],
                   jetpack.environment())
    assert kib < 64 << 10


@pytest.fixture(scope="module")
def launcher(repository, tmp_path_factory):
    """launcher(COMMAND, ENVIRONMENT): its peak in KiB."""
    program = tmp_path_factory.mktemp("launch") / "launch"
    subprocess.run(["gcc", "-O2", repository / "tests/bench/launch.c", "-o", program], check=True)

    def launch(command, environment):
        result = subprocess.run([program, *command], env=environment, capture_output=True, text=True,
                                timeout=120, check=True)
        return int(result.stdout.split()[1])

    return launch
