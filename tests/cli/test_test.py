"""`jetpack test`: the tests of the node's projects, beside each other in good and in bad health."""

import json
import os
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest


def test_help(transcript):
    transcript("help_test", ["help", "test"])


class Project:
    """The cluster-init tree of a node, and the specs that its configuration names."""

    def __init__(self, home, directory):
        self.home = home
        self.directory = directory

    def assign(self, *specs, **settings):
        assigned = [{"project": "cyclecloud", "spec": "default"}]
        for spec in specs:
            project, name = spec.split("/")
            assigned.append({"project": project, "version": "1.2.0", "spec": name})
        self.home.node({"cyclecloud": {"cluster_init_specs": assigned,
                                       "jetpack": {"cluster_init_dir": str(self.directory), **settings}}})

    def write(self, spec, name, content, mode=0o644):
        path = self.directory / spec / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path


@pytest.fixture
def project(home, tmp_path):
    return Project(home, tmp_path / "cluster-init")


def results(done):
    return {test["file"]: test for test in json.loads(done.stdout)["tests"]}


def test_each_kind_of_test_runs_with_the_environment_of_scripts(jetpack, project, home):
    project.assign("demo/one", "demo/two", "other/empty")
    (project.directory / "other/empty/scripts").mkdir(parents=True)
    project.write("demo/one", "helper.py", "VALUE = 7\n")
    project.write("demo/one", "broken_helper.py", "import os\nos.abort()\n")
    project.write("demo/one", "test_plain.py", """import os, helper
def test_environment():
    assert helper.VALUE == 7
    assert os.environ["CYCLECLOUD_PROJECT_NAME"] == "demo"
    assert os.environ["CYCLECLOUD_PROJECT_VERSION"] == "1.2.0"
    assert os.environ["CYCLECLOUD_SPEC_PATH"].endswith("/cluster-init/demo/one")
    assert os.getcwd() == os.path.dirname(__file__)
""")
    project.write("demo/one", "suite.py", """import unittest
class Suite(unittest.TestCase):
    def test_home(self):
        import os
        self.assertTrue(os.path.isdir(os.environ["CYCLECLOUD_HOME"]))
        self.assertEqual(os.environ["JETPACK_HOME"], os.environ["CYCLECLOUD_HOME"])
""")
    # Without the permission and without #!, as most are committed.
    project.write("demo/two", "sub/check.sh", '[ "$CYCLECLOUD_SPEC_NAME" = two ] && [ "${PWD##*/}" = sub ] && [[ -n $HOME ]]\n')
    project.write("demo/two", "program", "#!/bin/sh\necho \"$PATH\" | grep \"^$CYCLECLOUD_HOME/bin:\"\n", 0o755)
    project.write("demo/two", "README.txt", "Files in this directory are run\n", 0o755)
    done = jetpack("test")
    lines = [line.rsplit(" (", 1)[0] for line in done.stdout.splitlines()]
    assert lines[:-1] == ["PASSED  demo/one/suite.py", "PASSED  demo/one/test_plain.py", "PASSED  demo/two/program",
                          "PASSED  demo/two/sub/check.sh"], done
    assert lines[-1].startswith("4 passed, 0 failed in ")
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(project.directory.rglob("__pycache__")) and not list(project.directory.rglob(".pytest_cache"))
    assert "test: 4 passed, 0 failed" in (home / "logs/jetpack.log").read_text()

    names = [test["file"] for test in json.loads(jetpack.answer("test", "demo", "two", "--json"))["tests"]]
    assert names == ["program", "sub/check.sh"]


