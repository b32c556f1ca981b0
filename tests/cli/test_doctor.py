"""`jetpack doctor`: each fault by its id, and no other."""

import fcntl
import json
import os
import socket
import ssl
import struct
import subprocess
import threading
import time
import types
from pathlib import Path

import pytest
from servers import amqp, certificates, node_server, stuck_fs

USERDATA = {"version": "1", "configuration": {}, "properties": {}, "users": []}
DAEMONS = ("jetpackd", "healthcheck")


def test_help(transcript):
    transcript("help_doctor", ["help", "doctor"])


def as_document(known):
    """The part of docs/troubleshooting.md that is made of the table."""
    lines = []
    area = None
    for entry in known:
        if entry["area"] != area:
            area = entry["area"]
            lines += ["", f"## {area.capitalize()}"]
        lines += ["", f"### {entry['id']}", "", f"{entry['severity'].capitalize()}. {entry['cause']}.", "",
                  f"{entry['remedy']}."]
    return "\n".join(lines) + "\n"


def test_the_document_is_the_table(jetpack, repository, request):
    known = json.loads(jetpack.answer("doctor", "--ids", "--json"))
    assert len({entry["id"] for entry in known}) == len(known)
    document = repository / "docs/troubleshooting.md"
    by_hand = document.read_text().split(f"\n## {known[0]['area'].capitalize()}\n")[0]
    if request.config.getoption("--update-expected"):
        document.write_text(by_hand + as_document(known))
    assert document.read_text() == by_hand + as_document(known)
    text = jetpack.answer("doctor", "--ids")
    assert all(entry["id"] in text for entry in known)


class Patient:
    """A healthy node, as far as a node can be without its daemons: their locks are held by the test."""

    def __init__(self, jetpack, home, server):
        self.jetpack, self.home, self.server = jetpack, home, server
        self.prefix = []
        self.env = {}
        self.locks = {}
        self.closers = []
        server.userdata = USERDATA
        for name in ("", "config", "scripts", "system", "system/bootstrap"):
            (home / name).chmod(0o750)
        for name in ("logs", "run"):
            (home / name).chmod(0o2770)
        for name in DAEMONS:
            self.locks[name] = open(home / f"run/{name}.lock", "w", encoding="utf-8")
            fcntl.flock(self.locks[name], fcntl.LOCK_EX)
        version = jetpack.answer("--version").strip()
        self.daemon(version=version)
        (home.path.parent / "locker").mkdir()
        self.locker(url=f"file://{home.path.parent}/locker")

    def daemon(self, **state):
        self.home.write("run/jetpackd.json", {"pid": 1, **state})

    def locker(self, **description):
        self.home.write("config/locker.json", description)

    def connect(self, url, ini=""):
        node_server.connect(self.home, types.SimpleNamespace(url=url))
        self.ini(ini)

    def connect_by_proxy(self, proxy):
        self.home.write("config/connection.json", {
            "cluster": "demo", "username": "node", "password": "s3cret", "url": "https://server.invalid"})
        self.ini(f"[cycle_server]\nproxy = {proxy}\n")

    def ini(self, text):
        path = self.home / "config/jetpack.ini"
        path.write_text(path.read_text() + text)

    def examine(self, *options):
        """The findings by id, and the exit code."""
        result = self.jetpack("doctor", "--json", *options, prefix=self.prefix, env=self.env)
        assert result.stderr == "", result
        report = json.loads(result.stdout)
        findings = [finding for area in report["areas"] for finding in area["findings"]]
        errors = [f for f in findings if f["severity"] == "error" and not f.get("fixed")]
        assert (report["ok"], result.returncode) == (not errors, 1 if errors else 0), result
        assert report["errors"] == len(errors)
        return findings

    def close(self):
        for lock in self.locks.values():
            lock.close()
        for closer in self.closers:
            closer()


@pytest.fixture
def patient(jetpack, home, server):
    made = Patient(jetpack, home, server)
    yield made
    made.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """certificate(NAME, ...) makes a certificate once; its directory."""
    base = tmp_path_factory.mktemp("doctor-ca")

    def certificate(name, **options):
        directory = base / name
        if not directory.exists():
            directory.mkdir()
            certificates.make_ca(directory)
            certificates.make_certificate(directory, **options)
        return directory

    return certificate


