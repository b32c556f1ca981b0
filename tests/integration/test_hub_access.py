"""Who may do what at the hub: each address as everybody, whose blobs a node reaches, and what ends when a
node or a session does. ACCESS.md, which a unit test compares with the hub's own table, says what is right."""

import http.client
import json
import re
import ssl
import urllib.parse

import pytest

from hub_client import BINARY, REPOSITORY, authorization
from hubs import Hub, message, run
from servers import blob_client
from servers.process import wait_for

COLUMNS = ("nobody", "monitor", "node", "scheduler", "viewer", "administrator")
BODIES = {
    "/clusterlink/messages": {"messages": []},
    "/clusterlink/sign": {"blob": "issues/report.zip", "seconds": 60},
    "/sign-in": {"name": "viewer", "password": "wrong"},
}
QUERIES = {
    "/clusters/{cluster}/scale/{nodearray}": "totalCoreCount=1",
    "/cloud/actions/autoscale/{cluster}/stop": "instance=i-n2",
    "/api/node": "cluster=demo&node=n2", "/api/targets": "cluster=demo", "/api/nodes": "cluster=demo",
    "/api/summary": "cluster=demo", "/api/clusters": "cluster=demo", "/api/events": "cluster=demo",
    "/api/events/stream": "cluster=demo", "/api/messages": "cluster=demo",
}
# Where "itself" cannot be told from the outside: the address names no other node.
OF_ONE_SELF = ("/clusterlink/messages", "/clusterlink/locker", "/clusterlink/sign")


def table():
    """The rows of ACCESS.md: (method, address, {caller: reach})."""
    text = (REPOSITORY / "plugins/hub/ACCESS.md").read_text()
    rows = re.findall(r"^\| (\w+) \| `(\S+)` \|(.*)\|$", text, re.M)
    return [(method, path, dict(zip(COLUMNS, (cell.strip() for cell in cells.split("|")), strict=True)))
            for method, path, cells in rows]


class Place:
    """A hub with two clusters: demo with the nodes n1, n2 and the scheduler head; other with x."""

    def __init__(self):
        self.hub = Hub()
        hub = self.hub
        self.accounts = {
            "node": hub.enroll("n1"), "other": hub.enroll("n2"),
            "scheduler": hub.enroll("head", "demo", "--scheduler"),
            "stranger": hub.enroll("x", "other"),
            "foreign scheduler": hub.enroll("y", "other", "--scheduler"),
            "administrator": hub.admin,
            "viewer": ("wall", hub.administer("admin", "--name", "wall", "--role", "viewer").stdout.strip()),
            "monitor": hub.administer("admin", "--name", "prometheus", "--role", "monitor").stdout.strip(),
            "nobody": None}
        for node, cluster in (("n1", "demo"), ("n2", "demo"), ("head", "demo"), ("x", "other"), ("y", "other")):
            account = next(found for found in self.accounts.values() if found and found[0] == f"{cluster}/{node}")
            hub.say(account, "properties", properties={"secret": f"of {node}"})
        self.userdata = re.search(r"userdata_id=(\w+)", hub.ini("n2"))[1]

    def request(self, method, path, who, body=None, **headers):
        """(status, body), without reading a stream to its end."""
        connection = self.hub.connect()
        try:
            kind = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), {
                **authorization(self.accounts[who]), **kind,
                **{name.replace("_", "-"): value for name, value in headers.items()}})
            reply = connection.getresponse()
            text = b"" if reply.getheader("Content-Type", "").startswith("text/event-stream") else reply.read()
            return reply.status, text
        finally:
            connection.close()

    def blobs(self, who):
        """What the hub tells a node of its locker, and how to trust it."""
        return self.hub.ask("GET", "/clusterlink/locker", self.accounts[who]).json


@pytest.fixture(scope="module")
def place():
    made = Place()
    yield made
    made.hub.remove()


def concrete(path, place):
    """An address about the node n2 of the cluster demo."""
    return (path.replace("/nodes/{node}", "/nodes/n2").replace("{cluster}", "demo")
            .replace("{nodearray}", "execute").replace("/userdata/{id}", f"/userdata/{place.userdata}")
            .replace("/operations/{id}", "/operations/none")
            .replace("/page/{file}", "/page/page.css").replace("/sign-in/{file}", "/sign-in/sign-in.js"))


