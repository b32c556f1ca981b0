"""Machines that become nodes by themselves: `jetpack hub join-token` and `jetpack join`."""

import json
import os
import shlex
import shutil
import subprocess
from datetime import datetime, timezone

import pytest

from hub_client import BINARY
from hubs import Hub, run
from servers.process import wait_for


@pytest.fixture(scope="module")
def hub():
    server = Hub("--no-blobs")
    yield server
    server.remove()


@pytest.fixture
def machine(tmp_path):
    """A machine that has jetpack, and nothing in its home tree."""
    home = tmp_path / "opt/cycle/jetpack"

    def command(*arguments, text=None, home=home):
        return run(*arguments, home=home, text=text)

    command.home = home
    return command


def token(hub, cluster, *options):
    done = hub.administer("join-token", "create", "-c", cluster, "--json", *options)
    return json.loads(done.stdout)


def joined(machine, created, node, *options, text=None, **others):
    arguments = ["join", created["url"], "--token", created["token"], "--ca-hash", created["ca_hash"]]
    return machine(*arguments, "--node", node, *options, text=text, **others)


def failure(done, code=1):
    assert done.returncode == code and done.stdout == "", done
    return done.stderr


def test_the_printed_command_makes_a_machine_a_node_that_works(hub, machine):
    done = hub.administer("join-token", "create", "-c", "printed", "--nodearray", "execute")
    assert done.stderr.startswith("Until 2") and "of cluster printed" in done.stderr
    program, *arguments = shlex.split(done.stdout)
    assert program == "jetpack"
    result = machine(*arguments, "--node", "n1")
    assert (result.returncode, result.stderr) == (0, "Next: jetpack initialize\n"), result
    assert result.stdout == f"Joined as node n1 of cluster printed at {hub.url}\n"
    assert {name: (machine.home / name).stat().st_mode & 0o7777 for name in ("config", "logs", "run")} == {
        "config": 0o2750, "logs": 0o2770, "run": 0o2770}
    assert not (machine.home / "config/join.json").exists()
    result = machine("initialize", "--no-start", "--json")
    assert (result.returncode, json.loads(result.stdout)["ok"]) == (0, True), result
    assert machine("log", "it works", "--wait", "30s").returncode == 0
    shown = hub.node("n1", "printed")
    assert (shown["nodearray"], shown["phase"]) == ("execute", "Installing")
    said = [event["message"] for event in hub.get("/api/node?cluster=printed&node=n1")["node"]["events"]]
    assert "joined with token " + arguments[arguments.index("--token") + 1].split(".")[0] in said


def test_a_machine_that_has_joined_is_left_as_it_is(hub, machine):
    created = token(hub, "again")
    assert joined(machine, created, "n1").returncode == 0
    before = (machine.home / "config/connection.json").read_bytes()
    result = machine("join", hub.url, "--token", "whatever")
    assert (result.returncode, result.stdout) == (0, f"This machine is already node n1 of cluster again at {hub.url}\n")
    assert json.loads(machine("join", hub.url, "--token", "x", "--json").stdout)["action"] == "none"
    assert "is a node of " + hub.url in failure(machine("join", "https://other:9443", "--token", "x"))
    assert (machine.home / "config/connection.json").read_bytes() == before


@pytest.mark.parametrize("as_given", [
    lambda hash: hash.upper().replace("SHA256", "sha256"), lambda hash: hash.removeprefix("sha256:"),
    lambda hash: ":".join(hash[7:][i:i + 2].upper() for i in range(0, 64, 2)), lambda hash: f" {hash}\n"],
    ids=["capitals", "bare", "as openssl prints it", "blanks"])
def test_the_hash_is_taken_as_people_paste_it(hub, machine, as_given):
    created = token(hub, "pasted")
    created["ca_hash"] = as_given(created["ca_hash"])
    done = joined(machine, created, "n" + machine.home.parent.parent.parent.name[-8:].strip("_"))
    assert done.returncode == 0, done


def test_a_token_need_not_be_on_the_command_line(hub, machine, tmp_path):
    created = token(hub, "secret")
    (tmp_path / "token").write_text(created["token"] + "\n")
    from_file = {**created, "token": f"@{tmp_path}/token"}
    assert joined(machine, from_file, "n1").returncode == 0
    from_input = {**created, "token": "-"}
    assert joined(machine, from_input, "n2", text=created["token"] + "\n", home=tmp_path / "other").returncode == 0


