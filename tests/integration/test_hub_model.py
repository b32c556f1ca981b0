"""The hub's model of clusters and its endpoints: the same on SQLite and PostgreSQL."""

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import threading

import pytest

from hub_client import REPOSITORY, Stream
from hubs import Hub, message, run
from servers.process import wait_for


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def hub(request):
    """One hub for all tests here; each enrolls nodes in a cluster of its own."""
    url = request.getfixturevalue("postgresql").database() if request.param != "sqlite" else None
    server = Hub(database=url)
    yield server
    server.remove()


@pytest.fixture(scope="module")
def plain_hub():
    """A hub for what does not depend on the database."""
    server = Hub()
    server.bad_node = server.enroll("n1", "bad")
    yield server
    server.remove()


@pytest.fixture
def cluster(request):
    """A name that no other test has."""
    return re.sub(r"[^a-z0-9]", "-", request.node.name.lower())[:100]


def rest_node(hub, cluster, name):
    return {node["Name"]: node for node in hub.get(f"/clusters/{cluster}/nodes")["nodes"]}[name]


# -- nodes -----------------------------------------------------------------------------------------

def test_a_node_becomes_ready(hub, cluster):
    node = hub.enroll("n1", cluster)
    assert hub.node("n1", cluster)["phase"] == "Preparing"
    hub.say(node, "log", message="here I am")
    assert hub.node("n1", cluster)["phase"] == "Installing"
    hub.say(node, "installation", status="running")
    hub.say(node, "installation", status="error", message="script 7 failed")
    failed = hub.node("n1", cluster)
    assert (failed["phase"], failed["status_message"]) == ("Failed", "script 7 failed")
    hub.say(node, "installation", status="ok")
    assert hub.get(f"/api/summary?cluster={cluster}")["phases"] == {"Ready": 1}
    shown = rest_node(hub, cluster, "n1")
    assert (shown["Status"], shown["Hostname"], shown["InstanceId"]) == ("Ready", "host-n1", "i-n1")
    assert shown["PrivateIp"] == "127.0.0.1" and shown["Configuration"] == {}


def test_keep_alive(hub, cluster):
    node = hub.enroll("n1", cluster)
    for until, shown, alive in (("forever", "forever", True),
                                ("2999-01-01T00:00:00+02:00", "2998-12-31T22:00:00.000Z", True),
                                ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000Z", False),
                                ("forever", "forever", True), ("none", None, False)):
        hub.say(node, "keepalive", until=until)
        assert hub.node("n1", cluster)["keepalive_until"] == shown
        assert rest_node(hub, cluster, "n1")["KeepAlive"] is alive


def test_conditions(hub, cluster):
    node = hub.enroll("n1", cluster)
    hub.say(node, "condition", name="gpu", status="Error", message="fell off the bus",
            description="d", recommendations="r", details="line\n" * 1000, action_type="GHR",
            ghr_category="Resource.Hpc.Reset")
    hub.say(node, "condition", name="disk", status="Warning", message="97 % full")
    shown = {c["name"]: c for c in hub.node("n1", cluster)["conditions"]}
    assert shown["gpu"]["details"] == "line\n" * 1000
    assert shown["gpu"]["ghr_category"] == "Resource.Hpc.Reset"
    listed = hub.get(f"/api/nodes?cluster={cluster}")["nodes"][0]["conditions"]
    assert [(c["name"], c["status"], c["message"]) for c in listed] == [
        ("disk", "Warning", "97 % full"), ("gpu", "Error", "fell off the bus")]
    since = shown["disk"]["since"]
    hub.say(node, "condition", name="disk", status="Warning", message="98 % full")
    hub.say(node, "condition", name="gpu", status="OK")
    shown = {c["name"]: c for c in hub.node("n1", cluster)["conditions"]}
    assert shown["disk"]["since"] == since and shown["disk"]["message"] == "98 % full"
    assert shown["gpu"]["status"] == "OK" and shown["gpu"]["details"] == ""
    counts = hub.get(f"/api/summary?cluster={cluster}")["conditions"]
    assert counts == {"OK": 1, "Warning": 1}


def test_nodes_in_pages(hub, cluster):
    for number in range(5):
        hub.enroll(f"n{number}", cluster)
    path = f"/api/nodes?cluster={cluster}&limit=2"
    first = hub.get(path)
    assert [node["name"] for node in first["nodes"]] == ["n0", "n1"] and first["more"]
    second = hub.get(path + "&after_name=n1")
    assert [node["name"] for node in second["nodes"]] == ["n2", "n3"]
    last = hub.get(path + "&after_name=n3")
    assert [node["name"] for node in last["nodes"]] == ["n4"] and not last["more"]


def test_a_node_has_its_own_events(hub, cluster):
    one, other = hub.enroll("n1", cluster), hub.enroll("n2", cluster)
    hub.say(one, "log", message="of one")
    hub.say(other, "log", message="of the other")
    assert [e["message"] for e in hub.node("n1", cluster)["events"]] == ["of one"]


# -- operations on nodes -------------------------------------------------------------------------

def test_a_node_terminates_itself(hub, cluster):
    node = hub.enroll("n1", cluster)
    hub.say(node, "log", message="alive")
    reply = hub.ask("POST", f"/clusters/{cluster}/nodes/terminate", node,
                    {"requestId": "r-1", "names": ["n1"], "reason": "idle"})
    assert reply.status == 202
    done = reply.json["nodes"][0]
    assert (done["name"], done["status"], done["error"]) == ("n1", "OK", "")
    assert hub.node("n1", cluster)["phase"] == "Stopping"
    operation = hub.get("/operations/" + reply.json["operationId"])
    assert (operation["action"], operation["reason"], operation["requestedBy"]) == (
        "terminate", "idle", f"{cluster}/n1")
    by_request = hub.get(f"/clusters/{cluster}/nodes?request_id=r-1")
    assert [n["Name"] for n in by_request["nodes"]] == ["n1"]
    assert by_request["operation"] == operation
    assert hub.node("n1", cluster)["phase_since"] == operation["startTime"]
    assert hub.get("/operations/?request_id=r-1") == [operation]
    # A response that was lost is asked for again: what restarts a node must not do it twice.
    again = hub.ask("POST", f"/clusters/{cluster}/nodes/restart", node, {"requestId": "r-1", "names": ["n1"]})
    assert again.status == 409 and hub.node("n1", cluster)["phase"] == "Stopping"
    for path in (f"/clusters/{cluster}/nodes?request_id=none", "/operations/none"):
        unknown = hub.ask("GET", path)
        assert unknown.status == 404 and unknown.json["error"].startswith("No operation found for ")


