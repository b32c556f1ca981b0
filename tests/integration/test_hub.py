"""The hub, from outside: what it accepts, what it rejects, what survives."""
import contextlib
import fcntl
import itertools
import json
import os
import pathlib
import re
import select
import signal
import socket
import ssl
import stat
import subprocess
import threading
import time
import urllib.parse
import uuid

import pytest

from hub_client import BINARY, DevCluster, Stream, authorization, log_message
from servers.process import children, wait_for


@pytest.fixture(scope="module")
def hub():
    """One cluster for all tests that leave it running."""
    cluster = DevCluster()
    yield cluster
    cluster.stop()


@pytest.fixture
def own_hub():
    """A cluster for one test."""
    cluster = DevCluster()
    yield cluster
    cluster.stop()


def enroll(hub, home, cluster="demo", node="execute-2"):
    """Enrolls another node; its user name and password."""
    home.mkdir()
    done = hub.administer("hub", "enroll", "--data", hub.data, "--cluster", cluster, "--node", node,
                      "--home", home)
    assert done.returncode == 0, done.stderr
    connection = json.loads((home / "config" / "connection.json").read_text())
    return connection["username"], connection["password"]


def messages_with_id(hub, message_id):
    return [message for message in hub.get("/api/messages?limit=10000").json["messages"]
            if message["id"] == message_id]


# -- receiving messages------------------------------------------------------------------------

def test_a_log_message_becomes_an_event(hub):
    message = log_message("disk is full", level="error", exit_code=3)
    assert hub.post([message]).status == 202
    event = hub.events()[-1]
    assert event["message"] == "disk is full"
    assert (event["level"], event["priority"]) == ("error", "high")
    assert (event["cluster"], event["node"]) == ("demo", "execute-1")
    assert event["extras"] == {"exit_code": 3}
    assert event["sent"] == message["timestamp"]


def test_a_message_in_the_public_format_is_accepted(hub):
    """As the node-health project sends it: no id, no node name, a session that is null."""
    message = log_message("from a script", priority="low")
    for key in ("id", "node_name", "hostname"):
        del message[key]
    message["cluster_session_id"] = None
    assert hub.post([message]).status == 202
    assert hub.events()[-1]["message"] == "from a script"


def test_a_message_is_applied_once(hub):
    message = log_message("once")
    assert hub.post([message]).json == {"accepted": 1, "new": 1}
    assert hub.post([message]).json == {"accepted": 1, "new": 0}
    assert len(messages_with_id(hub, message["id"])) == 1
    assert [event["message"] for event in hub.events()].count("once") == 1


def test_another_node_cannot_suppress_a_message(hub, tmp_path):
    other = enroll(hub, tmp_path / "home", node="execute-3")
    message = log_message("mine")
    assert hub.post([message], other).status == 202
    assert hub.post([message]).json["new"] == 1
    assert {m["node"] for m in messages_with_id(hub, message["id"])} == {"execute-1", "execute-3"}


def test_a_batch_keeps_its_order(hub):
    texts = [f"number {i}" for i in range(2000)]
    assert hub.post([log_message(text) for text in texts]).json["new"] == 2000
    assert [event["message"] for event in hub.events(limit=2000)] == texts


def test_concurrent_senders(hub):
    failures = []

    def send(sender):
        for i in range(20):
            if hub.post([log_message(f"sender {sender} {i}")]).status != 202:
                failures.append((sender, i))

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    texts = [event["message"] for event in hub.events(limit=1000)]
    assert sum(text.startswith("sender ") for text in texts) == 160


def test_an_unknown_type_is_stored(hub):
    message = {**log_message(""), "type": "installation", "data": {"status": "warning", "n": [1]}}
    assert hub.post([message]).status == 202
    assert messages_with_id(hub, message["id"])[0]["data"] == {"status": "warning", "n": [1]}


def test_properties_are_merged_into_the_node(hub):
    for properties in ({"os": {"id": "debian"}}, {"os": {"version": "12"}}):
        message = {**log_message(""), "type": "properties", "data": {"properties": properties}}
        assert hub.post([message]).status == 202
    node = hub.get("/api/nodes?properties=yes").json["nodes"][0]
    assert node["properties"]["os"] == {"id": "debian", "version": "12"}


