"""`jetpack converge` without a server: which scripts run, how, how often, and what is said when one fails."""

import json
import os
import shutil
import stat
import subprocess

import pytest

from servers.process import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root converges")


def test_help(transcript):
    transcript("help_converge", ["help", "converge"], ["help", "converge", "history"])


class Node:
    """A node with specs on disk."""

    def __init__(self, jetpack, directory):
        self.jetpack, self.home, self.directory = jetpack, jetpack.home, directory
        self.keys = {}
        self.specs("site/default")
        (self.home / "bin").symlink_to(jetpack.binary.parent)
        self.ran = directory.parent / "ran"

    def specs(self, *names, **keys):
        """The specs of the configuration, as PROJECT/SPEC or objects."""
        self.keys.update(keys)
        specs = [dict(zip(("project", "spec"), name.split("/")), version="1.0.0")
                 if isinstance(name, str) else name for name in names]
        if names:
            self.keys["cluster_init_specs"] = specs
        self.home.node({"cyclecloud": {**self.keys, "jetpack": {
            "cluster_init_dir": str(self.directory), **self.keys.get("jetpack", {})}}})

    def script(self, name, content, mode=0o644, spec="site/default", below="scripts"):
        path = self.directory / spec / below / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    def note(self, name, **options):
        """A script that notes that it ran."""
        return self.script(name, f"echo '{name}' >> {self.ran}\n", **options)

    def converge(self, *args, code=0, **options):
        result = self.jetpack("converge", "--offline", *args, **options)
        assert result.returncode == code, result
        return result

    def noted(self):
        """What ran since the last call."""
        if not self.ran.exists():
            return []
        names = self.ran.read_text().splitlines()
        self.ran.unlink()
        return names

    def output(self, name, spec="site/default", below="scripts"):
        return self.home / f"logs/cluster-init/{spec}/{below}/{name}.out"

    def marker(self, name, spec="site/default", below="scripts"):
        return self.directory / f".run/{spec}/{below}/{name}.run"

    def log(self):
        return (self.home / "logs/jetpack.log").read_text()


@pytest.fixture
def node(jetpack, tmp_path):
    return Node(jetpack, tmp_path / "cluster-init")


def test_order_and_odd_names(node):
    node.specs("b/one", "a/two", "cyclecloud/none")
    for name in ("2-b.sh", "10-a.sh", "a b.sh", "ü.sh", ".hidden.sh", "x.sh~", "x.sh.bak", "README.txt",
                 "95.execute.sh-unused"):
        node.note(name, spec="b/one")
    (node.directory / "b/one/scripts/x.sh").mkdir()
    (node.directory / "b/one/scripts/gone.sh").symlink_to("nowhere")
    node.note("0.sh", spec="a/two")
    for spec in ("b/one", "a/two"):
        node.script("install.sh", f"echo install {spec} >> {node.ran}\n", spec=spec, below="stages")
    node.script("activate.sh", f"echo activate >> {node.ran}\n", spec="b/one", below="stages")
    plan = node.converge("--dry-run").stdout
    assert not node.noted() and not (node.directory / ".run").exists()
    assert not (node.home / "config/cluster-init.jsonl").exists()
    assert "gone.sh: a symbolic link to a file that does not exist" in plan
    assert "README.txt: its name does not end with .sh" in plan and "x.sh: a directory" in plan
    out = node.converge().stdout
    assert node.noted() == ["install b/one", "install a/two", "10-a.sh", "2-b.sh", "a b.sh", "ü.sh",
                            "0.sh", "activate"]
    path = node.directory / "b/one/scripts/10-a.sh"
    for line in ("Running cluster-init scripts for project 'b v1.0.0' spec 'one'",
                 f"Executing cluster-init script: {path}, output written to {node.output('10-a.sh', 'b/one')}",
                 "Script 10-a.sh ran successfully"):
        assert line in out.splitlines() and f"INFO     {line}\n" in node.log()
    assert node.marker("10-a.sh", "b/one").exists()
    assert node.marker("install.sh", "a/two", "stages").exists()
    assert "Script 10-a.sh has already run successfully, skipping\n" in node.converge().stdout
    assert not node.noted()
    for marker in (node.marker("2-b.sh", "b/one"), node.marker("activate.sh", "b/one", "stages")):
        marker.unlink()
    node.converge()
    assert node.noted() == ["2-b.sh", "activate"]