def test_who_asked_when_and_why(hub, cluster):
    """On the node, in the list and in the event log; the first to ask for the same is the one shown."""
    node = hub.enroll("n1", cluster)
    hub.say(node, "installation", status="ok")
    assert hub.node("n1", cluster)["last_request"] is None
    path = f"/clusters/{cluster}/nodes"
    reason = "check gpu: exit 254 after 2 strikes <b>\u001b[31m"
    for account, why in ((node, reason), (None, "again"), (node, "")):
        assert hub.ask("POST", f"{path}/terminate", account,
                       {"names": ["n1"], "reason": why}).status == 202
    known = hub.node("n1", cluster)
    request = known["last_request"]
    assert (request["action"], request["by"]) == ("terminate", f"{cluster}/n1")
    assert request["reason"].startswith("check gpu: exit 254 after 2 strikes")
    assert request["time"] == known["phase_since"]
    assert known["status_message"].startswith(f"terminate requested by {cluster}/n1: check gpu")
    listed, = hub.get(f"/api/nodes?cluster={cluster}")["nodes"]
    assert (listed["phase"], listed["last_request"]) == ("Stopping", request)
    assert rest_node(hub, cluster, "n1")["StatusMessage"] == known["status_message"]
    admin = hub.get(f"/clusters/{cluster}/nodes?operation=" + hub.ask(
        "POST", f"{path}/deallocate", None, {"names": ["n1"]}).json["operationId"])["operation"]
    by = admin["requestedBy"]
    assert hub.node("n1", cluster)["last_request"]["by"] == by
    events = [(e["level"], e["priority"], e["message"]) for e in hub.node("n1", cluster)["events"]]
    assert [message.split(":")[0] for _, _, message in events] == [
        f"terminate requested by {cluster}/n1", f"terminate requested by {by}",
        f"terminate requested by {cluster}/n1", f"deallocate requested by {by}"]
    assert {event[:2] for event in events} == {("info", "medium")}
    # What is asked of a node that is to come is no status of it, and a new machine has none.
    hub.ask("POST", f"{path}/start", None, {"names": ["n1"], "reason": "needed"})
    known = hub.node("n1", cluster)
    assert (known["phase"], known["status_message"]) == ("Preparing", "")
    assert known["last_request"]["action"] == "start"
    hub.enroll("n1", cluster)
    assert hub.node("n1", cluster)["last_request"] is None


def test_an_administrator_keeps_nodes_alive(hub, cluster):
    node = hub.enroll("n1", cluster, "--scheduler")
    path, body = f"/clusters/{cluster}/nodes/keepalive", {"names": ["n1", "nobody"], "until": "forever", "reason": "a long job"}
    assert hub.ask("POST", path, node, body).status == 403
    kept = hub.ask("POST", path, hub.admin, body, Idempotency_Key="k")
    assert kept.status == 202 and [(each["name"], each["status"]) for each in kept.json["nodes"]] == [
        ("n1", "OK"), ("nobody", "Error")]
    assert hub.node("n1", cluster)["keepalive_until"] == "forever" and rest_node(hub, cluster, "n1")["KeepAlive"]
    again = hub.ask("POST", path, hub.admin, body, Idempotency_Key="k")
    assert (again.body, again.headers["Location"]) == (kept.body, kept.headers["Location"])
    operation = hub.get(kept.headers["Location"])
    assert (operation["action"], operation["reason"]) == ("keepalive", "a long job")
    assert hub.ask("POST", path, hub.admin, {"names": ["n1"], "until": "none"}).status == 202
    assert hub.node("n1", cluster)["keepalive_until"] is None and not rest_node(hub, cluster, "n1")["KeepAlive"]
    assert hub.ask("POST", path, hub.admin, {"names": ["n1"], "until": "soon"}).status == 400


def test_a_node_cannot_terminate_another(hub, cluster):
    node = hub.enroll("n1", cluster)
    hub.enroll("n2", cluster)
    hub.enroll("n1", cluster + "-other")
    for body in ({"names": ["n2"]}, {"names": ["n1", "n2"]}, {"names": ["nobody"]}):
        assert hub.ask("POST", f"/clusters/{cluster}/nodes/terminate", node, body).status == 403
    assert hub.ask("POST", f"/clusters/{cluster}-other/nodes/terminate", node,
                   {"names": ["n1"]}).status == 403
    assert hub.ask("GET", f"/clusters/{cluster}-other/nodes", node).status == 403
    assert hub.node("n2", cluster)["phase"] == "Preparing"


def test_an_administrator_selects_in_many_ways(hub, cluster):
    for number in range(1, 5):
        hub.say(hub.enroll(f"n{number}", cluster), "log", message="hello")
    ids = {n["Name"]: n["NodeId"] for n in hub.get(f"/clusters/{cluster}/nodes")["nodes"]}
    reply = hub.ask("POST", f"/clusters/{cluster}/nodes/deallocate", None, {
        "names": ["n1", "nobody"], "ids": [ids["n2"]], "hostnames": ["host-n3"]})
    statuses = {node["name"]: node["status"] for node in reply.json["nodes"]}
    assert statuses == {"n1": "OK", "n2": "OK", "n3": "OK", "nobody": "Error"}
    assert hub.node("n3", cluster)["phase"] == "Stopping"
    assert hub.node("n4", cluster)["phase"] == "Installing"
    hub.ask("POST", f"/clusters/{cluster}/nodes/start", None, {"names": ["n3"]})
    assert hub.node("n3", cluster)["phase"] == "Preparing"


def test_the_endpoint_of_old_scripts(hub, cluster):
    node = hub.enroll("n1", cluster)
    hub.say(node, "log", message="x")
    path = f"/cloud/actions/autoscale/{cluster}/stop?instance="
    assert hub.ask("GET", path + "nobody", node).status == 403
    assert hub.ask("GET", path[:-10], node).status == 400
    assert hub.ask("GET", path + "i-n1&reason=idle", node).status == 200
    assert hub.node("n1", cluster)["phase"] == "Stopping"
    assert hub.ask("POST", path + "i-n1", node).status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"names":"n1"}', b'{"names":[1]}',
                                  b'{"filter":"x > 1"}', b"[" * 100_000, b'{"names":[]}',
                                  b'{"requestId":5,"names":["n1"]}'])
def test_invalid_actions(plain_hub, body):
    reply = plain_hub.ask("POST", "/clusters/bad/nodes/terminate", None, body)
    assert reply.status == 400 and reply.json["error"]


