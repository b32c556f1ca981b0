"""`jetpack config`: the output that callers rely on, and damaged or unusual files."""

import json
import os
import re
import subprocess
import threading
import time

import pytest

NODE = {
    "hostname": "ip-0A000004",
    "roles": ["scheduler", "pbspro_master_role"],
    "QE_VERSION": None,
    "cyclecloud": {
        "cluster": {"name": "demo", "id": "c-1"},
        "node": {"name": "scheduler"},
        "hosts": {"standalone_dns": {"enabled": True}},
        "keepalive": {"timeout": 14400},
        "config": {"web_server": "https://10.0.0.4:9443", "username": "u", "password": "p'q\"r"},
    },
    "slurm": {"is_primary_scheduler": False, "version": "23.11.9-1", "load": 0.5, "empty": "",
              "big": 1e22, "tiny": 1e-7, "whole": 2.0, "long": 18446744073709551615,
              "minus": -9223372036854775808, "map": {}, "list": [], "mixed": [1, "two", None, {"a": True}]},
    "nvidia.images": ["a", "b"],
    "unicode": "Zürich – 日本 🚀",
    "lines": "one\ntwo\t'x'",
}


@pytest.fixture
def config(jetpack, home):
    """config(ARGS...): the output on a node with NODE as its configuration."""
    home.node(NODE)

    def run(*args, **options):
        return jetpack.answer("config", *args, **options)

    return run


@pytest.mark.parametrize(
    "key, text",
    [
        ("hostname", "ip-0A000004"),
        ("cyclecloud.cluster.name", "demo"),
        ("cyclecloud.hosts.standalone_dns.enabled", "True"),
        ("slurm.is_primary_scheduler", "False"),
        ("cyclecloud.keepalive.timeout", "14400"),
        ("QE_VERSION", "None"),
        ("slurm.empty", ""),
        ("unicode", "Zürich – 日本 🚀"),
        ("lines", "one\ntwo\t'x'"),
    ],
)
def test_a_value_as_scripts_read_it(config, key, text):
    assert config(key) == text + "\n"


@pytest.mark.parametrize(
    "key",
    ["roles", "cyclecloud.cluster", "slurm.mixed", "slurm.map", "slurm.list", "cyclecloud.config",
     "slurm.load", "slurm.big", "slurm.tiny", "slurm.whole", "slurm.long", "slurm.minus"],
)
def test_numbers_lists_and_objects_print_as_python_writes_them(config, key):
    value = NODE
    for word in key.split("."):
        value = value[word]
    if isinstance(value, dict) and value:
        # One line for each member, with its full name first: what scripts cut and count.
        width = max(len(f"{key}.{name}") for name in value)
        expected = [f"{f'{key}.{name}':{width}} = {member}" for name, member in sorted(value.items())]
        assert config(key).splitlines() == expected
    else:
        assert config(key) == str(value) + "\n"


def test_the_members_of_an_object_as_scripts_take_them(config, home):
    home.node({"pbsqueue": {"q1": {"name": "a"}, "queue2": {"name": "b"}, "n": 3, "empty": {}}})
    assert config("pbsqueue") == (
        "pbsqueue.empty  = {}\npbsqueue.n      = 3\n"
        "pbsqueue.q1     = {'name': 'a'}\npbsqueue.queue2 = {'name': 'b'}\n")
    assert config("pbsqueue.empty") == "{}\n"
    assert config("pbsqueue.q1", "default") == "pbsqueue.q1.name = a\n"


@pytest.mark.parametrize(
    "value", [0.1, 1e16, 1e15, 123456.789, 1e-4, 1e-5, -0.0, 5e-324, 1.7976931348623157e308, 1e100, 0.0]
)
def test_floats_print_as_python_writes_them(config, home, value):
    home.node({"x": value})
    assert config("x") == repr(value) + "\n"


@pytest.mark.parametrize(
    "text", ["it's", 'say "x"', "it's \"x\"", "back\\slash", "\x01\x7f\x80\u2028\n\r\t", "\xa0é", "日本"]
)
def test_strings_in_lists_print_as_python_writes_them(config, home, text):
    home.node({"x": [text]})
    assert config("x") == repr([text]) + "\n"


@pytest.mark.parametrize("default", ["True", "", "0", ".", "null", "False", "None", "_none_", "a b"])
def test_a_default_is_printed_verbatim_when_the_key_is_missing(config, default):
    assert config("no.such.key", default) == default + "\n"
    assert config("cyclecloud.no", default) == default + "\n"
    assert config("hostname.deeper", default) == default + "\n"


