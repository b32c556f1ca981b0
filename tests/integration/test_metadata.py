"""Requests to the cloud's metadata service through the session service."""

import http.server
import json
import threading

import pytest


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what was asked; /long at length, /missing with 404, /never not at all."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Says nothing."""

    def do_GET(self):
        """One request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.seen.append((self.command, self.path, dict(self.headers), body,
                                 self.client_address))
        if self.path == "/never":
            self.server.release.wait(30)
        answer = (b"x" * 1001 if self.path == "/long" else json.dumps({"body": body}).encode())
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET


@pytest.fixture
def service():
    """A server on loopback that notes what it is asked."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.release = [], threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def ask(service, jetpack, home, sdk, repository, tmp_path):
    """ask(METHOD, PATH, ...) runs the probe on a node whose server is behind a dead proxy."""
    library = tmp_path / "probe/metadata.so"
    library.parent.mkdir()
    plugins = sdk.build(repository / "tests/integration/metadata_probe.cpp", library).parent
    url = f"http://127.0.0.1:{service.server_port}"
    home.node({"cyclecloud": {"jetpack": {"metadata_url": url},
                              "config": {"username": "node", "password": "secret"}}})
    home.write("config/jetpack.ini", "[cycle_server]\nproxy = http://127.0.0.1:1\n"
                                     f"[plugins]\npath = {plugins}\n")
    home.write("config/plugins.ini", f"[trust]\ndirectories = {plugins}\n")
    env = {name: "http://127.0.0.1:1" for name in ("http_proxy", "HTTP_PROXY", "all_proxy")}
    return lambda *args: jetpack("metadata", *args, env=env)


def test_a_request_to_the_metadata_service(ask, service):
    result = ask("GET", "/metadata/x?api-version=2020-07-01", "--times", "3")
    assert (result.returncode, result.stdout) == (0, '200 {"body": ""}\n' * 3), result
    assert [seen[:2] for seen in service.seen] == 3 * [("GET", "/metadata/x?api-version=2020-07-01")]
    headers = {name.lower(): value for name, value in service.seen[0][2].items()}
    assert headers["metadata"] == "true"
    assert "authorization" not in headers, "the metadata service gets no password"
    assert len({seen[4] for seen in service.seen}) == 1, "the connection is kept"

    result = ask("POST", "/metadata/x", "--body", '{"a": 1}')
    assert (result.returncode, service.seen[-1][3]) == (0, '{"a": 1}')
    result = ask("GET", "/missing")
    assert (result.returncode, result.stdout) == (0, '404 {"body": ""}\n')


def test_requests_that_fail(ask, service, home):
    for path, expected in (("/long", "1000 bytes"), ("/never", f"127.0.0.1:{service.server_port}")):
        result = ask("GET", path)
        assert (result.returncode, result.stdout) == (1, "")
        assert expected in result.stderr
    result = ask("GET", "metadata")
    assert result.returncode == 2 and "not a path" in result.stderr
    home.configuration({"cyclecloud": {"jetpack": {"metadata_url": "no address"}}})
    result = ask("GET", "/x")
    assert result.returncode == 1 and "cyclecloud.jetpack.metadata_url" in result.stderr
