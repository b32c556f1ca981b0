"""The connection to the server: certificates, names, addresses, proxies, and what is never sent."""

import base64
import http.server
import socket
import ssl
import subprocess
import threading

import pytest

from fault_server import is_built_with_cpprest
from servers import nginx
from servers.certificates import make_ca, make_certificate

DELIVERED = "jetpack log: delivered\n"
def curl_only(reason):
    """Skips a test where the HTTP library is cpprestsdk, which cannot do it."""
    return pytest.mark.skipif(is_built_with_cpprest(),
                              reason=f"-Dhttp_client=cpprest: {reason}")


def delivered(jetpack, env=None, wait="3s"):
    result = jetpack("log", "m", "--wait", wait, env=env)
    return result.stderr == DELIVERED, result.stderr


def headers_of(head):
    """The headers of a request, names in lower case."""
    pairs = (line.split(":", 1) for line in head.split("\r\n")[1:] if line)
    return {name.lower(): value.strip() for name, value in pairs}


def test_a_request_has_the_password_and_the_context_path(start_server, connect, jetpack):
    server, ca = start_server()
    connect(server.url + "/ctx/", ca)
    assert delivered(jetpack, wait="60s")[0]
    head = server.requests[0]
    assert head.startswith("POST /ctx/clusterlink/messages HTTP/1.1\r\n")
    headers = headers_of(head)
    assert headers["authorization"] == "Basic " + base64.b64encode(b"node:s3cret").decode()
    assert headers["content-type"] == "application/json"


def test_a_name_is_looked_up(start_server, connect, jetpack):
    server, ca = start_server("DNS:localhost")
    connect(f"https://localhost:{server.port}", ca)
    assert delivered(jetpack, wait="60s") == (True, DELIVERED)


@curl_only("it sends the name alone")
def test_the_host_header_has_the_port(start_server, connect, jetpack):
    server, ca = start_server("DNS:localhost")
    connect(f"https://localhost:{server.port}", ca)
    assert delivered(jetpack, wait="60s") == (True, DELIVERED)
    assert headers_of(server.requests[0])["host"] == f"localhost:{server.port}"


@curl_only("it does not connect to IPv6 addresses")
@pytest.mark.parametrize("host", ["[::1]", "localhost"])
def test_a_server_that_listens_on_ipv6_alone(host, start_server, connect, jetpack):
    server, ca = start_server("IP:::1,DNS:localhost", address="::1")
    connect(f"https://{host}:{server.port}", ca)
    assert delivered(jetpack, wait="60s") == (True, DELIVERED)
    assert headers_of(server.requests[0])["host"] == f"{host}:{server.port}"


@curl_only("it speaks HTTP/1.1 alone")
def test_http_2_is_spoken_where_the_server_has_it(connect, jetpack):
    location = "location /clusterlink/messages { access_log {directory}/access.log; return 202; }"
    server = nginx.Nginx(location, tls="ssl http2")
    try:
        connect(server.tls_url, server.ca)
        assert delivered(jetpack, wait="60s") == (True, DELIVERED)
        assert "POST /clusterlink/messages HTTP/2.0" in (server.directory / "access.log").read_text()
    finally:
        server.stop()


def interim(connection):
    connection.start_tls()
    while True:
        head, body = connection.read_request()
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
        connection.answer_well(head, body)


@curl_only("it takes the first of several responses for the last")
def test_interim_responses_are_skipped(server, jetpack):
    server.behave = interim
    assert delivered(jetpack, wait="60s") == (True, DELIVERED)
    assert len(server.messages) == 1


def test_a_web_page_acknowledges_nothing(server, jetpack):
    page = b"<html><body>Sign in</body></html>"

    def sign_in(connection):
        connection.start_tls()
        while True:
            connection.read_request()
            connection.answer(200, page, "Content-Type: text/html")

    server.behave = sign_in
    result = jetpack("log", "the node is broken", "--wait", "1s")
    assert result.returncode == 1
    assert "answered 200" in result.stderr and "login page" in result.stderr, result
    server.behave = server.good
    assert delivered(jetpack, wait="60s")[0]
    assert [m["data"]["message"] for m in server.messages] == ["the node is broken", "m"]


@pytest.mark.parametrize("status, expected", [
    (304, "a cache in between"), (421, "retrying on a new one"), (407, "the proxy's address")])
def test_a_status_that_is_easily_misunderstood_is_explained(status, expected, server, jetpack):
    def respond(connection):
        connection.start_tls()
        while True:
            connection.read_request()
            connection.answer(status)

    server.behave = respond
    result = jetpack("log", "m", "--wait", "1s")
    assert result.returncode == 1
    assert f"answered {status}" in result.stderr and expected in result.stderr, result


