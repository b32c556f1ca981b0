"""`jetpack initialize`: what is wrong with the connection, and what to do."""

import json
import re

import pytest
from servers import node_server

USERDATA = {"version": "1", "configuration": {}, "properties": {}, "users": []}


def test_help(transcript):
    transcript("help_initialize", ["help", "initialize"])


def initialize(jetpack, code=0):
    result = jetpack("initialize", "--no-start", "--json", "--timeout", "3s")
    assert (result.returncode, result.stderr) == (code, ""), result
    report = json.loads(result.stdout)
    assert report["ok"] == (code == 0)
    return report["steps"]


def test_a_sound_connection(jetpack, home, server):
    server.userdata = USERDATA
    assert [step["name"] for step in initialize(jetpack)] == [
        "home", "configuration", "server name", "server port", "connection", "credentials", "clock",
        "userdata"]
    assert server.wait_for_messages(1, "installation") == [{"status": "running"}]
    cores = int(jetpack("config", "cpu.total").stdout)
    assert cores > 0 and server.wait_for_messages(1, "properties") == [{"properties": {"cores": cores}}]
    lines = (home / "logs/initialize.log").read_text().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO     userdata: .*", lines[-1])
    result = jetpack("initialize", "--no-start")
    assert result.returncode == 0 and result.stdout.startswith("ok      home: ")


def test_where_systemd_does_not_run_it_says_how_to_start(jetpack, server):
    server.userdata = USERDATA
    result = jetpack("initialize")
    if not __import__("os").path.exists("/run/systemd/system"):
        assert result.returncode == 0 and "jetpackd &" in result.stdout


@pytest.mark.parametrize("status, name, remedy", [
    (401, "credentials", "enroll"), (403, "credentials", "administrator"),
    (404, "identity", "userdata_id"), (500, "server", "log")])
def test_what_the_server_says(status, name, remedy, jetpack, home, server):
    server.override["/clusterlink/userdata"] = (status, {"error": "no"}, [])
    step = initialize(jetpack, 1)[-1]
    assert (step["name"], step["ok"]) == (name, False)
    assert str(status) in step["found"] and remedy in step["remedy"].lower()
    assert not server.messages
    assert "Recommendation: " in (home / "logs/initialize.log").read_text()


def test_nobody_listens(jetpack, server):
    server.stop()
    step = initialize(jetpack, 1)[-1]
    assert step["name"] == "server port" and "refused" in step["found"]
    assert str(server.port) in step["found"]
    server.start()


def test_a_name_without_an_address(jetpack, home):
    home.write("config/connection.json", {"cluster": "demo", "username": "n", "password": "p",
                                          "url": "https://nowhere.invalid:9443",
                                          "proxy_method": "none"})
    step = initialize(jetpack, 1)[-1]
    assert step["name"] == "server name" and "nowhere.invalid" in step["found"]


def test_a_server_without_tls(jetpack, home, server):
    home.write("config/connection.json", {"cluster": "demo", "username": "n", "password": "p",
                                          "url": f"https://127.0.0.1:{server.port}",
                                          "proxy_method": "none"})
    step = initialize(jetpack, 1)[-1]
    assert step["name"] == "TLS" and not step["ok"]


def test_a_server_that_says_nothing(jetpack, home):
    with node_server.silent(home):
        step = initialize(jetpack, 1)[-1]
    assert step["name"] == "connection" and not step["ok"]


@pytest.mark.parametrize("text", ["{", '{"url": 7}', "[]", '{"url": "ftp://x"}'])
def test_files_that_are_wrong(text, jetpack, home):
    home.write("config/connection.json", text)
    step = initialize(jetpack, 1)[-1]
    assert step["name"] == "configuration" and "connection.json" in step["found"] + step["remedy"]


def test_a_home_that_is_incomplete(jetpack, home):
    (home / "run").rmdir()
    step = initialize(jetpack, 1)[-1]
    assert step["name"] == "home" and str(home / "run") in step["found"]