def test_each_way_to_fail_has_its_own_words(jetpack, project, tmp_path):
    project.assign("demo/bad", "demo/gone")
    project.write("demo/bad", "test_fails.py", "def test_a():\n    assert 1 == 2\ndef test_b(): pass\n")
    project.write("demo/bad", "test_syntax.py", "def test_a(:\n")
    project.write("demo/bad", "test_import.py", "import no_such_module\ndef test_a(): pass\n")
    project.write("demo/bad", "test_nothing.py", "x = 1\n")
    project.write("demo/bad", "test_guard.py", "import sys\nsys.exit(0)\ndef test_a(): pass\n")
    project.write("demo/bad", "test_dies.py", "import os\ndef test_a():\n    os.kill(os.getpid(), 9)\n")
    project.write("demo/bad", "exit.sh", "#!/bin/bash\nprintf '\\xff\\000\\033[31mred\\n' >&2\nexit 3\n")
    project.write("demo/bad", "crlf.sh", "#!/bin/bash\r\ntrue\r\n")
    project.write("demo/bad", "loud.sh", "yes line | head -c 3000000\necho the end\nexit 1\n")
    junit = tmp_path / "results.xml"
    done = jetpack("test", "--json", "--junit", junit)
    assert done.returncode == 1 and done.stderr == ""
    found = results(done)
    assert {name: test["state"] for name, test in found.items()} == {
        "crlf.sh": "invalid", "exit.sh": "failed", "loud.sh": "failed", "test_dies.py": "failed", "test_fails.py": "failed",
        "test_guard.py": "skipped", "test_import.py": "failed", "test_nothing.py": "skipped", "test_syntax.py": "failed", "tests": "invalid"}
    messages = {name: test["message"] for name, test in found.items()}
    assert messages["exit.sh"] == "exited with 3: \N{REPLACEMENT CHARACTER}\\x00\\x1b[31mred"
    assert "1 failed, 1 passed" in messages["test_fails.py"] and "assert 1 == 2" in found["test_fails.py"]["output"]
    assert "SyntaxError" in found["test_syntax.py"]["output"]
    assert "no_such_module" in found["test_import.py"]["output"]
    assert messages["test_dies.py"] == "killed by signal 9 (Killed)"
    assert messages["crlf.sh"].startswith("has CRLF line ends")
    assert messages["tests"] == f"{project.directory}/demo/gone is missing; run 'jetpack converge'"
    assert messages["loud.sh"] == "exited with 1: the end" and len(found["loud.sh"]["output"]) < 140_000

    root = ElementTree.parse(junit).getroot()
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == (
        "testsuites", "10", "6", "2", "2")
    assert [suite.get("name") for suite in root] == ["demo/bad", "demo/gone"]
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert cases["exit.sh"].find("failure").get("message") == messages["exit.sh"]
    assert cases["crlf.sh"].find("error").get("type") == "invalid"
    assert cases["test_nothing.py"].find("skipped") is not None


def test_nothing_of_a_test_is_left(jetpack, project, tmp_path):
    """One that hangs and ignores SIGTERM, with a child; and one that leaves a child behind."""
    project.assign("demo/one", test_timeout=2)
    pids = tmp_path / "pids"
    project.write("demo/one", "hangs.sh", f"sleep 1000 & echo $! >{pids}\ntrap '' TERM\necho before\nwait\nwait\n")
    project.write("demo/one", "leaves.sh", f"sleep 1000 & echo $! >>{pids}\n")
    found = results(jetpack("test", "--json"))
    assert found["hangs.sh"]["state"] == "timed_out" and found["leaves.sh"]["state"] == "passed"
    assert found["hangs.sh"]["message"] == "timed out after 2 s" and found["hangs.sh"]["output"] == "before\n"
    ended = list(map(int, pids.read_text().split()))
    assert len(ended) == 2
    for pid in ended:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_what_failed_is_shown_and_the_others_run(jetpack, project):
    project.assign("demo/one")
    project.write("demo/one", "a.sh", "echo out; echo '\033]0;title' >&2; exit 1\n")
    project.write("demo/one", "b.sh", "echo quiet\n")
    done = jetpack("test")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("FAILED  demo/one/a.sh: exited with 1: ") and "    | out" in lines
    assert "    | \\x1b]0;title" in lines and "quiet" not in done.stdout
    assert lines[-2].startswith("PASSED  demo/one/b.sh (") and lines[-1].startswith("1 passed, 1 failed in ")
    assert done.returncode == 1

    # The results go where the answer goes.
    done = jetpack("test", "--junit", "-")
    assert ElementTree.fromstring(done.stdout).get("failures") == "1" and "1 passed, 1 failed" in done.stderr
    done = jetpack("test", "--junit", "-", "--json")
    assert done.returncode == 2 and "--junit -" in done.stderr


