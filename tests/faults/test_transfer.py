"""`jetpack download` and uploads when the network, the server, the blob or the credential misbehave: the right
file, or no file and an error that says why."""

import hashlib
import json
import os
import random
import re
import subprocess
import threading
import time

import pytest

from servers import blob_server
from servers.blob_server import busy, cut, hang_up, redirect, slow, then

CONTENT = random.Random(1).randbytes(24 << 20)
KILLS = int(os.environ.get("JETPACK_KILL_TRANSFERS", "20"))


@pytest.fixture
def store(tmp_path, home):
    """A blob store, which is also the cluster's server; the home's locker is there."""
    directory = tmp_path / "authority"
    directory.mkdir()
    running = blob_server.BlobServer(directory)
    running.put("blobs/p/x", CONTENT)
    home.write("config/locker.json", running.description()).chmod(0o640)
    # Enough for every row of faults below, and soon at its end.
    home.node({"cyclecloud": {"jetpack": {"storage_tries": 5}}})
    yield running
    running.stop()


@pytest.fixture
def connected(store, home):
    """The home knows the store as its cluster's server too."""
    home.write("config/connection.json", {"cluster": "demo", "username": "node", "password": "s3cret",
                                          "url": store.url})
    home.write("config/jetpack.ini", "[identity]\ncluster_name=demo\ninstance_id=i-1\nnode_name=n1\n")
    home.write("config/ca.pem", store.ca.read_bytes())
    return store


@pytest.fixture
def download(jetpack, tmp_path):
    """download(): runs it; (exit code, what it said, the file's content or None)."""
    place = tmp_path / "here"
    place.mkdir()

    def run(*words):
        result = jetpack("download", "--project", "p", "x", place, *words, timeout=200)
        assert result.returncode in (0, 1), result
        return result.returncode, result.stderr + result.stdout, (
            (place / "x").read_bytes() if (place / "x").exists() else None)

    run.place = place
    return run


@pytest.fixture
def impatient(home):
    """Gives up early, for tests in which giving up is what is wanted."""
    home.node({"cyclecloud": {"jetpack": {"storage_tries": 3}}})


def partial_files(place):
    """What a download left beside its destination."""
    return sorted(path.name for path in place.iterdir() if ".jetpack-" in path.name)


def assert_whole(result, content=CONTENT):
    """It succeeded with this content."""
    code, said, found = result
    assert code == 0, said
    assert found is not None
    assert hashlib.sha256(found).digest() == hashlib.sha256(content).digest()


PASSING = {
    "busy": [busy(), busy(status=500, code="InternalError"), busy(status=408, code="Timeout")],
    "asked to wait": [busy(retry_after=1), busy(1, status=429, code="TooManyRequests")],
    "hung up on": [hang_up, hang_up],
    "reset": [cut(1), cut(100_000), cut(3_000_000)],
    "closed early": [cut(0, False), cut(70_000, False), cut(2_000_000, False)],
    "short ranges": [blob_server.short_range, blob_server.short_range],
    "slow": [slow(0.5), slow(0.5)],
    "everything": [busy(), cut(5000), slow(0.2), hang_up, cut(1_000_000, False),
                   blob_server.short_range],
}


@pytest.mark.parametrize("what", PASSING)
def test_what_passes_is_overcome(store, download, what):
    store.faults = list(PASSING[what])
    assert_whole(download())
    assert store.faults == []
    assert os.listdir(download.place) == ["x"]


@pytest.mark.parametrize("fault", [blob_server.garbled, blob_server.whole_for_range,
                                   blob_server.shifted_range])
def test_a_reply_that_is_wrong_makes_no_wrong_file(store, download, fault):
    store.faults = [lambda *_: False, fault]
    code, said, found = download()
    assert found in (None, CONTENT), said
    assert (code == 0) == (found is not None)
    store.faults = []
    assert_whole(download())


