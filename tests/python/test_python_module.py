"""The Python module `jetpack` on every Python that is here, from 3.6."""
import ast
import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
MODULE = HERE.parents[1] / "sdk/python/jetpack"
CONFIGURATION = {"text": "a text", "yes": True, "number": 3, "nothing": None, "list": ["a", 1], "empty": {},
                 "object": {"object": 5}, "big": 18446744073709551617, "-dash": "x"}


def pythons():
    """One interpreter for each minor version: of PATH, and those that pyenv built."""
    built = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for minor in range(6, 20):
        name = f"python3.{minor}"
        for path in [shutil.which(name), f"/usr/bin/{name}", *sorted(built.glob(f"3.{minor}.*/bin/{name}"))]:
            if path and minor not in found and runs(path, minor):
                found[minor] = str(path)
    return list(found.values())


def runs(path, minor):
    """Whether it starts: one of PATH may stand for a version that is not installed."""
    try:
        done = subprocess.run([path, "-c", "import sys; print(sys.version_info[1])"], text=True, check=False,
                              capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    except OSError:
        return False
    return done.stdout == f"{minor}\n"


@pytest.fixture
def script(built_home, jetpack):
    """Runs Python with the module, by default the embedded one: script(CODE or ARGUMENTS)."""

    def run(*arguments, python=None, env=None, **options):
        environment = jetpack.environment(env)
        if python:
            environment["PYTHONPATH"] = str(built_home / "lib/jetpack/python")
        return subprocess.run(
            [python or built_home / "system/embedded/bin/python", *map(str, arguments)], env=environment,
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False, **options)

    return run


def configure(home):
    """Values of all types, beside those of the connection."""
    known = json.loads((home / "config/node.json").read_text())
    home.node({**known, **CONFIGURATION})
    home.properties({"os": {"version": "12"}})


@pytest.mark.parametrize("python", pythons(), ids=lambda path: Path(path).name)
def test_what_scripts_call(python, script, home, server, tmp_path):
    configure(home)
    other = home.write("other.ini", "[cycle_server]\nwebserver = https://other.example/ctx\n"
                                    "api_username = u\napi_password = p\n")
    # The locale of cron, in which Python 3.6 encodes as ASCII.
    done = script("-W", "error", HERE / "calls.py", other, tmp_path / "pid", python=python,
                  env={"LC_ALL": "C", "LANG": "C"})
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)

    assert found["attributes"] == [True, True, True]
    assert found["values"] == {**{k: v for k, v in CONFIGURATION.items()}, "object.object": 5}
    assert found["default"] == [{"a": [1]}, None, 1, "a text", "none"]
    assert {"cyclecloud", "text", "-dash"} <= set(found["whole"])
    assert found["missing"] == ["ConfigError",
                                "jetpack config: there is no key 'no.key' in the configuration"]
    assert found["props"] == ["12", "x", {"os": {"version": "12"}}]
    assert found["no_prop"][0] == "ConfigError" and found["is_config_error"]

    logged = [(d["message"], d["level"], d["priority"]) for d in server.wait_for_messages(8, "log")]
    assert logged == [("--- begins with a dash ---", "info", "medium"), ("two\nlines", "info", "medium"),
                      ("raw \ufffd byte", "info", "medium"), ("surrogate \ufffd", "info", "medium"),
                      ("grüß", "info", "medium"), ("-", "info", "medium"),
                      ("careful", "warn", "medium"), ("broken", "error", "low")]
    assert found["level"] == ["UserError", "Invalid level: loud"]

    targets = [path for path, _, _ in server.letters]
    assert targets[:4] == ["/clusters/demo/scale/gpu?totalCoreCount=128",
                           "/clusters/demo/scale/execute?totalNodeCount=3",
                           "/clusters/demo/scale/execute?totalCoreCount=7",
                           "/clusters/demo/scale/execute?totalNodeCount=0"]
    night, empty, by_jobs, no_jobs = server.wait_for_messages(4, "autoscale")
    assert (night["request_set"], night["expiration_interval"]) == ("night", 600)
    assert empty["definitions"] == no_jobs["definitions"] == []
    assert by_jobs["definitions"] == [
        {"ClusterName": "demo", "Name": "execute", "TargetCoreCount": 5},
        {"ClusterName": "demo", "Extends": "hpc", "Dynamic": True, "Name": "hpc:64",
         "Configuration": {"sge": {"is_grouped": True}}, "GroupCoreCount": 64, "TargetGroupCount": 2}]
    assert "specify --corecount" in found["bad_autoscale"][0][1]
    assert found["bad_autoscale"][1][1].startswith("jetpack autoscale: standard input")

    assert server.wait_for_messages(1, "installation") == [{"status": "warning"}]
    assert found["bad_status"][0] == "JetpackError" and "odd" in found["bad_status"][1]

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["timestamp"]) and found["is_linux"]
    assert found["settings"] == ["demo", "i-1", "node", server.url]
    assert found["query"] == [202, {}] and found["get"] == 404 and found["tested"]
    assert found["authorization"] == [202, "Basic"] and "/cloud/x" in targets
    assert found["other_connection"] == "other.example"
    assert found["running"] == [False, True]
    assert found["user_error"] == ["why", "how"]
    log = (home / "logs/jetpack.log").read_text()
    assert re.search(r"^\S+ \d\d:\d\d:\d\d,\d{3} WARNING  from python$", log, re.M)
    assert "not shown" not in log