def answer_with(patient, reply, secure=None):
    """A listener that reads what comes, and says `reply`; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    if secure:
                        connection = secure.wrap_socket(connection, server_side=True)
                    connection.recv(65536)
                    connection.sendall(reply)
                except OSError:
                    continue

    threading.Thread(target=serve, daemon=True).start()
    patient.closers.append(lambda: (listener.shutdown(socket.SHUT_RDWR), listener.close()))
    return listener.getsockname()[1]


def https(patient, directory, trust=True):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    body = json.dumps(USERDATA).encode()
    port = answer_with(patient, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                       % (len(body), body), context)
    patient.connect(f"https://127.0.0.1:{port}")
    if trust:
        patient.home.write("config/ca.pem", (directory / "ca.pem").read_text())


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def proxy(patient, reply):
    port = answer_with(patient, reply)
    patient.connect_by_proxy(f"http://127.0.0.1:{port}")


def says(status):
    def inject(patient, _):
        patient.server.override["/clusterlink/userdata"] = (status, {}, [])
    return inject


def writes(name, content):
    def inject(patient, _):
        patient.home.write(name, content)
    return inject


def node_json(**settings):
    return writes("config/node.json", {"cyclecloud": {"jetpack": settings}})


def certificate_fault(name, trust=True, **options):
    def inject(patient, authority):
        https(patient, authority(name, **options), trust)
    return inject


def no_node_name(patient, _):
    path = patient.home / "config/jetpack.ini"
    path.write_text(path.read_text().replace("node_name = execute-1\n", ""))


def silent(patient, _):
    listener = socket.create_server(("127.0.0.1", 0))
    patient.closers.append(listener.close)
    patient.connect(f"http://127.0.0.1:{listener.getsockname()[1]}")


def not_http(patient, _):
    patient.connect(f"http://127.0.0.1:{answer_with(patient, b'SSH-2.0-OpenSSH_9.2' + bytes([13, 10]))}")


def clock(patient, _):
    patient.server.override["/clusterlink/userdata"] = (
        200, USERDATA, [("Date", "Mon, 01 Jan 2024 00:00:00 GMT")])


def sas(end):
    def inject(patient, _):
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + end)).replace(":", "%3A")
        port = answer_with(patient, b"HTTP/1.1 200 OK\r\nContent-Length: 62\r\nConnection: close\r\n\r\n"
                           b"<?xml version='1.0'?><EnumerationResults></EnumerationResults>")
        patient.locker(url=f"http://127.0.0.1:{port}/account/container", sas=f"sv=2020-12-06&se={when}&sig=x")
    return inject


def locker_denied(patient, _):
    port = answer_with(patient, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    patient.server.override["/clusterlink/locker"] = (404, {}, [])
    patient.locker(url=f"http://127.0.0.1:{port}/account/container", sas="sv=2020-12-06&sig=x")


def locker_unreachable(patient, _):
    patient.locker(url=f"http://127.0.0.1:{closed_port()}/account/container", sas="sv=2020-12-06&sig=x")


def file_for_directory(patient, _):
    (patient.home / "system/bootstrap").rmdir()
    patient.home.write("system/bootstrap", "")


def dead_letter(patient, _):
    patient.server.override["/clusterlink/messages"] = (422, {"error": "no"}, [])
    patient.locks["jetpackd"].close()
    assert patient.jetpack("log", "refused").returncode == 1
    patient.locks["jetpackd"] = open(patient.home / "run/jetpackd.lock", "w", encoding="utf-8")
    fcntl.flock(patient.locks["jetpackd"], fcntl.LOCK_EX)


def old_message(patient, _):
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    result = patient.jetpack("log", "old", "--wait", "0", env={"LD_PRELOAD": str(library), "FAKETIME": "-2h"})
    assert result.returncode == 0, result


def full_outbox(patient, _):
    patient.home.node({"cyclecloud": {"jetpack": {"http_port": 0, "outbox_max_mib": 4}}})
    patient.ini(f"[broker]\nurl = amqp://u:p@127.0.0.1:{closed_port()}\n")
    text = patient.home.write("big", "x" * (900 << 10))
    for size in (900, 900, 900, 900, 90, 90, 90, 90, 90, 90):
        os.truncate(text, size << 10)
        patient.jetpack("send", "--file", text, "--routing-key", "x", "--wait", "0")


def mounted(command):
    """Runs it in a mount namespace of its own after `command`, in which $RUN is the node's run directory."""
    def inject(patient, _):
        if os.geteuid() != 0:
            pytest.skip("only root can mount")
        patient.prefix = ["unshare", "-m", "bash", "-ec", command + '; exec "$@"', "bash"]
        patient.env = {"RUN": str(patient.home / "run"), "BASE": str(patient.home.path.parent)}
    return inject