@pytest.mark.parametrize("good_replies", [0, 1])
def test_a_login_page_is_not_a_blob(store, download, good_replies):
    # After the properties, the page stands in for the content.
    store.put("blobs/p/x", b"<html><body>Hello</body></html>!!")
    store.faults = [lambda *_: False] * good_replies + [blob_server.sign_in]
    code, said, found = download()
    assert (code, found) == (1, None)
    assert "login page" in said
    assert_whole(download(), b"<html><body>Hello</body></html>!!")


def test_a_blob_whose_checksum_is_wrong_is_not_taken(store, download):
    store.blobs["blobs/p/x"] = store.blobs["blobs/p/x"]._replace(
        md5=blob_server.make_blob(b"other").md5)
    code, said, found = download()
    assert (code, found) == (1, None)
    assert "MD5" in said
    (download.place / "x").write_bytes(b"old")
    assert download()[2] == b"old"
    store.put("blobs/p/x", CONTENT)
    assert_whole(download())


def test_a_blob_without_a_checksum_is_taken_and_said_to_be_unchecked(store, download):
    store.blobs["blobs/p/x"] = store.blobs["blobs/p/x"]._replace(md5=None)
    result = download("--json")
    assert_whole(result)
    assert json.loads(result[1])["downloaded"][0]["checked"] is False


@pytest.mark.parametrize("status,code", [(400, "InvalidQueryParameterValue"), (409, "Conflict"),
                                         (403, "AuthorizationFailure")])
def test_what_does_not_pass_is_not_tried_again_and_again(store, download, status, code):
    store.always = busy(status=status, code=code)
    result = download()
    assert (result[0], result[2]) == (1, None)
    assert str(status) in result[1]
    assert len(store.asked("GET", "blobs/p/x")) + len(store.asked("HEAD", "blobs/p/x")) <= 3


def test_a_storm_ends_in_an_error_that_can_be_understood(store, download, impatient):
    store.always = busy(status=503)
    code, said, found = download()
    assert (code, found) == (1, None)
    assert "503" in said
    store.always = None
    assert_whole(download())


def test_a_blob_that_changes_half_way_is_never_mixed(store, download):
    newer = bytes(reversed(CONTENT))
    store.faults = [lambda *_: False, lambda *_: False,
                    then(lambda: store.put("blobs/p/x", newer))]
    code, said, found = download()
    # The old one, when all of its ranges were under way before it changed.
    assert found in (None, CONTENT, newer), said
    assert (code == 0) == (found is not None)
    assert_whole(download(), newer)


def test_a_blob_that_vanishes_half_way_leaves_no_file(store, download):
    store.faults = [lambda *_: False, then(lambda: store.blobs.clear(), hang_up)]
    code, _, found = download()
    assert found in (None, CONTENT)
    assert (code == 0) == (found is not None)


def resumed(said):
    """How much --json says was taken up."""
    return json.loads(said[said.index("{"):])["downloaded"][0]["resumed"]


def stop_half_way(store, download):
    """A download that fails after some of the file has come."""
    store.always = lambda exchange, blob: (cut(1_000_000)(exchange, blob)
                                           if len(store.requests) < 6 else hang_up(exchange, blob))
    code, _, found = download()
    assert (code, found) == (1, None)
    store.always = None
    assert partial_files(download.place)


def test_a_second_run_takes_up_where_the_first_stopped(store, download, impatient):
    stop_half_way(store, download)
    result = download("--json")
    assert_whole(result)
    assert 0 < resumed(result[1]) < len(CONTENT)
    assert os.listdir(download.place) == ["x"]


def test_fresh_begins_anew(store, download, impatient):
    stop_half_way(store, download)
    result = download("--json", "--fresh")
    assert_whole(result)
    assert resumed(result[1]) == 0


def test_each_connection_looks_once_for_the_system_s_certificates(store, download, jetpack, tmp_path):
    trace = tmp_path / "trace"
    result = jetpack("download", "--project", "p", "x", download.place,
                     prefix=["env", "-u", "SSL_CERT_FILE", "-u", "SSL_CERT_DIR",
                             "strace", "-f", "-e", "trace=openat", "-o", str(trace)])
    assert result.returncode == 0, result
    looks = re.findall(r'"/etc/ssl/certs", .*O_DIRECTORY', trace.read_text())
    assert len(looks) <= 4 < len(store.asked("GET", "blobs/p/x")), looks