def close_on_second_request(connection):
    """As a server that ends an idle connection just when the next request is on its way."""
    connection.start_tls()
    head, body = connection.read_request()
    connection.answer_well(head, body)
    connection.read_request()


@curl_only("it reports a closed connection as a failure")
@pytest.mark.parametrize("how", ["while idle", "on the next request"])
def test_a_kept_connection_that_was_closed_is_replaced(how, server, jetpack, daemon, home):
    if how == "on the next request":
        server.behave = close_on_second_request
    daemon.start()
    expected = ["first", "second", "third"]
    for text in expected:
        assert jetpack("log", text, "--wait", "5s").stderr == DELIVERED
        if how == "while idle":
            server.drop()
    assert [m["data"]["message"] for m in server.messages if m["type"] == "log"] == expected
    assert "WARNING" not in (home / "logs/jetpackd.log").read_text()
    assert daemon.stop() == 0


@pytest.mark.parametrize("url, expected", [
    ("https://no-such-host.invalid:9443", "could not be resolved"),
    ("https://127.0.0.1:1", "refused the connection"),
    ("http://192.0.2.1:8080", "allow_http"),
    ("https://u:topsecret@127.0.0.1:1", "keys of their own"),
    ("ftp://127.0.0.1", "neither https nor http"),
])
def test_a_server_that_cannot_be_used_is_named(url, expected, connect, jetpack):
    connect(url)
    result = jetpack("log", "m", "--wait", "5s")
    assert result.returncode == 1
    assert expected in result.stderr
    assert "topsecret" not in result.stderr


@pytest.mark.parametrize("case, expected", [
    ("no CA", "not trusted"), ("another host", "another host"), ("another CA", "not trusted")])
def test_a_certificate_that_is_not_the_servers_gets_nothing(
        case, expected, start_server, connect, jetpack, home, certificate):
    server, ca = start_server("DNS:other.example" if case == "another host" else "IP:127.0.0.1")
    connect(server.url, {"no CA": None, "another host": ca, "another CA": certificate[0]}[case])
    ok, err = delivered(jetpack)
    assert not ok and expected in err, err
    assert server.requests == []

    home.write("config/node.json", {"cyclecloud": {"skip_ssl_validation": True}})
    assert delivered(jetpack, wait="60s")[0]
    assert "validation is switched off" in (home / "logs/jetpack.log").read_text()


@curl_only("it knows OpenSSL's own places alone")
def test_the_systems_certificates_count(start_server, connect, jetpack, home, certificate, tmp_path):
    server, ca = start_server("IP:127.0.0.1")
    elsewhere = tmp_path / "hashed"
    elsewhere.mkdir()
    name = subprocess.run(["openssl", "x509", "-in", ca, "-noout", "-hash"], check=True, capture_output=True,
                          text=True, timeout=60).stdout.strip()
    (elsewhere / f"{name}.0").write_bytes(ca.read_bytes())
    as_file = {"SSL_CERT_FILE": str(ca), "SSL_CERT_DIR": ""}
    as_directory = {"SSL_CERT_FILE": "", "SSL_CERT_DIR": f"{tmp_path}/none:{elsewhere}"}
    # A server's own ca_file is trusted beside the system's.
    for trusted in (None, certificate[0]):
        connect(server.url, trusted)
        for env in (as_file, as_directory):
            ok, err = delivered(jetpack, env=env)
            assert ok, (trusted, env, err)
    for trusted in (certificate[0], None):
        if trusted is None:
            (home / "config/ca.pem").unlink()
        ok, err = delivered(jetpack, env={"SSL_CERT_FILE": f"{tmp_path}/missing.pem", "SSL_CERT_DIR": ""})
        assert not ok and f"cannot read certificates from {tmp_path}/missing.pem" in err, err


@curl_only("it does not tell the certificate's dates")
@pytest.mark.parametrize("made, expected", [
    ("2020-01-01 00:00:00", "expired on 2020-01-31T00:00:00Z; renew it"),
    ("2028-01-01 00:00:00", "not valid before 2028-01-01T00:00:00Z; this node's clock says 202")])
def test_a_certificate_at_the_wrong_time(made, expected, start_server, connect, jetpack, tmp_path):
    authority = tmp_path / "authority"
    authority.mkdir()
    make_ca(authority)
    make_certificate(authority, days=30, at=made)
    server, _ = start_server()
    server.context.load_cert_chain(authority / "server.pem", authority / "server.key")
    connect(server.url, authority / "ca.pem")
    ok, err = delivered(jetpack)
    assert not ok and expected in err and "skip_ssl" not in err, err
    assert server.requests == []