def test_a_scheduler_creates_nodes(hub, cluster):
    scheduler, node = hub.enroll("head", cluster, "--scheduler"), hub.enroll("execute-2", cluster)
    path = f"/clusters/{cluster}/nodes/create"
    request = {"requestId": "r-1", "sets": [
        {"nodearray": "execute", "count": 2, "definition": {"machineType": "Standard_HB120rs_v3"},
         "placementGroupId": "pg0", "nodeAttributes": {"Configuration": {"slurm": {"part": "hpc"}}, "Tags": {"a": "b"}}},
        {"nodearray": "execute", "nameFormat": "big-%d", "nameOffset": 10}]}
    created = hub.ask("POST", path, scheduler, request)
    assert (created.status, created.json["sets"]) == (202, [{"added": 2}, {"added": 1}])
    for query in ("operation=" + created.json["operationId"], "request_id=r-1"):
        listed = hub.get(f"/clusters/{cluster}/nodes?{query}", scheduler)["nodes"]
        assert [(each["Name"], each["Template"], each["Status"]) for each in listed] == [
            ("big-11", "execute", "Preparing"), ("execute-1", "execute", "Preparing"), ("execute-3", "execute", "Preparing")]
    assert [each["Configuration"] for each in listed] == [{}, *[{"slurm": {"part": "hpc"}}] * 2]
    shown = hub.node("execute-3", cluster)
    assert shown["properties"] == {"machineType": "Standard_HB120rs_v3", "placementGroupId": "pg0", "Tags": {"a": "b"}}
    assert shown["operations"][0]["action"] == "create" and shown["operations"][0]["by"] == scheduler[0]
    # The same request again creates nothing; without an id it is another one.
    assert hub.ask("POST", path, scheduler, request).status == 409
    del request["requestId"]
    first = hub.ask("POST", path, scheduler, request, Idempotency_Key="k")
    again = hub.ask("POST", path, scheduler, request, Idempotency_Key="k")
    assert (again.body, again.headers["Location"]) == (first.body, first.headers["Location"])
    names = [each["Name"] for each in hub.get(f"/clusters/{cluster}/nodes")["nodes"]]
    assert sorted(names) == ["big-11", "big-12", "execute-1", "execute-2", "execute-3", "execute-4", "execute-5", "head"]
    assert hub.ask("POST", path, node, request).status == 403
    assert hub.ask("POST", "/clusters/bad-one/nodes/create", scheduler, request).status == 403
    unknown = hub.ask("POST", path, hub.admin, {"sets": [{"nodearray": "htc"}]})
    assert unknown.status == 404 and "execute" in unknown.json["error"]
    # What was not wanted after all ends at once.
    ended = hub.ask("POST", f"/clusters/{cluster}/nodes/terminate", scheduler, {"names": ["big-12"]})
    assert ended.status == 202
    assert hub.node("big-12", cluster)["phase"] == "Terminated"
    for reply, action in ((created, "create"), (ended, "terminate")):
        operation = hub.get(reply.headers["Location"], scheduler)
        assert (operation["operationId"], operation["action"]) == (reply.json["operationId"], action)


EXECUTE = {"nodearray": "execute"}


def test_a_terminated_node_leaves_its_name_to_the_next(plain_hub, cluster):
    """Slurm has a fixed list of names, and creates each node by its whole name."""
    hub = plain_hub
    scheduler, node = hub.enroll("head", cluster, "--scheduler"), hub.enroll("hpc-1", cluster)

    def create(**options):
        return hub.ask("POST", f"/clusters/{cluster}/nodes/create", scheduler, {"sets": [{**EXECUTE, **options}]})

    def states():
        shown = rest_node(hub, cluster, "hpc-1")
        return [shown[name] for name in ("Status", "State", "TargetState")]

    hub.say(node, "condition", name="gpu", status="Error")
    hub.say(node, "properties", properties={"azure": {"vm_size": "Standard_ND96"}, "cores": 96})
    known = rest_node(hub, cluster, "hpc-1")
    assert (known["MachineType"], known["CoreCount"], states()) == ("Standard_ND96", 96, ["Installing", "Preparing", "Started"])
    taken = create(nameFormat="hpc-1")
    assert taken.status == 400 and "node 'hpc-1' already exists" in taken.json["error"]
    hub.say(node, "installation", status="ok")
    assert states() == ["Ready", "Started", "Started"]
    ended = hub.ask("POST", f"/clusters/{cluster}/nodes/terminate", scheduler, {"names": ["hpc-1"]})
    assert ended.status == 202
    assert states() == ["Stopping", "Terminating", "Terminated"]
    with contextlib.closing(sqlite3.connect(hub.data / "hub.db")) as db, db:
        db.execute("UPDATE nodes SET phase = 'Terminated', ending = '' WHERE cluster = ? AND name = 'hpc-1'", (cluster,))
    assert create(nameFormat="hpc-1", definition={"machineType": "Standard_HB120rs_v3"}, placementGroupId="pg0").status == 202
    shown = rest_node(hub, cluster, "hpc-1")
    assert states() == ["Preparing", "Preparing", "Started"] and shown["NodeId"] != known["NodeId"]
    assert (shown["MachineType"], shown["PlacementGroupId"], shown["Conditions"]) == ("Standard_HB120rs_v3", "pg0", [])
    assert (shown["Hostname"], shown["LastContact"]) == ("", None) and "CoreCount" not in shown
    assert hub.node("hpc-1", cluster)["history"], "of the name"
    of_the_one_before = hub.get(f"/clusters/{cluster}/nodes?operation={ended.json['operationId']}")
    assert of_the_one_before["nodes"] == [] and of_the_one_before["operation"]["nodes"][0]["name"] == "hpc-1"
    assert hub.post(node, [message("log", message="a ghost")]).status == 401, "the machine before"


@pytest.mark.parametrize("body", [
    {}, {"sets": []}, {"sets": {}}, {"sets": [1]}, {"sets": [{"count": 1}]}, {"sets": [{**EXECUTE, "count": 1001}]},
    {"sets": [{**EXECUTE, "count": 0}]}, {"sets": [{**EXECUTE, "count": -1}]}, {"sets": [{**EXECUTE, "count": 600}] * 2},
    {"sets": [{**EXECUTE, "nameFormat": "x", "count": 2}]}, {"sets": [{**EXECUTE, "nameFormat": "%d-%d"}]},
    {"sets": [{**EXECUTE, "nameFormat": "../%d"}]}, {"sets": [{**EXECUTE, "nameFormat": "%s%d"}]},
    {"sets": [{**EXECUTE, "nodeAttributes": {"x": "x" * 17_000}}]}, {"sets": [{**EXECUTE, "nodeAttributes": []}]},
    {"sets": [EXECUTE, {**EXECUTE, "nameOffset": "x"}]}, {"sets": [EXECUTE], "requestId": 5}])