def test_another_hub_is_not_joined_and_gets_no_token(hub, machine):
    created = token(hub, "pinned")
    created["ca_hash"] = "sha256:" + "0" * 64
    text = failure(joined(machine, created, "n1"))
    assert f"{hub.url} is not the hub that --ca-hash stands for" in text
    assert "has the hash sha256:" in text
    assert not (machine.home / "config/connection.json").exists()
    text = failure(machine("join", hub.url, "--token", created["token"], "--node", "n1"))
    assert "give its hash with --ca-hash" in text
    assert hub.ask("GET", "/api/node?cluster=pinned&node=n1").status == 404


def test_without_a_valid_token_nobody_joins(hub, machine):
    created = token(hub, "valid")
    wrong = {**created, "token": created["token"][:-1] + ("0" if created["token"][-1] != "0" else "1")}
    for bad in (wrong, {**created, "token": "nothing"}, {**created, "token": "a.b"}):
        assert "the join token is unknown or has expired" in failure(joined(machine, bad, "n1"))
    hub.administer("join-token", "remove", created["token"], "-c", "valid")
    assert "the join token is unknown or has expired" in failure(joined(machine, created, "n1"))
    brief = token(hub, "valid", "--ttl", "1ms")
    assert "has expired" in failure(joined(machine, brief, "n1"))
    assert "rejected /clusterlink/join: the join token is unknown" in hub.log()
    assert created["token"].split(".")[1] not in hub.log()


def test_a_token_for_one_node_lets_one_join(hub, machine, tmp_path):
    created = token(hub, "once", "--uses", "1")
    assert [row["uses_left"] for row in json.loads(
        hub.administer("join-token", "list", "-c", "once", "--json").stdout)] == [1]
    assert joined(machine, created, "n1").returncode == 0
    assert "has expired" in failure(joined(machine, created, "n2", home=tmp_path / "other"))
    assert json.loads(hub.administer("join-token", "list", "-c", "once", "--json").stdout) == []


def test_a_node_that_exists_keeps_its_name(hub, machine, tmp_path):
    created, replacing = token(hub, "names"), token(hub, "names", "--replace")
    assert joined(machine, created, "n1").returncode == 0
    first = json.loads((machine.home / "config/connection.json").read_text())
    other = tmp_path / "other"
    assert "cluster names has a node n1 already" in failure(joined(machine, created, "n1", home=other))
    assert hub.ask("GET", "/clusterlink/userdata/" + "0" * 32, (first["username"], first["password"])).status == 404
    assert joined(machine, replacing, "n1", home=other).returncode == 0
    assert hub.ask("GET", "/clusterlink/userdata/" + "0" * 32, (first["username"], first["password"])).status == 401


@pytest.mark.parametrize("by", ["mark", "array"])
def test_no_token_makes_a_machine_the_scheduler_that_is_there(hub, machine, by):
    cluster = "head-by-" + by
    marked = {"mark": ["--scheduler"], "array": ["--nodearray", "masters"]}[by]
    hub.administer("cluster", "create", cluster)
    hub.administer("nodearray", "add", "masters", "-c", cluster, "--scheduler")
    hub.enroll("head", cluster, *marked)
    for created in (token(hub, cluster, "--replace"), token(hub, cluster, "--replace", "--nodearray", "execute")):
        assert "is a scheduler, which no token replaces" in failure(joined(machine, created, "head"))
    hub.administer("node", "terminate", "head", "-c", cluster)
    wait_for(lambda: hub.node("head", cluster)["phase"] == "Terminated", "the node to end")
    assert "is a scheduler" in failure(joined(machine, token(hub, cluster), "head"))
    hub.administer("node", "remove", "head", "-c", cluster)
    assert joined(machine, token(hub, cluster), "head").returncode == 0
    asked = json.loads((machine.home / "config/connection.json").read_text())
    account = hub.get("/api/account", (asked["username"], asked["password"]))
    assert (account["role"], hub.node("head", cluster)["nodearray"]) == ("node", "")


def test_a_machine_joins_as_the_node_that_a_scheduler_created(hub, machine, tmp_path):
    created = token(hub, "planned", "--nodearray", "execute")
    request = {"sets": [{"nodearray": "execute", "nodeAttributes": {"Configuration": {"of": "this one"}}}]}
    assert hub.ask("POST", "/clusters/planned/nodes/create", None, request).status == 202
    assert joined(machine, created, "execute-1").returncode == 0
    assert machine("initialize", "--no-start").returncode == 0
    assert machine("config", "of").stdout == "this one\n"
    # The first machine that joins has the name, whether it was in contact already or not.
    assert hub.ask("POST", "/clusters/planned/nodes/create", None, request).status == 202
    for number, code in ((2, 0), (3, 1)):
        done = joined(machine, created, "execute-2", home=tmp_path / f"home-{number}")
        assert done.returncode == code, done
    assert "execute-2 already" in done.stderr