def is_let_in(status, body):
    """Whether a request got beyond the question of who asks."""
    if status in (401, 403):
        return "wrong user name or password" in body.decode(errors="replace")  # of /sign-in itself
    assert status < 500, body
    return True


@pytest.mark.parametrize("caller", [*COLUMNS, "other", "stranger", "foreign scheduler"])
def test_every_address_as_everybody(place, caller):
    wrong = []
    for method, path, cells in table():
        column = {"other": "node", "stranger": "node", "foreign scheduler": "scheduler"}.get(caller, caller)
        reach = cells[column]
        is_foreign = caller in ("stranger", "foreign scheduler")
        names_cluster = "{cluster}" in path or QUERIES.get(path, "").startswith("cluster=")
        expected = {
            "-": False, "yes": True,
            "its cluster": not (is_foreign and names_cluster),
            # All addresses are about n2.
            "itself": caller == "other" or path in OF_ONE_SELF}[reach]
        address = concrete(path, place) + ("?" + QUERIES[path] if path in QUERIES else "")
        body = BODIES.get(path, {"names": ["n2"]} if "/nodes/" in path else {}) if method == "POST" else None
        status, text = place.request(method, address, caller, body)
        if is_let_in(status, text) != expected:
            wrong.append((method, address, status, text[:200], reach))
    assert not wrong, wrong
    assert len(table()) > 30


def test_an_address_that_is_not_in_the_table_does_not_exist(place):
    for path in ("/api", "/api/users", "/clusters", "/db/Cloud.Node", "/page", "/page/../hub.db", "//",
                 "/clusters/demo/nodes/n2/x", "/clusterlink", "/hub.db", "/sign-in/page.css"):
        for caller, status in (("administrator", 404), ("node", 404), ("nobody", 401)):
            got = place.request("GET", path, caller)[0]
            assert got == status or (path == "/sign-in/page.css" and got == 404), (path, caller, got)


def test_a_compute_node_sees_nothing_of_what_others_are_configured_with(place, tmp_path):
    hub = place.hub
    secret = tmp_path / "secret.json"
    secret.write_text('{"password": "hunter2"}')
    hub.administer("node", "configure", "n2", "-c", "demo", "--file", secret)
    array = tmp_path / "array.json"
    array.write_text('{"Configuration": {"token": "hunter2"}, "InitialCount": 3}')
    hub.administer("nodearray", "add", "hpc", "-c", "demo", "--file", array)
    addresses = ["/api/node?cluster=demo&node=n2", "/api/nodes?cluster=demo&properties=yes",
                 "/clusters/demo/nodes", "/clusters/demo/status?nodes=true",
                 "/api/messages?cluster=demo&node=n2", "/api/messages?cluster=demo&limit=1000"]
    seen = {}
    for caller in ("node", "other", "scheduler", "viewer", "administrator"):
        texts = [place.request("GET", address, caller) for address in addresses]
        assert {status for status, _ in texts} == {200}
        text = b"".join(body for _, body in texts).decode()
        seen[caller] = ("hunter2" in text, "of n2" in text)
    assert seen == {"node": (False, False), "other": (True, True), "scheduler": (True, True),
                    "viewer": (False, True), "administrator": (True, True)}


# -- blobs -----------------------------------------------------------------------------------------

class Blobs:
    """The blobs of the hub, with what the hub gave a node. `part`: "software" or "reports"."""

    def __init__(self, place, who):
        given = place.blobs(who)
        self.endpoint, self.ca = given["endpoint"], place.hub.data / "tls/ca.pem"
        self.sas = {"software": given["sas"], "reports": given["reports"]["sas"]}
        self.container = {"software": given["url"].rsplit("/", 1)[1], "reports": given["reports"]["container"]}
        self.directory = given["reports"]["directory"]

    def ask(self, method, path, part, body=None, query=""):
        return blob_client.ask(f"{self.endpoint}/{path}?{query}{self.sas[part]}", method, body,
                               {"x-ms-blob-type": "BlockBlob"} if body is not None else {}, self.ca).status