def test_the_group_can_write_a_new_log(script, home):
    done = script("-c", "import os\nfrom jetpack import util\nos.umask(0o077)\nutil.setup_logging()")
    assert done.returncode == 0 and (home / "logs/jetpack.log").stat().st_mode & 0o7777 == 0o660, done


# Of newer Pythons: (a name after a dot or in an import, since).
NEWER = {
    "capture_output", "dataclasses", "contextvars", "zoneinfo", "tomllib", "graphlib", "importlib_resources",
    "time_ns", "monotonic_ns", "fromisoformat", "removeprefix", "removesuffix", "cached_property", "prod",
    "isqrt", "ThreadingHTTPServer", "get_running_loop", "nullcontext",
    "AsyncExitStack", "isascii", "text", "annotations", "utcnow", "utcfromtimestamp", "batched",
    "missing_ok", "is_relative_to", "readlink", "pidfd_open", "memfd_create", "unraisablehook", "pairwise",
}


def names_in(tree):
    """Attributes, keywords of calls and what is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword):
            yield node.arg
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (part for alias in node.names for part in alias.name.split("."))
            yield from (getattr(node, "module", None) or "").split(".")


@pytest.mark.parametrize("source", sorted(MODULE.glob("*.py")), ids=lambda path: path.stem)
def test_nothing_is_newer_than_python_3_6(source):
    tree = ast.parse(source.read_text(), feature_version=(3, 6))
    assert not any(isinstance(node, ast.NamedExpr) for node in ast.walk(tree))
    assert not set(names_in(tree)) & NEWER
    assert ast.get_docstring(tree)


def test_a_corrupt_configuration_is_an_error_even_with_a_default(script, home):
    home.write("config/node.json", '{"a": ')
    done = script("-c", "from jetpack import config\n"
                        "try: config.get('a', 'default')\n"
                        "except config.ConfigError as e: print(e)")
    assert done.stdout.startswith(f"jetpack config: {home.path}/config/node.json, line 1"), done


def test_a_command_that_hangs_or_is_missing_is_an_error(script, home, tmp_path):
    code = ("import jetpack, jetpack._command as c\nc.TIMEOUT_SECONDS = 0.2\n"
            "try: jetpack.config.get('a', 1)\nexcept jetpack.config.ConfigError as e: print(e)\n")
    program = home.write("bin/jetpack", "#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    assert script("-c", code).stdout == "jetpack config: timed out after 0.2 s\n"
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    assert script("-c", code).stdout == "jetpack: killed by signal 9\n"
    # A copy that stands alone.
    shutil.copytree(MODULE, tmp_path / "alone/a/b/c/jetpack")
    done = script("-c", code, python=pythons()[0],
                  env={"PYTHONPATH": "", "JETPACK_HOME": str(tmp_path / "no")}, cwd=tmp_path / "alone/a/b/c")
    assert done.stdout.startswith(f"bin/jetpack: not found in {tmp_path}/no, ") or Path(
        "/opt/cycle/jetpack/bin/jetpack").exists()


def test_texts_that_no_argument_can_hold(script, home, server):
    done = script("-c", "import jetpack\njetpack.log('x' * 3000000)\njetpack.log('a\\0b')\n"
                        "try: jetpack.config.get('a\\0b', 1)\n"
                        "except jetpack.config.ConfigError as e: print(e)")
    assert done.returncode == 0 and "null" in done.stdout, done
    long, nul = server.wait_for_messages(2, "log")
    assert len(long["message"]) <= 64 << 10 and nul["message"] == "a\0b"


def test_the_server_is_named_in_its_errors(script, home, server):
    code = ("import socket\nfrom jetpack import util\n"
            "try: util.query_cyclecloud('/x')\nexcept util.UserError as e: print(e, '|', e.recommendation)")
    server.stop()
    assert script("-c", code).stdout.startswith(f"Could not connect to CycleCloud at {server.url}: ")
    home.write("config/connection.json", {"url": "http://192.0.2.1", "username": "u", "password": "p"})
    assert "would show the password" in script("-c", code).stdout
    home.write("config/connection.json", {"url": "ftp://x"})
    assert "expected https://HOST" in script("-c", code).stdout
    home.write("config/connection.json", {"url": "http://127.0.0.1:1/ctx"})
    home.write("config/jetpack.ini", "")
    home.node({})
    assert "the account of this node is missing" in script("-c", code).stdout
    home.write("config/connection.json", "{")
    assert "config/connection.json: " in script("-c", code).stdout


def test_paths_are_below_that_of_the_server(script, home, server):
    home.write("config/connection.json", {"url": server.url + "/ctx/", "username": "u", "password": "p"})
    done = script("-c", "from jetpack import util\n"
                        "util.query_cyclecloud('/a', body={'b': 1})\nutil.query_cyclecloud('/ctx/c', b'x')")
    assert done.returncode == 0, done
    assert [(path, body) for path, body, _ in server.letters] == [("/ctx/a", b'{"b": 1}'), ("/ctx/c", b"x")]


@pytest.mark.parametrize("trap", ["symbolic link", "second name", "fifo", "directory"])
def test_logging_follows_no_trap(trap, script, home, tmp_path):
    victim = home.write("victim", "untouched\n")
    log = home / "logs/jetpack.log"
    if trap == "symbolic link":
        log.symlink_to(victim)
    elif trap == "second name":
        log.hardlink_to(victim)
    elif trap == "fifo":
        os.mkfifo(log)
    else:
        log.mkdir()
    done = script("-c", "import logging\nfrom jetpack import util\nutil.setup_logging(logging.INFO)\n"
                        "logging.error('where')")
    assert done.returncode == 0 and re.search(r"ERROR    where$", done.stderr, re.M), done
    assert victim.read_text() == "untouched\n"


def test_a_pidfile_belongs_to_the_process_that_lives(script, tmp_path):
    pidfile = tmp_path / "pid"
    pidfile.write_text("1\n")  # left by a killed process whose number is in use again
    code = f"from jetpack import util\nimport os\nprint(util.already_running('{pidfile}'))"
    done = script("-c", code + f"\nprint(open('{pidfile}').read() == str(os.getpid()) + '\\n')\n"
                               "import subprocess, sys\n"
                               "print(subprocess.check_output([sys.executable, '-c', sys.argv[1]]).decode())",
                  code)
    assert done.stdout.split() == ["False", "True", "True"], done
    assert script("-c", code).stdout == "False\n"


def test_a_server_that_says_nothing_times_out(script, home):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        home.write("config/connection.json", {"url": f"http://127.0.0.1:{listener.getsockname()[1]}",
                                              "username": "u", "password": "p"})
        done = script("-c", "import jetpack._server as s\nfrom jetpack import util\ns.TIMEOUT_SECONDS = 0.2\n"
                            "try: util.query_cyclecloud('/x')\nexcept util.UserError as e: print(e)")
    assert done.stdout.startswith("Timed out connecting to CycleCloud at http://127.0.0.1:"), done