def test_contact_is_recorded(hub):
    assert hub.post([{**log_message("here I am"), "instance_id": "vm-1"}]).status == 202
    node = hub.get("/api/nodes").json["nodes"][0]
    assert (node["cluster"], node["name"]) == ("demo", "execute-1")
    assert (node["hostname"], node["address"]) == ("ip-7f000001", "127.0.0.1")
    assert node["instance_id"] == "vm-1"
    assert node["first_contact"] <= node["last_contact"]


def test_the_application_log_has_every_log_message(hub):
    hub.log("two\nlines \x1b[31m", level="warn", priority="low")
    lines = (hub.data / "logs" / "hub.log").read_text().splitlines()
    line = [line for line in lines if "two" in line][-1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING  \[demo/execute-1\] "
                        r"two\\nlines \\x1b\[31m", line)


# -- rejecting ---------------------------------------------------------------------------------

@pytest.mark.parametrize("credentials", [None, ("demo/execute-1", "wrong"), ("nobody", "x"),
                                         ("", ""), ("x" * 3000, "y")],
                         ids=["none", "password", "name", "empty", "long"])
@pytest.mark.parametrize("path", ["/", "/api/events", "/api/events/stream", "/no/such/address"])
def test_unknown_users_are_rejected(hub, path, credentials):
    reply = hub.ask("GET", path, credentials)
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Basic ")
    assert "error" in reply.json


def test_messages_require_credentials(hub):
    reply = hub.ask("POST", "/clusterlink/messages", None, json.dumps({"messages": []}))
    assert reply.status == 401


def test_an_administrator_cannot_send_messages(hub):
    assert hub.post([log_message("x")], hub.admin).status == 403


def test_the_page_is_for_administrators(hub):
    assert hub.get("/", hub.node).status == 403


def test_a_batch_for_another_cluster_is_rejected(hub):
    before = len(hub.events(limit=10000))
    reply = hub.post([log_message("fine"), log_message("not mine", cluster="other")])
    assert reply.status == 400
    assert "message 1" in reply.json["error"] and reply.json["message"] == 1
    assert len(hub.events(limit=10000)) == before


def test_a_node_sees_its_own_cluster_only(hub, tmp_path):
    stranger = enroll(hub, tmp_path / "home", cluster="other", node="n1")
    hub.log("secret of demo")
    assert hub.get("/api/events", stranger).json["events"] == []
    assert [n["name"] for n in hub.get("/api/nodes", stranger).json["nodes"]] == ["n1"]
    assert hub.get("/api/events?cluster=demo", stranger).status == 403
    assert hub.get("/api/events/stream?cluster=demo", stranger).status == 403


BAD = [
    (b"", None), (b"{", None), (b"[]", None), (b"null", None), (b'{"messages":{}}', None),
    (b"[" * 3_000_000, None), (b'{"a":' * 1_000_000, None),
    (b'{"messages":[{"cluster_name":"demo","type":"t","data":{}},7]}', 1),
    (b'{"messages":[{"cluster_name":"demo","type":"log","data":{}}]}', 0),
    (b'{"messages":[{"cluster_name":"demo","type":"log","data":{"message":"m","level":"x"}}]}', 0),
]


@pytest.mark.parametrize("body,index", BAD, ids=range(len(BAD)))
def test_malformed_bodies_are_rejected(hub, body, index):
    reply = hub.post(body)
    assert reply.status == 400
    assert reply.json["error"]
    assert reply.json.get("message") == index


@pytest.mark.parametrize("text", [b"\xff", b"\\ud800"])
def test_text_that_is_not_unicode_is_replaced(hub, text):
    marker = uuid.uuid4().hex
    reply = hub.post(b'{"messages":[{"cluster_name":"demo","type":"log","data":{"message":"%s %s"}}]}'
                     % (marker.encode(), text))
    assert reply.status == 202, reply.body
    assert marker + " \ufffd" in [event["message"] for event in hub.events()]


def test_the_largest_body(hub):
    room = 8 * 2**20
    message = log_message("")
    message["type"] = "large"
    frame = len(json.dumps({"messages": [message]})) + len(', "x": ""')
    message["data"]["x"] = "x" * (room - frame)
    assert hub.post([message]).status == 202
    message["data"]["x"] += "x"
    assert hub.post([message]).status == 413