def test_the_nine_combinations(place):
    """Who reads, writes and deletes: its own, another node's and another cluster's; software and reports."""
    hub = place.hub
    for cluster in ("demo", "other"):
        hub.administer("blob", "put", "blobs/p/tool", __file__, "-c", cluster)
    everybody = {who: Blobs(place, who) for who in ("node", "other", "stranger")}
    for blobs in everybody.values():
        assert blobs.ask("PUT", f"reports/{blobs.directory}/first.zip", "reports", b"logs") == 201
    own, found = everybody["node"], {}
    for whose, blobs in everybody.items():
        for kind, path in (("software", f"{blobs.container['software']}/blobs/p/tool"),
                           ("reports", f"reports/{blobs.directory}/first.zip"),
                           ("new report", f"reports/{blobs.directory}/second.zip")):
            for action, method, body in (("read", "GET", None), ("write", "PUT", b"evil"),
                                         ("delete", "DELETE", None)):
                statuses = {own.ask(method, path, part, body) for part in ("software", "reports")}
                found[whose, kind, action] = any(status < 300 for status in statuses)
                assert statuses <= {200, 201, 202, 403}, (path, method, statuses)
    allowed = {what for what, is_allowed in found.items() if is_allowed}
    # The software of a cluster is that of all its nodes.
    assert allowed == {("node", "software", "read"), ("other", "software", "read"), ("node", "reports", "write"),
                       ("node", "new report", "write")}
    account = blob_client.Account("jetpackhub", (hub.data / "blob-account.key").read_text().strip(),
                                  own.endpoint, own.ca)
    for cluster in ("demo", "other"):
        assert account.get(f"locker-{cluster}/blobs/p/tool").startswith(b'"""Who may do what')


def test_listings_are_of_the_own_software_alone(place):
    own, foreign = Blobs(place, "node"), Blobs(place, "stranger")
    query = "restype=container&comp=list&"
    assert own.ask("GET", own.container["software"], "software", query=query) == 200
    for path, part in ((foreign.container["software"], "software"), ("reports", "software"), ("reports", "reports"),
                       (own.container["software"], "reports")):
        assert own.ask("GET", path, part, query=query) == 403


def test_a_block_of_anybody_else_is_refused(place):
    own, other = Blobs(place, "node"), Blobs(place, "other")
    query = "comp=block&blockid=MDAx&"
    assert own.ask("PUT", f"reports/{own.directory}/b.zip", "reports", b"x", query) == 201
    for path in (f"reports/{other.directory}/b.zip", f"reports/{own.directory}2/b.zip", "reports/issues/b.zip",
                 f"{own.container['software']}/b", f"reports/{own.directory}/../n2/b.zip"):
        assert own.ask("PUT", path, "reports", b"x", query) in (400, 403)


def test_the_hub_signs_for_a_node_what_is_its_own(place):
    own = Blobs(place, "node")
    assert own.ask("PUT", f"reports/{own.directory}/signed.zip", "reports", b"logs") == 201
    wish = {"blob": "issues/signed.zip", "seconds": 3600, "content_disposition": "file; attachment",
            "content_type": "binary"}
    status, body = place.request("POST", "/clusterlink/sign", "node", wish)
    signed = json.loads(body)
    assert status == 200 and signed["shortened"] is False
    got = blob_client.ask(signed["url"], ca=own.ca)
    assert (got.status, got.body, got.headers["Content-Disposition"]) == (200, b"logs", "file; attachment")
    assert blob_client.ask(signed["url"], "DELETE", ca=own.ca).status == 403
    assert blob_client.ask(signed["url"].replace("signed.zip", "first.zip"), ca=own.ca).status == 403
    assert json.loads(place.request("POST", "/clusterlink/sign", "node", {**wish, "seconds": 10**12})[1])["shortened"]
    for change, expected in (({"blob": "issues/none.zip"}, 404), ({"blob": "issues/../n2/first.zip"}, 400),
                             ({"blob": "blobs/p/tool"}, 400), ({"blob": "issues/"}, 400), ({"blob": 1}, 400),
                             ({"seconds": 0}, 400), ({"seconds": "1"}, 400), ({"content_type": "a\nb"}, 400)):
        assert place.request("POST", "/clusterlink/sign", "node", {**wish, **change})[0] == expected, change
    assert place.request("POST", "/clusterlink/sign", "other", wish)[0] == 404