def broker_denied(patient, _):
    """A broker that answers the login as RabbitMQ does a wrong password: connection.close, 403."""
    start = (struct.pack("!HHBBI", 10, 10, 0, 9, 0) + amqp.long(b"PLAIN") + amqp.long(b"en_US"))
    close = struct.pack("!HHH", 10, 50, 403) + amqp.short("ACCESS_REFUSED") + struct.pack("!HH", 0, 0)
    frames = [struct.pack("!BHI", 1, 0, len(body)) + body + b"\xce" for body in (start, close)]
    port = answer_with(patient, b"".join(frames))
    patient.ini(f"[cycle_server]\ntransport = amqp\n[broker]\nurl = amqp://u:p@127.0.0.1:{port}\n")


GROUP = "cp /etc/group $BASE/group; echo cyclecloud:x:4242: >> $BASE/group; mount --bind $BASE/group /etc/group"


def with_group(number, mode):
    """A machine that has the group cyclecloud, and run/ with this group and mode."""
    def inject(patient, _):
        mounted(GROUP)(patient, _)
        for name in ("logs", "run"):
            os.chown(patient.home / name, -1, 4242)
            (patient.home / name).chmod(0o2770)
        os.chown(patient.home / "run", -1, number)
        (patient.home / "run").chmod(mode)
    return inject


def old_cron(patient, _):
    line = f"* * * * * {patient.home.path}/system/embedded/bin/python -m jetpack.healthcheck"
    (patient.home.path.parent / "crontab").write_text(f"# comment\n{line}\n")
    mounted("mount -t tmpfs none /var/spool; mkdir /var/spool/cron; cp $BASE/crontab /var/spool/cron/root")(patient, _)


def stuck_disk(patient, _):
    """The projects' directory of services is on a file server that does not answer."""
    (patient.home / "config/service.d").mkdir(exist_ok=True)
    (patient.home / "config/service.d").rmdir()
    stuck = stuck_fs.mounted(patient.home / "config/service.d")
    stuck.__enter__()  # pylint: disable=unnecessary-dunder-call
    patient.closers.append(lambda: stuck.__exit__(None, None, None))


def stuck_plugins(patient, _):
    stuck = stuck_fs.mounted(patient.home.path.parent / "plugins")
    directory = stuck.__enter__()  # pylint: disable=unnecessary-dunder-call
    patient.ini(f"[plugins]\npath = {directory}\n")
    patient.closers.append(lambda: stuck.__exit__(None, None, None))


def small_disk(options):
    """run/ on a disk of its own, with the files that it has."""
    return mounted(
        f"mkdir $BASE/old; mount --bind $RUN $BASE/old; mount -t tmpfs -o mode=2770,{options} none $RUN; "
        "for f in $BASE/old/*; do touch $RUN/${f##*/}; mount --bind $f $RUN/${f##*/}; done")


def fake_systemctl(load, enabled, active):
    """systemd as it seems where a unit is in this state."""
    script = f"#!/bin/sh\necho LoadState={load}\necho UnitFileState={enabled}\necho ActiveState={active}\necho Result=exit-code\n"

    def inject(patient, _):
        fake = patient.home.path.parent / "systemctl"
        fake.write_text(script)
        fake.chmod(0o755)
        mounted("mount -t tmpfs none /run && mkdir -p /run/systemd/system && "
                "touch $BASE/there && real=$(command -v systemctl || echo /bin/systemctl) && "
                "mount --bind $BASE/systemctl $real")(patient, _)
        if not any(os.path.exists(f"{d}/systemctl") for d in ("/usr/bin", "/bin")):
            pytest.skip("there is no systemctl to put the fake one over")
    return inject