def test_a_body_with_two_lengths_is_rejected(hub):
    for length in ("2", "x"):
        reply = hub.ask("GET", "/api/nodes", hub.admin, b"0\r\n\r\n",
                        {"Transfer-Encoding": "chunked", "Content-Length": length})
        assert reply.status == 400
        assert "both a length and a transfer encoding" in reply.json["error"]


def test_chunked_bodies(hub):
    def chunks(total):
        body = json.dumps({"messages": [{**log_message(""), "type": "chunked",
                                         "data": {"x": "x" * total}}]}).encode()
        return (body[at:at + 60_000] for at in range(0, len(body), 60_000))

    for size, status in ((200_000, 202), (9_000_000, 413)):
        reply = hub.ask("POST", "/clusterlink/messages", hub.node, chunks(size),
                        {"Transfer-Encoding": "chunked"})
        assert reply.status == status


def test_a_compressed_body_is_rejected(hub):
    reply = hub.ask("POST", "/clusterlink/messages", hub.node, b"x", {"Content-Encoding": "gzip"})
    assert reply.status == 415


def test_wrong_methods_and_paths(hub):
    assert hub.get("/clusterlink/messages").status == 405
    assert hub.ask("DELETE", "/api/nodes", hub.admin).status == 405
    assert hub.ask("HEAD", "/", hub.admin).status == 200
    for path in ("/api/nothing", "/favicon.ico", "/page/../hub.db", "/page/%2e%2e/hub.db",
                 "/clusters/a%2Fb", "//", "/api/events/"):
        assert hub.get(path).status == 404, path


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=10001", "after=-1", "priority=top",
                                   "x=1", "limit=1&limit=2", "after=%", "properties=1"])
def test_invalid_queries(hub, query):
    assert hub.get("/api/events?" + query).status == 400


def test_sql_in_a_query_is_text(hub):
    query = urllib.parse.urlencode({"cluster": "' OR 1=1 --", "type": "x'; DROP TABLE events; --"})
    assert hub.get("/api/messages?" + query).json["messages"] == []


def test_the_next_request_after_a_rejected_one(hub):
    """A rejected body is never parsed as the next request."""
    connection = hub.connect()
    headers = authorization(("nobody", "x"))
    smuggled = b"GET /api/nodes HTTP/1.1\r\nHost: h\r\n\r\n"
    connection.request("POST", "/clusterlink/messages", smuggled, headers)
    reply = connection.getresponse()
    assert reply.status == 401
    assert reply.headers["Connection"] == "Close"


def test_connections_are_reused(hub):
    connection = hub.connect()
    for i in range(3):
        body = json.dumps({"messages": [log_message(f"kept alive {i}")]})
        connection.request("POST", "/clusterlink/messages", body, authorization(hub.node))
        reply = connection.getresponse()
        assert reply.status == 202
        reply.read()
        assert reply.headers["Connection"] == "Keep-Alive"
    connection.close()


# -- slow, many, rude ----------------------------------------------------------------------------

def raw(hub):
    url = urllib.parse.urlsplit(hub.about["hub"])
    return socket.create_connection((url.hostname, url.port), timeout=90)


def test_silent_connections_do_not_block_others(hub):
    silent = [raw(hub) for _ in range(150)]
    assert hub.post([log_message("through the crowd")]).status == 202
    for connection in silent:
        connection.close()


def test_a_slow_sender_is_disconnected(hub):
    """One byte now and then must not hold a thread forever."""
    url = urllib.parse.urlsplit(hub.about["hub"])
    connection = hub.context.wrap_socket(raw(hub), server_hostname=url.hostname)
    connection.sendall(b"GET / HTTP/1.1\r\nX: ")
    deadline = time.monotonic() + 120
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        while time.monotonic() < deadline:
            connection.sendall(b"x")
            connection.settimeout(0.5)
            try:
                if not connection.recv(4096):
                    raise EOFError
            except TimeoutError:
                pass
            connection.settimeout(90)
    connection.close()
    assert hub.get("/api/nodes").status == 200


NOISE = [b"GET / HTTP/1.1\r\n\r\n", bytes(1000), b"\x16\x03\x01\xff\xff", bytes(range(256)) * 20]


@pytest.mark.parametrize("noise", NOISE, ids=["http", "zeros", "record", "bytes"])
def test_noise_instead_of_tls(hub, noise):
    with raw(hub) as connection:
        connection.sendall(noise)
    assert hub.get("/api/nodes").status == 200


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_rejected(hub):
    context = ssl.create_default_context(cafile=hub.about["ca"])
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with raw(hub) as connection, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(connection, server_hostname="127.0.0.1")