def test_the_agent_reports_and_downloads_without_the_key(place, tmp_path):
    hub = place.hub
    home = hub.directory / "homes/demo/n1"
    for name in ("logs", "run"):
        (home / name).mkdir(exist_ok=True)
    (home / "logs/x.log").write_text("hello\n")
    hub.administer("blob", "put", "blobs/p/tool", __file__, "-c", "demo")
    done = run("download", "--project", "p", "tool", tmp_path / "tool", home=home)
    assert done.returncode == 0, done.stderr
    for arguments in ([], ["--no-sign"]):
        done = run("report_issue", *arguments, home=home)
        assert done.returncode == 0, done.stderr
        url = re.search(r"Logs can be found at: (\S+)", done.stdout)[1]
        assert "/reports/issues/demo/n1/demo-n1-" in url
        assert blob_client.ask(url, ca=hub.data / "tls/ca.pem").status == (401 if arguments else 200)
        assert ("Signed URL will expire on: " in done.stdout) == (not arguments)
    listed = json.loads(hub.administer("blob", "list", "issues/demo/n1/", "--json").stdout)
    assert len([blob for blob in listed if "/demo-n1-" in blob["name"]]) == 2
    kept = (home / "config/locker.json").read_text()
    assert (hub.data / "blob-account.key").read_text().strip() not in kept


@pytest.mark.parametrize("block", ["!!!!", "%00", "MDA%3D%00", "", "a", "=" * 8, "A" * 200, "MDAx%0A"])
def test_bad_block_ids_are_the_clients_mistake(place, block):
    own = Blobs(place, "node")
    path = f"reports/{own.directory}/bad.zip"
    assert own.ask("PUT", path, "reports", b"x", f"comp=block&blockid={block}&") == 400
    body = f"<BlockList><Latest>{urllib.parse.unquote(block)}</Latest></BlockList>".encode()
    assert own.ask("PUT", path, "reports", body, "comp=blocklist&") == 400
    assert "internal error" not in place.hub.log()


# -- what ends --------------------------------------------------------------------------------------

def test_what_a_node_was_given_ends_with_it(place):
    hub = place.hub
    place.accounts["short"] = hub.enroll("short")
    blobs = Blobs(place, "short")
    container = blobs.container["software"]
    query = "restype=container&comp=list&"
    assert blobs.ask("GET", container, "software", query=query) == 200
    connection = hub.connect()
    connection.request("GET", "/api/events/stream", headers=authorization(place.accounts["short"]))
    stream = connection.getresponse()
    assert stream.status == 200
    place.accounts["short"] = hub.enroll("short")
    assert blobs.ask("GET", container, "software", query=query) == 403  # enrolled again: with a new password
    assert drained(stream)
    blobs = Blobs(place, "short")
    assert blobs.ask("GET", container, "software", query=query) == 200
    connection = hub.connect()
    connection.request("GET", "/api/events/stream", headers=authorization(place.accounts["short"]))
    stream = connection.getresponse()
    hub.administer("node", "remove", "short", "-c", "demo")
    assert drained(stream)
    assert blobs.ask("GET", container, "software", query=query) == 403
    assert blobs.ask("PUT", f"reports/{blobs.directory}/late.zip", "reports", b"x") == 403


def drained(stream):
    """Reads a stream to its end, which the time-out of the connection would not be."""
    while True:
        try:
            if not stream.readline():
                return True
        except http.client.IncompleteRead:
            return True
        except (TimeoutError, ssl.SSLError):
            return False


def test_an_instance_is_not_claimed(place):
    hub = place.hub
    place.accounts["a"], place.accounts["b"] = hub.enroll("a", "inst"), hub.enroll("b", "inst")
    hub.say(place.accounts["a"], "log", message="x")
    claim = {**message("log", "inst", "b", message="x"), "instance_id": "i-a", "hostname": "host-a"}
    assert hub.post(place.accounts["b"], [claim]).status == 202
    assert hub.node("a", "inst")["instance_id"] == "i-a" and hub.node("b", "inst")["instance_id"] != "i-a"
    # Neither the claim of the instance nor that of the host name is in the way of the node itself.
    stop = "/cloud/actions/autoscale/inst/stop?instance=i-a"
    assert place.request("GET", stop, "b")[0] == 403
    assert place.request("GET", stop, "a")[0] == 200
    assert place.request("POST", "/clusters/inst/nodes/shutdown", "a", {"hostnames": ["host-a"]})[0] == 202
    assert hub.node("a", "inst")["phase"] == "Stopping" and hub.node("b", "inst")["phase"] == "Installing"


