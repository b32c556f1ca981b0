"""The hub's blob store, used by clients that we did not write (curl, @azure/storage-blob) and by a signer
of the tests' own."""

import base64
import datetime
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import threading
import urllib.parse

import pytest

from hubs import Hub, run
from servers import blob_client, npm

CRC64_OF_DIGITS = "iJh5CoYUi64="  # of "123456789", as the catalogue of CRCs has it
NODE_CLIENT = """
const {BlobServiceClient, StorageSharedKeyCredential, ContainerClient} = require("@azure/storage-blob");
const crypto = require("crypto");
const [endpoint, name, key, sas] = process.argv.slice(1);
(async () => {
  const service = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(name, key));
  const container = service.getContainerClient("node-client");
  await container.createIfNotExists();
  const content = crypto.randomBytes(9 << 20);
  const blob = container.getBlockBlobClient("dir/\\u00e4 b%25+&.bin");
  await blob.uploadData(content, {blockSize: 1 << 20, concurrency: 4, maxSingleShotSize: 1 << 20,
    blobHTTPHeaders: {blobContentType: "text/x"}, metadata: {answer: "42"}});
  const properties = await blob.getProperties();
  const back = await blob.downloadToBuffer(0, undefined, {blockSize: 1 << 20, concurrency: 4});
  const names = [];
  for await (const item of container.listBlobsFlat({prefix: "dir/"})) names.push(item.name);
  await container.getBlockBlobClient("small").upload("abc", 3);
  const pages = [];
  for await (const item of container.listBlobsByHierarchy("/")) pages.push(item.kind + item.name);
  const locker = new ContainerClient(endpoint + "/locker?" + sas);
  await locker.getBlockBlobClient("by/sas").upload("sas", 3);
  await locker.getBlockBlobClient("by/sas").delete();
  await blob.deleteIfExists();
  console.log(JSON.stringify({same: back.equals(content), type: properties.contentType,
    answer: properties.metadata.answer, names, pages, gone: !(await blob.exists())}));
})().catch((error) => { console.error(error); process.exit(1); });
"""


def account_of(hub):
    """The hub's account, with its key."""
    key = (hub.data / "blob-account.key").read_text().strip()
    assert (hub.data / "blob-account.key").stat().st_mode & 0o777 == 0o600
    endpoint = json.loads((hub.data / "hub.json").read_text())["blobs"]
    return blob_client.Account("jetpackhub", key, endpoint, hub.data / "tls/ca.pem")


@pytest.fixture(scope="module")
def hub():
    running = Hub()
    yield running
    running.remove()


@pytest.fixture(scope="module")
def account(hub):
    made = account_of(hub)
    made.create("locker")
    return made


@pytest.fixture(scope="module")
def locker(hub):
    """The hub's response to a node."""
    return hub.ask("GET", "/clusterlink/locker", hub.enroll("n1")).json


def test_a_node_gets_its_locker_for_some_hours(hub, account, locker):
    assert locker["url"] == "az://jetpackhub/locker-demo"
    assert locker["endpoint"] == account.endpoint
    assert set(locker) == {"url", "endpoint", "sas", "expires", "reports"}
    assert {**locker["reports"], "sas": ""} == {
        "container": "reports", "directory": "issues/demo/n1", "sas": "", "server_signs": True}
    for given, kind, permissions in ((locker["sas"], "c", "rl"), (locker["reports"]["sas"], "d", "cw")):
        sas = dict(urllib.parse.parse_qsl(given))
        assert (sas["sr"], sas["sp"], sas["spr"]) == (kind, permissions, "https")
    ends = datetime.datetime.fromisoformat(locker["expires"].replace("Z", "+00:00"))
    left = ends - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(hours=1) < left < datetime.timedelta(days=1)
    account.put("locker-demo/given", b"x")
    url = f"{locker['endpoint']}/locker-demo/given?{locker['sas']}"
    assert blob_client.ask(url, ca=account.ca).body == b"x"
    assert account.key not in json.dumps(locker)