def test_invalid_creations_create_nothing(plain_hub, body):
    before = plain_hub.get("/clusters/bad/nodes")
    reply = plain_hub.ask("POST", "/clusters/bad/nodes/create", None, body)
    assert reply.status == 400 and reply.json["error"]
    assert plain_hub.get("/clusters/bad/nodes") == before


# -- targets -----------------------------------------------------------------------------------------

def targets(hub, cluster):
    return {array["name"]: array
            for array in hub.get(f"/api/targets?cluster={cluster}")["nodearrays"]}


def test_scaling_a_node_array(hub, cluster):
    node = hub.enroll("n1", cluster, "--scheduler")
    path = f"/clusters/{cluster}/scale/execute"
    reply = hub.ask("POST", path + "?totalCoreCount=100", node)
    assert reply.status == 202
    assert reply.json["sets"] == [{"nodearray": "execute", "added": 0, "targetCoreCount": 100}]
    assert reply.headers["Location"] == reply.json["operationLocation"]
    shown = targets(hub, cluster)["execute"]
    assert (shown["target_core_count"], shown["target_count"]) == (100, None)
    assert hub.ask("POST", path + "?totalNodeCount=3", node).status == 202
    status = hub.get(f"/clusters/{cluster}/status?nodes=true", node)
    assert status["nodearrays"][0]["targetCount"] == 3 and status["nodes"][0]["Name"] == "n1"
    assert "nodes" not in hub.get(f"/clusters/{cluster}/status", node)


@pytest.mark.parametrize("query,status", [
    ("totalCoreCount=-1", 400), ("totalCoreCount=1000001", 400), ("totalCoreCount=x", 400),
    ("", 400), ("totalCoreCount=1&totalNodeCount=1", 400), ("totalCoreCount=1e3", 400)])
def test_invalid_counts(plain_hub, query, status):
    assert plain_hub.ask("POST", "/clusters/bad/scale/execute?" + query).status == status


def test_the_error_for_an_unknown_node_array_lists_the_known_ones(hub, cluster):
    hub.enroll("n1", cluster)
    hub.administer("nodearray", "add", "hpc", "--cluster", cluster)
    reply = hub.ask("POST", f"/clusters/{cluster}/scale/nothing?totalCoreCount=1")
    assert reply.status == 404 and "it has: execute, hpc" in reply.json["error"]
    assert hub.ask("POST", "/clusters/nowhere/scale/execute?totalCoreCount=1").status == 404
    assert hub.ask("GET", f"/clusters/{cluster}/scale/execute?totalCoreCount=1").status == 405


def test_a_request_set_is_replaced_as_a_whole(hub, cluster):
    node = hub.enroll("n1", cluster, "--scheduler")
    hub.say(node, "autoscale", definitions=[
        {"Name": "execute", "TargetCoreCount": 64, "MachineType": "A"},
        {"Name": "gpu", "TargetCount": 2, "Dynamic": True, "Extends": "execute"}])
    hub.say(node, "autoscale", request_set="other",
            definitions=[{"Name": "big", "TargetGroupCount": 2, "GroupCoreCount": 64}])
    hub.say(node, "autoscale", request_set="standard",
            definitions=[{"Name": "execute", "TargetCoreCount": 32.0}])
    shown = targets(hub, cluster)
    assert shown["execute"]["target_core_count"] == 32
    assert (shown["gpu"]["target_count"], shown["gpu"]["removal"]) == (0, True)
    assert (shown["big:64"]["target_core_count"], shown["big:64"]["removal"]) == (128, False)
    arrays = hub.get(f"/clusters/{cluster}/status")["nodearrays"]
    definition = [a["nodearray"] for a in arrays if a["name"] == "execute"][0]
    assert definition == {"Name": "execute", "TargetCoreCount": 32.0, "MachineType": "A"}
    history = hub.get(f"/api/targets?cluster={cluster}&hours=1")["history"]
    assert [p["target_core_count"] for p in history if p["nodearray"] == "execute"] == [64, 32]
    assert [p["target_count"] for p in history if p["nodearray"] == "gpu"] == [2, 0]


def test_demand_expires_by_itself(hub, cluster):
    node = hub.enroll("n1", cluster, "--scheduler")
    stream = Stream(hub, f"&cluster={cluster}")
    hub.say(node, "autoscale", expiration_interval=1,
            definitions=[{"Name": "execute", "TargetCoreCount": 8}])
    stream.wait_for("change", lambda change: change["what"] == "targets")
    stream.close()

    def has_expired():
        shown = hub.get(f"/api/targets?cluster={cluster}")
        return shown if len(shown["history"]) == 2 else None

    # On a busy machine both changes may have been announced as one.
    shown = wait_for(has_expired, "the demand to expire")
    assert shown["nodearrays"][0]["target_core_count"] == 0
    assert [p["target_core_count"] for p in shown["history"]] == [8, 0]


BAD_DATA = [
    ("autoscale", {}), ("autoscale", {"definitions": {}}), ("autoscale", {"definitions": [1]}),
    ("autoscale", {"definitions": [{"TargetCount": 1}]}),
    ("autoscale", {"definitions": [{"Name": "a", "TargetCount": -1}]}),
    ("autoscale", {"definitions": [{"Name": "a", "TargetCount": 1.5}]}),
    ("autoscale", {"definitions": [{"Name": "a", "TargetCount": 1e300}]}),
    ("autoscale", {"definitions": [{"Name": "a/b"}]}),
    ("autoscale", {"definitions": [{"Name": "a", "TargetGroupCount": 1}]}),
    ("autoscale", {"definitions": [{"Name": "a", "TargetGroupCount": 9**6, "GroupCoreCount": 9}]}),
    ("autoscale", {"definitions": [], "expiration_interval": 0}),
    ("autoscale", {"definitions": [], "expiration_interval": "soon"}),
    ("autoscale", {"definitions": [{"Name": f"a{i}"} for i in range(1001)]}),
    ("condition", {}), ("condition", {"name": "c"}), ("condition", {"name": "c", "status": "Bad"}),
    ("condition", {"name": 1, "status": "OK"}),
    ("installation", {}), ("installation", {"status": "perhaps"}),
    ("keepalive", {}), ("keepalive", {"until": "tomorrow"}),
    ("keepalive", {"until": "2024-13-01T00:00:00Z"}), ("keepalive", {"until": "2024-01-01"}),
]


