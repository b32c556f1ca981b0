"""`jetpack autoscale`: targets, definitions, and invalid files."""

import json

import pytest


def test_help(transcript):
    transcript("help_autoscale", ["help", "autoscale"])


@pytest.mark.parametrize("args, path", [
    (["--corecount=100"], "/clusters/demo/scale/execute?totalCoreCount=100"),
    (["--corecount", "0"], "/clusters/demo/scale/execute?totalCoreCount=0"),
    (["--instancecount", "5", "--name=gpu"], "/clusters/demo/scale/gpu?totalNodeCount=5"),
    (["--instancecount=1000000", "--name", "a b/ü"],
     "/clusters/demo/scale/a%20b%2F%C3%BC?totalNodeCount=1000000"),
])
def test_a_target_is_sent_to_its_node_array(args, path, jetpack, server):
    result = jetpack("autoscale", *args)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "" and "delivered" in result.stderr
    assert [letter[:2] for letter in server.letters] == [(path, b"")]
    assert len(server.letters[0][2]) == 36


def test_a_file_of_targets(jetpack, home, server):
    file = home.write("demand.json", [{"Name": "execute", "TargetCoreCount": 100},
                                      {"Name": "gpu", "TargetCount": 2, "ClusterName": "demo"}])
    result = jetpack("autoscale", "--file", file, "--json")
    assert result.returncode == 0, result.stderr
    assert [entry["delivered"] for entry in json.loads(result.stdout)] == [True, True]
    assert [letter[0] for letter in server.letters] == [
        "/clusters/demo/scale/execute?totalCoreCount=100",
        "/clusters/demo/scale/gpu?totalNodeCount=2"]
    assert not server.messages


def test_a_file_of_definitions_is_one_request(jetpack, home, server):
    """Whatever a request omits is no longer requested, so a list is never split."""
    gpu = {"Name": "gpu", "TargetCount": 2, "MachineType": "Standard_ND96", "Dynamic": True,
           "Configuration": {"x": [1, {"y": None}]}}
    execute = {"Name": "execute", "TargetCoreCount": 100}
    result = jetpack("autoscale", "--file", home.write("demand.json", [execute, gpu]), "--json")
    assert result.returncode == 0, result.stderr
    assert not server.letters
    assert [(m["type"], m["data"]) for m in server.messages] == [("autoscale", {
        "request_set": "standard", "expiration_interval": 300,
        "definitions": [{"ClusterName": "demo", **execute}, {"ClusterName": "demo", **gpu}]})]


def test_a_request_set_and_an_expiry_are_sent_as_a_message(jetpack, server):
    result = jetpack("autoscale", "-f", "-", "--request-set", "sge", "--expires", "10m",
                     input='[{"Name": "a", "TargetCount": 1}]')
    assert result.returncode == 0, result.stderr
    assert not server.letters
    assert server.messages[0]["data"] == {
        "request_set": "sge", "expiration_interval": 600,
        "definitions": [{"ClusterName": "demo", "Name": "a", "TargetCount": 1}]}


def test_numbers_are_sent_as_they_came(jetpack, server):
    result = jetpack("autoscale", "-f", "-", input='[{"Name": "a", "TargetCount": 1, "Id": 18446744073709551617}]')
    assert result.returncode == 0, result.stderr
    assert server.messages[0]["data"]["definitions"][0]["Id"] == 18446744073709551617


@pytest.mark.parametrize("definition, expected", [
    ('{"Name": "a", "TargetCoreCount": 5, "TargetCoreCount": -1}', '"TargetCoreCount" is -1'),
    ('{"Name": "a", "TargetCoreCount": 5, "Load": NaN}', "found 'N'"),
    ('{"Name": "a\\udc00", "TargetCoreCount": 5}', "surrogate"),
    ('{"Name": "a", "TargetCoreCount": 1e400}', '"TargetCoreCount" is 1e400'),
])
def test_what_is_sent_is_what_was_checked(definition, expected, jetpack, server):
    result = jetpack("autoscale", "-f", "-", input=f"[{definition}]")
    assert result.returncode == 1 and expected in result.stderr
    assert not server.letters and not server.messages


def test_an_empty_list_requests_nothing(jetpack, server):
    assert jetpack("autoscale", "-f", "-", input="[]").returncode == 0
    assert server.messages[0]["data"]["definitions"] == []