def test_a_default_is_ignored_when_the_key_exists(config):
    assert config("slurm.is_primary_scheduler", "True") == "False\n"
    assert config("QE_VERSION", "7.0") == "None\n"
    assert config("slurm.empty", "x") == "\n"


def test_a_missing_key_without_a_default(config, jetpack):
    result = jetpack("config", "no.such.key")
    assert (result.returncode, result.stdout) == (1, "")
    assert "'no.such.key'" in result.stderr
    result = jetpack("config", "cyclecloud.cluster.nam")
    assert (result.returncode, result.stdout) == (1, "")
    assert "'cyclecloud.cluster' exists" in result.stderr


def test_json_before_and_after_the_key(config):
    name = "cyclecloud.hosts.standalone_dns.enabled"
    expected = '{"cyclecloud.hosts.standalone_dns.enabled": true}\n'
    assert config("--json", name) == expected
    assert config(name, "--json") == expected


def test_json_of_an_object_is_the_object(config):
    text = config("cyclecloud", "--json")
    assert text == json.dumps(NODE["cyclecloud"], indent=4, sort_keys=True) + "\n"


def test_json_of_a_scalar_or_list_is_under_its_key(config):
    for key, value in [("hostname", NODE["hostname"]), ("roles", NODE["roles"]), ("QE_VERSION", None),
                       ("nvidia.images", ["a", "b"]), ("slurm.load", 0.5), ("slurm.empty", "")]:
        text = config("--json", key)
        assert json.loads(text) == {key: value}
        assert text.startswith('{"' + key + '": ') and text.count("\n") == 1


def test_json_with_a_default(config):
    assert json.loads(config("--json", "no.such.key", "x")) == {"no.such.key": "x"}


def test_json_of_everything(config):
    assert json.loads(config("--json")) == NODE


def test_control_characters_are_escaped_in_json(config, home):
    """RapidJSON 1.1 leaves 0x1A to 0x1F as they are when it writes 16 bytes at a time."""
    text = "".join(map(chr, range(1, 128))) + "padding for a block of sixteen"
    node = {chr(code) + "a key of more than sixteen bytes": text[code:] for code in range(1, 32)}
    home.node(node)
    assert json.loads(config("--json")) == node


def test_everything_as_lines(config, transcript):
    config()
    transcript("config_lines", ["config"])


def test_keys_with_dots_of_their_own(config, home):
    assert config("nvidia.images") == "['a', 'b']\n"
    home.node({"a.b": {"c.d": 1}, "a": {"b": {"x": 2}}, "": {"": 3}, "e": {"": 4}})
    assert config("a.b.c.d") == "1\n"
    assert config("a.b.x") == "2\n"
    assert config("e.") == "4\n"


@pytest.mark.parametrize("key", [".", "..", "a..b", ".hostname", "hostname.", "x" * 100000, "a." * 50000],
                         ids=lambda key: key[:10])
def test_unusual_keys_are_not_found(config, jetpack, key):
    assert config(key, "default") == "default\n"
    result = jetpack("config", key)
    assert (result.returncode, result.stdout) == (1, "")
    assert len(result.stderr) < 5000


def test_an_empty_key_is_a_usage_error(config, jetpack):
    result = jetpack("config", "")
    assert (result.returncode, result.stdout) == (2, "")
    assert "KEY is empty" in result.stderr


# -- The files ------------------------------------------------------------------------------------


def test_overlays(config, home):
    home.node({"a": {"x": 1, "y": 1}, "b": {"deep": {"k": 1}}, "list": [1, 2], "c": 1, "o": {"k": 1}})
    home.configuration({"a": {"y": 2, "z": 2}, "b": {"deep": {"m": 2}}, "list": [3], "c": {"k": 2}, "o": 5})
    assert json.loads(config("--json")) == {
        "a": {"x": 1, "y": 2, "z": 2}, "b": {"deep": {"k": 1, "m": 2}}, "list": [3], "c": {"k": 2}, "o": 5}
    home.properties({"a": {"z": 3}, "b": "no object", "c": {"n": 3}, "new": {"p": True}, "list": {"q": 1}})
    assert json.loads(config("--json")) == {
        "a": {"x": 1, "y": 2, "z": 3}, "b": {"deep": {"k": 1, "m": 2}}, "list": [3],
        "c": {"k": 2, "n": 3}, "o": 5, "new": {"p": True}}