def bad_plugin(patient, _):
    installed = patient.home.path.parent / "installed"
    patient.jetpack.binary = installed / "bin/jetpack"
    (installed / "lib/jetpack/plugins/bad.so").write_bytes(b"\x7fELF, but no more")


FAULTS = [
    ("configuration-invalid", "connection.json", writes("config/connection.json", "{")),
    ("configuration-invalid", "line 1", writes("config/node.json", '{"a": }')),
    ("configuration-invalid", "jetpack.ini", writes("config/jetpack.ini", "[identity\n")),
    ("configuration-invalid", "the server's address", writes("config/connection.json", {
        "url": "ftp://x", "cluster": "c", "username": "u", "password": "p"})),
    ("not-configured", "url", lambda p, _: (p.home / "config/connection.json").unlink()),
    ("node-name-missing", "", no_node_name),
    ("setting-invalid", "from 1 to 100", node_json(storage_tries=1000)),
    ("setting-unknown", "did you mean cyclecloud.jetpack.http_port", node_json(http_prot=1)),
    ("server-name", "resolved", lambda p, _: p.connect("https://nowhere.invalid:9443")),
    ("server-port", "refused", lambda p, _: p.connect(f"https://127.0.0.1:{closed_port()}")),
    ("proxy-name", "proxy", lambda p, _: p.connect_by_proxy("http://nowhere.invalid:3128")),
    ("proxy-unreachable", "proxy", lambda p, _: p.connect_by_proxy(f"http://127.0.0.1:{closed_port()}")),
    ("proxy-credentials", "407", lambda p, _: proxy(
        p, b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")),
    ("proxy-rejected", "403", lambda p, _: proxy(
        p, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")),
    ("tls-handshake", "TLS", lambda p, _: p.connect(p.server.url.replace("http:", "https:"))),
    ("certificate-untrusted", "not trusted", certificate_fault("untrusted", False)),
    ("certificate-expired", "expired on 2020-", certificate_fault("expired", days=1)),
    ("certificate-not-yet-valid", "not valid before 2029-",
     certificate_fault("early", days=100, at="2029-01-01 00:00:00")),
    ("certificate-wrong-host", "another host", certificate_fault("other", names="DNS:other.example")),
    ("certificate-not-checked", "", lambda p, a: (
        https(p, a("untrusted"), False), p.ini("[cycle_server]\nskip_ssl_validation = true\n"))),
    ("ca-file-invalid", "ca.pem", lambda p, a: (
        https(p, a("untrusted"), False), p.home.write("config/ca.pem", "no certificate"))),
    ("server-no-answer", "", silent),
    ("server-not-http", "HTTP", not_http),
    ("server-credentials", "401", says(401)),
    ("server-forbidden", "403", says(403)),
    ("node-unknown", "404", says(404)),
    ("server-failed", "500", says(500)),
    ("clock-skew", "ahead of", clock),
    ("broker-missing", "", lambda p, _: p.ini("[cycle_server]\ntransport = amqp\n")),
    ("broker-unreachable", "", lambda p, _: p.ini(
        f"[cycle_server]\ntransport = amqp\n[broker]\nurl = amqp://u:p@127.0.0.1:{closed_port()}\n")),
    ("broker-denied", "", broker_denied),
    ("locker-missing", "", lambda p, _: (p.home / "config/locker.json").unlink()),
    ("locker-invalid", "locker.json", writes("config/locker.json", "{}")),
    ("locker-denied", "403", locker_denied),
    ("locker-unreachable", "", locker_unreachable),
    ("sas-expired", "ended at", sas(-3600)),
    ("sas-expiring", "ends at", sas(3600)),
    ("directory-missing", "logs", lambda p, _: (p.home / "logs").rmdir()),
    ("not-a-directory", "bootstrap", file_for_directory),
    ("owner-wrong", "12345", lambda p, _: os.chown(p.home / "run", 12345, -1)),
    ("writable-by-others", "0757", lambda p, _: (p.home / "config").chmod(0o757)),
    ("untrusted-file", "symbolic", lambda p, _: (p.home / "run/x").symlink_to("/etc/shadow")),
    ("readable-by-others", "connection.json", lambda p, _: (
        p.home.path.chmod(0o755), (p.home / "config").chmod(0o755))),
    ("group-wrong", "has group", with_group(0, 0o2770)),
    ("mode-wrong", "2750", with_group(4242, 0o2750)),
    ("readable-by-others", "facts.json", lambda p, _: (
        p.home.write("config/facts.json", {}), p.home.path.chmod(0o755), (p.home / "config").chmod(0o755))),
    ("moved-aside", "corrupt-", writes("run/conditions.json.corrupt-20260101", "x")),
    ("disk-full", "0 MiB free", small_disk("size=128k")),
    ("inodes-exhausted", "inodes free", small_disk("size=100m,nr_inodes=12")),
    ("disk-low", "MiB free", small_disk("size=20m")),
    ("read-only", "", mounted("mount --bind $RUN $RUN; mount -o remount,ro,bind $RUN")),
    ("dead-letters", "log", dead_letter),
    ("outbox-old", "2h", old_message),
    ("outbox-full", "4 MiB", full_outbox),
    ("jetpackd-not-running", "jetpackd.lock", lambda p, _: p.locks["jetpackd"].close()),
    ("healthcheck-not-running", "healthcheck.lock", lambda p, _: p.locks["healthcheck"].close()),
    ("jetpackd-other-version", "8.9.0-1", lambda p, _: p.daemon(version="8.9.0-1")),
    ("jetpackd-rejected", "wrong password", lambda p, _: p.daemon(
        version="x", failure={"text": "wrong password", "since": "now", "needs_person": True})),
    ("unit-missing", "not-found", fake_systemctl("not-found", "", "inactive")),
    ("unit-disabled", "disabled", fake_systemctl("loaded", "disabled", "active")),
    ("unit-failed", "exit-code", fake_systemctl("loaded", "enabled", "failed")),
    ("unit-masked", "masked", fake_systemctl("masked", "masked", "inactive")),
    ("leftover-python", "azcopy", writes("system/embedded/bin/azcopy", "")),
    ("leftover-pogo", "chef-pogo.ini", writes("config/chef-pogo.ini", "")),
    ("leftover-cron", "/var/spool/cron/root", old_cron),
    ("check-timed-out", "leftovers", stuck_disk),
    ("check-timed-out", "plugins", stuck_plugins),
    ("leftover-service", "gridengine.json", writes("config/service.d/gridengine.json", "{}")),
]


@pytest.mark.parametrize("fault, evidence, inject", FAULTS,
                         ids=[f"{i}-{fault[0]}" for i, fault in enumerate(FAULTS)])
def test_a_fault_has_its_id_and_no_other(fault, evidence, inject, patient, authority):
    inject(patient, authority)
    findings = patient.examine()
    told = [finding for finding in findings if finding["id"] == fault]
    assert told, findings
    assert any(evidence in finding["evidence"] for finding in told), told
    assert {f["id"] for f in findings if f["severity"] == "error"} <= {fault}, findings
    assert all(f["cause"] and f["remedy"] for f in findings)
    assert "s3cret" not in json.dumps(findings)


def test_a_plugin_that_is_refused(patient, copied_home):
    bad_plugin(patient, copied_home)
    findings = patient.examine()
    assert [f["id"] for f in findings if f["severity"] == "error"] == ["plugin-refused"]


def test_a_healthy_node(patient):
    findings = patient.examine()
    assert not [f for f in findings if f["severity"] != "info"], findings
    result = patient.jetpack("doctor")
    assert result.returncode == 0 and result.stdout.endswith("0 errors, 0 warnings\n"), result
    assert "ok       server" in result.stdout and "\033" not in result.stdout


def test_everything_is_a_black_hole(patient):
    """A listener whose queue is full drops what comes, as a firewall does."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", port))
        fillers.append(filler)
    patient.connect(f"https://127.0.0.1:{port}", "[cycle_server]\ntransport = amqp\n"
                    f"[broker]\nurl = amqps://u:p@127.0.0.1:{port}\n")
    patient.locker(url=f"https://127.0.0.1:{port}/account/container", sas="sv=2020-12-06&sig=x")
    start = time.monotonic()
    errors = {f["id"] for f in patient.examine() if f["severity"] == "error"}
    took = time.monotonic() - start
    print(f"black-holed: {took:.2f} s")
    assert errors == {"server-port", "broker-unreachable", "locker-unreachable"}
    assert took < 10
    for filler in [*fillers, listener]:
        filler.close()


def test_a_name_server_that_says_nothing(patient):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names:
        try:
            names.bind(("127.0.0.97", 53))
        except OSError as error:
            pytest.skip(f"cannot be a name server: {error}")
        patient.home.path.parent.joinpath("resolv.conf").write_text("nameserver 127.0.0.97\n")
        mounted("mount --bind $BASE/resolv.conf /etc/resolv.conf")(patient, None)
        patient.connect("https://server.example:9443")
        start = time.monotonic()
        findings = patient.examine()
        assert time.monotonic() - start < 10
    assert [f["id"] for f in findings if f["severity"] == "error"] == ["server-name"]


def test_fix(patient):
    home = patient.home
    (home / "logs").rmdir()
    (home / "config").chmod(0o757)
    os.chown(home / "run", 12345, -1)
    home.write("scripts/mine.sh", "echo").chmod(0o777)
    before = {f["id"]: f for f in patient.examine()}
    assert before["directory-missing"]["fixed"] is False and "mkdir" in before["directory-missing"]["fix"]
    fixed = {f["id"]: f for f in patient.examine("--fix")}
    assert {i for i, f in fixed.items() if f.get("fixed")} >= {
        "directory-missing", "writable-by-others", "owner-wrong"}
    assert (home / "logs").stat().st_mode & 0o7777 == 0o2770
    assert (home / "config").stat().st_mode & 0o7777 == 0o755
    assert (home / "run").stat().st_uid == 0
    # What a user made stays as it is, and the second time there is nothing to fix.
    assert (home / "scripts/mine.sh").stat().st_mode & 0o777 == 0o777
    assert not [f for f in patient.examine("--fix") if f.get("fixed")]
    (home / "logs").chmod(0o777)
    result = patient.jetpack("doctor", "--fix")
    assert "fixed    tree" in result.stdout and "chmod 0775 " in result.stdout, result


def test_fix_without_root(patient, as_user):
    patient.home.path.chmod(0o755)
    (patient.home / "config").chmod(0o757)
    (patient.home / "run").chmod(0o777)
    result = patient.jetpack("doctor", "--fix", prefix=as_user())
    assert "not fixed: chmod" in result.stdout and "only root can do this" in result.stdout, result
    assert (patient.home / "config").stat().st_mode & 0o777 == 0o757


def test_what_a_user_may_not_use(patient, as_user):
    patient.home.path.chmod(0o755)
    (patient.home / "config").chmod(0o755)
    (patient.home / "config/connection.json").chmod(0o600)
    patient.prefix = as_user()
    told = {finding["id"]: finding["evidence"] for finding in patient.examine()}
    assert "connection.json" in told["configuration-unreadable"], told
    assert str(patient.home.path) in told["no-access"], told


def test_a_link_is_not_followed_by_fix(patient):
    """Members of the group can put one into logs/, for root to change what it leads to."""
    target = patient.home.path.parent / "target"
    target.write_text("")
    target.chmod(0o600)
    (patient.home / "logs/jetpack.log").unlink(missing_ok=True)
    (patient.home / "logs/jetpack.log").symlink_to(target)
    patient.examine("--fix")
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_node_of_a_dev_cluster(repository, tmp_path, built_home):
    """As a hub enrolled it, with its daemon."""
    tool = repository / "tools/dev-cluster"
    env = {**os.environ, "JETPACK_BUILD": str(built_home.parent)}
    started = subprocess.run([tool, "start", tmp_path / "cluster"], env=env, capture_output=True, text=True,
                             timeout=120, check=False)
    assert started.returncode == 0, started.stderr
    try:
        home = json.loads(started.stdout)["home"]
        result = subprocess.run([built_home / "bin/jetpack", "doctor", "--json"], capture_output=True,
                                env={**os.environ, "JETPACK_HOME": home}, text=True, timeout=60, check=False)
        report = json.loads(result.stdout)
        assert report["errors"] == 0 and result.returncode == 0, result.stdout
    finally:
        subprocess.run([tool, "stop", tmp_path / "cluster"], env=env, timeout=60, check=True)
