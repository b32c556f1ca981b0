"""Running a hub: its certificate while it serves, health, metrics, the service manager, users."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import urllib.parse

import pytest

from hub_client import BINARY
from hubs import Hub, run
from servers.process import wait_for


def served(hub):
    """The certificate that a new connection gets, PEM; it is not verified."""
    address = urllib.parse.urlsplit(hub.url)
    return ssl.get_server_certificate((address.hostname, address.port))


def openssl(*arguments, text=None):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True, input=text).stdout


def make_certificate(directory, name, days, authority=None):
    """Key and certificate in one file; signed by the authority's files, or by itself."""
    key, request, file = (directory / f"{name}.{end}" for end in ("key", "csr", "pem"))
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", f"/CN={name}", "-out", request)
    extensions = directory / f"{name}.ext"
    extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n")
    signer = ["-CA", authority / "ca.pem", "-CAkey", authority / "ca-key.pem", "-CAcreateserial"] if authority else [
        "-signkey", key]
    certificate = openssl("x509", "-req", "-in", request, "-days", days, "-extfile", extensions, *signer)
    file.write_text(key.read_text() + certificate)
    return file


@pytest.fixture
def hub():
    server = Hub("--no-blobs")
    yield server
    server.remove()


def test_its_own_certificate_is_renewed_while_it_serves(hub, tmp_path):
    old = make_certificate(tmp_path, "old", 10, hub.data / "tls")
    shutil.copy(old, hub.data / "tls/server.pem")
    before = served(hub)
    kept = hub.connect()
    kept.request("GET", "/healthz")
    assert kept.getresponse().read() == b'{"status":"ok"}'
    os.kill(hub.pid, signal.SIGHUP)
    wait_for(lambda: served(hub) != before, "a new certificate")
    assert hub.get("/api/clusters") is not None  # of the same authority
    text = openssl("x509", "-noout", "-checkend", 300 * 86400, text=served(hub))
    assert "will not expire" in text
    kept.request("GET", "/healthz")  # a connection that was there goes on
    assert kept.getresponse().status == 200
    assert "serving with a new certificate" in hub.log()


def test_a_certificate_of_ones_own_is_served_and_replaced(tmp_path):
    given = make_certificate(tmp_path, "given", 20)
    shutil.copy(given, tmp_path / "served.pem")
    hub = Hub("--no-blobs", "--cert", tmp_path / "served.pem", trust=given)
    try:
        assert "CN = given" in openssl("x509", "-noout", "-subject", text=served(hub))
        assert "ca" not in json.loads((hub.data / "hub.json").read_text())
        # Nodes have to trust it already: nothing is pinned, and none of it is handed out.
        assert hub.ask("GET", "/clusterlink/ca").status == 404
        created = json.loads(hub.administer("join-token", "create", "-c", "demo", "--json").stdout)
        assert created["ca_hash"] == "" and "--ca-hash" not in created["command"]
        hub.enroll("n1")
        assert not (hub.directory / "homes/demo/n1/config/ca.pem").exists()
        # Less than 30 days: a warning in the log, and for each cluster on the page.
        os.kill(hub.pid, signal.SIGHUP)
        wait_for(lambda: "the hub's certificate expires at " in hub.log(), "the warning")
        wait_for(lambda: any("certificate expires" in event["message"]
                             for event in hub.get("/api/events?cluster=demo")["events"]), "the event")

        (tmp_path / "served.pem").write_text("garbage")
        os.kill(hub.pid, signal.SIGHUP)
        wait_for(lambda: "no private key in PEM" in hub.log(), "the error")
        assert "CN = given" in openssl("x509", "-noout", "-subject", text=served(hub))
        shutil.copy(make_certificate(tmp_path, "next", 400), tmp_path / "served.pem")
        os.kill(hub.pid, signal.SIGHUP)
        wait_for(lambda: "CN = next" in openssl("x509", "-noout", "-subject", text=served(hub)), "the new certificate")
    finally:
        hub.remove()


@pytest.mark.parametrize("what, files, said", [
    ("a key of another", ("one", "two"), "is not the key of its first certificate"),
    ("none", ("absent", "one"), "not found"), ("no certificate", ("key", "one"), "no certificate in PEM")])
def test_a_certificate_that_cannot_be_used_is_named(tmp_path, what, files, said):
    for name in ("one", "two"):
        make_certificate(tmp_path, name, 30)
    shutil.copy(tmp_path / "one.key", tmp_path / "key.pem")
    done = run("hub", "serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--cert",
               tmp_path / f"{files[0]}.pem", "--key", tmp_path / f"{files[1]}.key")
    assert done.returncode == 1 and said in done.stderr, what


