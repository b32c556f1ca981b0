"""The simulated Azure of `jetpack hub serve --simulate-azure`: its metadata service, events and faults."""

import base64
import email.utils
import http.client
import json
import time
import urllib.parse
from pathlib import Path

import pytest
from hubs import Hub, run
from servers.process import wait_for
from simulated_azure import EVENTS, Azure

TOKEN = "/metadata/identity/oauth2/token?api-version=2018-02-01"
STORAGE = urllib.parse.quote("https://storage.azure.com/", safe="")


@pytest.fixture(scope="module")
def azure():
    """One for all tests; a node each of two clusters."""
    hub = Azure()
    hub.enroll("n1")
    hub.enroll("n2")
    yield hub
    hub.remove()


def test_what_it_refuses(azure):
    def error(*args, **headers):
        status, body, _ = azure.imds(*args, **headers)
        return status, json.loads(body)["error"]

    path = "/n1/metadata/instance?api-version=2021-02-01"
    assert azure.imds(path)[0] == 200
    assert error(path, Metadata="false") == (400, "Bad request. Required metadata header not specified")
    assert error(path, X_Forwarded_For="10.0.0.1")[0] == 400
    for version in ("", "?api-version=", "?api-version=2016-01-01"):
        status, body, _ = azure.imds("/n1/metadata/instance" + version)
        assert status == 400 and "2021-02-01" in json.loads(body)["newest-versions"]
        assert "api-version is invalid or was not specified" in json.loads(body)["error"]
    assert error(path + "&api-version=2021-02-01")[0] == 400
    assert error("/metadata/nothing?api-version=2021-02-01")[0] == 404
    assert error("/nothing")[0] == 404
    assert error(path, "POST")[0] == 405
    assert error("/n3/metadata/instance?api-version=2021-02-01")[0] == 404
    # Which of the two nodes is meant?
    assert error("/metadata/instance?api-version=2021-02-01")[0] == 404
    assert azure.imds("/demo/n1/metadata/instance?api-version=2021-02-01")[0] == 200
    assert error("/other/n1/metadata/instance?api-version=2021-02-01")[0] == 404


def test_the_instance(azure):
    def part(path, form="json"):
        status, body, headers = azure.imds(f"/n1/metadata/instance{path}?api-version=2021-02-01&format={form}")
        return (status, body.decode(), headers["Content-Type"].split(";")[0])

    assert "2021-02-01" in json.loads(azure.imds("/metadata/versions")[1])["apiVersions"]
    document = json.loads(part("")[1])
    assert document["compute"]["name"] == "n1" and document["compute"]["tags"] == "ClusterName:demo;Name:n1"
    assert json.loads(part("/compute")[1]) == document["compute"]
    assert json.loads(part("/network/interface/0")[1]) == document["network"]["interface"][0]
    size = document["compute"]["vmSize"]
    assert part("/compute/vmSize", "text") == (200, size, "text/plain")
    assert part("/compute/vmSize")[0] == 400
    assert part("/compute/tagsList/1/value", "text")[1] == "n1"
    assert part("", "text")[1].split("\n") == ["compute/", "network/"]
    for gone in ("/compute/nothing", "/compute/vmSize/x", "/network/interface/1", "/network/interface/x"):
        assert part(gone)[0] == 404


