"""`jetpack hub backup` and `restore`: everything that a hub knows, moved to another machine while it runs."""

import json
import shutil
import threading

import pytest

from hubs import Hub, run

CLUSTER = "demo"


class RestoredHub(Hub):
    """A hub on a data directory that a backup was restored into, at the address of the one before."""

    def __init__(self, data, like, database=None):
        # Hub makes a directory of its own; what is restored stands in its place.
        self.restored = data
        self.like = like
        super().__init__(*like.options[:0], "--blob-port", "0", database=database, listen=like.listen)

    def start(self):
        if not self.data.exists():
            shutil.move(self.restored, self.data)
        super().start()

    def administer(self, command, *arguments):
        if command == "admin":  # the old one has to work
            class Known:
                stdout = self.like.admin[1]
            return Known
        return super().administer(command, *arguments)


def backup(hub, place, code=0):
    done = run("hub", "backup", place, "--data", hub.data, *hub.database)
    assert done.returncode == code, done
    return done


def restore(place, data, *options, code=0):
    done = run("hub", "restore", place, "--data", data, *options)
    assert done.returncode == code, done
    return done


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request):
    """Two empty databases: of the hub that is backed up, and of the one that is restored; None for SQLite."""
    if request.param == "sqlite":
        return None, None
    server = request.getfixturevalue("postgresql")
    return server.database(), server.database()


def test_a_restored_hub_knows_all_that_the_other_knew(databases, tmp_path):
    hub = Hub(database=databases[0])
    try:
        node = hub.enroll("n1")
        hub.administer("user", "add", "ann", "-c", CLUSTER)
        (tmp_path / "tool").write_bytes(bytes(range(256)) * 4096)
        done = run("hub", "blob", "put", "blobs/demo/tool", tmp_path / "tool", "-c", CLUSTER, "--data", hub.data)
        assert done.returncode == 0, done
        stopped, sent = threading.Event(), []

        def talk():
            while not stopped.is_set():
                hub.say(node, "log", level="info", message=f"line {len(sent)}", priority="high")
                sent.append(len(sent))

        talking = threading.Thread(target=talk)
        talking.start()
        known = len(hub.messages())
        place = tmp_path / "backup"
        backup(hub, place)
        stopped.set()
        talking.join()
        assert place.stat().st_mode & 0o777 == 0o700
        assert all(file.stat().st_mode & 0o777 == 0o600 for file in place.rglob("*") if file.is_file())
        hub.kill()
        hub.process = None
        options = ["--database", databases[1]] if databases[1] else []
        restore(place, tmp_path / "restored", *options)
        other = RestoredHub(tmp_path / "restored", hub, database=databases[1])
        try:
            messages = [message["data"]["message"] for message in other.messages()]
            assert messages == [f"line {i}" for i in range(len(messages))] and known <= len(messages) <= len(sent)
            assert other.node("n1")["name"] == "n1"
            other.say(node, "log", level="info", message="I am here", priority="high")  # the authority is the old one
            users = json.loads(other.administer("user", "list", "-c", CLUSTER, "--json").stdout)
            assert [user["name"] for user in users] == ["ann"]
            done = run("hub", "blob", "get", "blobs/demo/tool", tmp_path / "copy", "-c", CLUSTER, "--data", other.data)
            assert done.returncode == 0 and (tmp_path / "copy").read_bytes() == (tmp_path / "tool").read_bytes()
        finally:
            other.remove()
    finally:
        hub.process = None
        hub.remove()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A hub that has stopped, and its backup."""
    hub = Hub("--no-blobs")
    hub.enroll("n1")
    hub.kill()
    hub.process = None
    place = tmp_path_factory.mktemp("backups") / "backup"
    backup(hub, place)
    yield hub, place
    hub.remove()


def test_a_backup_and_a_hub_are_not_overwritten(made, tmp_path):
    hub, place = made
    before = sorted(place.rglob("*"))
    assert "exists and is not empty" in backup(hub, place, code=2).stderr
    assert "exists and is not empty" in restore(place, hub.data, code=2).stderr
    assert sorted(place.rglob("*")) == before
    assert backup(hub, tmp_path).returncode == 0  # an empty one will do


@pytest.mark.parametrize("damage", [
    lambda place: (place / "hub.db").write_bytes((place / "hub.db").read_bytes()[:-1]),
    lambda place: (place / "tls/ca-key.pem").write_text("another"), lambda place: (place / "tls/ca.pem").unlink(),
    lambda place: (place / "backup.json").write_text("{}"), lambda place: (place / "backup.json").unlink(),
    lambda place: (place / "backup.json").write_text((place / "backup.json").read_text()[:-20]),
    lambda place: (place / "backup.json").write_text((place / "backup.json").read_text().replace("hub.db", "../../x"))],
    ids=["cut", "changed", "missing", "empty manifest", "no manifest", "half a manifest", "path outside"])
def test_a_damaged_backup_is_not_restored(made, tmp_path, damage):
    place = shutil.copytree(made[1], tmp_path / "backup")
    damage(place)
    done = restore(place, tmp_path / "data", code=1)
    assert "backup" in done.stderr and not list(tmp_path.glob("data*"))


def test_links_in_the_data_directory_are_not_followed(made, tmp_path):
    hub, _ = made
    (hub.data / "blobs").mkdir(exist_ok=True)
    (hub.data / "blobs/link").symlink_to("/etc/passwd")
    backup(hub, tmp_path / "backup")
    assert not (tmp_path / "backup/blobs/link").exists()


def test_what_is_missing_is_named(made, tmp_path):
    done = run("hub", "backup", tmp_path / "backup", "--data", tmp_path / "none")
    assert done.returncode == 1 and "no hub found in" in done.stderr
    assert "has no backup.json" in restore(tmp_path, tmp_path / "data", code=1).stderr
    done = restore(made[1], tmp_path / "data", "--database", "postgresql://a@127.0.0.1:1/b", code=2)
    assert "leave out --database" in done.stderr