def test_only_nodes_get_a_locker(hub):
    assert hub.ask("GET", "/clusterlink/locker").status == 403
    assert hub.ask("POST", "/clusterlink/locker", hub.enroll("n1"), {}).status == 405
    assert hub.ask("GET", "/clusterlink/locker", ("nobody", "x")).status == 401


def test_a_hub_may_serve_no_blobs():
    other = Hub("--no-blobs")
    try:
        node = other.enroll("n1")
        assert other.ask("GET", "/clusterlink/locker", node).status == 404
        assert other.ask("POST", "/clusterlink/sign", node, {"blob": "issues/a", "seconds": 1}).status == 404
        assert "blobs" not in json.loads((other.data / "hub.json").read_text())
    finally:
        other.remove()


def test_a_blob_comes_back_whole_and_in_parts(account):
    content = os.urandom(3_000_000)
    put = account.put("locker/a b/\u00e4%+.bin", content, x_ms_meta_note="n", Content_Type="text/x")
    md5 = base64.b64encode(hashlib.md5(content).digest()).decode()
    assert put.headers["Content-MD5"] == md5
    whole = account.ask("GET", "locker/a b/\u00e4%+.bin")
    assert whole.body == content
    assert whole.headers["Content-MD5"] == md5
    assert whole.headers["Content-Type"] == "text/x"
    assert whole.headers["x-ms-meta-note"] == "n"
    assert whole.headers["ETag"] == put.headers["ETag"]
    for name in ("Range", "x-ms-range"):
        part = account.ask("GET", "locker/a b/\u00e4%+.bin", headers={name: "bytes=1000-1999999"})
        assert (part.status, part.body) == (206, content[1000:2_000_000])
        assert part.headers["Content-Range"] == "bytes 1000-1999999/3000000"
        assert part.headers["x-ms-blob-content-md5"] == md5
    tail = account.ask("GET", "locker/a b/\u00e4%+.bin", headers={"Range": "bytes=2999990-"})
    assert tail.body == content[-10:]
    beyond = account.ask("GET", "locker/a b/\u00e4%+.bin", headers={"Range": "bytes=3000000-"})
    assert (beyond.status, beyond.code) == (416, "InvalidRange")
    head = account.ask("HEAD", "locker/a b/\u00e4%+.bin")
    assert (head.status, head.headers["Content-Length"], head.body) == (200, "3000000", b"")
    summed = account.ask("GET", "locker/a b/\u00e4%+.bin", headers={
        "Range": "bytes=0-9", "x-ms-range-get-content-md5": "true"})
    assert summed.headers["Content-MD5"] == base64.b64encode(
        hashlib.md5(content[:10]).digest()).decode()
    account.put("locker/digits", b"0123456789")
    asked = {"Range": "bytes=1-9", "x-ms-range-get-content-crc64": "true"}
    guarded = account.ask("GET", "locker/digits", headers=asked)
    assert (guarded.body, guarded.headers["x-ms-content-crc64"]) == (b"123456789", CRC64_OF_DIGITS)
    both = account.ask("GET", "locker/digits", headers={**asked, "x-ms-range-get-content-md5": "true"})
    assert (both.status, both.code) == (400, "InvalidHeaderValue")


@pytest.mark.parametrize("query", [{}, {"comp": "block", "blockid": "MDAx"}])
def test_content_is_checked_by_its_crc64(account, query):
    headers = {"x-ms-blob-type": "BlockBlob", "x-ms-content-crc64": CRC64_OF_DIGITS}
    good = account.ask("PUT", "locker/guarded", b"123456789", headers, **query)
    assert (good.status, good.headers["x-ms-content-crc64"]) == (201, CRC64_OF_DIGITS), good.body
    assert "Content-MD5" not in good.headers
    bad = account.ask("PUT", "locker/unguarded", b"123456780", headers, **query)
    assert (bad.status, bad.code) == (400, "Crc64Mismatch")
    assert account.get("locker/unguarded") is None
    md5 = base64.b64encode(hashlib.md5(b"123456789").digest()).decode()
    both = account.ask("PUT", "locker/unguarded", b"123456789", {**headers, "Content-MD5": md5}, **query)
    assert (both.status, both.code) == (400, "InvalidHeaderValue")