def test_clients_reject_another_certificate(hub):
    with raw(hub) as connection, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(connection, server_hostname="127.0.0.1")
    with raw(hub) as connection, pytest.raises(ssl.SSLCertVerificationError):
        hub.context.wrap_socket(connection, server_hostname="elsewhere.example")


# -- the page and its stream ---------------------------------------------------------------------

@pytest.mark.parametrize("path,kind", [("/", "text/html"), ("/clusters/demo", "text/html"),
                                       ("/page/page.js", "text/javascript"),
                                       ("/page/page.css", "text/css"),
                                       ("/page/icon.svg", "image/svg+xml")])
def test_the_page_is_served_with_security_headers(hub, path, kind):
    reply = hub.get(path)
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith(kind)
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["X-Frame-Options"] == "DENY"
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert not re.search(rb"https?://(?!www\.w3\.org/2000/svg)", reply.body)


def test_the_stream_sends_new_events(hub):
    stream = Stream(hub)
    hub.log("streamed 1")
    assert stream.next()["message"] == "streamed 1"
    hub.log("streamed 2", priority="low")
    assert stream.next()["message"] == "streamed 2"
    stream.close()


def test_the_stream_resumes(hub):
    first = hub.log("missed 1") and hub.events()[-1]["id"]
    hub.log("missed 2")
    for query, headers in ((f"&after={first}", {}), ("", {"Last-Event-ID": str(first)})):
        stream = Stream(hub, query, headers)
        assert stream.next()["message"] == "missed 2"
        stream.close()


def test_streams_are_limited(own_hub):
    streams = [Stream(own_hub) for _ in range(49)]
    assert [stream.status for stream in streams] == [200] * 48 + [503]
    assert own_hub.post([log_message("still taken")]).status == 202
    assert streams[0].next()["message"] == "still taken"
    for stream in streams:
        stream.close()
    # The hub notices that they left when it next writes to them.
    def is_free():
        own_hub.log("are you there")
        stream = Stream(own_hub)
        stream.close()
        return stream.status == 200
    wait_for(is_free, "a free stream")


# -- the commands --------------------------------------------------------------------------------