def test_an_edit_takes_effect_at_once(config, home):
    for name in ("a", "b"):
        home.configuration({"name": name})
        assert config("name") == name + "\n"


def test_each_name_is_printed_once(config, home):
    home.node('{"a": 1, "b": {"x": 1}, "c": 0, "a": 2, "b": {"y": {"z": 1, "z": 2}}}')
    assert json.loads(config("--json"), object_pairs_hook=list) == [
        ("a", 2), ("b", [("y", [("z", 2)])]), ("c", 0)]
    assert config() == "a = 2\nb.y.z = 2\nc = 0\n"
    assert config("b.x", "missing") == "missing\n"
    assert config("b") == "b.y = {'z': 2}\n"


def test_the_last_of_two_equal_keys_wins(config, home):
    home.node('{"a": {"x": 1}, "a": {"y": 2}, "b": 1, "b": 2}')
    home.configuration('{"a": {"z": 3}, "b": 3, "b": 4}')
    assert config("b") == "4\n"
    assert json.loads(config("a", "--json")) == {"y": 2, "z": 3}


def test_only_the_servers_file_exists(config, home):
    (home / "config/node.json").unlink()
    home.configuration({"a": 1})
    assert config("a") == "1\n"


def damaged(jetpack, *words, code=1):
    """All forms of the command fail, with or without a DEFAULT, so that callers do not mistake it for a value."""
    for args in (["a"], ["a", "default"], ["--json"], ["--json", "a", "default"], []):
        result = jetpack("config", *args)
        assert (result.returncode, result.stdout) == (code, ""), (args, result)
        for word in words:
            assert word in result.stderr, result.stderr
        assert len(result.stderr) < 2000


@pytest.mark.parametrize("name", ["node", "configuration", "properties"])
@pytest.mark.parametrize(
    "content, words",
    [
        ('{"a": 1,\n  "b": }', ["line 2, column 8"]),
        ('{"a": 1', ["line 1"]),
        ('{"a": 1} x', ["line 1, column 10"]),
        ("", ["empty"]),
        ("   \n ", ["line 2"]),
        ("[1]", ["no JSON object"]),
        ("null", ["no JSON object"]),
        (b'{"a": 1, \xff}', ["line 1, column 10", "byte 0xff"]),
        (b'\xef\xbb\xbf\xff{}', ["byte 0xff"]),
        (b'{"a": 1}\x00', ["NUL"]),
        ('{"a": nan}', ["line 1, column 8"]),
        ("{'a': 1}", ["line 1, column 2"]),
        ('{"a": ' + "[" * 100000 + "]" * 100000 + "}", ["nested deeper"]),
        ('{"a":' * 100000, ["nested deeper"]),
    ],
    ids=range(14),
)
def test_a_damaged_file(jetpack, home, name, content, words):
    if name != "node":
        home.node({"a": 1})
    path = home.write(f"config/{name}.json", content)
    os.utime(path, (0, 0))  # or it is taken for one that is being written, and read again
    damaged(jetpack, str(path), *words)


def test_control_characters_in_a_string_stand_for_themselves(config, home):
    text = "".join(map(chr, range(32))) + "0123456789abcdef"
    home.node('{"a": "%s", "path": "C:\\data", "slurm": {"autoscale": true}}' % text)
    assert json.loads(config("--json")) == {"a": text, "path": "C:\\data", "slurm": {"autoscale": True}}
    assert config("path") == "C:\\data\n"


@pytest.mark.parametrize("escape", ["\\ud800", "\\udc00", "x\\ude00y", "\\ud800\\u0041"])
def test_a_lone_surrogate_is_replaced(config, home, escape):
    home.node('{"a": "%s", "b": ["%s"], "%s": 1, "slurm": {"autoscale": true}}' % (escape, escape, escape))
    text = re.sub("[\ud800-\udfff]", "\ufffd", json.loads(f'"{escape}"'))
    assert config("a") == text + "\n"
    assert config("b") == f"['{text}']\n"
    assert json.loads(config("--json")) == {"a": text, "b": [text], text: 1, "slurm": {"autoscale": True}}
    assert config("slurm.autoscale", "False") == "True\n"