@pytest.mark.parametrize("kind,data", BAD_DATA, ids=range(len(BAD_DATA)))
def test_invalid_data(plain_hub, kind, data):
    reply = plain_hub.post(plain_hub.bad_node, [message("log", "bad", message="fine"),
                                                message(kind, "bad", **data)])
    assert reply.status == 400
    assert reply.json["message"] == 1 and reply.json["error"].startswith("message 1: ")


# -- once --------------------------------------------------------------------------------------------

def test_a_request_with_a_key_is_applied_once(hub, cluster):
    node = hub.enroll("n1", cluster, "--scheduler")
    path = f"/clusters/{cluster}/scale/execute?totalCoreCount="
    first = hub.ask("POST", path + "8", node, Idempotency_Key="k")
    again = hub.ask("POST", path + "8", node, Idempotency_Key="k")
    assert (again.status, again.body) == (first.status, first.body)
    # It is not taken for another request, whose caller would believe that it was done.
    for other in (path + "9", path + "8", f"/clusters/{cluster}/nodes/start"):
        reply = hub.ask("POST", other, node, {"names": ["n1"]}, Idempotency_Key="k")
        assert reply.status == 422 and "Idempotency-Key" in reply.json["error"]
    assert targets(hub, cluster)["execute"]["target_core_count"] == 8
    # The key is the account's own.
    assert hub.ask("POST", path + "10", None, Idempotency_Key="k").body != first.body
    assert hub.ask("POST", path + "8", node, Idempotency_Key="k" * 129).status == 400


def test_concurrent_repetitions_are_applied_once(hub, cluster):
    node = hub.enroll("n1", cluster)
    answers = []

    def send():
        answers.append(hub.ask("POST", f"/clusters/{cluster}/nodes/terminate", node,
                               {"names": ["n1"]}, Idempotency_Key="one").body)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1 and len(answers) == 8
    operation, = [each for each in hub.get("/operations") if each["cluster"] == cluster]
    assert operation["operationId"] == json.loads(answers[0])["operationId"]


# -- userdata ----------------------------------------------------------------------------------------

def test_userdata(hub, cluster, tmp_path):
    node = hub.enroll("n1", cluster, "--nodearray", "execute")
    own = re.search(r"^userdata_id=([0-9a-f]{32})$", hub.ini("n1", cluster), re.M)[1]
    path = f"/clusterlink/userdata/{own}"
    first = hub.get(path, node)
    told = first["configuration"]["cyclecloud"]
    assert told["cluster"]["name"] == cluster
    assert (told["node"]["name"], told["node"]["template"]) == ("n1", "execute")
    assert hub.ask("GET", f"{path}?known={first['version']}", node).status == 304
    assert hub.node("n1", cluster)["phase"] == "Ready"

    def listed_contact():
        listed, = hub.get(f"/clusters/{cluster}/nodes", node)["nodes"]
        return listed["LastContact"]

    # A poll that brings nothing new is a contact, too, wherever one looks.
    before = listed_contact()
    assert hub.ask("GET", f"{path}?known={first['version']}", node).status == 304
    wait_for(lambda: listed_contact() > before, "the poll")
    assert listed_contact() <= hub.node("n1", cluster)["last_contact"]

    shared, single = tmp_path / "shared.json", tmp_path / "single.json"
    shared.write_text('{"slurm": {"version": "23", "hpc": true}}')
    single.write_text('{"slurm": {"version": "24"}}')
    key = tmp_path / "key.pub"
    key.write_text("ssh-ed25519 AAAA ann@example\n")
    private = tmp_path / "key"
    private.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    refused = run("hub", "user", "add", "ann", "--cluster", cluster, "--key", private, "--data", hub.data,
                  *hub.database)
    assert refused.returncode == 2 and "this is a private key" in refused.stderr
    hub.administer("cluster", "configure", cluster, "--file", shared)
    hub.administer("node", "configure", "n1", "--cluster", cluster, "--file", single)
    hub.administer("user", "add", "ann", "--cluster", cluster, "--key", key, "--admin", "--owner",
               "--full-name", "Ann Example")
    second = hub.get(f"{path}?known={first['version']}", node)
    assert second["configuration"]["slurm"] == {"version": "24", "hpc": True}
    assert second["properties"]["cyclecloud"] == {"cluster": cluster, "owner": "ann"}
    assert second["users"] == [{"name": "ann", "fullName": "Ann Example", "uid": 20000,
                                "isAdmin": True, "isOwner": True,
                                "publicKeys": ["ssh-ed25519 AAAA ann@example\n"]}]
    assert hub.get(path, node)["version"] == second["version"] != first["version"]


def test_an_unchanged_poll_is_remembered_until_any_input_changes(hub, cluster, tmp_path):
    with contextlib.ExitStack() as stack:
        hubs = [hub]
        if hub.database:  # hubs can share a PostgreSQL
            hubs.append(Hub(database=hub.database[1], like=hub))
            stack.callback(hubs[-1].remove)
        node = hub.enroll("n1", cluster, "--nodearray", "execute")
        path = "/clusterlink/userdata/" + re.search(r"^userdata_id=(\w+)$", hub.ini("n1", cluster), re.M)[1]

        def known_to_all():
            version = hub.get(path, node)["version"]
            for _ in range(3):  # it becomes ready, is remembered, and is found
                for each in hubs:
                    assert each.ask("GET", f"{path}?known={version}", node).status == 304
            assert hub.node("n1", cluster)["phase"] == "Ready"
            return version

        def file_of(text):
            (tmp_path / "new.json").write_text(text)
            return tmp_path / "new.json"

        here = ("--cluster", cluster)
        for number, command in enumerate([
                ("cluster", "configure", cluster, "--file", '{"a": 1}'),
                ("nodearray", "add", "execute", *here, "--file", '{"Configuration": {"a": 2}}'),
                ("nodearray", "add", "execute", *here, "--file", '{"InitialCount": 3}'),
                ("nodearray", "remove", "execute", *here),
                ("node", "configure", "n1", *here, "--file", '{"a": 4}'),
                ("user", "add", "ann", *here, "--owner"),
                ("user", "add", "ann", *here, "--owner", "--full-name", "Ann"),
                ("user", "remove", "ann", *here)]):
            version = known_to_all()
            hub.administer(*(file_of(word) if word.startswith("{") else word for word in command))
            for each in hubs:
                answer = each.ask("GET", f"{path}?known={version}", node)
                assert (answer.status, answer.json["version"] != version) == (200, True), (number, each.url)

        known_to_all()
        hub.administer("node", "restart", "n1", *here)
        # What it said before does not count.
        assert hub.node("n1", cluster)["phase"] == "Preparing"
        version = known_to_all()
        assert hub.ask("GET", f"{path}?known=0", node).status == 200
        assert hub.ask("GET", f"{path}?known={version}", None).status == 304
        hub.ask("GET", f"{path}?known={version}", node, User_Agent="jetpack/8.10.0-1")
        assert hub.node("n1", cluster)["version"] == "8.10.0-1"
        hub.administer("node", "restart", "n1", *here)
        hub.ask("GET", f"{path}?known=0", node)
        wait_for(lambda: hub.node("n1", cluster)["phase"] == "Installing", "the contact to be stored")