def test_a_changed_blob_is_not_continued(store, download, impatient):
    stop_half_way(store, download)
    newer = CONTENT[1:] + b"!"
    store.put("blobs/p/x", newer)
    result = download("--json")
    assert_whole(result, newer)
    assert resumed(result[1]) == 0


@pytest.mark.parametrize("damage", ["cut", "grown", "other bytes", "no state", "wrong state", "a link"])
def test_a_partial_file_that_somebody_touched_does_no_harm(
        store, download, impatient, damage, tmp_path):
    stop_half_way(store, download)
    part = download.place / ".x.jetpack-part"
    state = download.place / ".x.jetpack-state"
    if damage == "cut":
        os.truncate(part, 10)
    elif damage == "grown":
        with open(part, "ab") as file:
            file.write(b"x" * (30 << 20))
    elif damage == "other bytes":
        part.write_bytes(bytes(part.stat().st_size))
    elif damage == "no state":
        state.unlink()
    elif damage == "wrong state":
        state.write_bytes(b'{"etag": 7, "done": [')
    else:
        (tmp_path / "other").write_bytes(b"untouched")
        part.unlink()
        part.symlink_to(tmp_path / "other")
    code, said, found = download()
    assert found in (None, CONTENT), said
    assert (code == 0) == (found is not None)
    if damage == "a link":
        assert (tmp_path / "other").read_bytes() == b"untouched"
    else:
        assert_whole(download())


@pytest.mark.parametrize("to", ["http", "other host", "itself"])
def test_a_redirect_gets_no_credentials(store, download, home, tmp_path, to):
    store.sas = {"good"}
    home.write("config/locker.json", store.description(sas="sv=2020-12-06&sig=good"))
    directory = tmp_path / "trap"
    directory.mkdir()
    trap = blob_server.BlobServer(None if to == "http" else directory)
    try:
        address = {"http": trap.url, "other host": trap.url.replace("127.0.0.1", "localhost"),
                   "itself": store.url}[to]
        store.always = redirect(f"{address}/{blob_server.ACCOUNT}/locker/blobs/p/x")
        code, said, found = download()
        assert (code, found) == (1, None)
        assert trap.requests == []
        assert "good" not in said
        assert "redirect" in said.lower() or "307" in said
    finally:
        trap.stop()


def credential_that_ends(connected, home):
    """The home has one credential and its server gives another; what ends the first."""
    connected.sas = {"one"}
    home.write("config/locker.json", connected.description(sas="sv=2020-12-06&sig=one"))
    connected.locker = connected.description(sas="sv=2020-12-06&sig=two")

    def end():
        connected.sas = {"two"}

    return then(end)


def test_a_credential_that_ends_half_way_is_renewed(connected, download, home):
    connected.faults = [lambda *_: False, lambda *_: False, credential_that_ends(connected, home)]
    assert_whole(download())
    asked = [request for request in connected.requests if request[1] == "/clusterlink/locker"]
    assert 1 <= len(asked) <= 2
    known = json.loads((home / "config/locker.json").read_text())
    assert known["sas"] == "sv=2020-12-06&sig=two"
    assert (home / "config/locker.json").stat().st_mode & 0o777 == 0o640


def test_the_server_is_asked_where_the_node_has_no_description(connected, download, home):
    (home / "config/locker.json").unlink()
    connected.locker = connected.description()
    assert_whole(download())


def test_a_credential_that_nobody_renews_is_told(connected, download, home):
    connected.sas = {"two"}
    home.write("config/locker.json", connected.description(sas="sv=2020-12-06&sig=one"))
    for locker in (None, connected.description(sas="sv=2020-12-06&sig=one")):
        connected.locker = locker
        code, said, found = download()
        assert (code, found) == (1, None)
        assert "403" in said
        assert "locker.json" in said
        assert "sig=" not in said


