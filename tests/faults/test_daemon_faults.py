"""Whatever the server does, jetpackd keeps what waits, asks no more often than it may, stays small,
stops when asked to, and delivers everything once and in order when the server is well."""

import json
import signal
from pathlib import Path

import pytest

from fault_server import is_built_with_cpprest
from servers.process import wait_for
from test_server_faults import FAULTS, MAX_RSS_KIB, after_request, drip, hang_in_tls, reply

COUNT = 12


def rss(pid):
    """Its resident set in KiB, at its largest."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def publish(jetpack, count=COUNT, start=0):
    for n in range(start, start + count):
        assert jetpack("log", f"message {n}").returncode == 0


def texts(server):
    return [message["data"]["message"] for message in server.messages
            if message["type"] == "log"]


def wait_for_all(server, count=COUNT):
    """All have arrived, once each and in order."""
    expected = [f"message {n}" for n in range(count)]
    wait_for(lambda: len(texts(server)) >= count, f"{count} messages")
    assert texts(server) == expected


def tries(server):
    """How often the daemon has tried: connections, or requests on them where they are kept."""
    return max(server.contacts, len(server.asked))


# What each fault is to a daemon: whether it tries again by itself soon.
TEMPORARY = ["closes at once", "hangs before TLS", "closes after the request", "answers garbage",
             "sends a body without end", "announces a huge chunk", "sends headers without end",
             "closes in the headers", "closes in the body", "fails", "is overloaded"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", TEMPORARY)
def test_after_a_server_that(fault, server, jetpack, daemon):
    server.behave = FAULTS[fault][0]
    daemon.start()
    publish(jetpack, 2)
    wait_for(lambda: tries(server) >= 3, "a second try")
    assert rss(daemon.process.pid) < MAX_RSS_KIB
    server.recover()
    wait_for_all(server, 2)
    assert daemon.stop() == 0


def test_a_storm_of_errors_is_met_with_patience(server, jetpack, daemon):
    server.behave = reply(500)
    daemon.start()
    publish(jetpack, 1)
    wait_for(lambda: tries(server) >= 6, "tries")
    # New rows wake the daemon, but do not make it try before its time.
    before = tries(server)
    publish(jetpack, COUNT - 1, 1)
    assert tries(server) - before <= COUNT / 2
    server.recover()
    wait_for_all(server)


@pytest.mark.parametrize("status", [401, 403])
def test_a_password_that_is_refused_is_not_hammered_with(status, server, jetpack, home, daemon):
    server.behave = reply(status, b'{"error":"who are you"}')
    daemon.start()
    publish(jetpack, 1)
    wait_for(lambda: tries(server), "the first try")
    wait_for(lambda: json.loads(jetpack("status", "--json").stdout)["outbox"]["depth"] == 1, "status")
    publish(jetpack, COUNT - 1, 1)
    # One for the messages and one for the node's configuration, each perhaps once more.
    assert tries(server) <= 4
    told = wait_for(lambda: (told := jetpack("status")).returncode == 1 and told, "status to tell")
    assert str(status) in told.stdout + told.stderr, told
    server.recover()
    daemon.stop()
    daemon.start()
    wait_for_all(server)


def test_retry_after_is_honoured(server, jetpack, daemon):
    server.behave = reply(429, b"", "Retry-After: 2")
    daemon.start()
    publish(jetpack)
    wait_for(lambda: tries(server) >= 4, "second tries")
    # The messages and the configuration, each twice.
    assert server.asked[3] - server.asked[0] >= 2
    server.recover()
    wait_for_all(server)


def test_a_server_that_hangs_does_not_keep_the_daemon_from_ending(server, jetpack, daemon):
    for behave in (hang_in_tls, after_request(drip)):
        server.behave, before = behave, tries(server)
        daemon.start()
        publish(jetpack, 1)
        wait_for(lambda: tries(server) > before, "a connection")
        assert daemon.end(15, seconds=8) == 0


def test_what_is_refused_for_good_is_told_and_the_rest_arrives(server, jetpack, daemon):
    def judge(connection):
        connection.start_tls()
        while True:
            head, body = connection.read_request()
            if b'"message 3"' in body:
                connection.answer(400, b'{"error":"three is no number"}')
            else:
                connection.answer_well(head, body)

    server.behave = judge
    daemon.start()
    publish(jetpack, 6)
    wait_for(lambda: texts(server) == [f"message {n}" for n in (0, 1, 2, 4, 5)], "the others")
    dead = wait_for(lambda: json.loads(jetpack("status", "--json").stdout)["outbox"]["dead"],
                    "the dead letter")
    assert len(dead) == 1 and "three is no number" in dead[0]["reason"]
    told = jetpack("status")
    assert told.returncode == 1 and "three is no number" in told.stdout + told.stderr


def test_a_daemon_that_is_killed_and_a_server_that_dies_lose_nothing(server, jetpack, daemon):
    for n in range(0, COUNT, 2):
        server.behave = FAULTS["closes after the request"][0]
        daemon.start()
        publish(jetpack, 1, n)
        daemon.kill()
        server.behave = server.good
        daemon.start()
        publish(jetpack, 1, n + 1)
        daemon.kill()
    daemon.start()
    wait_for(lambda: len(set(texts(server))) == COUNT, "all messages")
    # What was taken when the daemon died is sent again, with the id that lets the server know it.
    known, first = set(), []
    for message in server.messages:
        if message["id"] not in known:
            known.add(message["id"])
            first.append(message["data"]["message"])
    assert first == [f"message {n}" for n in range(COUNT)]


@pytest.mark.skipif(is_built_with_cpprest(), reason="-Dhttp_client=cpprest: each connection begins a session of its own")
def test_a_poll_resumes_the_tls_session_of_the_one_before(server, daemon, home):
    """Whole handshakes are most of what polls cost a server."""
    resumed = []

    def answer_once(connection):
        """As a server does that does not keep connections for as long as until the next poll."""
        connection.start_tls()
        head, body = connection.read_request()
        connection.answer_well(head, body)
        if head.startswith("GET"):
            resumed.append(connection.socket.session_reused)

    def poll():
        count = len(resumed)
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(resumed) > count, "a poll")
        return resumed[-1]

    server.behave = answer_once
    daemon.start()
    wait_for(lambda: resumed, "the first poll")
    assert not resumed[0]
    assert poll() and poll()
    # What another authority vouched for is looked at again.
    authorities = home / "config/ca.pem"
    authorities.write_bytes(authorities.read_bytes() + b"\n")
    assert not poll()
    assert poll()