def test_a_token_opens_the_locker(azure):
    def token(resource=STORAGE, more=""):
        status, body, _ = azure.imds(f"/n1{TOKEN}&resource={resource}{more}")
        return status, json.loads(body)

    status, given = token()
    assert status == 200 and given["token_type"] == "Bearer" and given["resource"] == "https://storage.azure.com/"
    assert 0 < int(given["expires_on"]) - time.time() <= int(given["expires_in"]) + 1
    for refused in (token(""), token("storage"), token(more="&client_id=x")):
        assert refused[0] == 400 and refused[1]["error_description"]
    blobs = json.loads((azure.data / "hub.json").read_text())["blobs"]

    def blob(method, access, body=None, version="2020-12-06"):
        address = urllib.parse.urlsplit(blobs)
        connection = http.client.HTTPSConnection(address.netloc, context=azure.context, timeout=30)
        connection.request(method, address.path + "/locker-demo/a", body, {
            "Authorization": f"Bearer {access}", "x-ms-version": version, "x-ms-blob-type": "BlockBlob"})
        reply = connection.getresponse()
        try:
            return reply.status, reply.read()
        finally:
            connection.close()

    access = given["access_token"]
    azure.administer("blob", "put", "blobs/demo/tool", __file__, "-c", "demo")
    assert blob("PUT", access, b"content")[0] == 201
    assert blob("GET", access) == (200, b"content")
    other = token(urllib.parse.quote("https://vault.azure.net", safe=""))[1]["access_token"]
    head, claims, signature = access.split(".")
    forged = base64.urlsafe_b64encode(b'{"aud":"https://storage.azure.com","exp":9999999999}').decode().rstrip("=")
    for wrong in (other, f"{head}.{forged}.{signature}", f"{head}.{claims}.", head, "."):
        assert blob("GET", wrong)[0] == 401
    assert blob("GET", access, version="2015-04-05")[0] == 403

    # A node whose locker is described so uses it by itself.
    home = azure.directory / "homes/demo/n1"
    (home / "config/locker.json").write_text(json.dumps({
        "url": "az://jetpackhub/locker-demo", "endpoint": blobs, "identity": {},
        "ca_file": str(azure.data / "tls/ca.pem")}))
    (home / "config/node.json").write_text(json.dumps(
        {"cyclecloud": {"jetpack": {"metadata_url": azure.metadata + "/n1"}}}))
    done = run("download", "--project", "demo", "tool", azure.directory / "tool", home=home)
    assert done.returncode == 0, done.stderr
    assert (azure.directory / "tool").read_text() == Path(__file__).read_text()


def test_an_event_from_notice_to_end(azure):
    before, _ = azure.events()
    event = azure.schedule("n1", "n2", "--type", "Preempt", "--in", "1h", "--lasts", "10m",
                           "--description", "the machine is wanted back")
    incarnation, events = azure.events()
    assert incarnation > before
    shown = events[event]
    assert {name: shown[name] for name in shown if name not in ("EventId", "NotBefore")} == {
        "EventType": "Preempt", "ResourceType": "VirtualMachine", "Resources": ["n1", "n2"],
        "EventStatus": "Scheduled", "Description": "the machine is wanted back",
        "EventSource": "Platform", "DurationInSeconds": 600}
    not_before = email.utils.parsedate_to_datetime(shown["NotBefore"]).timestamp()
    assert shown["NotBefore"].endswith(" GMT") and 3500 < not_before - time.time() < 3700
    assert azure.start_events(event, "unknown") == 400
    for body in ({}, {"StartRequests": []}, {"StartRequests": [{}]}, {"StartRequests": event}):
        assert azure.imds(EVENTS, "POST", body)[0] == 400
    assert azure.events() == (incarnation, events), "a refused request starts nothing"
    assert azure.start_events(event) == 200
    started, events = azure.events()
    assert started > incarnation
    assert events[event]["EventStatus"] == "Started" and events[event]["NotBefore"] == ""
    assert azure.start_events(event) == 200
    assert azure.events()[0] == started
    results = [(r["event"], r["result"]) for r in azure.simulate("list")["start_requests"]]
    assert results[-4:] == [(event, "refused"), ("unknown", "refused"), (event, "started"), (event, "repeated")]

    # All of it is there after a restart.
    azure.kill()
    azure.start()
    assert azure.events() == (started, events)
    azure.simulate("cancel", event)
    assert azure.events() == (started + 1, {})
    assert azure.start_events(event) == 400

    # Without an acknowledgement it starts by itself, and ends.
    event = azure.schedule("n1", "--type", "Reboot", "--in", "100ms", "--lasts", "100ms")
    wait_for(lambda: not azure.events()[1], "the event to end")
    assert azure.events()[0] == started + 4
    assert azure.simulate("list")["events"] == []