def test_invalid_utf8_is_replaced(config, home):
    home.node(b'{"disk": {"label": "caf\xe9 \xed\xa0\x80", "\xd4": 1}, "slurm": {"autoscale": true}}')
    assert config("slurm.autoscale", "False") == "True\n"
    assert config("disk.label") == "caf\ufffd \ufffd\ufffd\ufffd\n"
    assert json.loads(config("disk", "--json")) == {"label": "caf\ufffd \ufffd\ufffd\ufffd", "\ufffd": 1}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1.5E+999", "18446744073709551616",
                                    "-9223372036854775809", "123456789012345678901234567890"])
def test_numbers_beyond_every_type_keep_their_text(config, home, number):
    home.node('{"slurm": {"autoscale": true}, "bench": {"x": %s, "list": [%s]}}' % (number, number))
    assert config("slurm.autoscale", "False") == "True\n"
    assert config("bench.x") == number + "\n"
    assert config("bench.list") == f"[{number}]\n"
    assert config("bench.x", "--json") == '{"bench.x": %s}\n' % number
    assert re.findall(r"NaN|-?Infinity|-?[0-9][0-9.eE+]*", config("--json")) == [number, number]
    assert f"bench.x = {number}\n" in config()
    home.configuration('{"bench": {"y": %s}}' % number)
    assert config("bench") == (
        f"bench.list = [{number}]\nbench.x    = {number}\nbench.y    = {number}\n")


def test_a_byte_order_mark_is_skipped(config, jetpack, home):
    mark = "\ufeff"
    home.node(mark + '{"a": 1}')
    home.configuration(mark + '{"b": 2}')
    home.properties(mark + '{"c": 3}')
    assert json.loads(config("--json")) == {"a": 1, "b": 2, "c": 3}
    assert config("b") == "2\n"
    assert jetpack.answer("props", "get", "c") == "3\n"
    home.write("config/auth.json", mark + '[{"name": "ada", "uid": 20001}]')
    assert "Username: ada" in jetpack.answer("users")


def test_other_values_are_not_checked(config, home):
    home.node('{"a": {"b": 1}, "z": ["' + "x" * 1000 + '\\udc00", NaN, 1e999], "a.b": {"c": "\\ud800"}}')
    assert config("a.b") == "1\n"


def test_a_value_that_is_too_large(jetpack, home):
    """Only what is kept in memory has a limit."""
    with open(home / "config/node.json", "wb") as file:
        file.write(b'{"b": 1, "a": "')
        for _ in range(300):
            file.write(b"x" * (1 << 20))
        file.write(b'"}')
    damaged(jetpack, "node.json", "256 MiB", "a single key")
    assert jetpack.answer("config", "b") == "1\n"


def test_a_large_file(config, home):
    home.node({"a": 1, "pad": {f"k{i}": "x" * 100 for i in range(100000)}, "z": {"y": 2}})
    assert config("z.y") == "2\n"


def test_a_very_large_file_needs_little_memory(config, home):
    """The users of a big directory, as Ohai lists them: 40 MB."""
    user = '"user%d": {"dir": "/home/user", "gid": 1, "uid": 1, "shell": "/bin/bash", "gecos": "' + "x" * 200 + '"}'
    home.node('{"slurm": {"autoscale": true}, "etc": {"passwd": {'
              + ",".join(user % i for i in range(140000)) + '}}}')
    assert (home / "config/node.json").stat().st_size > 38 << 20
    within_64_mib = ["sh", "-c", 'ulimit -v 65536; exec "$@"', "sh"]
    for key, answer in [("slurm.autoscale", "True\n"), ("etc.passwd.user139999.gid", "1\n"), ("no.such", "False\n")]:
        assert config(key, "False", prefix=within_64_mib) == answer


def test_repeated_names_do_not_take_quadratic_time(config, home):
    home.node("{" + ",".join(f'"key{i % 140000}": {i}' for i in range(280000)) + "}")
    assert len(json.loads(config("--json", timeout=30))) == 140000
    assert config("key7", timeout=30) == "140007\n"


def test_a_file_that_is_rewritten_in_place(config, home):
    """Like Chef does: truncated, then written."""
    node = json.dumps({"pad": "x" * 50000, "hostname": "n1"})
    home.node(node)
    home.configuration({"slurm": {"autoscale": True}})
    stop = threading.Event()

    def rewrite():
        while not stop.is_set():
            with open(home / "config/node.json", "w", encoding="utf-8") as file:
                for start in range(0, len(node), 10000):
                    file.write(node[start:start + 10000])
                    file.flush()
            stop.wait(0.02)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(500):
            assert config("hostname") == "n1\n"
            assert config("slurm.autoscale", "False") == "True\n"
    finally:
        stop.set()
        writer.join()