def test_the_commands_of_a_node(hub):
    hub.log("seen by the command", level="warn")
    hub.log("of low priority \x1b[2J", priority="low")
    listed = hub.jetpack("hub", "event", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    assert json.loads(listed.stdout)[-1]["message"] == "seen by the command"
    everything = json.loads(hub.jetpack("hub", "event", "list", "--all", "--json").stdout)
    assert everything[-1]["priority"] == "low"
    table = hub.jetpack("hub", "event", "list", "--all", "--limit", 2).stdout.splitlines()
    assert len(table) == 3 and table[0].startswith("RECEIVED")
    assert table[2].endswith("of low priority \\x1b[2J")
    assert all(re.match(r"\d{4}-\d\d-\d\d [0-9:]{8} \S+  ", line) for line in table[1:]), table
    relative = hub.jetpack("hub", "event", "list", "--time", "relative").stdout.splitlines()[1]
    assert re.match(r"(now|\d+s ago)  ", relative), relative
    nodes = json.loads(hub.jetpack("hub", "node", "list", "--json").stdout)
    assert nodes[0]["name"] == "execute-1" and "properties" in nodes[0]
    messages = json.loads(hub.jetpack("hub", "message", "list", "--json", "--limit", 1,
                                      "--type", "log").stdout)
    assert messages[0]["data"]["priority"] == "low"
    hub.log("an error", level="error")
    for options, expected in ((["--min-level", "error"], {"an error"}),
                              (["--min-level", "warn"], {"seen by the command", "an error"}),
                              (["--since", "1h", "--min-level", "error"], {"an error"})):
        shown = json.loads(hub.jetpack("hub", "event", "list", "--json", *options).stdout)
        assert {event["message"] for event in shown} >= expected
        assert all(event["level"] != "info" for event in shown)
    assert json.loads(hub.jetpack("hub", "event", "list", "--since", "1ms", "--json").stdout) == []
    assert hub.jetpack("hub", "node", "list", "--names", "--sort", "contact").stdout.split()[-1] == "execute-1"
    assert hub.jetpack("hub", "node", "list", "--names", "--condition", "nosuch").stdout == ""


def test_events_are_followed_as_they_arrive(hub):
    hub.log("before")
    with subprocess.Popen([BINARY, "hub", "event", "list", "--follow", "--min-level", "warn"],
                          env={**os.environ, "JETPACK_HOME": str(hub.home)}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            for number in itertools.count():
                hub.log(f"harmless {number}")
                hub.log(f"followed {number}", level="warn")
                if select.select([process.stdout], [], [], 2)[0]:
                    break
            line = process.stdout.readline()
            assert "followed" in line and "harmless" not in line and "before" not in line
        finally:
            process.terminate()


def test_a_long_list_is_fetched_in_pages(hub):
    for _ in range(2):
        hub.post([{**log_message(""), "type": "long"} for _ in range(7500)])
    listed = hub.jetpack("hub", "message", "list", "--json", "--limit", 14000, "--type", "long")
    numbers = [message["number"] for message in json.loads(listed.stdout)]
    assert len(numbers) == 14000 and numbers == sorted(set(numbers))


def test_a_logged_message_reaches_the_hub(hub):
    done = hub.jetpack("log", "said by jetpack log", "--level", "error")
    assert done.returncode == 0, done.stderr
    event = wait_for(lambda: [e for e in hub.events() if e["message"] == "said by jetpack log"],
                     "the event")[0]
    assert event["priority"] == "high"


def test_enrolling_again_rotates_the_password(hub, tmp_path):
    home = tmp_path / "home"
    old = enroll(hub, home, node="execute-9")
    assert hub.get("/api/nodes", old).status == 200
    done = hub.administer("hub", "enroll", "--data", hub.data, "--cluster", "demo", "--node",
                      "execute-9", "--home", home)
    assert done.returncode == 0 and "again" in done.stdout
    connection = json.loads((home / "config" / "connection.json").read_text())
    assert hub.get("/api/nodes", old).status == 401
    assert hub.get("/api/nodes", (connection["username"], connection["password"])).status == 200
    assert stat.S_IMODE((home / "config" / "connection.json").stat().st_mode) == 0o640
    assert connection["password"] not in done.stdout + done.stderr
    ini = (home / "config" / "jetpack.ini").read_text()
    assert f"api_password={connection['password']}\n" in ini and "node_name=execute-9\n" in ini
    assert (home / "config" / "ca.pem").read_text() == pathlib.Path(hub.about["ca"]).read_text()


@pytest.mark.parametrize("arguments", [
    ["enroll", "--cluster", "a/b", "--node", "n", "--home", "."],
    ["enroll", "--cluster", "a", "--node", "n\nx=y", "--home", "."],
    ["enroll", "--cluster", "a", "--node", "n", "--home", ".", "--url", "https://h\nx=y"],
    ["enroll", "--cluster", "a", "--node", "n", "--home", ".", "--url", "http://h"],
    ["admin", "--name", "a b"],
    ["serve", "--listen", "nonsense"],
    ["serve", "--name", "a,DNS:b", "--listen", "127.0.0.1:0"],
])
def test_invalid_arguments(hub, tmp_path, arguments):
    done = hub.administer("hub", *arguments, "--data", tmp_path / "data")
    assert done.returncode == 2
    assert done.stdout == "" and done.stderr


# -- starting, stopping, dying -------------------------------------------------------------------

def test_one_hub_for_each_data_directory(hub):
    done = hub.administer("hub", "serve", "--data", hub.data, "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert "another hub serves it" in done.stderr and str(hub.about["pids"][0]) in done.stderr


def holds_open(pid, path):
    """Whether the process or one of its children has the file open."""
    for process in children(pid):
        with contextlib.suppress(OSError):
            if any(pathlib.Path(fd).resolve() == path
                   for fd in pathlib.Path(f"/proc/{process}/fd").iterdir()):
                return True
    return False


def test_the_next_hub_waits_for_one_that_is_stopping(hub, tmp_path):
    lock = tmp_path / "hub.lock"
    with open(lock, "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        serving = subprocess.Popen(
            [BINARY, "hub", "serve", "--data", tmp_path, "--listen", "127.0.0.1:0"],
            env={**os.environ, "JETPACK_HOME": str(BINARY.parent.parent)},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            wait_for(lambda: holds_open(serving.pid, lock), "it to look at the lock")
            fcntl.flock(held, fcntl.LOCK_UN)
            assert json.loads(serving.stdout.readline())["data"] == str(tmp_path)
        finally:
            serving.terminate()
            serving.wait()
            serving.stdout.close()


def test_a_port_in_use(hub, tmp_path):
    address = hub.about["hub"].removeprefix("https://")
    done = hub.administer("hub", "serve", "--data", tmp_path / "data", "--listen", address)
    assert done.returncode == 1
    assert address in done.stderr and "--listen" in done.stderr


def test_nothing_acknowledged_is_lost_when_the_hub_is_killed(own_hub):
    sent, stop = [], threading.Event()

    def send():
        while not stop.is_set():
            message = log_message(f"before the kill {len(sent)}")
            try:
                if own_hub.post([message]).status == 202:
                    sent.append(message["id"])
            except (OSError, ssl.SSLError):
                return

    sender = threading.Thread(target=send)
    sender.start()
    wait_for(lambda: len(sent) > 30, "messages")
    os.kill(own_hub.about["pids"][0], signal.SIGKILL)
    sender.join()
    stop.set()
    own_hub.tool("hub-stop")
    own_hub.tool("hub-start")
    kept = [m["id"] for m in own_hub.get("/api/messages?limit=10000").json["messages"]]
    assert [i for i in sent if i not in kept] == []
    assert len(kept) == len(set(kept))
    # The node's certificate of the authority still holds, and its password.
    assert own_hub.post([log_message("after the kill")]).status == 202


def test_a_hub_stops_cleanly_with_open_streams_and_connections(own_hub):
    stream, idle = Stream(own_hub), own_hub.connect()
    idle.connect()
    own_hub.tool("hub-stop")
    log = (own_hub.data / "logs" / "hub.log").read_text()
    assert log.splitlines()[-1].endswith("stopping on signal 15")
    stream.close()
    idle.close()


def test_dev_cluster_refuses_to_start_twice(own_hub):
    assert own_hub.tool("start", check=False).returncode == 1
    assert own_hub.get("/api/nodes").status == 200


def test_data_is_readable_by_its_owner_only(hub):
    assert stat.S_IMODE(hub.data.stat().st_mode) == 0o700
    for name in ("hub.db", "tls/ca-key.pem", "tls/server.pem", "hub.json"):
        assert stat.S_IMODE((hub.data / name).stat().st_mode) == 0o600, name


def test_the_certificate_follows_the_names(tmp_path):
    names = []
    for extra in ("head.example", "other.example"):
        hub = subprocess.Popen(
            [BINARY, "hub", "serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0",
             "--name", extra], stdout=subprocess.PIPE,
            env={**os.environ, "JETPACK_HOME": str(BINARY.parent.parent)})
        told = json.loads(hub.stdout.readline())
        names.append(pathlib.Path(told["ca"]).read_text())
        context = ssl.create_default_context(cafile=told["ca"])
        port = urllib.parse.urlsplit(told["url"]).port
        with socket.create_connection(("127.0.0.1", port)) as connection:
            context.wrap_socket(connection, server_hostname=extra).close()
        hub.terminate()
        assert hub.wait(10) == 0
        hub.stdout.close()
    assert names[0] == names[1]


# -- the Python module -------------------------------------------------------------------------

def test_what_installers_run_reports_the_installation(hub):
    done = subprocess.run(
        [hub.home / "system/embedded/bin/python", "-c",
         "import jetpack.converge as jc; jc._send_installation_status('warning')"],
        env={}, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
        check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    reports = wait_for(lambda: [
        message for message in hub.get("/api/messages?type=installation").json["messages"]
        if message["data"] == {"status": "warning"}], "the installation's status")
    assert reports
    node = hub.get("/api/node?cluster=demo&node=execute-1").json["node"]
    assert node["hostname"] == socket.gethostname()
    # The same account over TLS, with the authority that enrollment wrote.
    done = subprocess.run(
        [hub.home / "system/embedded/bin/python", "-c",
         "from jetpack import util; print(util.query_cyclecloud('/clusters/demo/nodes').status)"],
        env={}, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
        check=False)
    assert done.stdout == "200\n", done.stderr
    done = subprocess.run([hub.home / "system/bootstrap/cron_wrapper.sh", "jetpack", "config", "cyclecloud.cluster.name"],
                          env={}, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("demo\n", "")