def test_conditions_are_kept(account):
    etag = account.put("locker/c", b"1").headers["ETag"]
    assert account.ask("GET", "locker/c", headers={"If-Match": etag}).status == 200
    assert account.ask("GET", "locker/c", headers={"If-None-Match": etag}).status == 304
    changed = account.put("locker/c", b"2").headers["ETag"]
    assert changed != etag
    missed = account.ask("GET", "locker/c", headers={"If-Match": etag})
    assert (missed.status, missed.code) == (412, "ConditionNotMet")
    kind = {"x-ms-blob-type": "BlockBlob"}
    assert account.ask("PUT", "locker/c", b"3", {**kind, "If-Match": etag}).status == 412
    exists = account.ask("PUT", "locker/c", b"3", {**kind, "If-None-Match": "*"})
    assert (exists.status, exists.code) == (409, "BlobAlreadyExists")
    assert account.ask("DELETE", "locker/c", headers={"If-Match": etag}).status == 412
    assert account.get("locker/c") == b"2"
    assert account.ask("DELETE", "locker/c").status == 202
    assert account.get("locker/c") is None


def test_blocks_become_a_blob_at_once(account):
    names = [base64.b64encode(f"{number:05}".encode()).decode() for number in range(3)]
    for name in reversed(names):
        put = account.ask("PUT", "locker/blocks", name.encode() * 10, comp="block", blockid=name)
        assert put.status == 201, put.body
    assert account.get("locker/blocks") is None
    entries = "".join(f"<Latest>{name}</Latest>" for name in names)
    body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{entries}</BlockList>'.encode()
    done = account.ask("PUT", "locker/blocks", body, {"x-ms-blob-content-type": "text/y"},
                       comp="blocklist")
    assert done.status == 201, done.body
    got = account.ask("GET", "locker/blocks")
    assert got.body == b"".join(name.encode() * 10 for name in names)
    assert got.headers["Content-Type"] == "text/y"
    again = account.ask("PUT", "locker/blocks", body, comp="blocklist")
    assert (again.status, again.code) == (400, "InvalidBlockList")


@pytest.mark.parametrize("what", ["blob", "block"])
def test_content_that_is_not_what_its_checksum_says_is_not_kept(account, what):
    headers = {"x-ms-blob-type": "BlockBlob", "Content-MD5": base64.b64encode(b"x" * 16).decode()}
    query = {"comp": "block", "blockid": "MDAx"} if what == "block" else {}
    reply = account.ask("PUT", "locker/wrong", b"content", headers, **query)
    assert (reply.status, reply.code) == (400, "Md5Mismatch")
    assert account.get("locker/wrong") is None


def test_a_listing_has_pages_and_directories(account):
    account.create("pages")
    wanted = sorted([f"d{part}/{number:03}" for part in range(3) for number in range(40)]
                    + ["d1", "d1.x", "a&<b>"])
    for name in wanted:
        account.put(f"pages/{name}", b"")
    assert account.names("pages", maxresults="7") == wanted
    assert account.names("pages") == wanted
    assert account.names("pages", prefix="d1", maxresults="1") == [
        name for name in wanted if name.startswith("d1")]
    assert account.names("pages", delimiter="/", maxresults="2") == [
        "a&<b>", "d0/", "d1", "d1.x", "d1/", "d2/"]
    missing = account.ask("GET", "nowhere", restype="container", comp="list")
    assert (missing.status, missing.code) == (404, "ContainerNotFound")