def test_a_file_that_stays_damaged_is_an_error_soon(jetpack, home):
    home.node("")
    start = time.monotonic()
    result = jetpack("config", "a", "default")
    assert (result.returncode, result.stdout) == (1, "") and "empty" in result.stderr
    assert time.monotonic() - start < 2


def test_a_wide_file_does_not_take_quadratic_time(config, home):
    members = {f"key{i}": {"v": i} for i in range(100000)}
    home.node(members)
    home.configuration(members)
    assert config("key77.v", timeout=30) == "77\n"


@pytest.mark.parametrize("kind", ["directory", "fifo", "link loop", "device"])
def test_paths_that_are_not_regular_files(jetpack, home, kind):
    path = home / "config/node.json"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "link loop":
        path.symlink_to(path)
    else:
        path.symlink_to("/dev/zero")
    damaged(jetpack, str(path))


def test_no_configuration_yet(jetpack, home):
    result = jetpack("config", "a")
    assert (result.returncode, result.stdout) == (1, "")
    assert "node.json" in result.stderr and str(home / "config") in result.stderr


def test_a_default_works_before_the_first_configuration(jetpack, home):
    """Nothing is damaged, but whether the key will exist is unknown."""
    result = jetpack("config", "a", "default")
    assert result.returncode == 1 or result.stdout == "default\n"


def test_no_home(jetpack, tmp_path):
    result = jetpack("config", "a", "x", env={"JETPACK_HOME": str(tmp_path / "nowhere")})
    assert (result.returncode, result.stdout) == (1, "")
    assert str(tmp_path / "nowhere") in result.stderr and "JETPACK_HOME" in result.stderr


def test_cyclecloud_home_is_the_second_choice(jetpack, home, tmp_path):
    home.node({"a": 1})
    env = {"CYCLECLOUD_HOME": str(home.path), "JETPACK_HOME": ""}
    assert jetpack.answer("config", "a", env=env) == "1\n"
    env = {"CYCLECLOUD_HOME": str(tmp_path / "nowhere"), "JETPACK_HOME": str(home.path)}
    assert jetpack.answer("config", "a", env=env) == "1\n"


def test_the_tree_of_the_binary_is_the_third_choice(jetpack, copied_home):
    (copied_home / "config").mkdir(exist_ok=True)
    (copied_home / "config/node.json").write_text('{"a": "mine"}')
    jetpack.binary = copied_home / "bin/jetpack"
    assert jetpack.answer("config", "a", env={"JETPACK_HOME": ""}) == "mine\n"


def test_a_home_or_file_without_read_permission(jetpack, home, as_user):
    home.node({"a": 1})
    assert jetpack("config", "a", prefix=as_user()).stdout == "1\n"
    for path, mode in [(home / "config/node.json", 0o600), (home / "config", 0o700), (home.path, 0o700)]:
        path.chmod(mode)
        result = jetpack("config", "a", "default", prefix=as_user())
        assert (result.returncode, result.stdout) == (1, ""), result
        assert "Permission denied" in result.stderr or "cyclecloud" in result.stderr
        path.chmod(0o755)


# -- How it is called -----------------------------------------------------------------------------


def test_under_set_e(jetpack, home, tmp_path):
    home.node({})
    script = tmp_path / "script.sh"
    script.write_text('set -e\nx=$("$1" config slurm.do_install True)\n'
                      'y=$("$1" config pbspro.queues.workq.ignore "False") || exit 9\necho "$x $y"\n')
    result = subprocess.run(["bash", script, jetpack.binary], env=jetpack.environment(),
                            capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (0, "True False\n")


def test_values_with_equals_signs_and_dashes(config):
    assert config("no.such.key", "--", "-x") == "-x\n"
    assert config("no.such.key", "a=b") == "a=b\n"


def test_many_at_once(jetpack, home):
    home.node(NODE)
    running = [jetpack.start("config", "hostname", stdout=subprocess.PIPE) for _ in range(40)]
    for process in running:
        assert process.communicate(timeout=60)[0] == b"ip-0A000004\n"
        assert process.returncode == 0
