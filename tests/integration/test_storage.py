"""The storage service and `jetpack download` against every kind of locker: the same tests on Azurite (http,
https, a SAS, a managed identity), on the hub's store and on a directory."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse

import pytest

from lockers import KINDS, SIGNING, WITH_SECRET, random_bytes
from servers import blob_client, nginx, npm
from servers.process import wait_for

NAMES = ["plain", "dir/sub dir/with space", "dir/\u00e4\u20ac\U0001f680", "dir/a%20b+c&d=e?f#g", "dir/a'b\"c",
         "dir/~-_.!*()", "dir/" + "x" * 150]


@pytest.fixture(params=KINDS)
def locker(request, lockers, home, tmp_path):
    made = lockers.make(request.param, tmp_path)
    made.connect(home)
    return made


def test_what_others_put_is_brought(jetpack, locker, tmp_path):
    content = random_bytes(5_000_001)
    locker.put("blobs/p/dir/file.bin", content)
    told = json.loads(jetpack.answer("download", "--project", "p", "dir/file.bin", tmp_path, "--json"))
    assert (tmp_path / "file.bin").read_bytes() == content
    assert told["downloaded"][0]["bytes"] == len(content)
    assert told["downloaded"][0]["resumed"] == 0
    missing = jetpack("download", "--project", "p", "none", tmp_path)
    assert missing.returncode == 1
    assert locker.container in missing.stderr
    assert [path.name for path in tmp_path.glob("*.bin*")] == ["file.bin"]


def test_what_we_put_is_there_for_others(blob, locker):
    for size in (0, 1, 20_000_001):
        content = random_bytes(size)
        assert blob("put", f"put/{size}", content=content) == f"{size}\n"
        assert locker.get(f"put/{size}") == content
    known = json.loads(blob("show", "put/20000001"))
    assert known["bytes"] == 20_000_001
    assert known["name"] == "put/20000001"
    assert known["url"] == locker.address("put/20000001")
    if "md5" in known:
        assert known["md5"] == hashlib.md5(content).hexdigest()
    assert blob("show", "put/none") == "none\n"


def test_names_of_all_kinds_go_there_and_back(blob, locker, tmp_path):
    for name in NAMES:
        blob("put", name, content=name.encode())
        assert locker.get(name) == name.encode()
        assert [json.loads(line)["name"] for line in blob("list", name).splitlines()] == [name]
        assert json.loads(blob("show", name))["bytes"] == len(name.encode())
        blob("get", name, tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == name.encode()
        blob("remove", name)
        assert locker.get(name) is None
    blob("remove", NAMES[0], status=1)


def test_names_that_are_not_sound_are_refused(blob, locker, tmp_path):
    for name in ("", "/a", "a/../b", "..", "a/./b"):
        for words in (["show", name], ["get", name, tmp_path / "file"], ["remove", name]):
            assert blob(*words, status=2)
        assert blob("put", name, content=b"x", status=2)
    assert list(tmp_path.glob("file*")) == []


def test_a_listing_is_whole_and_can_be_ended(blob, locker):
    wanted = sorted(f"many/{letter}/{number:02}" for letter in "abc" for number in range(8))
    for name in [*wanted, "many", "manyfold", "many.x"]:
        locker.put(name if locker.directory is None or name != "many" else "manx", b"12345")
    lines = [json.loads(line) for line in blob("list", "many/").splitlines()]
    assert [line["name"] for line in lines] == wanted
    assert {line["bytes"] for line in lines} == {5}
    assert all(line["etag"] and line["modified"].endswith("Z") for line in lines)
    assert len(blob("list", "many/", "--most", "5").splitlines()) == 5
    assert blob("list", "nothing/") == ""


def test_an_upload_that_ends_early_leaves_nothing(jetpack, probe, locker):
    locker.put("kept", b"before")
    with jetpack.start("--plugin-path", probe, "blob", "put", "kept", stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(random_bytes(12 << 20))
        process.stdin.flush()
        process.kill()
        process.wait()  # before the end of what it reads could be taken for the end of the blob
    assert locker.get("kept") == b"before"


def test_a_newer_blob_takes_the_place_of_an_older(jetpack, locker, tmp_path):
    for content in (b"first", b"the second, which is longer", b""):
        locker.put("projects/p/blobs/x", content)
        jetpack.answer("download", "--project", "p", "x", tmp_path / "x")
        assert (tmp_path / "x").read_bytes() == content


def test_a_prefix_is_brought_as_a_tree(jetpack, locker, tmp_path):
    for number in range(12):
        locker.put(f"projects/p/blobs/tree/{number % 3}/{number}", str(number).encode())
    jetpack.answer("download", "--project", "p", "-r", "tree", tmp_path / "out")
    found = {str(path.relative_to(tmp_path / "out")): path.read_text()
             for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {f"{number % 3}/{number}": str(number) for number in range(12)}


def test_markers_of_directories_are_directories(jetpack, locker, tmp_path):
    if locker.directory:
        pytest.skip("a directory has no markers")
    locker.put("blobs/p/lic", b"")
    locker.put("blobs/p/lic/x.bin", b"x")
    is_azure = locker.kind.startswith("azurite")
    if is_azure:
        locker.put("blobs/p/e/", b"")
    jetpack.answer("download", "--project", "p", "-r", ".", tmp_path / "out")
    assert sorted(str(path.relative_to(tmp_path / "out")) + "/" * path.is_dir()
                  for path in (tmp_path / "out").rglob("*")) == ["e/"] * is_azure + ["lic/", "lic/x.bin"]


def test_a_prefix_of_the_container_can_be_the_locker(home, blob, jetpack, locker, tmp_path):
    if locker.directory:
        pytest.skip("a directory below a locker is a locker")
    locker.connect(home, url=f"{locker.description['url']}/team")
    blob("put", "blobs/p/x", content=b"of the team")
    assert locker.get("team/blobs/p/x") == b"of the team"
    jetpack.answer("download", "--project", "p", "-r", ".", tmp_path / "out")
    assert (tmp_path / "out/x").read_bytes() == b"of the team"
    if locker.signs:
        url = blob("sign", "blobs/p/x").split("\n", maxsplit=1)[0]
        assert blob_client.ask(url, ca=locker.ca).body == b"of the team"


def test_a_signed_address_reads_this_blob_alone_and_ends(blob, locker, tmp_path):
    locker.put("issues/a.zip", b"content")
    locker.put("issues/b.zip", b"other")
    if not locker.signs:
        assert "sign" in blob("sign", "issues/a.zip", status=1)
        return
    url, ends, shortened = blob("sign", "issues/a.zip").splitlines()
    assert shortened == "0"
    assert 500 < int(ends) - time.time() < 700
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    assert (query["sp"], query["spr"], query["sr"]) == ("r", "https", "b")
    answer = blob_client.ask(url, ca=locker.ca)
    assert (answer.status, answer.body) == (200, b"content")
    assert answer.headers["Content-Disposition"] == "file; attachment"
    assert answer.headers["Content-Type"] == "binary"
    curl = ["curl", "-sS", "--cacert", locker.ca, "-o", tmp_path / "curl", "-w", "%{http_code}"]
    assert subprocess.run([*curl, url], capture_output=True, text=True, check=True).stdout == "200"
    assert (tmp_path / "curl").read_bytes() == b"content"
    if locker.kind in SIGNING:
        plain = [*curl, url.replace("https://", "http://")]
        assert subprocess.run(plain, capture_output=True, text=True, check=False).stdout != "200"
    headers = {"x-ms-blob-type": "BlockBlob"}
    assert blob_client.ask(url, "PUT", b"x", headers, locker.ca).status == 403
    assert blob_client.ask(url, "DELETE", ca=locker.ca).status == 403
    assert blob_client.ask(url.replace("a.zip", "b.zip"), ca=locker.ca).status == 403
    assert locker.get("issues/a.zip") == b"content"
    short = blob("sign", "issues/a.zip", "--seconds", "1").split("\n")[0]
    wait_for(lambda: blob_client.ask(short, ca=locker.ca).status == 403, "the end of its time")


@pytest.mark.parametrize("locker", SIGNING, indirect=True)
def test_a_signature_is_as_long_as_the_credential_allows(blob, locker):
    locker.put("issues/a.zip", b"content")
    month = 30 * 24 * 3600
    url, ends, shortened = blob("sign", "issues/a.zip", "--seconds", str(month)).splitlines()
    left = int(ends) - time.time()
    if locker.kind == "azurite-oauth":
        assert shortened == "1"
        assert 6 * 24 * 3600 < left <= 7 * 24 * 3600
        assert "skoid=" in url
    else:
        assert shortened == "0"
        assert abs(left - month) < 60


def test_a_locker_that_does_not_exist_is_named(jetpack, home, locker, tmp_path):
    if locker.kind == "file":
        locker.directory.rmdir()
        missing = str(locker.directory)
    else:
        missing = "no-such-locker"
        address = locker.description["url"].replace(locker.container, missing)
        locker.connect(home, url=address)
    result = jetpack("download", "--project", "p", "x", tmp_path / "x")
    assert (result.returncode, result.stdout) == (1, "")
    assert missing in result.stderr
    assert "locker.json" in result.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("locker", WITH_SECRET, indirect=True)
def test_a_credential_that_is_wrong_is_told_and_not_shown(jetpack, home, locker, tmp_path):
    wrong = ({"sas": re.sub(r"sig=[^&]*", "sig=" + "A" * 43 + "%3D", locker.description["sas"])} if "sas" in locker.description
             else {"account_key": "d3Jvbmcga2V5"})
    locker.put("blobs/p/x", b"content")
    locker.connect(home, **wrong)
    result = jetpack("download", "--project", "p", "x", tmp_path / "x")
    assert (result.returncode, result.stdout) == (1, "")
    # Azurite with OAuth answers a wrong key in a way of its own.
    assert "403" in result.stderr or "InvalidAuthenticationInfo" in result.stderr
    said = result.stderr + "".join(path.read_text() for path in (home / "logs").iterdir())
    for secret in ("d3Jvbmcga2V5", "AAA%3D", "sig="):
        assert secret not in said
    assert not (tmp_path / "x").exists()


def test_no_secret_is_in_a_command_line_or_the_environment(jetpack, probe, locker):
    """What other users can see of a process while it works."""
    secrets = [locker.description.get(name) for name in ("account_key", "sas")]
    with jetpack.start("--plugin-path", probe, "blob", "put", "x", stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(random_bytes(9 << 20))
        process.stdin.flush()
        proc = f"/proc/{process.pid}"
        seen = open(f"{proc}/cmdline", "rb").read() + open(f"{proc}/environ", "rb").read()
        process.stdin.close()
        process.wait(60)
        process.stdin = None
    assert process.returncode == 0
    assert not any(secret and secret.encode() in seen for secret in secrets)


def test_identities_are_asked_for_by_their_ids(lockers, home, jetpack, tmp_path):
    locker = lockers.make("azurite-oauth", tmp_path)
    locker.put("blobs/p/x", b"content")
    lockers.imds.identities |= {"client-1", "/subscriptions/s/id"}
    for identity, asked in (({"client_id": "client-1"}, ("client_id", "client-1")),
                            ({"resource_id": "/subscriptions/s/id"},
                             ("msi_res_id", "/subscriptions/s/id"))):
        locker.connect(home, identity=identity)
        jetpack.answer("download", "--project", "p", "x", tmp_path / "x")
        assert lockers.imds.requests[-1][asked[0]] == asked[1]
    locker.connect(home, identity={"client_id": "unknown"})
    result = jetpack("download", "--project", "p", "x", tmp_path / "x")
    assert result.returncode == 1
    assert "client_id=unknown" in result.stderr and "400" in result.stderr
    lockers.imds.failures[:] = [429, 500]
    locker.connect(home)
    jetpack.answer("download", "--project", "p", "x", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"content"
    assert not any(os.fsencode(token) in (home / "logs/jetpack.log").read_bytes()
                   for token in lockers.imds.given if (home / "logs/jetpack.log").exists())


def test_a_web_server_can_be_a_locker_to_read(home, jetpack, tmp_path):
    if not os.access("/usr/sbin/nginx", os.X_OK):
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    server = nginx.Nginx()
    try:
        content = random_bytes(20_000_001)
        (server.files / "locker/blobs/p").mkdir(parents=True)
        (server.files / "locker/blobs/p/x").write_bytes(content)
        for url in (server.url, server.tls_url):
            home.write("config/locker.json", {"url": f"{url}/locker", "ca_file": str(server.ca)})
            told = json.loads(jetpack.answer("download", "--project", "p", "x", tmp_path, "--json"))
            assert (tmp_path / "x").read_bytes() == content
            assert told["downloaded"][0]["checked"] is False
            assert jetpack("download", "--project", "p", "none", tmp_path).returncode == 1
    finally:
        server.remove()


def rclone(url, file, ca):
    return ["rclone", "--config", os.devnull, "--ca-cert", ca, "copyurl", url, file], {}


def azcopy(url, file, ca):
    program = npm.azcopy()
    return [program, "copy", url, file, "--from-to", "BlobLocal", "--skip-version-check"], {"SSL_CERT_FILE": ca}


def azure_s_own_for_node(url, file, ca):
    fetch = """const {BlobClient} = require("@azure/storage-blob");
               new BlobClient(process.argv[1]).downloadToFile(process.argv[2]);"""
    return ["node", "-e", fetch, url, file], {"NODE_PATH": npm.azure_storage_blob(), "NODE_EXTRA_CA_CERTS": ca}


@pytest.mark.parametrize("client", [rclone, azcopy, azure_s_own_for_node])
def test_other_clients_fetch_a_signed_address(lockers, home, blob, tmp_path, client):
    locker = lockers.make("hub-key", tmp_path)
    locker.connect(home)
    content = random_bytes(3_000_000)
    locker.put("issues/a.zip", content)
    url = blob("sign", "issues/a.zip").split("\n")[0]
    command, environment = client(url, tmp_path / "a.zip", str(locker.ca))
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                          env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "a.zip").read_bytes() == content