def test_an_account_changes_at_once_on_all_hubs(hub, cluster):
    with contextlib.ExitStack() as stack:
        hubs = [hub]
        if hub.database:
            hubs.append(Hub(database=hub.database[1], like=hub))
            stack.callback(hubs[-1].remove)
        node = hub.enroll("n1", cluster, "--nodearray", "execute")

        def statuses(path=f"/clusters/{cluster}/nodes", who=node, method="GET"):
            return {each.ask(method, path, who).status for each in hubs for _ in range(2)}

        scale = f"/clusters/{cluster}/scale/execute?totalNodeCount=1"
        assert statuses() == {200} and statuses(scale, method="POST") == {403}
        hub.administer("node", "configure", "n1", "--cluster", cluster, "--scheduler")
        assert statuses(scale, method="POST") == {202}
        hub.administer("node", "configure", "n1", "--cluster", cluster, "--no-scheduler")
        assert statuses(scale, method="POST") == {403}
        hub.administer("nodearray", "add", "execute", "--cluster", cluster, "--scheduler")
        assert statuses(scale, method="POST") == {202}
        again = hub.enroll("n1", cluster)
        assert statuses() == {401} and statuses(who=again) == {200}
        hub.administer("node", "remove", "n1", "--cluster", cluster)
        assert statuses(who=again) == {401}


def test_the_version_of_a_node_s_agent_is_shown(hub, cluster):
    node = hub.enroll("n1", cluster)
    path = "/clusterlink/userdata/" + re.search(r"userdata_id=(\w+)", hub.ini("n1", cluster))[1]
    known = hub.get(path, node)["version"]
    assert hub.node("n1", cluster)["version"] == ""
    assert hub.ask("GET", path, node, User_Agent="jetpack/8.10.0-100100").status == 200
    assert hub.node("n1", cluster)["version"] == "8.10.0-100100"
    for other in ("curl/7", "jetpack/", "jetpack/<b>", "jetpack/" + "1" * 65):
        hub.ask("GET", path, node, User_Agent=other)
        assert hub.node("n1", cluster)["version"] == "8.10.0-100100", other
    # An administrator who looks says nothing of the node's agent.
    hub.ask("GET", path, None, User_Agent="jetpack/9")
    assert hub.ask("GET", f"{path}?known={known}", node, User_Agent="jetpack/8.10.0-100200").status == 304
    assert hub.node("n1", cluster)["version"] == "8.10.0-100200"
    listed = hub.administer("node", "list", "--cluster", cluster).stdout.splitlines()
    assert "VERSION" in listed[0] and "8.10.0-100200" in listed[1]


def test_userdata_of_others(hub, cluster):
    node = hub.enroll("n1", cluster)
    hub.enroll("n2", cluster)
    other = re.search(r"^userdata_id=(\w+)$", hub.ini("n2", cluster), re.M)[1]
    assert hub.ask("GET", f"/clusterlink/userdata/{other}", node).status == 403
    assert hub.ask("GET", "/clusterlink/userdata/" + "0" * 32, node).status == 404
    assert hub.ask("GET", "/clusterlink/userdata/..%2f..%2fapi", node).status == 404
    assert hub.ask("POST", f"/clusterlink/userdata/{other}", node, {}).status == 405
    assert hub.get(f"/clusterlink/userdata/{other}")["configuration"]


def test_a_node_is_not_ready_while_its_installation_runs(hub, cluster):
    node = hub.enroll("n1", cluster)
    hub.say(node, "installation", status="running")
    path = "/clusterlink/userdata/" + re.search(r"userdata_id=(\w+)", hub.ini("n1", cluster))[1]
    assert hub.ask("GET", f"{path}?known={hub.get(path, node)['version']}", node).status == 304
    assert hub.node("n1", cluster)["phase"] == "Installing"


# -- news --------------------------------------------------------------------------------------------

def test_the_stream_reports_changes(hub, cluster):
    node = hub.enroll("n1", cluster)
    stream = Stream(hub, f"&cluster={cluster}")
    hub.say(node, "condition", name="gpu", status="Error")
    change = stream.wait_for("change", lambda c: c["what"] == "condition")
    assert change == {"what": "condition", "cluster": cluster, "node": "n1"}
    # What a command of the administrator writes reaches the page as well.
    hub.administer("node", "terminate", "n1", "--cluster", cluster)
    stream.wait_for("change", lambda c: c == {"what": "node", "cluster": cluster, "node": "n1"})
    stream.close()


# -- the administrator's commands-------------------------------------------------------------------------

def test_the_administrators_commands(hub, cluster, tmp_path):
    hub.administer("cluster", "create", cluster)
    hub.say(hub.enroll("n1", cluster), "log", message="event of the node")
    names = [c["name"] for c in json.loads(hub.administer("cluster", "list", "--json").stdout)]
    assert cluster in names
    nodes = json.loads(hub.administer("node", "list", "--cluster", cluster, "--json").stdout)
    assert [(n["name"], n["phase"]) for n in nodes] == [("n1", "Installing")]
    events = json.loads(hub.administer("event", "list", "--cluster", cluster, "--json").stdout)
    assert [e["message"] for e in events] == ["event of the node"]
    messages = json.loads(hub.administer("message", "list", "--cluster", cluster, "--json").stdout)
    assert len(messages) == 1
    shown = json.loads(hub.administer("node", "show", "n1", "--cluster", cluster).stdout)
    assert shown["events"][0]["message"] == "event of the node"
    assert "nodearrays" in json.loads(hub.administer("cluster", "show", cluster).stdout)
    definition = tmp_path / "array.json"
    definition.write_text('{"MachineType": "Standard_A1"}')
    hub.administer("nodearray", "add", "hpc", "--cluster", cluster, "--file", definition)
    arrays = json.loads(hub.administer("nodearray", "list", "--cluster", cluster, "--json").stdout)
    assert [a["name"] for a in arrays] == ["execute", "hpc"]
    hub.administer("nodearray", "remove", "hpc", "--cluster", cluster)
    hub.administer("user", "add", "ann", "--cluster", cluster)
    hub.administer("user", "add", "bob", "--cluster", cluster)
    users = json.loads(hub.administer("user", "list", "--cluster", cluster, "--json").stdout)
    assert [(u["name"], u["uid"]) for u in users] == [("ann", 20000), ("bob", 20001)]
    hub.administer("user", "remove", "ann", "--cluster", cluster)
    hub.administer("node", "remove", "n1", "--cluster", cluster)
    assert hub.get(f"/api/nodes?cluster={cluster}")["nodes"] == []