def test_a_file_that_cannot_be_written_is_reported_before_any_test(jetpack, project, tmp_path):
    project.assign("demo/one")
    project.write("demo/one", "a.sh", f"touch {tmp_path}/ran\n")
    done = jetpack("test", "--junit", tmp_path / "none/results.xml")
    assert done.returncode == 1 and "none/results.xml" in done.stderr and not (tmp_path / "ran").exists()


def test_without_pytest_unittest_runs_functions_too(jetpack, project, home):
    python = home.write("system/embedded/bin/python3", '#!/bin/sh\nexec /usr/bin/python3 -S "$@"\n')
    python.chmod(0o755)
    project.assign("demo/one")
    project.write("demo/one", "helper.py", "def test_imported(): raise ValueError\n__test__ = False\n")
    project.write("demo/one", "test_both.py", """import unittest
from helper import test_imported
class Suite(unittest.TestCase):
    def test_a(self): print("method")
def test_b(): print("function")
""")
    project.write("demo/one", "test_fails.py", "def test_a(): assert False, 'reason'\n")
    project.write("demo/one", "test_guard.py", "import sys\nsys.exit()\n")
    project.write("demo/one", "test_none.py", "import unittest\n")
    project.write("demo/one", "test_syntax.py", "def\n")
    found = results(jetpack("test", "--json"))
    assert {name: test["state"] for name, test in found.items()} == {
        "helper.py": "skipped", "test_both.py": "passed", "test_fails.py": "failed", "test_guard.py": "skipped",
        "test_none.py": "skipped", "test_syntax.py": "failed"}
    assert "method" in found["test_both.py"]["output"] and "function" in found["test_both.py"]["output"]
    assert "AssertionError: reason" in found["test_fails.py"]["output"]


def test_what_is_asked_for_and_not_there(jetpack, project, home):
    done = jetpack("test")
    assert done.returncode == 1 and "node.json" in done.stderr
    home.node({"cyclecloud": {}})
    done = jetpack("test")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "jetpack test: no projects are assigned to this node\n"
    assert json.loads(jetpack("test", "--json").stdout)["tests"] == []
    done = jetpack("test", "demo")
    assert done.returncode == 1 and done.stderr == "jetpack test: project 'demo' not found; this node has none\n"
    project.assign("demo/one", "demo/two", "demo/one")
    (project.directory / "demo/one").mkdir(parents=True)
    done = jetpack("test", "demo", "one")
    assert (done.returncode, done.stderr) == (0, "jetpack test: no tests found in 1 spec\n")
    done = jetpack("test", "demmo")
    assert done.returncode == 1 and "project 'demmo' not found; this node has demo" in done.stderr
    done = jetpack("test", "demo", "three")
    assert done.returncode == 1 and "spec 'three' not found; this node has one, two" in done.stderr
    home.node({"cyclecloud": {"cluster_init_specs": [{"project": "../x", "spec": "y"}]}})
    done = jetpack("test")
    assert done.returncode == 1 and "'../x', which is not a valid directory name" in done.stderr


def test_results_come_while_others_run(jetpack, project, tmp_path):
    project.assign("demo/one")
    os.mkfifo(tmp_path / "gate")
    project.write("demo/one", "a.sh", "true\n")
    project.write("demo/one", "b.sh", f"read line <{tmp_path}/gate\n")
    with jetpack.start("test", stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline().startswith("PASSED  demo/one/a.sh")
        (tmp_path / "gate").write_text("go\n")
        assert run.stdout.readline().startswith("PASSED  demo/one/b.sh")
        assert run.stdout.readline().startswith("2 passed") and run.wait(30) == 0
