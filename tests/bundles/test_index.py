"""Bundles from an https server, from the locker, and by name from a signed index."""

import functools
import http.server
import json
import ssl
import threading

import pytest

from servers.certificates import make_ca, make_certificate


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a directory; /old/NAME redirects to /NAME, /plain redirects to http."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path.startswith("/old/") or self.path == "/plain":
            self.send_response(302)
            port = self.server.server_address[1]
            target = self.path[4:] if self.path.startswith("/old/") else f"http://127.0.0.1:{port}/marked.jpb"
            self.send_header("Location", target)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            super().do_GET()


@pytest.fixture(name="certificates", scope="session")
def _certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certificates")
    make_ca(directory)
    make_certificate(directory)
    return directory


@pytest.fixture(name="served")
def _served(certificates, home, tmp_path):
    """A directory, and the https URL at which the home's node finds it."""
    directory = tmp_path / "served"
    directory.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=directory))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    home.write("config/ca.pem", (certificates / "ca.pem").read_text())
    yield directory, f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(name="publish")
def _publish(jetpack, build_marked, keys):
    """publish(DIRECTORY, versions...): bundles and a signed index there."""

    def make(directory, *versions, key="vendor", identity="test.marked"):
        for version in versions:
            jetpack.answer("plugin", "pack", build_marked(VERSION=version, ID=identity), "--key", keys["vendor"].path,
                           "-o", directory / f"{identity}-{version}.jpb")
        bundles = sorted(directory.glob("*.jpb"))
        jetpack.answer("plugin", "index", *bundles, "--key", keys[key].path, "-o", directory / "index.json")

    return make


def test_install_from_https(trusting, served, publish):
    directory, url = served
    publish(directory, "1.0.0")
    assert trusting("plugin", "install", f"{url}/test.marked-1.0.0.jpb").returncode == 0
    assert trusting.answer("marked") == "1.0.0\n"
    publish(directory, "1.1.0")
    assert trusting("plugin", "install", f"{url}/old/test.marked-1.1.0.jpb?sig=secret").returncode == 0
    assert trusting.answer("marked") == "1.1.0\n"
    assert "secret" not in (trusting.home / "plugins/audit.log").read_text()


def test_what_https_refuses(trusting, served):
    _, url = served
    for path, words in (("/none.jpb", "404"), ("/plain", "other than https")):
        result = trusting("plugin", "install", url + path)
        assert result.returncode == 1 and words in result.stderr, result
    result = trusting("plugin", "install", url.replace("https", "http") + "/x.jpb")
    assert result.returncode == 2 and "https" in result.stderr
    (trusting.home / "config/ca.pem").unlink()
    result = trusting("plugin", "install", url + "/none.jpb")
    assert result.returncode == 1 and "certificate" in result.stderr


def test_search_install_and_update_from_an_index(trusting, home, served, publish):
    directory, url = served
    publish(directory, "1.0.0", "1.10.0", "1.9.0")
    publish(directory, "3.0", identity="test.other")
    home.write("config/plugins.ini", f"[index]\nurls = {url}/index.json\n")
    found = json.loads(trusting.answer("plugin", "search", "MARK", "--json"))
    assert [(bundle["id"], bundle["version"]) for bundle in found] == \
        [("test.marked", "1.10.0"), ("test.other", "3.0")]
    assert json.loads(trusting.answer("plugin", "search", "other", "--json"))[0]["id"] == "test.other"
    assert trusting("plugin", "install", "test.marked@1.0.0").returncode == 0
    assert trusting.answer("marked") == "1.0.0\n"
    assert trusting.answer("plugin", "update", "--check") == "test.marked 1.0.0: 1.10.0 is available\n"
    assert trusting.answer("marked") == "1.0.0\n"
    updated = json.loads(trusting.answer("plugin", "update", "--json"))
    assert updated == [{"id": "test.marked", "active": "1.0.0", "newest": "1.10.0", "updated": True}]
    assert trusting.answer("marked") == "1.10.0\n"
    assert trusting.answer("plugin", "update") == "everything is up to date\n"
    missing = trusting("plugin", "install", "test.none")
    assert missing.returncode == 1 and "test.none" in missing.stderr


def test_an_index_of_a_stranger_is_ignored(trusting, home, served, publish):
    directory, url = served
    publish(directory, "1.0.0", key="stranger")
    home.write("config/plugins.ini", f"[index]\nurls = {url}/index.json\n")
    result = trusting("plugin", "install", "test.marked")
    assert result.returncode == 126 and "not trusted" in result.stderr
    (directory / "index.json.sig").unlink()
    result = trusting("plugin", "install", "test.marked")
    assert result.returncode == 126 and "not signed" in result.stderr


def test_a_changed_index_or_bundle_is_refused(trusting, home, served, publish):
    directory, url = served
    publish(directory, "1.0.0", "1.1.0")
    home.write("config/plugins.ini", f"[index]\nurls = {url}/index.json\n")
    (directory / "test.marked-1.1.0.jpb").write_bytes((directory / "test.marked-1.0.0.jpb").read_bytes())
    result = trusting("plugin", "install", "test.marked")
    assert result.returncode == 126 and "not the one in the index" in result.stderr, result
    text = (directory / "index.json").read_text()
    (directory / "index.json").write_text(text.replace("1.1.0", "1.2.0"))
    result = trusting("plugin", "install", "test.marked")
    assert result.returncode == 126 and "changed since" in result.stderr, result
    assert not (home / "plugins/active/test.marked").exists()


def test_from_the_locker(trusting, home, publish, tmp_path):
    locker = tmp_path / "locker"
    (locker / "plugins").mkdir(parents=True)
    home.write("config/locker.json", {"url": f"file://{locker}"})
    publish(locker / "plugins", "1.0.0")
    assert trusting("plugin", "install", "locker:plugins/test.marked-1.0.0.jpb").returncode == 0
    assert trusting.answer("marked") == "1.0.0\n"
    publish(locker / "plugins", "1.1.0")
    home.write("config/plugins.ini", "[index]\nurls = locker:plugins/index.json\n")
    assert trusting("plugin", "update").returncode == 0
    assert trusting.answer("marked") == "1.1.0\n"
    assert trusting("plugin", "install", "locker:none.jpb").returncode == 1


def test_without_an_index(trusting):
    for arguments in (["search"], ["update"], ["install", "test.marked"]):
        result = trusting("plugin", *arguments)
        assert result.returncode == 1 and "index" in result.stderr, result