def test_a_clock_that_is_wrong_is_told(store, download, home):
    store.sas = {"other"}
    store.clock_ahead = 3600
    home.write("config/locker.json", store.description(sas="sv=2020-12-06&sig=one"))
    code, said, found = download()
    assert (code, found) == (1, None)
    assert "clock" in said


def test_markers_of_directories_are_directories(store, jetpack, tmp_path):
    out = tmp_path / "out"
    directory = "<Metadata><hdi_isfolder>true</hdi_isfolder></Metadata>"
    store.put("blobs/p/lic", b"")  # a blob below it tells that it is a directory
    store.put("blobs/p/lic/x.bin", b"x")
    store.put("blobs/p/lic-a", b"")
    store.put("blobs/p/e/", b"")
    store.put("blobs/p/hadoop", b"", listed=directory, headers={"x-ms-meta-hdi_isfolder": "true"})
    store.put("blobs/p/empty", b"")
    # An empty file in the place of a directory, as earlier versions left it.
    out.mkdir()
    (out / "lic").touch()
    jetpack.answer("download", "--project", "p", "-r", ".", out)
    assert sorted(str(path.relative_to(out)) + "/" * path.is_dir() for path in out.rglob("*")) == [
        "e/", "empty", "hadoop/", "lic-a", "lic/", "lic/x.bin", "x"]
    alone = jetpack("download", "--project", "p", "hadoop", tmp_path)
    assert alone.returncode == 1 and "it is a directory" in alone.stderr
    assert "--recursive" in alone.stderr
    # What is not ours to remove stays.
    (out / "lic/x.bin").unlink()
    (out / "lic").rmdir()
    (out / "lic").write_text("not empty")
    blocked = jetpack("download", "--project", "p", "-r", ".", out)
    assert blocked.returncode == 1 and "cannot create directory" in blocked.stderr
    assert (out / "lic").read_text() == "not empty"


def test_a_listing_of_endless_empty_pages_ends(store, jetpack, tmp_path):
    store.is_endless = True
    result = jetpack("download", "--project", "p", "-r", ".", tmp_path / "out", timeout=60)
    assert result.returncode == 1
    assert "empty pages" in result.stderr


def test_a_prefix_of_the_container_can_be_the_locker(store, home, jetpack, tmp_path):
    description = store.description()
    store.put("team/a/blobs/p/y", b"of the team")
    store.put("team/a/blobs/p/z/1", b"one")
    home.write("config/locker.json", {**description, "url": f"{description['url']}/team/a"})
    jetpack.answer("download", "--project", "p", "y", tmp_path)
    jetpack.answer("download", "--project", "p", "-r", "z", tmp_path)
    assert (tmp_path / "y").read_bytes() == b"of the team"
    assert (tmp_path / "z/1").read_bytes() == b"one"
    missing = jetpack("download", "--project", "p", "x", tmp_path)
    assert missing.returncode == 1 and "az://testaccount/locker/team/a" in missing.stderr


class Killer:
    """Ends a process when the store has sent so many bytes of blobs, with a pause after each 64 KiB."""

    def __init__(self, store, after, pause=0):
        self.left, self.pause, self.process = after, pause, None
        self.lock, self.started = threading.Lock(), threading.Event()
        store.always = self

    def __call__(self, exchange, blob):
        content = exchange.begin(blob)
        for at in range(0, len(content), 65536):
            with self.lock:
                self.left -= 65536
                is_over = self.left < 0
            if is_over:
                self.started.wait(60)
                self.process.kill()
                exchange.drop(True)
                return True
            exchange.wfile.write(content[at:at + 65536])
            time.sleep(self.pause)  # what is tested is slowness itself
        return True

    def watch(self, process):
        """Until it has ended."""
        self.process = process
        self.started.set()
        process.stderr.read()


def recorded(place):
    """How much the state of a partial file says is there."""
    try:
        state = json.loads((place / ".x.jetpack-state").read_text())
    except FileNotFoundError:
        return 0
    ranges = [part.split("-") for part in state["there"].split(",") if part]
    return sum(int(last) - int(first) + 1 for first, last in ranges)


