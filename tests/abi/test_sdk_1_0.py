"""Plugins built with the headers of SDK 1.0, by g++ and clang++, in C++ and C, run in every later jetpack: their
binaries are kept in sdk-1.0. When one fails here, jetpack has broken its promise; the fix is never a new binary."""

import json
import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from servers import node_server

HERE = Path(__file__).resolve().parent
KEPT = HERE / "sdk-1.0"

only_x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="the kept binaries are of x86_64")


@pytest.fixture(params=["g++", "clang++"])
def sdk10(request, jetpack, home, tmp_path):
    """Runs a command of the kept plugin in C++."""
    shutil.copy(KEPT / f"{request.param}.so", tmp_path / "sdk10.so")
    home.node({"cyclecloud": {"node": {"name": "old"}}, "probe": {"count": 7, "flag": True}})
    return lambda *args: jetpack("--plugin-path", tmp_path, "sdk10", *args)


def printed(result):
    assert (result.returncode, result.stderr) == (0, ""), result
    return [tuple(line.split("=", 1)) for line in result.stdout.splitlines() if "=" in line]


@only_x86_64
def test_values(sdk10, home):
    result = sdk10("values", "-t", "x y", "--number=-5", "--number", "5", "--wait=2m", "-f", "--level=HIGH", "a", "b")
    assert (result.returncode, result.stderr) == (0, "reported\n")
    assert result.stdout == ("command=sdk10 values\ntext=x y\nlevel=high\nflag=yes\nnumber=-5\nnumber=5\n"
                             "wait=120000\ngiven=yes\nword=a\nword=b\n")
    home.node({"probe": {"wait": "1s"}})
    assert sdk10("values").stdout == "command=sdk10 values\ntext=none\nlevel=low\nflag=no\nwait=1000\ngiven=no\n"
    assert sdk10("values", "--number=6").returncode == 2
    text = sdk10("values", "--help").stdout
    assert "A level (low, high) [default: low]" in text and "The second." in text


@only_x86_64
def test_config(sdk10, home):
    assert printed(sdk10("config")) == [
        ("name", "old"), ("count", "7"), ("flag", "yes"), ("missing", "fallback"),
        ("json", '{"count":7,"flag":true}'), ("property", "by 1.0"), ("path", str(home / "config/node.json"))]
    assert json.loads((home / "config/properties.json").read_text()) == {"probe": {"set": "by 1.0"}}


@only_x86_64
def test_process(sdk10):
    assert sdk10("process").stdout == "ended=3 in 42\nbad\n\ntimed_out=yes\n"


@only_x86_64
def test_session_and_log(sdk10, server, home):
    node_server.connect(home, server)
    answers = dict(printed(sdk10("session")))
    assert answers["receipt"] == "some" and json.loads(answers["outbox"])
    assert "logged by 1.0" in (home / "logs/jetpack.log").read_text()
    assert "from 1.0" in json.dumps(server.messages)


@only_x86_64
def test_storage_and_errors(sdk10):
    result = sdk10("storage")
    assert (result.returncode, result.stdout) == (1, "") and result.stderr.startswith("jetpack sdk10 storage: ")
    assert "internal" not in result.stderr
    result = sdk10("node", "fail")
    assert (result.returncode, result.stdout, result.stderr) == (
        1, "", "jetpack sdk10 node fail: the thing is not there\n")


@only_x86_64
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_plugin_in_c(jetpack, home, tmp_path, compiler):
    shutil.copy(KEPT / f"{compiler}.so", tmp_path / "hello_c.so")
    home.node({"cyclecloud": {"node": {"name": "old"}}})
    assert jetpack.answer("--plugin-path", tmp_path, "hello_c") == "Hello, old.\n"
    assert jetpack.answer("--plugin-path", tmp_path, "hello_c", "-g", "Hi", "Ada") == "Hi, Ada.\n"


def test_what_is_kept_is_small():
    sizes = {path.name: path.stat().st_size for path in KEPT.iterdir()}
    assert {"g++.so", "clang++.so", "gcc.so", "clang.so", "headers.tar.xz"} <= set(sizes)
    assert sizes.pop("headers.tar.xz") < 48_000
    assert all(size < 40_000 for size in sizes.values()), sizes


def report(*args):
    if not shutil.which("abidiff"):
        pytest.skip("abidiff is not installed: package abigail-tools")
    return subprocess.run([HERE / "report", *args], capture_output=True, text=True, timeout=120)


def test_the_report_for_people():
    result = report()
    assert (result.returncode, result.stderr) == (0, "") and "types in SDK 1.0" in result.stdout


def test_the_report_shows_what_has_moved(repository, tmp_path):
    include = shutil.copytree(repository / "sdk/include", tmp_path / "include")
    header = include / "jetpack/abi/config.h"
    header.write_text(header.read_text().replace("typedef struct jp_config {", "typedef struct jp_config {\n  void* added;"))
    result = report("--include", include)
    assert "'void* added', at offset 0 (in bits)" in result.stdout, result