def test_a_scheduler_acts_for_its_cluster_until_the_mark_is_taken(place):
    hub = place.hub
    place.accounts["s"], place.accounts["c"] = hub.enroll("s", "sched"), hub.enroll("c", "sched")
    stop = ("POST", "/clusters/sched/nodes/terminate", "s", {"names": ["c"]})
    demand = {"messages": [message("autoscale", "sched", "s", definitions=[{"Name": "execute", "TargetCount": 3}])]}
    assert place.request(*stop)[0] == 403
    assert place.request("POST", "/clusterlink/messages", "s", demand)[0] == 400
    hub.administer("node", "configure", "s", "-c", "sched", "--scheduler")
    assert hub.node("s", "sched")["scheduler"] is True and hub.node("c", "sched")["scheduler"] is False
    assert place.request(*stop)[0] == 202
    assert place.request("POST", "/clusters/sched/nodes/start", "s", {"names": ["c"]})[0] == 202
    assert place.request("POST", "/clusterlink/messages", "s", demand)[0] == 202
    assert place.request("POST", "/clusters/demo/nodes/terminate", "s", {"names": ["n1"]})[0] == 403
    # A node cannot mark itself, whatever it says.
    hub.say(place.accounts["c"], "properties", properties={"scheduler": True, "cyclecloud": {"scheduler": True}})
    assert place.request("POST", "/clusters/sched/nodes/terminate", "c", {"names": ["s"]})[0] == 403
    hub.administer("node", "configure", "s", "-c", "sched", "--no-scheduler")
    assert place.request(*stop)[0] == 403
    hub.administer("nodearray", "add", "head", "-c", "sched", "--scheduler")
    place.accounts["s"] = hub.enroll("s", "sched", "--nodearray", "head")
    assert place.request(*stop)[0] == 202


# -- sessions and browsers ------------------------------------------------------------------------------

def sign_in(place, name, password, **headers):
    """(status, the cookie, the header that set it)."""
    reply = place.hub.ask("POST", "/sign-in", ("", ""), {"name": name, "password": password}, **headers)
    header = reply.headers.get("Set-Cookie", "")
    return reply.status, header.split(";")[0], header


def test_a_session_begins_and_ends(place):
    hub = place.hub
    name, password = place.accounts["viewer"]
    status, cookie, header = sign_in(place, name, password)
    assert status == 200 and cookie.startswith("__Host-jetpack-session=")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"} <= set(header.split("; "))
    assert 0 < int(re.search(r"Max-Age=(\d+)", header)[1]) <= 24 * 3600
    assert json.loads(place.request("GET", "/api/account", "nobody", Cookie=cookie)[1]) == {
        "name": name, "role": "viewer"}
    assert place.request("GET", "/", "nobody", Cookie=cookie)[0] == 200
    assert place.request("POST", "/clusters/demo/nodes/start", "nobody", {"names": ["n2"]}, Cookie=cookie)[0] == 403
    assert place.request("GET", "/", "nobody", Cookie=cookie + "x")[0] == 401
    connection = hub.connect()
    connection.request("GET", "/api/events/stream", headers={"Cookie": cookie})
    stream = connection.getresponse()
    assert stream.status == 200
    assert place.request("POST", "/sign-out", "nobody", {}, Cookie=cookie)[0] == 200
    assert place.request("GET", "/", "nobody", Cookie=cookie)[0] == 401
    assert drained(stream)
    for wrong in ((name, "x"), ("nobody", password), ("", "")):
        assert sign_in(place, *wrong)[:2] == (401, "")
    assert sign_in(place, *place.accounts["node"])[:2] == (403, "")
    # The token itself is nowhere in the data.
    token = cookie.split("=")[1]
    assert not any(token.encode() in path.read_bytes() for path in hub.data.glob("hub.db*"))


def test_a_new_password_or_none_ends_sessions(place):
    hub = place.hub
    first = hub.administer("admin", "--name", "temp").stdout.strip()
    cookie = sign_in(place, "temp", first)[1]
    assert place.request("GET", "/", "nobody", Cookie=cookie)[0] == 200
    second = hub.administer("admin", "--name", "temp", "--role", "viewer").stdout.strip()
    assert place.request("GET", "/", "nobody", Cookie=cookie)[0] == 401
    cookie = sign_in(place, "temp", second)[1]
    assert json.loads(place.request("GET", "/api/account", "nobody", Cookie=cookie)[1])["role"] == "viewer"
    hub.administer("admin", "--name", "temp", "--revoke")
    assert place.request("GET", "/", "nobody", Cookie=cookie)[0] == 401
    for name in ("temp", "demo/n1"):
        gone = run("hub", "admin", "--name", name, "--revoke", "--data", hub.data)
        assert gone.returncode in (1, 2) and gone.stderr


