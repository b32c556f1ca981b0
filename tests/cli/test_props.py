"""`jetpack props`: get and set, durable and atomic."""

import json
import os
import signal
import subprocess

import pytest

PROPERTIES = {"os": {"id": "almalinux", "id_like": "rhel centos fedora", "version_id": "8.10"},
              "azure": {"vm_size": "Standard_D2"}, "n": 3, "yes": True}


def test_get(jetpack, home):
    home.properties(PROPERTIES)
    answer = jetpack.answer
    assert answer("props", "get", "os.id_like") == "rhel centos fedora\n"
    assert answer("props", "get", "n") == "3\n"
    assert answer("props", "get", "yes") == "True\n"
    assert answer("props", "get", "os.no", "rhel") == "rhel\n"
    assert answer("props", "get", "os.id", "rhel") == "almalinux\n"
    assert json.loads(answer("props", "get", "--json")) == PROPERTIES
    assert json.loads(answer("props", "get", "--json"))["azure"]["vm_size"] == "Standard_D2"
    assert answer("props", "get", "os", "--json") == (
        json.dumps(PROPERTIES["os"], indent=4, sort_keys=True) + "\n")
    assert answer("props", "get", "--json", "n") == '{"n": 3}\n'


def test_a_missing_property(jetpack, home):
    home.properties(PROPERTIES)
    result = jetpack("props", "get", "os.no")
    assert (result.returncode, result.stdout) == (1, "")
    assert "'os.no'" in result.stderr


def test_no_properties_yet(jetpack):
    assert jetpack.answer("props", "get", "os.id_like", "rhel") == "rhel\n"
    assert json.loads(jetpack.answer("props", "get", "--json")) == {}


def set_locally(jetpack, *args):
    """Sets a property on a home without a server."""
    result = jetpack("props", *args)
    assert result.stdout == ""
    return result


def test_set(jetpack, home):
    home.properties(PROPERTIES)
    set_locally(jetpack, "set", "rack.name", "r12")
    set_locally(jetpack, "set", "rack.gpus", "8", "--json")
    set_locally(jetpack, "--set", "rack.row=4=2")
    set_locally(jetpack, "--set=os.id=ubuntu")
    assert home.read_properties() == {
        **PROPERTIES, "os": {**PROPERTIES["os"], "id": "ubuntu"},
        "rack": {"name": "r12", "gpus": 8, "row": "4=2"}}
    assert jetpack.answer("props", "get", "rack.name") == "r12\n"
    home.node({})
    assert jetpack.answer("config", "rack.gpus") == "8\n"


@pytest.mark.parametrize("value", ["true", "null", "3", "", " ", '"', "\\", "ü\n\t", "{", "-x", "[1]"])
def test_a_value_is_a_string_without_json(jetpack, home, value):
    set_locally(jetpack, "set", "--", "k", value)
    assert home.read_properties() == {"k": value}


@pytest.mark.parametrize("value", [True, None, 3, -1.5, "x", [1, {"a": []}], {"a": {"b": 1}}])
def test_json_values(jetpack, home, value):
    set_locally(jetpack, "set", "k", "--json", "--", json.dumps(value))
    assert home.read_properties() == {"k": value}


@pytest.mark.parametrize("value", ["", "{", "tru", "1 2", "'x'", "[" * 1000, '"\\ud800"', '"\\ude00"', "NaN"])
def test_invalid_json(jetpack, home, value):
    home.properties(PROPERTIES)
    result = jetpack("props", "set", "k", "--json", "--", value)
    assert result.returncode in (1, 2) and result.stdout == "" and result.stderr
    assert home.read_properties() == PROPERTIES


def test_setting_one_keeps_the_others(jetpack, home):
    home.properties('{"guid": 18446744073709551616, "bw": NaN, "x": 1e400, "n": 1, "n": 2, "t": "\\udc00"}')
    set_locally(jetpack, "set", "acct", "--json", "123456789012345678901234567890")
    assert (home / "config/properties.json").read_text(encoding="utf-8").split() == (
        '{ "acct": 123456789012345678901234567890, "bw": NaN, "guid": 18446744073709551616, "n": 2,'
        ' "t": "\ufffd", "x": 1e400 }').split()
    assert jetpack.answer("props", "get", "guid") == "18446744073709551616\n"