def test_faults(azure):
    def first(kind, *arguments):
        azure.simulate("fault", kind, *arguments)
        return azure.imds(EVENTS)

    event = azure.schedule("n1", "--type", "Freeze", "--in", "1h")
    incarnation, events = azure.events()
    for status in (404, 410, 429, 500):
        found, _, headers = first(str(status))
        assert found == status and (headers["Retry-After"] is not None) == (status == 429)
    with pytest.raises((http.client.HTTPException, OSError)):
        first("refuse")
    with pytest.raises(http.client.IncompleteRead):
        first("truncated")
    with pytest.raises(ValueError):
        json.loads(first("garbage")[1])
    assert json.loads(first("stale")[1]) == {"DocumentIncarnation": incarnation - 1, "Events": []}
    twice = json.loads(first("duplicate")[1])
    assert twice == {"DocumentIncarnation": incarnation - 1, "Events": [events[event]] * 2}
    begin = time.monotonic()
    assert first("slow", "--delay", "300ms")[0] == 200 and time.monotonic() - begin >= 0.3
    assert azure.events() == (incarnation, events), "each fault is used up"

    # The acknowledgement is applied, and its answer lost.
    azure.simulate("fault", "truncated", "--on", "startrequests", "--count", "2")
    for _ in range(2):
        with pytest.raises(http.client.IncompleteRead):
            azure.start_events(event)
    assert azure.events()[1][event]["EventStatus"] == "Started"
    assert [r["result"] for r in azure.simulate("list")["start_requests"]][-2:] == ["started", "repeated"]

    azure.simulate("fault", "500", "--on", "identity", "--for", "1h")
    for _ in range(3):
        assert azure.imds(f"/n1{TOKEN}&resource={STORAGE}")[0] == 500
    assert azure.events()[1]
    azure.simulate("fault", "slow", "--delay", "1h")
    assert [f["kind"] for f in azure.simulate("list")["faults"]] == ["500", "slow"]
    azure.simulate("clear")
    assert azure.imds(f"/n1{TOKEN}&resource={STORAGE}")[0] == 200
    azure.simulate("cancel", event)


def test_a_hub_stops_while_a_response_is_delayed(azure):
    azure.simulate("fault", "slow", "--delay", "1h")
    address = urllib.parse.urlsplit(azure.metadata).netloc
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("GET", EVENTS, headers={"Metadata": "true"})
    wait_for(lambda: not azure.simulate("list")["faults"], "the request to be received")
    assert azure.stop() == 0
    connection.close()
    azure.start()
    assert azure.events()


def test_help(transcript):
    commands = ("event", "cancel", "fault", "clear", "list")
    transcript("help_hub_simulate", *(["help", "hub", "simulate", command] for command in commands))


def test_tables_and_errors(azure):
    def listed():
        return azure.administer("simulate", "list").stdout

    assert listed() == ""
    event = azure.schedule("n1", "n2", "--type", "Terminate")
    azure.simulate("fault", "429", "--count", "3")
    lines = listed().splitlines()
    assert lines[0].split() == ["EVENT", "TYPE", "STATUS", "NODES", "NOT", "BEFORE", "DESCRIPTION"]
    assert lines[1].split()[:5] == [event, "Terminate", "Scheduled", "n1", "n2"]
    assert [line.split() for line in lines[2:]] == [["FAULT", "ON", "LEFT", "UNTIL"], ["429", "all", "3", "-"]]
    azure.simulate("clear")
    azure.simulate("cancel", event)
    for arguments in (["event", "a/b", "--type", "Preempt"], ["event", "n1"], ["event", "n1", "--type", "Off"],
                      ["fault", "418"], ["cancel", "unknown"]):
        with pytest.raises(AssertionError, match=arguments[1] if arguments[0] != "event" else "hub simulate event"):
            azure.administer("simulate", *arguments)


def test_damaged_state_is_moved_aside(azure):
    (azure.data / "azure.json").write_text("{")
    assert azure.events() == (1, {})
    assert list(azure.data.glob("azure.json.corrupt-*"))


def test_a_hub_without_it():
    hub = Hub()
    try:
        assert "metadata" not in json.loads((hub.data / "hub.json").read_text())
        with pytest.raises(AssertionError, match="(?s)no simulated Azure found in .*--simulate-azure"):
            hub.administer("simulate", "list")
    finally:
        hub.remove()
