"""The CRC64 that guards each range of a download and each block of an upload."""

import json
import os
import random
import subprocess

import pytest

from servers import blob_server
from servers.blob_server import busy, cut, cut_garbled, garbled, garbled_upload, short_range

CONTENT = random.Random(2).randbytes(5 << 19)
LONG = random.Random(3).randbytes(9 << 20)  # what does not fit into one request
PIECES = 3


@pytest.fixture
def store(tmp_path, home):
    """A blob store that knows CRC64s and no MD5 of its blob, as of one that came in blocks."""
    directory = tmp_path / "authority"
    directory.mkdir()
    running = blob_server.BlobServer(directory)
    running.knows_crc64 = True
    running.blobs["blobs/p/x"] = running.put("blobs/p/x", CONTENT)._replace(md5=None)
    home.write("config/locker.json", running.description()).chmod(0o640)
    yield running
    running.stop()


@pytest.fixture
def download(jetpack, tmp_path):
    """download(WORD, ...): (exit code, what it said, the file's content or None)."""
    place = tmp_path / "here"
    place.mkdir()

    def run(*words):
        result = jetpack("download", "--project", "p", *(words or ["x"]), place, timeout=100)
        file = place / "x"
        return result.returncode, result.stderr, file.read_bytes() if file.exists() else None

    run.place = place
    return run


@pytest.fixture
def upload(jetpack, probe):
    """upload(CONTENT): (exit code, what was said)."""
    def run(content):
        with jetpack.start("--plugin-path", probe, "blob", "put", "up/x", stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            out, err = process.communicate(content, timeout=100)
        return process.returncode, (out + err).decode()
    return run


def headers_of(requests):
    """Those of each request, with names in lower case."""
    return [{name.lower(): value for name, value in request[3].items()} for request in requests]


def test_each_range_is_guarded(store, download):
    assert download() == (0, "", CONTENT)
    asked = headers_of(store.asked("GET", "blobs/p/x"))
    assert len(asked) == PIECES
    for headers in asked:
        assert headers["x-ms-range-get-content-crc64"] == "true"
        assert "x-ms-range-get-content-md5" not in headers
        first, last = headers["range"].removeprefix("bytes=").split("-")
        assert int(last) - int(first) < 4 << 20


@pytest.mark.parametrize("faults", [[garbled], [garbled, garbled], [short_range, garbled], [cut_garbled(700_000)],
                                    [cut_garbled(1), cut(300_000)]])
def test_a_damaged_range_comes_again(store, download, faults):
    store.faults = [lambda *_: False, *faults]
    assert download() == (0, "", CONTENT)
    assert store.faults == []
    # Each fault costs one request more, and the damage that a cut hid another one.
    assert len(store.asked("GET", "blobs/p/x")) > PIECES
    assert os.listdir(download.place) == ["x"]


def test_the_md5_of_the_whole_is_not_that_of_the_damage(store, download):
    store.put("blobs/p/x", CONTENT)
    store.faults = [lambda *_: False, garbled]
    assert download() == (0, "", CONTENT)
    assert len(store.asked("GET", "blobs/p/x")) == PIECES + 1


def test_what_is_damaged_always_is_an_error_and_the_rest_is_kept(store, download):
    store.always = lambda exchange, blob: (exchange.range and exchange.range[0] >= 2 << 20
                                           and garbled(exchange, blob))
    code, said, found = download()
    assert (code, found) == (1, None)
    assert "damaged on the way" in said and "3 times" in said and "CRC64" in said
    state = json.loads((download.place / ".x.jetpack-state").read_text())
    store.always, before = None, len(store.asked("GET", "blobs/p/x"))
    assert state["there"].startswith("0-")
    assert download() == (0, "", CONTENT)
    again = store.asked("GET", "blobs/p/x")[before:]
    assert not any(headers["range"].startswith("bytes=0-") for headers in headers_of(again))


def test_many_small_blobs_are_guarded_where_they_have_no_md5(store, download):
    store.faults = [garbled, cut_garbled(1000)]
    assert download("-r", ".") == (0, "", CONTENT)
    assert store.faults == []
    store.faults = [garbled] * 3
    (download.place / "x").unlink()
    code, said, found = download("-r", ".")
    assert (code, found) == (1, None)
    assert "CRC64" in said


REFUSALS = {"400": busy(status=400, code="UnsupportedHeader"), "501": busy(status=501, code="NotImplemented"),
            "Azurite": busy(status=500, code="FeatureNotSupported")}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_locker_that_refuses_to_compute_one_is_asked_without(store, download, refusal):
    store.always = lambda exchange, blob: (
        "x-ms-range-get-content-crc64" in exchange.headers and REFUSALS[refusal](exchange, blob))
    assert download() == (0, "", CONTENT)
    asked = headers_of(store.asked("GET", "blobs/p/x"))
    assert sum("x-ms-range-get-content-crc64" not in headers for headers in asked) == PIECES


def test_each_block_of_an_upload_carries_one(store, upload):
    store.faults = [lambda *_: False, garbled_upload]
    assert upload(LONG) == (0, f"{len(LONG)}\n")
    assert store.blobs["up/x"].content == LONG
    puts = [request for request in store.asked("PUT", "up/x") if request[2].get("comp") == "block"]
    # One came damaged and was sent again.
    assert len(puts) == 10
    for headers in headers_of(puts):
        assert "x-ms-content-crc64" in headers
        assert "content-md5" not in headers


@pytest.mark.parametrize("refusal", [None, *REFUSALS])
def test_a_locker_that_does_not_check_it_gets_md5s(store, upload, refusal):
    store.knows_crc64 = False
    if refusal:
        store.always = lambda exchange, blob: (
            "x-ms-content-crc64" in exchange.headers and REFUSALS[refusal](exchange, blob))
    assert upload(LONG) == (0, f"{len(LONG)}\n")
    assert store.blobs["up/x"].content == LONG
    checked = {}
    for request in store.asked("PUT", "up/x"):
        headers = headers_of([request])[0]
        assert not {"content-md5", "x-ms-content-crc64"} <= set(headers)
        if "content-md5" in headers:
            checked[request[2].get("blockid")] = headers
    assert len(checked) == 9


def test_a_small_upload_keeps_its_md5(store, upload):
    assert upload(b"small") == (0, "5\n")
    (headers,) = headers_of(store.asked("PUT", "up/x"))
    assert "content-md5" in headers and "x-ms-content-crc64" not in headers
    store.faults = [garbled_upload]
    assert upload(b"small") == (0, "5\n")
    assert store.blobs["up/x"].content == b"small"
    assert len(store.asked("PUT", "up/x")) == 3
