"""The connection to the server: certificates, names, addresses, proxies, and what is never sent."""

import base64
import http.server
import socket
import ssl
import threading

import pytest

DELIVERED = "jetpack log: delivered\n"


def delivered(jetpack):
    result = jetpack("log", "m", "--wait", "3s")
    return result.stderr == DELIVERED, result.stderr


def test_a_request_has_the_password_and_the_context_path(start_server, connect, jetpack):
    server, ca = start_server()
    connect(server.url + "/ctx/", ca)
    assert delivered(jetpack)[0]
    head = server.requests[0]
    assert head.startswith("POST /ctx/clusterlink/messages HTTP/1.1\r\n")
    password = base64.b64encode(b"node:s3cret").decode()
    assert f"Authorization:Basic {password}\r\n" in head
    assert "Content-Type:application/json\r\n" in head


def test_a_name_is_looked_up_and_each_of_its_addresses_tried(start_server, connect, jetpack):
    server, ca = start_server("DNS:localhost")
    connect(f"https://localhost:{server.port}", ca)
    assert delivered(jetpack) == (True, DELIVERED)
    assert "Host:localhost\r\n" in server.requests[0]


@pytest.mark.parametrize("url, expected", [
    ("https://no-such-host.invalid:9443", "could not be looked up"),
    ("https://127.0.0.1:1", "refused the connection"),
    ("http://192.0.2.1:8080", "allow_http"),
    ("https://u:topsecret@127.0.0.1:1", "keys of their own"),
    ("https://[::1]:9443", "give the server a host name"),
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
    assert delivered(jetpack)[0]
    assert "validation is switched off" in (home / "logs/jetpack.log").read_text()


def test_a_ca_file_that_is_none_is_named(server, connect, jetpack, home):
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
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


def test_a_proxy_of_the_ini_file(server, proxy, connect, jetpack, home):
    with open(home / "config/jetpack.ini", "a", encoding="utf-8") as ini:
        ini.write(f"[cycle_server]\nproxy = http://127.0.0.1:{proxy.server_port}\n")
    assert delivered(jetpack) == (True, DELIVERED)
    assert proxy.asked == [f"127.0.0.1:{server.port}"]
    assert len(server.messages) == 1


def test_a_proxy_of_the_environment(server, proxy, certificate, connect, jetpack):
    connect(server.url, certificate[0], proxy_method="environment")
    env = {"https_proxy": f"http://127.0.0.1:{proxy.server_port}"}
    assert jetpack("log", "m", env=env).stderr == DELIVERED
    assert len(proxy.asked) == 1
    assert jetpack("log", "m", env={**env, "no_proxy": "127.0.0.1"}).stderr == DELIVERED
    assert len(proxy.asked) == 1


def test_a_message_that_is_only_queued_maps_no_network_library(server, jetpack):
    result = jetpack("log", "m", "--wait", "0", env={"LD_DEBUG": "files"})
    assert "libsqlite3" in result.stderr
    for library in ("libssl", "libcrypto", "libcpprest", "https.so"):
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