def test_every_kind_of_file_runs(node):
    ran = f"echo $0 >> {node.ran}"
    node.script("1-plain.sh", f"#!/bin/bash\n{ran}\n")
    node.script("2-dos.sh", f"#!/bin/bash\r\nset -e\r\n{ran}\r\n")
    node.script("3-mark.sh", f"\N{BYTE ORDER MARK}#!/bin/sh\n{ran}\n")
    node.script("4-none.sh", f"[[ 1 == 1 ]] && {ran}\n")
    node.script("5-blank.sh", f"\n#!/bin/false\n{ran}\n")
    node.script("6-empty.sh", "")
    node.script("7-env.sh", f"#!/usr/bin/env bash\n{ran}\n", mode=0o755)
    node.script("8-cut.sh", f"#!/bin/sh\n{ran}")
    other = node.script("elsewhere", f"#!/bin/sh\n{ran}\n", below="files")
    link = node.directory / "site/default/scripts/9-link.sh"
    link.symlink_to("../files/elsewhere")
    shutil.copy("/bin/true", node.directory / "site/default/scripts/99-program.sh")
    result = node.converge()
    names = ["1-plain.sh", "2-dos.sh", "3-mark.sh", "4-none.sh", "5-blank.sh", "7-env.sh", "8-cut.sh",
             "9-link.sh"]
    assert node.noted() == [str(node.directory / "site/default/scripts" / name) for name in names]
    assert result.stderr.count("Windows line ends") == 2
    assert other.stat().st_mode & stat.S_IXUSR and (node.marker("99-program.sh")).exists()
    node.converge()
    assert not node.noted(), "what was converted is not edited"


def test_what_cannot_run_is_named(node, jetpack):
    for content, why in (("#!/no/such/sh\n", "its interpreter /no/such/sh: No such file or directory"),
                         ("#!bash\n", "which is not an absolute path"),
                         ("#!/bin/sh\r", "has Windows line ends (CRLF)")):
        path = node.script("1.sh", content)
        result = node.converge(code=1)
        assert result.stderr.startswith(
            f"jetpack converge: Failed to execute cluster-init script '{path}' in project 'site': ")
        assert why in result.stderr.splitlines()[0]
        assert not node.marker("1.sh").exists()
    os.chown(node.note("1.sh"), 4711, -1)
    assert "belongs to uid 4711" in node.converge(code=1).stderr
    assert not node.noted()
    os.chown(node.note("1.sh", mode=0o666), 0, -1)
    assert "was writable by others" in node.converge().stderr
    assert node.noted() == ["1.sh"]


