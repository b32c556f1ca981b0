"""The paths of a home tree that scripts on nodes rely on, and the Python and environment found there."""
import json
import os
import shutil
import subprocess
import zipfile

import pytest

PYTHON = "system/embedded/bin/python"


@pytest.fixture
def tree(built_home, tmp_path):
    """A copy of the installed tree elsewhere, as on a node, in a path with a blank."""
    directory = tmp_path / "a tree"
    for part in ("bin", "lib", "system", "config"):
        shutil.copytree(built_home / part, directory / part, symlinks=True)
    for part in ("logs", "run"):
        (directory / part).mkdir()
    (directory / "config/node.json").write_text('{"n": 3}')
    return directory


def run(*command, env=None, **options):
    """With an environment that is empty but for `env`."""
    return subprocess.run([str(part) for part in command], env=env or {}, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120, check=False, **options)


def test_the_paths_are_there(built_home):
    for name in ("config/healthcheck.d", "config/service.d", "scripts", "logs", "run",
                 "system/chef/cache/jetpack/downloads", "system/chef/chef-repo/cookbooks"):
        assert (built_home / name).is_dir(), name
    for name in ("bin/jetpack", "bin/healthcheck", "system/bootstrap/cron_wrapper.sh", PYTHON, PYTHON + "3",
                 "system/embedded/bin/pip"):
        assert os.access(built_home / name, os.X_OK), name
    assert os.access(built_home / "system/bin/cyclecloud-env.sh", os.R_OK)
    for name in ("logs", "run"):
        assert (built_home / name).stat().st_mode & 0o7777 == 0o2770


def test_the_embedded_python_has_the_module(tree):
    code = ("import jetpack, os, sys; print(jetpack.config.get('n'), jetpack.__file__, sys.executable, "
            "sys.version_info >= (3, 6), [n for n in os.environ if 'PYTHON' in n or 'VIRTUAL' in n])")
    for name in (PYTHON, PYTHON + "3"):
        for options in ((), ("-I",), ("-E", "-s")):
            done = run(tree / name, *options, "-c", code)
            assert done.stdout == (f"3 {tree}/lib/jetpack/python/jetpack/__init__.py {tree / name} "
                                   "True []\n"), done
    # By other names for the same file.
    (tree / "link").symlink_to(tree / PYTHON)
    assert run(tree / "link", "-c", code).stdout.startswith("3 ")
    assert run("./python", "-c", code, cwd=(tree / PYTHON).parent).stdout.startswith("3 ")
    assert run("/bin/bash", "python", "-c", code, cwd=(tree / PYTHON).parent).stdout.startswith("3 ")
    # A process that it starts with sys.executable has the module too.
    child = "import subprocess, sys; print(subprocess.check_output([sys.executable, *sys.argv[1:]]).decode())"
    assert run(tree / PYTHON, "-c", child, "-c", code).stdout.startswith("3 ")
    assert run(tree / PYTHON, "-c", "import sys; sys.exit(int(sys.argv[1]))", "a file", "7").returncode == 1
    assert run(tree / PYTHON, "-c", "import sys; sys.exit(7)").returncode == 7


@pytest.mark.parametrize("options", ["", " -m pytest", " -m pytest -q", " -I"])
def test_the_embedded_python_is_an_interpreter_of_scripts(options, built_home, home):
    home.node({"n": 3})
    script = home.write("test_it.py", f"#!{built_home / PYTHON}{options}\nimport sys\nimport jetpack\n"
                                      "def test_it():\n    assert jetpack.config.get('n') == 3\n"
                                      "print(sys.argv[1:])\n")
    script.chmod(0o755)
    done = run(script, *(() if "pytest" in options else ("a b", "*")), env={"JETPACK_HOME": str(home.path)})
    assert done.returncode == 0, done
    assert ("1 passed" if "pytest" in options else "['a b', '*']") in done.stdout


def test_pip_installs_beside_the_module(tree, tmp_path):
    if run(tree / PYTHON, "-c", "import pip").returncode != 0:
        pytest.skip("this Python has no pip: apt-get install python3-pip")
    wheel = tmp_path / "site_tool-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("site_tool.py", "")
        archive.writestr("site_tool-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: site-tool\nVersion: 1\n")
        archive.writestr("site_tool-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("site_tool-1.dist-info/RECORD", "")
    done = run(tree / "system/embedded/bin/pip", "install", "--no-index", wheel,
               env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull})
    assert done.returncode == 0, done
    done = run(tree / PYTHON, "-c", "import site_tool, jetpack; print(site_tool.__file__)")
    assert done.stdout.startswith(f"{tree}/system/embedded/lib/python3."), done


SHOW = "echo \"$CYCLECLOUD_HOME\"; command -v jetpack healthcheck; command -v pip python3; echo \"$PATH\""


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_the_environment_can_be_sourced(shell, built_home):
    script = f"set -eu; . '{built_home}/system/bin/cyclecloud-env.sh'; . '{built_home}/system/bin/cyclecloud-env.sh'; "
    done = run(shell, "-c", script + SHOW, env={"PATH": "/usr/bin:/bin"})
    lines = done.stdout.splitlines()
    assert lines[0] == str(built_home) and f"{built_home}/bin/jetpack" in lines, done
    assert f"{built_home}/bin/healthcheck" in lines or shell == "/bin/sh"  # dash looks up one name
    assert lines[-1] == f"{built_home}/bin:/usr/bin:/bin"
    assert "embedded" not in done.stdout and done.stderr == ""
    # Without PATH, and with another node's home, which stays.
    done = run(shell, "-c", f"unset PATH; {script} echo $CYCLECLOUD_HOME; jetpack --version",
               env={"JETPACK_HOME": "/", "CYCLECLOUD_HOME": "/x"})
    assert done.stdout.startswith("/x\n8.") and done.stderr == "", done


def test_the_environment_of_a_tree_that_was_moved(tree):
    source = f". '{tree}/system/bin/cyclecloud-env.sh'; "
    done = run("/bin/bash", "-euc", source + SHOW)
    assert done.stdout.splitlines()[:2] == [str(tree), f"{tree}/bin/jetpack"], done
    # sh does not tell a script where it is.
    done = run("/bin/sh", "-euc", source + SHOW, env={"CYCLECLOUD_HOME": str(tree)})
    assert done.stdout.splitlines()[:2] == [str(tree), f"{tree}/bin/jetpack"], done


def test_cron_wrapper(tree):
    wrapper = tree / "system/bootstrap/cron_wrapper.sh"
    done = run(wrapper, "/bin/sh", "-c", "jetpack config n; echo \"$CYCLECLOUD_HOME\" \"$1\"; exit 37", "sh", "a  b")
    assert (done.returncode, done.stdout) == (37, f"3\n{tree} a  b\n"), done
    (tree / "link").symlink_to(wrapper)
    assert run(tree / "link", "jetpack", "config", "n").stdout == "3\n"
    assert run(wrapper).returncode == 2
    assert run(wrapper, "no-such-command").returncode == 127
    killed = run(wrapper, "/bin/sh", "-c", "kill -9 $$")
    assert killed.returncode == -9


def test_another_installation_status(jetpack, server):
    done = jetpack("installation", "set", "error", "-m", "the scheduler did not start", "--wait", "10s")
    assert done.returncode == 0, done
    assert server.wait_for_messages(1, "installation") == [
        {"status": "error", "message": "the scheduler did not start"}]
    assert jetpack("installation", "set", "odd").returncode == 2
    assert json.loads(jetpack.answer("config", "cyclecloud", "--json"))


def test_help(transcript):
    transcript("help_installation", ["help", "installation", "set"])