def test_kill_at_any_moment_leaves_no_wrong_file(store, download, jetpack):
    chance = random.Random(KILLS)
    for turn in range(KILLS):
        if turn % 5 == 0:
            for name in os.listdir(download.place):
                (download.place / name).unlink()
            (download.place / "x").write_bytes(b"old")
        killer = Killer(store, chance.randrange(len(CONTENT)))
        with jetpack.start("download", "--project", "p", "x", download.place,
                           stderr=subprocess.PIPE) as process:
            killer.watch(process)
        store.always = None
        found = (download.place / "x").read_bytes()
        assert found in (b"old", CONTENT), f"turn {turn}: a wrong file"
        if turn % 5 != 4:
            continue
        there = recorded(download.place)
        result = download("--json")
        assert_whole(result)
        assert partial_files(download.place) == []
        assert resumed(result[1]) == there


def test_a_kill_loses_little_of_a_slow_download(store, download, jetpack):
    """Here each of four connections brings 6 MiB in about two seconds."""
    killer = Killer(store, 16 << 20, pause=0.02)
    with jetpack.start("download", "--project", "p", "x", download.place, stderr=subprocess.PIPE) as process:
        killer.watch(process)
    store.always = None
    result = download("--json")
    assert_whole(result)
    assert resumed(result[1]) > 8 << 20


