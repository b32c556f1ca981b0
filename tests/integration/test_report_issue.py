"""`jetpack report_issue` with every kind of locker: the printed URL leads to the archive, and no copy is
written to the node's disk."""

import calendar
import contextlib
import io
import json
import os
import random
import re
import threading
import time
import urllib.parse
import zipfile

import pytest

from lockers import KINDS
from servers import blob_client

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
MONTH = 30 * 24 * 3600


def connect(locker, home):
    names = {"cluster": {"name": "TestCluster"}, "node": {"name": "execute-1"}}
    home.node({"cyclecloud": {**names, **(locker.keys or {}).get("cyclecloud", {})}})
    locker.keys = None  # already written
    locker.connect(home)


@pytest.fixture(params=KINDS)
def locker(request, lockers, home, tmp_path):
    made = lockers.make(request.param, tmp_path)
    connect(made, home)
    home.write("logs/app.log", "password=hunter2hunter2\n" + "it went well\n" * 100_000)
    return made


def lines_of(jetpack, *args):
    result = jetpack("report_issue", *args)
    assert result.returncode == 0, result
    return result.stdout.splitlines(), result.stderr


def check_archive(content, home):
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert opened.testzip() is None
        assert opened.read(f"files{home / 'logs/app.log'}").startswith(b"password=[redacted]\nit went")
        return json.loads(opened.read("manifest.json"))


def blob_of(url):
    return re.search(rf"issues/TestCluster-execute-1-{UUID}\.zip", url)[0]


def test_the_printed_url_leads_to_the_archive(jetpack, home, locker):
    lines, said = lines_of(jetpack)
    url = lines[0].removeprefix("Logs can be found at: ")
    check_archive(locker.get(blob_of(url)), home)
    if not locker.signs:
        assert len(lines) == 1 and "not signed" in said
        return
    expiry = re.fullmatch(r"Signed URL will expire on: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)", lines[1])[1]
    left = calendar.timegm(time.strptime(expiry, "%Y-%m-%dT%H:%M:%SZ")) - time.time()
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    assert (query["sp"], query["spr"], query["sr"], query["se"]) == ("r", "https", "b", expiry)
    assert (query["rscd"], query["rsct"]) == ("disposition=file; attachment", "binary")
    if locker.kind == "azurite-oauth":
        assert 6 * 24 * 3600 < left <= 7 * 24 * 3600 and "expires sooner" in said
    else:
        assert abs(left - MONTH) < 60 and said == ""
    if locker.kind != "azurite-http":  # the signature allows only https
        answer = blob_client.ask(url, ca=locker.ca)
        assert answer.status == 200 and "attachment" in answer.headers["Content-Disposition"]
        check_archive(answer.body, home)


def test_unsigned(jetpack, home, locker):
    lines, said = lines_of(jetpack, "--no-sign")
    url = lines[0].removeprefix("Logs can be found at: ")
    assert url == locker.address(blob_of(url))
    assert (len(lines), said) == (1, "") and "sig=" not in lines[0]
    check_archive(locker.get(blob_of(lines[0])), home)
    report = json.loads("\n".join(lines_of(jetpack, "--no-sign", "--json")[0]))
    assert "expires" not in report and report["bytes"] == len(locker.get(blob_of(report["location"])))


def test_no_copy_on_the_disk(jetpack, home, lockers, tmp_path):
    """During the upload, no file larger than 1 MB appears where temporary files may be."""
    locker = lockers.make("hub-key", tmp_path)
    connect(locker, home)
    for i in range(4):
        (home / f"logs/{i}.log").write_bytes(random.Random(i).randbytes(16 << 20))
    home.write("logs/app.log", "password=x\nit went well\n")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = {path for path in home.path.rglob("*")}
    largest, over = {}, threading.Event()

    def look(pid):
        for path in [*temporary.rglob("*"), *(set(home.path.rglob("*")) - before)]:
            with contextlib.suppress(OSError):
                largest[path] = max(largest.get(path, 0), path.stat().st_size)
        for fd in os.listdir(f"/proc/{pid}/fd"):  # unlinked files too
            with contextlib.suppress(OSError):
                if "(deleted)" in os.readlink(f"/proc/{pid}/fd/{fd}"):
                    largest[fd] = max(largest.get(fd, 0), os.stat(f"/proc/{pid}/fd/{fd}").st_size)

    def watch(pid):
        with contextlib.suppress(OSError):  # it has ended
            while not over.is_set():
                look(pid)

    with jetpack.start("report_issue", "--no-sign", env={"TMPDIR": str(temporary)}) as process:
        watcher = threading.Thread(target=watch, args=(process.pid,))
        watcher.start()
        code = process.wait()
        over.set()
        watcher.join()
    assert code == 0
    assert max(largest.values(), default=0) < 1 << 20, largest


def test_a_failed_upload_says_what_to_do(jetpack, home, lockers, tmp_path):
    locker = lockers.make("hub-key", tmp_path)
    connect(locker, home)
    locker.connect(home, url=locker.description["url"].replace(locker.container, "no-such-container"))
    home.write("logs/app.log", "x" * 5_000_000)
    result = jetpack("report_issue")
    assert (result.returncode, result.stdout) == (1, "")
    first, *more = result.stderr.splitlines()
    assert "no-such-container" in first
    assert any("--no-upload" in line for line in more)
    assert locker.description["account_key"] not in result.stderr