def test_invalid_json_is_a_usage_error_that_speaks_of_no_file(jetpack, home):
    result = jetpack("props", "set", "n", "{bad", "--json")
    assert (result.returncode, result.stdout) == (2, "")
    assert "the value is not JSON, line 1, column 2: found 'b'" in result.stderr
    assert "file" not in result.stderr and not (home / "config/properties.json").exists()


def test_an_object_is_replaced_only_with_force(jetpack, home):
    home.properties({"rack": {"name": "r12"}, "n": 1})
    for args in (["set", "rack", "x"], ["set", "rack", "{}", "--json"], ["--set", "rack=x"]):
        result = jetpack("props", *args)
        assert (result.returncode, result.stdout) == (1, "") and "'rack' is an object" in result.stderr
        assert home.read_properties() == {"rack": {"name": "r12"}, "n": 1}
    set_locally(jetpack, "set", "n", "{}", "--json")
    set_locally(jetpack, "set", "rack", "x", "--force")
    assert home.read_properties() == {"rack": "x", "n": {}}


def test_without_a_subcommand(jetpack):
    result = jetpack("props")
    assert (result.returncode, result.stdout) == (2, "")
    assert "missing subcommand" in result.stderr
    assert "props get" in result.stderr and "props set" in result.stderr
    result = jetpack("props", "gte", "x")
    assert result.returncode == 127 and "did you mean 'props get'?" in result.stderr


@pytest.mark.parametrize("key", ["", ".", "a.", ".a", "a..b", "n.deeper"])
def test_invalid_keys(jetpack, home, key):
    home.properties(PROPERTIES)
    result = jetpack("props", "set", key, "x")
    assert result.returncode in (1, 2) and result.stdout == ""
    assert home.read_properties() == PROPERTIES


@pytest.mark.parametrize("args", [[], ["--set"], ["--set", "novalue"], ["set"], ["set", "k"], ["nonsense"]])
def test_usage(jetpack, args):
    result = jetpack("props", *args)
    assert (result.returncode, result.stdout) == (2, "") or result.returncode == 127
    assert result.stderr


def test_a_damaged_file_is_not_overwritten(jetpack, home):
    path = home.write("config/properties.json", '{"os": ')
    result = jetpack("props", "set", "k", "v")
    assert result.returncode == 1 and str(path) in result.stderr
    assert any(p.read_text() == '{"os": ' for p in path.parent.glob("properties.json*"))


def test_owner_and_mode_of_the_file_are_kept(jetpack, home):
    path = home.properties({})
    path.chmod(0o664)
    if os.geteuid() == 0:
        os.chown(path, 1234, 2345)
    before = path.stat()
    set_locally(jetpack, "set", "k", "v")
    after = path.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert home.read_properties() == {"k": "v"}


def test_a_home_without_write_permission(jetpack, home, as_user):
    home.properties(PROPERTIES)
    result = jetpack("props", "set", "k", "v", prefix=as_user())
    assert (result.returncode, result.stdout) == (1, "")
    assert "Permission denied" in result.stderr and str(home / "config") in result.stderr
    assert home.read_properties() == PROPERTIES


def test_kill_9_never_leaves_half_a_file(jetpack, home):
    """After every kill the file has the old or the new properties, and nothing blocks the next run."""
    home.properties({"n": 0, "pad": "x" * 200000})
    seen = 0
    for round_number in range(1, 61):
        process = jetpack.start("props", "set", "n", "--json", str(round_number),
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Kills are spread over the run; every outcome is checked, none depends on timing.
        try:
            process.wait(timeout=0.0003 * round_number)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        found = home.read_properties()
        assert found["n"] in (seen, round_number) and len(found["pad"]) == 200000
        seen = found["n"]
    set_locally(jetpack, "set", "n", "--json", "1000")
    assert home.read_properties()["n"] == 1000
    # Temporary files of killed processes do not accumulate without limit.
    assert len(list((home / "config").iterdir())) < 40


def test_concurrent_changes_are_all_stored(jetpack, home):
    running = [jetpack.start("props", "set", f"k{i}", str(i), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL) for i in range(20)]
    for process in running:
        process.wait(timeout=120)
    assert home.read_properties() == {f"k{i}": str(i) for i in range(20)}