def test_a_network_that_goes_at_any_moment_leaves_no_wrong_file(store, download, impatient):
    chance = random.Random(KILLS + 1)
    for turn in range(max(3, KILLS // 5)):
        gone_after = chance.randrange(len(CONTENT))
        sent = [0]

        def lossy(exchange, blob, gone_after=gone_after, sent=sent):
            if sent[0] > gone_after:
                return hang_up(exchange, blob)
            content = exchange.begin(blob)[:max(1, gone_after - sent[0])]
            sent[0] += len(content) + 1
            exchange.wfile.write(content)
            exchange.drop(True)
            return True

        store.always = lossy
        code, said, found = download()
        assert found in (None, CONTENT), f"turn {turn}: {said}"
        assert (code == 0) == (found is not None)
        (download.place / "x").unlink(missing_ok=True)
        store.always = None
    assert_whole(download())


# -- Uploads -------------------------------------------------------------------------------------


@pytest.fixture
def upload(jetpack, probe):
    """upload(CONTENT): (exit code, what was said)."""
    def run(content, *words):
        with jetpack.start("--plugin-path", probe, "blob", *(words or ["put", "up/x"]),
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE) as process:
            out, err = process.communicate(content, timeout=200)
        return process.returncode, (out + err).decode()
    return run


@pytest.mark.parametrize("what", ["busy", "asked to wait", "hung up on"])
def test_an_upload_overcomes_what_passes(store, upload, what):
    store.faults = list(PASSING[what])
    assert upload(CONTENT) == (0, f"{len(CONTENT)}\n")
    assert store.blobs["up/x"].content == CONTENT
    assert store.faults == []


def test_an_upload_that_fails_leaves_nothing_under_the_name(store, upload):
    kept = store.put("up/x", b"before")
    store.faults = [lambda *_: False, busy(status=403, code="AuthorizationFailure")] + [
        busy(status=403, code="AuthorizationFailure")] * 50
    code, said = upload(CONTENT)
    assert code == 1 and "403" in said
    assert store.blobs["up/x"] == kept


def test_an_upload_goes_on_when_its_credential_is_renewed(connected, upload, home):
    connected.faults = [lambda *_: False, credential_that_ends(connected, home)]
    assert upload(CONTENT) == (0, f"{len(CONTENT)}\n")
    assert connected.blobs["up/x"].content == CONTENT


# -- What Azure does not forgive and Azurite does ------------------------------------------------


def test_a_delegated_signature_lies_within_its_key_and_a_week(store, upload, home):
    from servers.blob_client import ask
    from servers.imds import Imds

    imds = Imds()
    try:
        store.tokens = lambda: imds.given
        home.write("config/locker.json", store.description(identity={}))
        home.node({"cyclecloud": {"jetpack": {"metadata_url": imds.url}}})
        for seconds in (600, 6 * 86400, 30 * 86400):
            code, said = upload(b"", "sign", "blobs/p/x", "--seconds", str(seconds))
            assert code == 0, said
            url, _, shortened = said.splitlines()
            answer = ask(url, ca=store.ca)
            assert (answer.status, answer.body) == (200, CONTENT)
            assert shortened == str(int(seconds > 7 * 86400))
            assert ask(url, "PUT", b"x", {"x-ms-blob-type": "BlockBlob"}, store.ca).status == 403
            assert ask(url.replace("blobs/p/x", "blobs/p/y"), ca=store.ca).status == 403
        assert store.delegations
        assert not any(token in said for token in imds.given)
    finally:
        imds.stop()


def synced(jetpack, probe, tree, *words, status=0):
    """What a sync of the prefix "t" prints."""
    result = jetpack("--plugin-path", probe, "blob", "sync", "t", tree, *words, timeout=200)
    assert result.returncode == status, result
    return result.stdout if status == 0 else result.stderr


def content_of(tree):
    """{name: content} of all files."""
    return {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def gets(store):
    """How often blobs were asked for."""
    asked = [request for request in store.requests if request[0] == "GET" and request[2].get("comp") != "list"]
    return len(asked)


def once(changes):
    """A fault: at the first request for each blob of {name: action}, the action; that blob has then changed."""
    def fault(exchange, _):
        action = changes.pop(exchange.name, None)
        if action is None:
            return False
        action()
        exchange.refuse(412, "ConditionNotMet")
        return True
    return fault


def test_a_sync_through_faults_is_whole(connected, jetpack, probe, home, tmp_path):
    """Truncated, reset, busy and damaged answers, and a credential that ends half way."""
    place = tmp_path / "synced"
    place.mkdir(mode=0o755)
    blobs = {f"d/{i}": CONTENT[i * 300_000:][:300_000] for i in range(20)}
    for name, content in blobs.items():
        connected.put(f"t/{name}", content)
    connected.faults = [cut(100_000), cut(1000, is_reset=False), blob_server.garbled, busy(), hang_up,
                        blob_server.short_range, credential_that_ends(connected, home)]
    tree = place / "s"
    assert synced(jetpack, probe, tree) == "1 20 20 0\n"
    assert content_of(tree) == blobs
    before = gets(connected)
    assert synced(jetpack, probe, tree) == "0 20 0 0\n"
    assert gets(connected) == before
    assert synced(jetpack, probe, tree, "--fresh") == "1 20 20 0\n"
    assert content_of(tree) == blobs and gets(connected) > before
    connected.put("t/../evil", b"x")
    assert "would not be a file below" in synced(jetpack, probe, tree, status=1)


def test_a_sync_of_what_changes_meanwhile_is_of_one_moment(store, jetpack, probe, tmp_path):
    """A blob is replaced, another vanishes, and one that is large and comes in ranges is replaced half way."""
    tree = tmp_path / "tree"
    blobs = {f"t/{i}": CONTENT[i:][:1000] for i in range(6)} | {"t/large": CONTENT}
    for name, content in blobs.items():
        store.put(name, content)

    def change():
        store.put("t/5", b"newer")
        del store.blobs["t/4"]

    def change_again():
        store.put("t/0", b"newer")
        store.put("t/large", newer)

    newer = bytes(reversed(CONTENT))
    store.always = once({"t/2": change, "t/large": change_again})
    assert synced(jetpack, probe, tree).startswith("1 6 ")
    blobs.update({"t/5": b"newer", "t/0": b"newer", "t/large": newer})
    del blobs["t/4"]
    assert {f"t/{name}": content for name, content in content_of(tree).items()} == blobs
    # Everything: a prefix that has become empty is reported, and the tree stays.
    store.always = once({"t/1": store.blobs.clear})
    assert "no blob is below it" in synced(jetpack, probe, tree, "--fresh", status=1)
    assert len(content_of(tree)) == 6


def test_a_sync_of_blobs_that_keep_changing_ends(store, jetpack, probe, tmp_path):
    store.put("t/x", b"x")
    store.always = busy(status=412, code="ConditionNotMet")
    assert "keep changing" in synced(jetpack, probe, tmp_path / "tree", status=1)
    assert not (tmp_path / "tree").exists()


@pytest.mark.parametrize("action", ["sync", "all"])
def test_a_transfer_that_is_cancelled_leaves_the_old_files(store, jetpack, probe, tmp_path, action):
    tree = tmp_path / "tree"
    store.put("t/a", b"old")
    synced(jetpack, probe, tree)
    store.put("t/a", CONTENT[:5_000_000])
    store.put("t/b", CONTENT)
    store.always = slow(5)
    result = jetpack("--plugin-path", probe, "blob", action, "t", tree, "--cancel", timeout=60)
    assert result.returncode == 1 and "it was cancelled" in result.stderr
    assert content_of(tree) in ({"a": b"old"}, {"a": b"old", ".b.jetpack-part": bytes(len(CONTENT))})
    store.always = None
    assert synced(jetpack, probe, tree).startswith("1 2 2 0")
    assert content_of(tree)["b"] == CONTENT


# -- Many blobs ----------------------------------------------------------------------------------


def tree_of(store):
    """Small and large blobs of the project, some with names that need care; {name: content}."""
    blobs = {f"d{i % 3}/{i} \u00e4": CONTENT[i * 1000:][:3000] for i in range(30)} | {
        "empty": b"", "d0/large": CONTENT[:9_000_000]}
    store.blobs.clear()
    for name, content in blobs.items():
        store.put(f"blobs/p/{name}", content)
    return blobs


def test_many_blobs_come_at_once_through_faults(connected, jetpack, home, tmp_path):
    blobs, out = tree_of(connected), tmp_path / "out"
    out.mkdir()
    (out / "mine").write_bytes(b"stays")
    connected.faults = [lambda *_: False, cut(100), hang_up, blob_server.garbled, busy(), cut(1000, is_reset=False),
                        blob_server.short_range, credential_that_ends(connected, home)]
    at_once, most, lock = [0], [0], threading.Lock()

    def counted(exchange, blob):
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        try:
            return slow(0.2, 2)(exchange, blob)
        finally:
            with lock:
                at_once[0] -= 1

    connected.always = counted
    jetpack.answer("download", "--project", "p", "-r", ".", out, timeout=200)
    assert content_of(out) == {**blobs, "mine": b"stays"}
    assert most[0] > 1
    assert connected.faults == []


def test_blobs_that_are_there_are_not_transferred_again(store, jetpack, tmp_path):
    blobs, out = tree_of(store), tmp_path / "out"
    words = ["download", "--project", "p", "-r", ".", out, "--json"]
    jetpack.answer(*words)
    before, times = gets(store), {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    report = json.loads(jetpack.answer(*words))
    assert len(report["downloaded"]) == len(blobs) and report["failed"] == []
    assert all(done["resumed"] == done["bytes"] and done["checked"] for done in report["downloaded"])
    assert gets(store) == before
    assert {path: path.stat().st_mtime_ns for path in times} == times
    # Of the same length, by content alone; one that is gone; one whose blob is another; one without a known MD5.
    large = out / "d0/large"
    large.write_bytes(b"!" + blobs["d0/large"][1:])
    os.utime(large, ns=(times[large], times[large]))
    (out / "d1/1 \u00e4").unlink()
    blobs["d2/2 \u00e4"] = b"another"
    store.put("blobs/p/d2/2 \u00e4", b"another")
    store.blobs["blobs/p/d0/0 \u00e4"] = store.blobs["blobs/p/d0/0 \u00e4"]._replace(md5=None)
    report = json.loads(jetpack.answer(*words))
    assert {done["blob"] for done in report["downloaded"] if done["resumed"] < done["bytes"]} == {
        f"blobs/p/{name}" for name in ("d0/large", "d1/1 \u00e4", "d2/2 \u00e4", "d0/0 \u00e4")}
    assert content_of(out) == blobs
    before = gets(store)
    jetpack.answer(*words, "--fresh")
    assert gets(store) >= before + len(blobs) - 1  # an empty one needs no request


def test_of_many_blobs_one_that_fails_does_not_end_the_others(store, jetpack, tmp_path):
    blobs, out = tree_of(store), tmp_path / "out"
    (out / "d1").mkdir(parents=True)
    (out / "d1/1 \u00e4").symlink_to("/etc/hostname")
    (out / "d2").symlink_to("d1")
    (out / "d0/3 \u00e4/x").mkdir(parents=True)
    store.blobs["blobs/p/d0/6 \u00e4"] = store.blobs["blobs/p/d0/6 \u00e4"]._replace(
        md5=blob_server.make_blob(b"other").md5)
    result = jetpack("download", "--project", "p", "-r", ".", out, "--json", timeout=100)
    assert result.returncode == 1
    failed = {entry["blob"].removeprefix("blobs/p/"): entry["error"] for entry in json.loads(result.stdout)["failed"]}
    assert set(failed) == {f"d2/{i} \u00e4" for i in range(2, 30, 3)} | {
        "d1/1 \u00e4", "d0/3 \u00e4", "d0/6 \u00e4"}
    assert "symbolic link" in failed["d1/1 \u00e4"] and "cannot create directory" in failed["d2/2 \u00e4"]
    assert "is a directory" in failed["d0/3 \u00e4"] and "MD5" in failed["d0/6 \u00e4"]
    assert f"jetpack: {len(blobs) - len(failed)} downloaded, {len(failed)} failed" in result.stderr
    found = content_of(out)
    assert all(found[name] == content for name, content in blobs.items() if name not in failed)
    assert not [name for name in found if ".jetpack-" in name]


def test_of_many_blobs_one_that_is_replaced_meanwhile_is_the_newer(store, jetpack, tmp_path):
    blobs, out = tree_of(store), tmp_path / "out"
    store.always = once({"blobs/p/d2/29 \u00e4": lambda: store.put("blobs/p/d2/29 \u00e4", b"newer"),
                         "blobs/p/d0/large": lambda: store.put("blobs/p/d0/large", CONTENT),
                         "blobs/p/d2/26 \u00e4": lambda: store.blobs.pop("blobs/p/d2/26 \u00e4")})
    result = jetpack("download", "--project", "p", "-r", ".", out, "--json", timeout=100)
    assert [entry["blob"] for entry in json.loads(result.stdout)["failed"]] == ["blobs/p/d2/26 \u00e4"]
    blobs.update({"d2/29 \u00e4": b"newer", "d0/large": CONTENT})
    del blobs["d2/26 \u00e4"]
    assert content_of(out) == blobs


@pytest.mark.parametrize("status", [403, 503])
def test_what_all_blobs_would_fail_by_ends_them(store, jetpack, impatient, tmp_path, status):
    blobs = tree_of(store)
    store.always = lambda exchange, blob: blob is not None and busy(status=status)(exchange, blob)
    result = jetpack("download", "--project", "p", "-r", ".", tmp_path / "out", "--json", timeout=100)
    assert result.returncode == 1
    report = json.loads(result.stdout)
    assert report["downloaded"] in ([], [entry for entry in report["downloaded"] if entry["bytes"] == 0])
    assert len(report["failed"]) == 1 and str(status) in report["failed"][0]["error"]
    assert gets(store) < len(blobs)


def test_a_download_of_many_that_is_killed_goes_on(store, jetpack, tmp_path):
    blobs, out = tree_of(store), tmp_path / "out"
    total, chance, kills = sum(map(len, blobs.values())), random.Random(3), 0
    for _ in range(5):
        killer = Killer(store, chance.randrange(total))
        with jetpack.start("download", "--project", "p", "-r", ".", out, stderr=subprocess.PIPE) as process:
            killer.watch(process)
        kills += process.returncode == -9
        store.always = None
        for name, content in content_of(out).items() if out.exists() else ():
            assert ".jetpack-" in name or content == blobs[name]
    assert kills > 0
    jetpack.answer("download", "--project", "p", "-r", ".", out)
    assert content_of(out) == blobs