def test_noexec_mount(node):
    node.note("1.sh", mode=0o755)
    node.script("2.sh", f"#!/bin/bash\necho 2.sh >> {node.ran}\n", mode=0o755)
    mount = ["unshare", "-m", "sh", "-c",
             f'mount --bind {node.directory} {node.directory} && '
             f'mount -o remount,bind,noexec {node.directory} && exec "$@"', "-"]
    if subprocess.run([*mount, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("cannot mount here")
    node.converge(prefix=mount)
    assert node.noted() == ["1.sh", "2.sh"]
    shutil.copy("/bin/true", node.directory / "site/default/scripts/3.sh")
    assert "mounted noexec" in node.converge(prefix=mount, code=1).stderr


def test_environment(node, jetpack):
    node.script("a.sh", "#!/bin/bash\nset -e\n"
                "env; echo \"cwd=$PWD\"; jetpack config no.such.key None; jetpack log hello --wait 0 2>&1\n"
                f"test -f {node.output('a.sh')}; cat ../files/x\n")
    node.script("x", "sibling\n", below="files")
    node.converge(env={"PATH": "/usr/bin:/bin", "HOME": "", "SHELL": ""})
    out = node.output("a.sh").read_text().splitlines()
    scripts = node.directory / "site/default/scripts"
    for line in (f"CYCLECLOUD_HOME={node.home.path}", f"JETPACK_HOME={node.home.path}",
                 f"BOOTSTRAP_HOME={node.home.path}/system/bootstrap", "CYCLECLOUD_PROJECT_NAME=site",
                 "CYCLECLOUD_PROJECT_VERSION=1.0.0", f"CYCLECLOUD_PROJECT_PATH={node.directory}/site",
                 "CYCLECLOUD_SPEC_NAME=default", f"CYCLECLOUD_SPEC_PATH={node.directory}/site/default",
                 "HOME=/root", "SHELL=/bin/bash", f"cwd={scripts}", "None", "sibling"):
        assert line in out, line
    path = next(line for line in out if line.startswith("PATH="))
    assert path.startswith(f"PATH={node.home.path}/bin:") and "embedded" not in path


def test_a_failure_stops_everything_and_says_what(node, server):
    node.specs("pbs/server", "site/default")
    node.note("1.sh", spec="pbs/server")
    path = node.script("2.sh", f"echo '2.sh' >> {node.ran}; echo starting; echo 'password=hunter2hunter2'; "
                       "echo broken >&2; printf 'esc\\033[2J\\377'; exit 7\n", spec="pbs/server")
    node.note("3.sh")
    node.note("activate.sh", below="stages")
    result = node.converge(code=1)
    text = (f"Failed to execute cluster-init script '{path}' in project 'pbs' (return code: 7)")
    lines = result.stderr.splitlines()
    assert lines[:5] == [f"jetpack converge: {text}",
                         "Recommendation: Edit and re-upload the script to correct the error and try again",
                         "Script output:", "starting", lines[4]]
    assert "hunter2" not in result.stderr and "broken" in lines and "esc\\x1b[2J�" in lines
    assert node.noted() == ["1.sh", "2.sh"]
    assert not node.marker("2.sh", "pbs/server").exists()
    log = node.log()
    assert f"ERROR    Failed to execute cluster-init script '{path}' (7)\n" in log
    assert f"ERROR    Software configuration failed: {text}\n" in log
    assert "ERROR    Recommendation: Edit and re-upload" in log
    assert node.output("2.sh", "pbs/server").read_bytes().endswith(b"broken\nesc\x1b[2J\xff")
    node.jetpack("log", "the end")
    report = next(m for m in reversed(server.messages) if m["type"] == "installation")["data"]
    assert (report["status"], report["description"], report["script"], report["project"], report["spec"],
            report["return_code"]) == ("error", text, str(path), "pbs", "server", 7)
    assert report["message"].startswith(f"{text}\nRecommendation: Edit and re-upload the script")
    assert report["detail"].startswith("Script output:\nstarting\n") and "hunter2" not in report["detail"]
    shown = json.loads(node.jetpack.answer("converge", "history", "--json"))
    assert shown[-1]["status"] == "failed" and shown[-1]["failure"]["return_code"] == 7
    assert [(s["name"], s["status"]) for s in shown[-1]["steps"]] == [("1.sh", "ran"), ("2.sh", "failed")]
    assert node.jetpack.answer("converge", "history").endswith(
        f"  {text}\n  Recommendation: Edit and re-upload the script to correct the error and try again\n"
        f"  Output: {node.output('2.sh', 'pbs/server')}\n")
    node.note("2.sh", spec="pbs/server")
    result = json.loads(node.converge("--json").stdout)
    assert node.noted() == ["2.sh", "3.sh", "activate.sh"]
    assert result["status"] == "ok"
    assert [(s["name"], s["status"]) for s in result["steps"]] == [
        ("1.sh", "skipped"), ("2.sh", "ran"), ("3.sh", "ran"), ("activate.sh", "ran")]
    assert "failed" in node.jetpack.answer("converge", "history")


def test_scripts_call_one_another(node):
    """As cyclecloud-pbspro's stages/install.sh does with a script of another spec."""
    called = node.note("called.sh", mode=0o600, spec="site/other")
    linked = node.directory / "site/other/scripts/linked.sh"
    node.note("target", below="files", spec="site/other")
    linked.symlink_to("../files/target")
    node.specs("site/default", "site/other")
    node.script("install.sh", f"set -e\n{called}\n{linked}\n", below="stages")
    node.converge()
    assert node.noted() == ["called.sh", "target", "called.sh", "target"]


def test_the_end_of_a_long_output_is_printed(node):
    """It says why, and has no place in what a plugin throws."""
    node.script("1.sh", "for i in $(seq 39); do echo \"$i $(head -c 100 /dev/zero | tr '\\0' x)\"; done; "
                "echo 'the reason'; exit 1\n")
    lines = node.converge(code=1).stderr.splitlines()
    assert lines[3].startswith("1 xxx") and lines[-1] == "the reason"


def test_a_signal_is_a_negative_code(node):
    node.script("1.sh", "kill -9 $$\n")
    assert "(return code: -9)" in node.converge(code=1).stderr
    assert json.loads(node.converge("--json", code=1).stdout)["failure"]["return_code"] == -9


def test_output_is_exact_and_bounded_elsewhere(node):
    node.script("1.sh", "head -c 100000000 /dev/zero; printf 'a\\0b\\377\\033[31m'; head -c 50000 /dev/zero | "
                "tr '\\0' x; printf end >&2; exit 1\n")
    result = node.converge(code=1)
    path = node.output("1.sh")
    assert path.stat().st_size == 100000000 + 9 + 50000 + 3
    with path.open("rb") as file:
        file.seek(100000000)
        assert file.read() == b"a\0b\xff\x1b[31m" + b"x" * 50000 + b"end"
    assert len(result.stderr) < 20000 and "\x1b" not in result.stderr
    assert result.stderr.endswith("xxxend\n")
    assert len(node.log()) < 100000
    assert path.stat().st_mode & 0o777 == 0o640


def test_output_on_stdout_and_last_lines(node):
    node.script("1.sh", "echo out; echo err >&2; printf open\n")
    out = node.converge("--cluster-init").stdout
    assert "\nout\nerr\nopen\nScript 1.sh ran successfully\n" in out
    assert "out" not in node.converge("--rerun-scripts").stdout.split()


def test_a_daemon_lives_on_and_holds_nothing_up(node, tmp_path):
    node.script("1.sh", f"(while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo late; touch {tmp_path}/done) &\n"
                "echo started\n")
    node.converge(timeout=20)
    assert node.output("1.sh").read_text() == "started\n"
    (tmp_path / "go").touch()
    wait_for((tmp_path / "done").exists, "the daemon to end")
    assert node.output("1.sh").read_text() == "started\nlate\n"


def test_one_at_a_time_and_kill_resumes(node, tmp_path):
    node.note("1.sh")
    node.script("2.sh", f"echo 2.sh >> {node.ran}\n[ -e {tmp_path}/again ] && exit 0\n"
                f"touch {tmp_path}/again\necho $$ > {tmp_path}/pid\njetpack converge --offline 2>&1\necho $?\n"
                f"touch {tmp_path}/here\nexec sleep 600\n")
    node.note("3.sh")
    first = node.jetpack.start("converge", "--offline", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for((tmp_path / "here").exists, "the second script")
    assert first.poll() is None
    assert f"another converge is running: pid {first.pid} (jetpack)" in node.converge(code=1).stderr
    assert "another converge is running" in node.output("2.sh").read_text()
    first.kill()
    first.wait(20)
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not os.path.exists(f"/proc/{pid}/root/proc"), "the script's end, with its converge")
    assert not node.marker("2.sh").exists()
    node.converge()
    assert node.noted() == ["1.sh", "2.sh", "2.sh", "3.sh"]


def test_links_in_logs_are_not_followed(node, tmp_path):
    node.note("1.sh")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    path = node.output("1.sh")
    path.parent.mkdir(parents=True)
    path.symlink_to(victim)
    node.converge()
    assert victim.read_text() == "mine" and not path.is_symlink()
    shutil.rmtree(node.home / "logs/cluster-init")
    (tmp_path / "elsewhere").mkdir()
    (node.home / "logs/cluster-init").symlink_to(tmp_path / "elsewhere")
    assert "logs/cluster-init" in node.converge("--rerun-scripts", code=1).stderr
    assert not os.listdir(tmp_path / "elsewhere")


def test_edited_scripts(node):
    node.note("1.sh")
    node.converge()
    node.noted()
    node.script("1.sh", f"echo edited >> {node.ran}\n")
    assert "was edited since it ran" in node.converge().stderr
    assert "and was edited since" in node.converge("--dry-run").stdout
    assert not node.noted()
    node.specs(jetpack={"rerun_edited_scripts": True})
    node.converge()
    node.converge()
    assert node.noted() == ["edited"]
    node.converge("--rerun-scripts")
    assert node.noted() == ["edited"]


def test_specs_that_are_missing_or_invalid(node):
    node.specs("site/default", "other/spec")
    node.note("1.sh")
    result = node.converge(code=1)
    assert f"spec 'spec' of project 'other' is not in {node.directory}/other/spec" in result.stderr
    assert not node.noted()
    node.specs("site/default", {"project": "other", "spec": "spec", "version": "1", "Optional": "true"})
    assert "Skipping optional spec other/spec" in node.converge().stdout
    assert node.noted() == ["1.sh"]
    for bad in ({"project": "..", "spec": "x"}, {"project": "a/b", "spec": "x"}, {"project": "a"}, 3,
                {"project": "a", "spec": "x\n"}):
        node.specs("site/default", bad)
        assert "cyclecloud.cluster_init_specs" in node.converge(code=1).stderr
    node.specs("site/default", {"project": "site", "spec": "default", "version": "2"})
    assert "in version '1.0.0' and in version '2'" in node.converge(code=1).stderr
    node.specs("site/default", "site/default")
    node.converge()
    assert not node.noted()


def test_nothing_runs_where_nothing_can_be_recorded(node):
    node.note("1.sh")
    (node.home / "config/cluster-init.jsonl").mkdir()
    assert "config/cluster-init.jsonl" in node.converge(code=1).stderr
    assert not node.noted()
    (node.home / "config/cluster-init.jsonl").rmdir()
    node.converge()
    node.noted()
    (node.home / "config/cluster-init.jsonl").chmod(0o666)
    assert "config/cluster-init.jsonl" in node.converge(code=1).stderr
    assert not node.noted()


def test_markers_that_cannot_be_written(node):
    node.note("1.sh")
    (node.directory / ".run").write_text("")
    assert "warning" in node.converge().stderr
    node.converge()
    assert node.noted() == ["1.sh"]
    (node.directory / ".run").unlink()
    node.converge()
    assert not node.noted() and node.marker("1.sh").exists()


def test_only_root(node, as_user):
    result = node.jetpack("converge", "--offline", prefix=as_user())
    assert result.returncode == 1 and "must be run as root" in result.stderr
    assert node.jetpack("converge", "history", prefix=as_user()).returncode in (0, 1)