@pytest.mark.parametrize("arguments,code,text", [
    (["node", "terminate", "nobody", "--cluster", "demo"], 1, "cluster 'demo' not found"),
    (["node", "remove", "x", "--cluster", "demo"], 1, "node 'x' not found in cluster 'demo'"),
    (["node", "terminate", "x"], 2, "--cluster"), (["node", "remove", "--cluster", "c"], 2, "NAME"),
    (["user", "add", "a b", "--cluster", "demo"], 2, "not a valid name"),
    (["user", "add", "root", "--cluster", "demo", "--uid", "5"], 2, "--uid"),
    (["user", "add", "root", "--cluster", "demo"], 2, "not a valid user name"),
    (["user", "add", "ALL", "--cluster", "demo", "--admin"], 2, "not a valid user name"),
    (["user", "add", "1234", "--cluster", "demo"], 2, "not a valid user name"),
    (["user", "add", "a", "--cluster", "demo", "--key", "/etc/passwd"], 2, "/etc/passwd, line 1: not a public key"),
    (["user", "add", "a", "--cluster", "demo", "--key", "/dev/null"], 2, "no public key in it"),
    (["user", "add", "a", "--cluster", "demo", "--full-name", os.fsdecode(b"J\xfcrgen")], 2, "UTF-8"),
    (["user", "add", "a", "--cluster", "demo", "--full-name", "a:b"], 2, "without ':'"),
    (["user", "add", "a", "--cluster", "demo"], 1, "cluster 'demo' not found"),
    (["cluster", "configure", "demo", "--file", "/nonexistent"], 1, "No such file"),
    (["cluster", "configure", "demo", "--file", "/etc/passwd"], 2, "one JSON object"),
    (["nodearray", "add", "a/b", "--cluster", "demo"], 2, "not a valid node array name"),
])
def test_invalid_commands(plain_hub, arguments, code, text):
    done = run("hub", *arguments, "--data", plain_hub.data)
    assert (done.returncode, done.stdout) == (code, ""), done
    assert text in done.stderr


def test_a_key_file_is_judged_by_line_and_a_private_key_by_name(plain_hub, tmp_path):
    def add(content, option=None):
        file = tmp_path / "keys"
        file.write_bytes(content)
        return run("hub", "user", "add", "ann", "-c", "bad", "--key", option or file, "--data", plain_hub.data,
                   text=content.decode(errors="replace") if option else None)

    good = b"ssh-ed25519 AAAA ann\n"
    for content, text in (
            (good + b"# mine\nthis is not a key\n", "keys, line 3: not a public key"),
            (good + b"ssh-rsa AAAA J\xfcrgen\n", "keys, line 2: not a public key"),
            (b"PK\x03\x04zip\n", "keys, line 1: not a public key"),
            (good + b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n",
             "keys, line 2: this is a private key; give its public half, as a rule in ")):
        done = add(content)
        assert (done.returncode, done.stdout) == (2, "") and text in done.stderr, done
    assert "standard input, line 1: this is a private key; give its public half\n" in add(
        b"-----BEGIN RSA PRIVATE KEY-----\n", "-").stderr
    assert add(good).returncode == 0
    users = json.loads(plain_hub.administer("user", "list", "-c", "bad", "--json").stdout)
    assert [user["publicKeys"] for user in users] == [["ssh-ed25519 AAAA ann\n"]]


def test_what_was_stored_damaged_costs_no_listing(plain_hub):
    """As an earlier hub stored it, or a person with sqlite3."""
    node = plain_hub.enroll("n1", "damaged")
    for name in ("ann", "bob"):
        plain_hub.administer("user", "add", name, "-c", "damaged", "--owner")
    plain_hub.administer("nodearray", "add", "hpc", "-c", "damaged")
    plain_hub.enroll("n2", "damaged", "--nodearray", "hpc")
    with contextlib.closing(sqlite3.connect(plain_hub.data / "hub.db")) as db, db:
        db.execute("UPDATE users SET full_name = CAST(x'4afc' AS TEXT), public_keys = 'no JSON' WHERE name = 'ann'")
        db.execute("UPDATE users SET public_keys = '{}' WHERE name = 'bob'")
        db.execute("UPDATE nodearrays SET definition = '[' WHERE cluster = 'damaged'")
        db.execute("UPDATE clusters SET configuration = 'no JSON' WHERE name = 'damaged'")
    users = json.loads(plain_hub.administer("user", "list", "-c", "damaged", "--json").stdout)
    assert [(user["fullName"], user["publicKeys"]) for user in users] == [("J\ufffd", []), ("", [])]
    assert "ann" in plain_hub.administer("user", "list", "-c", "damaged").stdout
    for name in ("n1", "n2"):
        own = re.search(r"userdata_id=(\w+)", plain_hub.ini(name, "damaged"))[1]
        answer = plain_hub.get(f"/clusterlink/userdata/{own}")
        assert answer["configuration"]["cyclecloud"]["node"]["name"] == name
        assert {user["name"] for user in answer["users"]} == {"ann", "bob"}
    assert plain_hub.ask("GET", "/api/nodes?cluster=damaged", node).status == 200