def test_an_invalid_ca_file_is_named(server, connect, jetpack, home):
    home.write("config/ca.pem", "rubbish")
    ok, err = delivered(jetpack)
    assert not ok and "ca.pem" in err and "PEM" in err, err


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(server, jetpack):
    server.context.maximum_version = ssl.TLSVersion.TLSv1_1
    server.context.minimum_version = ssl.TLSVersion.TLSv1
    server.context.set_ciphers("ALL:@SECLEVEL=0")
    assert not delivered(jetpack)[0]
    assert server.requests == []


class Proxy(http.server.BaseHTTPRequestHandler):
    """CONNECT, and nothing else."""

    def do_CONNECT(self):
        self.server.asked.append(self.path)
        self.server.credentials.append(self.headers.get("Proxy-Authorization"))
        if self.server.wants and self.server.wants != self.server.credentials[-1]:
            self.send_error(407)
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as upstream:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=self.copy, args=(upstream, self.connection), daemon=True)
            back.start()
            self.copy(self.connection, upstream)
            back.join()
        self.close_connection = True

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def log_message(self, *args):
        pass


@pytest.fixture
def proxy():
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    running.daemon_threads = True
    running.asked = []
    running.credentials = []
    running.wants = None
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


def test_a_proxy_of_the_ini_file(server, proxy, connect, jetpack, home):
    with open(home / "config/jetpack.ini", "a", encoding="utf-8") as ini:
        ini.write(f"[cycle_server]\nproxy = http://127.0.0.1:{proxy.server_port}\n")
    assert delivered(jetpack, wait="60s") == (True, DELIVERED)
    assert proxy.asked == [f"127.0.0.1:{server.port}"]
    assert len(server.messages) == 1


def test_a_proxy_of_the_environment(server, proxy, certificate, connect, jetpack):
    connect(server.url, certificate[0], proxy_method="environment")
    env = {"https_proxy": f"http://127.0.0.1:{proxy.server_port}"}
    assert jetpack("log", "m", env=env).stderr == DELIVERED
    assert len(proxy.asked) == 1
    for exempt in ("127.0.0.1", "127.0.0.0/8", f"127.0.0.1:{server.port}", "localhost 127.0.0.1"):
        assert jetpack("log", "m", env={**env, "no_proxy": exempt}).stderr == DELIVERED
        assert len(proxy.asked) == 1, exempt
    for name in ("HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        proxy.asked.clear()
        env = {name: f"127.0.0.1:{proxy.server_port}", "NO_PROXY": "127.0.0.1:1"}
        assert jetpack("log", "m", env=env).stderr == DELIVERED
        assert len(proxy.asked) == 1, name


@curl_only("it sends no credentials to a proxy that does not ask")
def test_a_proxy_gets_its_credentials(server, proxy, certificate, connect, jetpack):
    connect(server.url, certificate[0], proxy_method="environment")
    proxy.wants = "Basic " + base64.b64encode(b"us er:p@ss").decode()
    env = {"https_proxy": f"http://us%20er:p%40ss@127.0.0.1:{proxy.server_port}"}
    assert jetpack("log", "m", env=env).stderr == DELIVERED
    assert proxy.credentials[-1] == proxy.wants
    env = {"https_proxy": f"http://127.0.0.1:{proxy.server_port}"}
    result = jetpack("log", "m", "--wait", "3s", env=env)
    assert result.returncode == 1
    assert f"the proxy http://127.0.0.1:{proxy.server_port} answered 407" in result.stderr, result


def test_a_proxy_that_cannot_be_used_is_named(server, certificate, connect, jetpack):
    connect(server.url, certificate[0], proxy_method="environment")
    for proxy, expected in (("socks5://u:hunter2@127.0.0.1:1", "variable https_proxy is not http"),
                            ("http://u:hunter2@127.0.0.1:1", "the proxy http://127.0.0.1:1")):
        result = jetpack("log", "m", "--wait", "1s", env={"https_proxy": proxy})
        assert result.returncode == 1 and expected in result.stderr, result
        assert "hunter2" not in result.stderr


def test_a_message_that_is_only_queued_maps_no_network_library(server, jetpack):
    result = jetpack("log", "m", "--wait", "0", env={"LD_DEBUG": "files"})
    assert "session.so" in result.stderr
    for library in ("libssl", "libcrypto", "libcurl", "libcpprest", "https.so"):
        assert library not in result.stderr


def test_the_end_of_the_process_meets_a_thread_inside_the_tls_library(
        start_server, connect, jetpack, home):
    """Time runs out while a thread reads thousands of certificates: no crash, no hang."""
    server, ca = start_server()
    connect(server.url, ca)
    home.write("config/ca.pem", ca.read_bytes() * 2500)
    for wait in (30, 60, 90):
        result = jetpack("log", "m", "--wait", f"{wait}ms")
        assert result.returncode == 1 and "did not answer" in result.stderr, result