@pytest.mark.parametrize("args, expected", [
    ([], "--corecount"),
    (["--corecount", "1", "--instancecount", "1"], "cannot be combined with"),
    (["--corecount", "-1"], "-1"),
    (["--corecount=-1"], "from 0 to 1000000"),
    (["--corecount", "1000001"], "from 0 to 1000000"),
    (["--corecount", "99999999999999999999"], "whole number"),
    (["--corecount", "ten"], "ten"),
    (["--instancecount=1.5"], "1.5"),
    (["--corecount", "1", "--name", ""], "name"),
    (["--corecount", "1", "--name", "a\nb"], "name"),
    (["--corecount", "1", "--name", "x" * 256], "255"),
    (["--corecount", "1", "--file", "x"], "--corecount"),
    (["--corecount", "1", "--request-set", "x"], "--file"),
])
def test_invalid_command_lines(args, expected, jetpack, server):
    result = jetpack("autoscale", *args)
    assert (result.returncode, result.stdout) == (2, "")
    assert expected in result.stderr
    assert not server.letters and not server.messages


@pytest.mark.parametrize("text", [
    '{"Name": "a", "TargetCoreCount": 100}', '[{"Name": "a", "TargetCoreCount": "100"}]',
    '[{"Name": "a", "TargetCoreCount": 100.0}]', '[{"Name": "a", "TargetCoreCount": 1e2}]'])
def test_counts_and_lists_as_schedulers_write_them(text, jetpack, home, server):
    path = home.write("demand.json", text)
    assert jetpack("autoscale", "--file", path, "--wait", "30s").returncode == 0
    assert server.letters[-1][0] == "/clusters/demo/scale/a?totalCoreCount=100"
    path.write_text(text.replace("}", ', "Configuration": {"a": 1}}'))
    assert jetpack("autoscale", "--file", path, "--wait", "30s").returncode == 0
    [definition] = server.messages[-1]["data"]["definitions"]
    assert definition["TargetCoreCount"] == 100 and type(definition["TargetCoreCount"]) is int


@pytest.mark.parametrize("text, expected", [
    ("", "empty"),
    ('[{"Name": "a",\n  "TargetCount": }]', "line 2, column 18"),
    ('"a"', '[{"Name": "execute"'),
    ('[1]', "node array 1"),
    ('[{"TargetCount": 1}]', 'missing "Name"'),
    ('[{"Name": "a", "TargetCount": 1}, {"Name": 7}]', "node array 2"),
    ('[{"Name": "a", "TargetCount": -1}]', "from 0 to 1000000"),
    ('[{"Name": "a", "TargetCoreCount": 1e9}]', "from 0 to 1000000"),
    ('[{"Name": "a", "TargetCoreCount": "five"}]', '"five"'),
    ('[{"Name": "a", "TargetCount": 1.5}]', "1.5"),
    ('[{"Name": "a", "TargetCount": 1}, {"Name": "a", "TargetCount": 2}]', "duplicate"),
    ('[{"Name": "a", "ClusterName": "other", "TargetCount": 1}]', "ClusterName"),
    ('[{"Name": "a", "X": ' + "[" * 300 + "]" * 300 + "}]", "nested deeper"),
    ("[" * 500000, "nested deeper"),
    ('[{"Name": "\\ud800"}]', "line 1"),
    ("[" + " " * (1 << 20) + "]", "1048576"),
], ids=range(16))
def test_invalid_files(text, expected, jetpack, home, server):
    result = jetpack("autoscale", "--file", home.write("demand.json", text))
    assert (result.returncode, result.stdout) == (1, "")
    assert expected in result.stderr and "demand.json" in result.stderr
    assert not server.letters and not server.messages


def test_a_missing_file(jetpack, server):
    result = jetpack("autoscale", "--file", "/nowhere.json")
    assert result.returncode == 1 and "/nowhere.json" in result.stderr


def test_an_unknown_node_array_is_reported_as_the_server_said_it(jetpack, server):
    server.override["/clusters/demo/scale/"] = (
        404, {"error": "no node array 'exceute'; there are execute, gpu"}, [])
    result = jetpack("autoscale", "--corecount=1", "--name=exceute")
    assert result.returncode == 1
    assert "there are execute, gpu" in result.stderr


def test_a_dead_server_is_waited_for_once(jetpack, home, server):
    server.stop()
    file = home.write("demand.json",
                      [{"Name": f"n{i}", "TargetCount": i} for i in range(5)])
    result = jetpack("autoscale", "--file", file, timeout=15)
    assert result.returncode == 0
    assert result.stderr.count("queued: ") == 5
    server.start()
    assert jetpack("log", "m", "--wait", "20s").returncode == 0
    assert [letter[0].partition("?")[0] for letter in server.letters] == [
        f"/clusters/demo/scale/n{i}" for i in range(5)]


def test_without_a_cluster_it_names_the_setting(jetpack, home):
    home.node({})
    result = jetpack("autoscale", "--corecount=1")
    assert result.returncode == 1 and "cluster_name" in result.stderr