def test_a_dash_is_standard_input_or_output(plain_hub, tmp_path):
    def with_text(text, *arguments):
        done = run("hub", *arguments, "--data", plain_hub.data, text=text)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    with_text("", "cluster", "create", "dash")
    with_text('{"a": 1}', "cluster", "configure", "dash", "--file", "-")
    with_text('{"b": 2}', "nodearray", "add", "hpc", "-c", "dash", "--file", "-")
    with_text("ssh-ed25519 AAAA ann\n", "user", "add", "ann", "-c", "dash", "--key", "-")
    users = json.loads(with_text("", "user", "list", "-c", "dash", "--json"))
    assert users[0]["publicKeys"] == ["ssh-ed25519 AAAA ann\n"]
    assert with_text("content\n", "blob", "put", "blobs/dash/x", "-", "-c", "dash") == "Stored blobs/dash/x: 8 bytes\n"
    assert with_text("", "blob", "get", "blobs/dash/x", "-", "-c", "dash") == "content\n"
    assert with_text("", "blob", "remove", "blobs/dash/x", "-c", "dash") == "Removed blobs/dash/x\n"
    with_text("", "node", "add", "n1", "n2", "n3", "-c", "dash")
    assert with_text("", "node", "remove", "n1", "-c", "dash") == "Removed node n1 and its account\n"
    assert with_text("", "node", "remove", "n2", "n3", "-c", "dash") == (
        "Removed nodes n2, n3 and their accounts\n")


def test_nodes_are_listed_with_conditions_and_by_phase(hub, cluster):
    who = hub.enroll("n1", cluster)
    hub.enroll("n2", cluster)
    hub.say(who, "installation", status="ok")
    hub.say(who, "condition", name="gpu", status="Error")
    hub.say(who, "condition", name="disk", status="Warning")
    hub.say(who, "condition", name="net", status="OK")
    table = hub.administer("node", "list", "-c", cluster).stdout.splitlines()
    assert table[0].split()[:4] == ["CLUSTER", "NODE", "PHASE", "CONDITIONS"]
    assert re.search(r" n1 +Ready +disk Warning, gpu Error  ", table[1]), table
    assert re.search(r" n2 +Preparing +-  ", table[2]), table
    ready = json.loads(hub.administer("node", "list", "-c", cluster, "--phase", "ready", "--json").stdout)
    assert [node["name"] for node in ready] == ["n1"] and "condition_text" not in ready[0]


def test_json_has_one_style_and_tables_cannot_steer_a_terminal(hub, cluster):
    who = hub.enroll("n1", cluster)
    hostile = "x\x1b[31m\x9b2J\u202e\u2066\u200fy"
    hub.say(who, "log", message=hostile, level="info", priority="high")
    hub.say(who, "condition", name="gpu", status="Error", message=hostile)
    for arguments in (["event", "list"], ["message", "list"], ["node", "list"], ["cluster", "list"],
                      ["node", "show", "n1"], ["user", "list"], ["cluster", "show", cluster]):
        of = ["-c", cluster] if arguments[0] not in ("cluster",) else []
        text = hub.administer(*arguments, *of).stdout
        if "show" not in arguments:
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200f\u202e\u2066]", text), arguments
            text = hub.administer(*arguments, *of, "--json").stdout
        styled = json.dumps(json.loads(text), indent=4, ensure_ascii=False) + "\n"
        assert text.lower() == styled.lower(), arguments  # \u001B is written in capitals


def test_the_nodes_own_cluster_is_the_default(hub, cluster):
    hub.enroll("n1", cluster)
    home = hub.directory / "homes" / cluster / "n1"
    on_database = ["--data", hub.data, *hub.database]

    def as_node(*arguments):
        done = run("hub", *arguments, home=home)
        assert done.returncode == 0, done.stderr
        return done.stdout

    as_node("user", "add", "ann", *on_database)
    assert "ann" in as_node("user", "list", *on_database)
    as_node("node", "terminate", "n1", *on_database)
    assert json.loads(as_node("node", "show", "n1"))["phase"] == "Terminated"
    as_node("nodearray", "add", "hpc", *on_database)
    assert "hpc" in as_node("nodearray", "list")
    assert json.loads(as_node("cluster", "show"))["nodes"][0]["Name"] == "n1"
    assert [n["name"] for n in json.loads(as_node("node", "list", "--json"))] == ["n1"]
    as_node("node", "remove", "n1", *on_database)
    assert hub.get(f"/api/nodes?cluster={cluster}")["nodes"] == []


def test_each_command_has_its_own_help():
    add = run("help", "hub", "node", "add").stdout
    assert "--count" in add and "--file" not in add
    configure = run("hub", "node", "configure", "--help").stdout
    assert "--file" in configure and "--count" not in configure
    group = run("hub", "node")
    assert group.returncode == 2 and "hub node terminate" in group.stdout + group.stderr
    unknown = run("hub", "node", "terminat")
    assert unknown.returncode == 127 and "'hub node terminate'" in unknown.stderr


def test_a_directory_without_a_hub_is_left_alone(tmp_path):
    done = run("hub", "cluster", "list", "--data", tmp_path / "nothing")
    assert done.returncode == 1 and "no hub found in" in done.stderr
    assert not (tmp_path / "nothing").exists()


def test_an_enrolled_node_knows_its_broker(hub, cluster, tmp_path):
    authority, url = tmp_path / "broker.pem", tmp_path / "broker.url"
    authority.write_text("-----BEGIN CERTIFICATE-----\n")
    url.write_text("amqps://u:p@broker.example:5671/v\n")
    hub.enroll("n1", cluster, "--broker", f"@{url}", "--broker-ca",
               authority, "--transport", "amqp")
    ini = hub.ini("n1", cluster)
    assert "[broker]\nurl=amqps://u:p@broker.example:5671/v\nca_file=broker-ca.pem\n" in ini
    assert "transport=amqp\n" in ini.split("[identity]")[0]
    home = hub.directory / "homes" / cluster / "n1"
    assert (home / "config/broker-ca.pem").read_text() == authority.read_text()


# -- unit tests of the database, on PostgreSQL --------------------------------------------------------

CASES = ["a failed transaction*", "ranges", "a batch larger*", "the oldest messages*",
         "each change of a condition*", "a condition keeps*", "a node's conditions are limited*",
         "all targets of a batch*", "more nodes than one statement*", "rows keep every*",
         "rows are selected by keys*", "hubs share queues*", "a hub whose connection*"]


def test_unit_tests_on_postgresql(postgresql):
    """Those whose subject no test here covers."""
    program = REPOSITORY / os.environ.get("JETPACK_BUILD", "build") / "plugins/hub/hub-test"
    if not program.exists():
        pytest.skip("the unit tests are not built")
    done = subprocess.run([program, "--no-version", "--test-case=" + ",".join(CASES)],
                          capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, "HUB_TEST_DATABASE": postgresql.database()})
    assert done.returncode == 0 and f"{len(CASES)} passed" in done.stdout, done.stdout[-3000:]