def test_health_is_open_and_metrics_are_for_people(hub):
    node = hub.enroll("n1")
    assert hub.ask("GET", "/healthz", ("", "")).json == {"status": "ok"}
    assert hub.ask("GET", "/metrics", ("", "")).status == 401
    assert hub.ask("GET", "/metrics", node).status == 403
    viewer = ("prometheus", hub.administer("admin", "--name", "prometheus", "--role", "viewer").stdout.strip())
    reply = hub.ask("GET", "/metrics", viewer)
    assert reply.status == 200
    samples = dict(line.rsplit(" ", 1) for line in reply.body.decode().splitlines() if not line.startswith("#"))
    assert samples['jetpack_hub_nodes{phase="Preparing"}'] == "1"
    assert samples['jetpack_hub_cluster_nodes{cluster="demo"}'] == "1"
    assert int(samples["jetpack_hub_certificate_expiry_timestamp_seconds"]) > 1_700_000_000
    assert int(samples["jetpack_hub_resident_memory_bytes"]) > 1 << 20
    hub.say(node, "log", level="info", message="x")
    after = hub.ask("GET", "/metrics", viewer).body.decode()
    assert int(after.split("\njetpack_hub_messages_total ")[1].split()[0]) == int(samples["jetpack_hub_messages_total"]) + 1


def test_prometheus_reads_the_metrics_with_a_token_and_nothing_else(hub):
    made = json.loads(hub.administer("admin", "--name", "prometheus", "--role", "monitor", "--json").stdout)
    token = made["token"]
    assert (made["username"], made["role"], "password" in made) == ("prometheus", "monitor", False)
    assert hub.ask("GET", "/metrics", token).status == 200
    secret = token.partition(".")[2]
    assert secret not in "".join(path.read_text("latin-1") for path in hub.data.rglob("*") if path.is_file())
    for path in ("/", "/api/account", "/api/nodes", "/clusters/demo/nodes", "/operations"):
        assert hub.ask("GET", path, token).status == 403, path
    # As a password it is worth nothing, nor is a password as a token.
    assert hub.ask("GET", "/metrics", ("prometheus", secret)).status == 401
    assert hub.ask("GET", "/metrics", ("prometheus", token)).status == 401
    assert hub.ask("POST", "/sign-in", ("", ""), {"name": "prometheus", "password": secret}).status == 403
    for wrong in (".".join(hub.admin), token[:-1], token + "0", secret, "prometheus.", ".", " ", "a.b." + secret):
        assert hub.ask("GET", "/metrics", wrong).status == 401, wrong
    assert "rejected the credentials of 'prometheus'" in hub.log() and secret not in hub.log()
    # A new token replaces it, also of a role that could do more.
    again = hub.administer("admin", "--name", "prometheus", "--role", "monitor").stdout.strip()
    assert (hub.ask("GET", "/metrics", token).status, hub.ask("GET", "/metrics", again).status) == (401, 200)
    hub.administer("admin", "--name", "prometheus", "--role", "administrator")
    assert hub.ask("GET", "/metrics", again).status == 401
    hub.administer("admin", "--name", "prometheus", "--role", "monitor")
    hub.administer("admin", "--name", "prometheus", "--revoke")
    assert hub.ask("GET", "/metrics", again).status == 401


def test_the_service_manager_is_told_that_it_is_ready_alive_and_stopping(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        process = subprocess.Popen(
            [BINARY, "hub", "serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--no-blobs"],
            env={"PATH": "/usr/bin:/bin", "JETPACK_HOME": str(BINARY.parent.parent),
                 "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"},
            stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            assert manager.recv(4096).startswith(b"READY=1\nSTATUS=serving https://127.0.0.1:")
            assert [manager.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            process.terminate()
            said = b""
            while said != b"STOPPING=1":
                said = manager.recv(4096)
                assert said in (b"WATCHDOG=1", b"STOPPING=1")
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_does_not_work_on_the_data_of_another_user(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    shutil.chown(data, "nobody")
    for command in (["admin"], ["serve"], ["node", "list"], ["join-token", "create", "-c", "demo"]):
        done = run("hub", *command, "--data", data)
        assert done.returncode == 1 and "sudo -u nobody jetpack hub" in done.stderr, command
    assert list(data.iterdir()) == []