def test_a_browser_is_led_to_the_sign_in_page_and_a_script_is_asked(place):
    def ask(path, **headers):
        return place.hub.ask("GET", path, ("", ""), **headers)

    opened = ask("/clusters/demo?phase=x", Sec_Fetch_Mode="navigate")
    assert opened.status == 303
    where = urllib.parse.urlsplit(opened.headers["Location"])
    assert (where.path, urllib.parse.parse_qs(where.query)) == ("/sign-in", {"next": ["/clusters/demo?phase=x"]})
    assert ask("/", Accept="text/html,*/*").status == 303
    for path in ("/", "/api/nodes"):
        asked = ask(path)
        assert asked.status == 401 and asked.headers["WWW-Authenticate"].startswith("Basic")
    # The page's own script must not make the browser show a dialog.
    silent = ask("/api/nodes", Sec_Fetch_Mode="cors", Sec_Fetch_Site="same-origin")
    assert silent.status == 401 and "WWW-Authenticate" not in silent.headers


def test_requests_of_other_sites_change_nothing(place):
    hub = place.hub
    cookie = sign_in(place, *hub.admin)[1]
    own = hub.url
    before = len(hub.get("/operations"))
    start = "/clusters/demo/nodes/start"
    body = {"names": ["n2"]}
    for headers in ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},
                    {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors"},
                    {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors", "Origin": own},
                    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": own + "1"}):
        for who, more in (("administrator", {}), ("nobody", {"Cookie": cookie}), ("other", {})):
            assert place.request("POST", start, who, body, **headers, **more)[0] == 403, (headers, who)
            status = place.request("GET", "/cloud/actions/autoscale/demo/stop?instance=i-n2", who, **headers, **more)[0]
            assert status == 403, (headers, who)
            assert place.request("POST", "/sign-in", who, {"name": "a", "password": "b"}, **headers)[0] == 403
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        reply = hub.ask("POST", start, None, json.dumps(body).encode(), Content_Type=kind)
        assert reply.status == 415, kind
    assert len(hub.get("/operations")) == before
    same = {"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors", "Origin": own}
    assert place.request("POST", start, "nobody", body, Cookie=cookie, **same)[0] == 202
    # A link is a link.
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert place.request("GET", "/clusters/demo", "administrator", **link)[0] == 200
    image = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}
    assert place.request("GET", "/api/events", "administrator", **image)[0] == 403


@pytest.mark.parametrize("address", [
    "/api/messages?nodes=n1", "/api/nodes?node=n1", "/api/summary?node=n1", "/api/node?cluster=demo&node=n1&x=",
    "/clusters/demo/nodes?x=1", "/clusters/demo/status?nodes=true&x=1", "/operations?cluster=demo",
    "/api/account?x=1", "/clusterlink/userdata/" + "0" * 32 + "?x=1"])
def test_a_parameter_that_is_not_used_is_refused(place, address):
    status, body = place.request("GET", address, "administrator")
    assert status == 400 and b"unknown query parameter" in body


def test_messages_are_selected_by_node(place):
    found = place.hub.get("/api/messages?cluster=demo&node=n1")["messages"]
    assert {each["node"] for each in found} == {"n1"} and found


def test_the_commands_of_the_node_use_the_same_table(place):
    """As administrator on the database: what the table has for administrators."""
    done = run("hub", "node", "list", "-c", "demo", "--json", "--data", place.hub.data)
    assert done.returncode == 0 and {node["name"] for node in json.loads(done.stdout)} >= {"n1", "n2", "head"}
    assert BINARY.exists()


def test_a_password_is_not_guessed_from_the_log(place):
    sign_in(place, "administrator", "a-wrong-password")
    wait_for(lambda: "rejected /sign-in: " in place.hub.log(), "the line in the log")
    assert "a-wrong-password" not in place.hub.log()