def test_a_machine_that_missed_the_answer_joins_as_the_node_that_it_is(hub, machine):
    created = token(hub, "missed", "--uses", "1")
    (machine.home / "config").mkdir(parents=True)
    pending = {"url": hub.url, "node": "n1", "password": "p" * 64, "instance_id": "i-1"}
    (machine.home / "config/join.json").write_text(json.dumps(pending))
    (machine.home / "config/join.json").chmod(0o600)
    asked = {"token": created["token"], "node": "n1", "password": "p" * 64, "instance_id": "i-1"}
    assert hub.ask("POST", "/clusterlink/join", body=asked).status == 200
    assert json.loads(hub.administer("join-token", "list", "-c", "missed", "--json").stdout) == []
    assert hub.ask("POST", "/clusterlink/join", body={**asked, "password": "q" * 64}).status == 403
    done = joined(machine, created, "n1")
    assert done.returncode == 0, done
    assert json.loads((machine.home / "config/connection.json").read_text())["password"] == "p" * 64
    assert "instance_id=i-1" in (machine.home / "config/jetpack.ini").read_text()
    assert not (machine.home / "config/join.json").exists()


def test_a_hub_that_is_not_up_yet_is_waited_for(machine, tmp_path):
    server = Hub("--no-blobs")
    try:
        created = token(server, "late")
        server.kill()
        waiting = subprocess.Popen(
            [BINARY, "join", created["url"], "--token", created["token"], "--ca-hash", created["ca_hash"],
             "--node", "n1", "--retry-for", "2m"], env={"PATH": "/usr/bin:/bin", "JETPACK_HOME": str(machine.home)},
            stdout=subprocess.PIPE, text=True)
        assert wait_for((machine.home / "config").exists, "the command to begin")
        server.start()
        assert waiting.communicate(timeout=120)[0].startswith("Joined as node n1")
        server.kill()
        created["token"] = "x.y"
        text = failure(joined(machine, created, "n2", "--retry-for", "1ms", home=tmp_path / "other"))
        assert "127.0.0.1" in text
    finally:
        server.remove()


@pytest.mark.parametrize("body", [
    b"", b"[]", b"{", b'{"token":1}', {"token": "a.b", "node": "../x", "password": "p" * 64},
    {"token": "a.b", "node": "", "password": "p" * 64}, {"token": "a.b", "node": "n1", "password": "short"},
    {"token": "a.b", "node": "n1", "password": "p" * 1000}, {"token": "a.b", "node": "n1"},
    {"token": "a.b", "node": "n1", "password": "p" * 64, "instance_id": "a b"}])
def test_a_malformed_request_is_told_what_is_wrong(hub, body):
    reply = hub.ask("POST", "/clusterlink/join", body=body)
    assert reply.status == 400 and reply.json["error"]


def test_a_request_with_a_wrong_token_costs_no_hash(hub):
    asked = {"token": "a.b", "node": "n1", "password": "p" * 64}
    before = datetime.now(timezone.utc)
    with open(f"/proc/{hub.pid}/stat", encoding="ascii") as stat:
        ticks = sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))
    for _ in range(50):
        assert hub.ask("POST", "/clusterlink/join", body=asked, who=("", "")).status == 403
    with open(f"/proc/{hub.pid}/stat", encoding="ascii") as stat:
        spent = sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13])) - ticks
    # A hash takes a tenth of a second: 50 of them would be 500 ticks.
    assert spent < 250, (before, spent)


@pytest.mark.parametrize("option, what", [
    (["--ca-hash", "sha256:12"], "--ca-hash is not a SHA-256"), (["--ca-hash", "x" * 64], "--ca-hash is not a SHA-256"),
    (["--token", "@/nowhere"], "/nowhere")])
def test_a_wrong_option_is_named(hub, machine, option, what):
    done = machine("join", hub.url, *(["--token", "a.b"] if option[0] != "--token" else []), *option)
    assert done.returncode in (1, 2) and what in done.stderr and not machine.home.exists()


@pytest.mark.parametrize("url", ["http://head:9443", "head:99999", "https://u:p@head", "ftp://head"])
def test_only_https_is_joined(machine, url):
    assert failure(machine("join", url, "--token", "a.b"), 2)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root")
def test_who_may_not_write_the_home_is_told_so(hub, machine, tmp_path):
    tmp_path.chmod(0o755)
    done = subprocess.run(
        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", BINARY, "join", hub.url, "--token",
         token(hub, "denied")["token"], "--node", "n1"], env={"PATH": "/usr/bin:/bin", "JETPACK_HOME": str(machine.home)},
        capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Permission denied" in done.stderr