@pytest.mark.parametrize("version", ["2015-04-05", "2017-11-09", "2018-11-09", "2019-12-12",
                                     "2020-12-06", "2021-12-02", "2024-11-04"])
def test_a_sas_of_every_version_is_accepted(account, version):
    account.put("locker/signed", b"content")
    sas = account.sas("locker/signed", version=version, rscd="file; attachment", rsct="binary")
    reply = blob_client.ask(f"{account.url('locker/signed')}?{sas}", ca=account.ca)
    assert (reply.status, reply.body) == (200, b"content")
    assert reply.headers["Content-Disposition"] == "file; attachment"
    assert reply.headers["Content-Type"] == "binary"


def refused(account, sas, path="locker/signed", method="GET", code="AuthenticationFailed"):
    """Whether a SAS is refused, with this code."""
    body = b"x" if method == "PUT" else None
    reply = blob_client.ask(f"{account.url(path)}?{sas}", method, body,
                            {"x-ms-blob-type": "BlockBlob"}, account.ca)
    return (reply.status, reply.code) == (403, code)


def test_a_sas_allows_nothing_else(account):
    account.put("locker/signed", b"content")
    good = account.sas("locker/signed")
    assert not refused(account, good)
    assert refused(account, good, "locker/other")
    assert refused(account, good, method="PUT", code="AuthorizationPermissionMismatch")
    assert refused(account, good, method="DELETE", code="AuthorizationPermissionMismatch")
    assert refused(account, good.replace("sp=r", "sp=racwd"))
    assert refused(account, good[:-4] + "AAA%3D")
    assert refused(account, account.sas("locker/signed", end=-1))
    assert refused(account, account.sas("locker/signed", start=600))
    assert refused(account, account.sas("locker/signed", sip="10.0.0.1"),
                   code="AuthorizationSourceIPMismatch")
    assert not refused(account, account.sas("locker/signed", sip="127.0.0.0-127.0.0.9"))
    assert refused(account, account.sas("locker/signed", permissions="wr"))
    assert refused(account, account.sas("locker/signed", version="2025-07-05"))
    assert refused(account, good + "&sp=racwd") is False  # a name twice is no request at all
    twice = blob_client.ask(f"{account.url('locker/signed')}?{good}&sp=racwd", ca=account.ca)
    assert twice.status == 400
    create = account.sas("locker", permissions="c")
    kind = {"x-ms-blob-type": "BlockBlob"}
    fresh = f"{account.url('locker/fresh')}?{create}"
    assert blob_client.ask(fresh, "PUT", b"1", kind, account.ca).status == 201
    assert blob_client.ask(fresh, "PUT", b"2", kind, account.ca).status == 403
    assert account.get("locker/fresh") == b"1"
    account.ask("DELETE", "locker/fresh")


def test_a_request_from_another_time_or_with_another_key_is_refused(account):
    account.put("locker/signed", b"content")
    now = datetime.datetime.now(datetime.timezone.utc)
    for minutes, status in ((-20, 403), (20, 403), (-10, 200), (10, 200)):
        date = now + datetime.timedelta(minutes=minutes)
        assert account.ask("GET", "locker/signed", date=date).status == status
    other = blob_client.Account(account.name, base64.b64encode(b"x" * 64).decode(),
                                account.endpoint, account.ca)
    assert other.ask("GET", "locker/signed").code == "AuthenticationFailed"
    nobody = blob_client.ask(account.url("locker/signed"), ca=account.ca)
    assert nobody.status == 401


@pytest.mark.parametrize("name", ["%2e%2e/%2e%2e/hub.db", "../../hub.db", "a/../../b", "/etc/passwd",
                                  "a%00b", "a//b", "%ff", "x" * 250, "."])
