"""The tools that developers run: what --help prints, what they install, and what README says of them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = sorted(path.name for path in (REPOSITORY / "tools").iterdir()
               if path.is_file() and os.access(path, os.X_OK))


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("name", TOOLS)
def test_help_prints_usage_and_does_nothing_else(name, option):
    result = subprocess.run([REPOSITORY / "tools" / name, option], text=True, capture_output=True,
                            stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert name in result.stdout


def test_help_lists_what_is_installed():
    text = subprocess.run([REPOSITORY / "tools/test", "--help"], text=True, capture_output=True, timeout=60,
                          check=True).stdout
    assert re.search(r"^Installs, where missing: ", text, re.M)
    assert {"meson", "ohai", "nginx-light", "rabbitmq-server"} <= set(text.split())


SERVICES = "/etc/systemd/system/multi-user.target.wants"


def test_services_of_installed_packages_are_neither_started_nor_left_enabled(tmp_path):
    """With stand-ins for dpkg, apt-get and systemctl, in a view of the file system of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can change its view of the file system")
    programs = {
        "dpkg-query": "exit 1",
        # Its package's service is enabled, and started unless the policy forbids it.
        "apt-get": f"""case $* in *install*) ln -s /lib/new.service {SERVICES}/new.service
                       /usr/sbin/policy-rc.d >/dev/null; echo "policy $?" >>{tmp_path}/calls ;; esac""",
        "systemctl": f'echo "systemctl $*" >>{tmp_path}/calls',
    }
    (tmp_path / "bin").mkdir()
    for name, script in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    for directory in ("units/multi-user.target.wants", "sbin"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "units/multi-user.target.wants/old.service").symlink_to("/lib/old.service")
    script = f"""mkdir -p /etc/systemd/system && mount --bind {tmp_path}/units /etc/systemd/system &&
        mount --bind {tmp_path}/sbin /usr/sbin && PATH={tmp_path}/bin:$PATH &&
        source {REPOSITORY}/tools/lib.sh && need build && test ! -e /usr/sbin/policy-rc.d"""
    done = subprocess.run(["unshare", "--mount", "bash", "-c", script], text=True, capture_output=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "installing ca-certificates " in done.stderr
    assert (tmp_path / "calls").read_text() == "policy 101\nsystemctl --quiet disable new.service\n"


def masked(text):
    """Without what differs in each run: times, ids, addresses, sizes and paths."""
    for pattern, mask in (
            (r"\d{4}-\d\d-\d\d(T[0-9:.%A]+Z| [0-9:]+ [A-Z]+)", "TIME"), (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
            (r"\b[0-9a-f]{32}\b", "ID"), (r"\b\d+\.\d s\b", "N s"),
            (r"127\.0\.0\.1:\d+", "ADDRESS"), (r"jetpack-quickstart\.\w+", "DIRECTORY"),
            (r"sig=\S+", "sig=SIGNATURE"), (r"pid \d+", "pid N"), (r"\d+ (MiB|bytes|inodes)", r"N \1"), (r"\([0-9.]+ K?i?B\)", "(SIZE)"),
            (r"oldest \d+s", "oldest Ns"), (r"(Ready +.*? +execute +)\S+ +", r"\1HOST  "),
            (r"\b\d+ms *", "Nms "), (r"TIME +MESSAGE", "TIME  MESSAGE"),
            (r"plugins( +)\d+", r"plugins\1N"), (r"outbox( +)(empty|\d+ queued.*)", r"outbox\1STATE")):
        text = re.sub(pattern, mask, text)
    return text


def blocks(text):
    """Each command of a transcript, with what it printed."""
    parts = re.split(r"^\$ ", text, flags=re.M)[1:]
    return {part.split("\n", 1)[0]: part.split("\n", 1)[1].strip() for part in parts}


def test_the_tour_in_readme_is_what_quickstart_prints(built_home):
    if built_home != REPOSITORY / "build/home":
        pytest.skip("tools/quickstart runs the build in build/")
    tour = (REPOSITORY / "README.md").read_text().split("## The tour")[1].split("## Commands")[0]
    shown = blocks(masked("".join(re.findall(r"^```console\n(.*?)^```", tour, re.M | re.S))))
    done = subprocess.run([REPOSITORY / "tools/quickstart"], text=True, capture_output=True, timeout=300,
                          check=False)
    assert done.returncode == 0, done.stderr
    printed = blocks(re.sub(r"\n\n==.*", "", masked(done.stdout)))
    assert len(shown) > 15
    for command, text in shown.items():
        # Other programs of the tour print behind the last one's output.
        assert printed[command].startswith(text), command