def test_names_that_are_not_sound_reach_nothing(account, hub, name):
    before = sorted(hub.data.rglob("*"))
    sas = account.sas("locker", permissions="racwdl")
    for method in ("GET", "PUT", "DELETE"):
        done = subprocess.run(
            ["curl", "-s", "--path-as-is", "--cacert", account.ca, "-X", method, "-o", "/dev/null",
             "-w", "%{http_code}", "-H", "x-ms-blob-type: BlockBlob", *(
                 ["-d", "x"] if method == "PUT" else []),
             f"{account.endpoint}/locker/{name}?{sas}"],
            capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout == "400"
    assert sorted(hub.data.rglob("*")) == before


def test_curl_puts_and_gets_a_large_blob_in_little_memory(account, hub, tmp_path):
    source = tmp_path / "large"
    with open(source, "wb") as file:
        for _ in range(200):
            file.write(os.urandom(1 << 20))
    url = f"{account.url('locker/large')}?{account.sas('locker', 'racwdl')}"
    curl = ["curl", "-sS", "--fail", "--cacert", account.ca]
    subprocess.run([*curl, "-T", source, "-H", "x-ms-blob-type: BlockBlob", url], check=True,
                   timeout=120)
    subprocess.run([*curl, "-o", tmp_path / "back", url], check=True, timeout=120)
    assert subprocess.run(["cmp", source, tmp_path / "back"], check=False).returncode == 0
    status = pathlib.Path(f"/proc/{hub.pid}/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0])
    assert peak < 120_000, f"{peak} KiB at its peak"
    account.ask("DELETE", "locker/large")


def test_many_write_one_name_and_readers_see_one_of_them(account):
    contents = [bytes([letter]) * 300_000 for letter in range(8)]
    account.put("locker/raced/name", contents[0])
    writers = [threading.Thread(target=account.put, args=("locker/raced/name", content))
               for content in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert account.get("locker/raced/name") in contents
    assert account.get("locker/raced/name") in contents


def test_a_blob_survives_a_kill_of_the_hub(tmp_path):
    hub = Hub()
    try:
        (tmp_path / "file").write_bytes(b"kept")
        hub.administer("blob", "put", "projects/p/blobs/file", tmp_path / "file", "-c", "demo")
        hub.kill()
        hub.administer("blob", "get", "projects/p/blobs/file", tmp_path / "back", "-c", "demo")
        assert (tmp_path / "back").read_bytes() == b"kept"
        hub.start()
        assert account_of(hub).get("locker-demo/projects/p/blobs/file") == b"kept"
        listed = json.loads(hub.administer("blob", "list", "-c", "demo", "--json").stdout)
        assert [(blob["name"], blob["bytes"]) for blob in listed] == [("projects/p/blobs/file", 4)]
        hub.administer("blob", "remove", "projects/p/blobs/file", "-c", "demo")
        assert account_of(hub).get("locker-demo/projects/p/blobs/file") is None
        gone = run("hub", "blob", "get", "projects/p/blobs/file", "-c", "demo", "--data", hub.data)
        assert (gone.returncode, gone.stdout) == (1, "")
        assert "not found" in gone.stderr
        bad = run("hub", "blob", "put", "../x", tmp_path / "file", "-c", "demo", "--data", hub.data)
        assert bad.returncode == 2
        nowhere = run("hub", "blob", "list", "-c", "demo", "--data", tmp_path)
        assert "no hub with blobs" in nowhere.stderr
    finally:
        hub.remove()


def test_azures_own_client_for_node(account):
    modules = npm.azure_storage_blob()
    if not shutil.which("node"):
        pytest.skip("node is missing: apt-get install nodejs")
    done = subprocess.run(
        ["node", "-e", NODE_CLIENT, account.endpoint, account.name, account.key,
         account.sas("locker", "racwdl")],
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(modules),
             "NODE_EXTRA_CA_CERTS": str(account.ca)},
        capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "same": True, "type": "text/x", "answer": "42", "names": ["dir/\u00e4 b%25+&.bin"],
        "pages": ["prefixdir/", "blobsmall"], "gone": True}
