"""The facts of this machine beside those of a real ohai, and what must not hold them up."""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from servers import stuck_fs

# What changes between two looks at a machine.
CHANGING = {"uptime", "uptime_seconds", "idletime", "idletime_seconds", "mhz"}
COUNTED = {"kb_used", "kb_available", "percent_used", "inodes_used", "inodes_available", "inodes_percent_used",
           "kb_size", "total_inodes"}


@pytest.fixture(scope="module")
def program(built_home):
    path = built_home.parent / "support/facts/print-facts"
    if not path.exists():
        pytest.skip("this build has no unit tests")
    return path


def facts_of(program, *prefix, **options):
    done = subprocess.run([*prefix, program], text=True, capture_output=True, timeout=60, check=False, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def ohai():
    """What Debian's ohai says of this machine."""
    if not shutil.which("ohai"):
        pytest.skip("ohai is not installed")
    done = subprocess.run(["ohai"], text=True, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def differences(theirs, ours, path=()):
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in theirs.keys() & ours.keys():
            yield from differences(theirs[key], ours[key], (*path, key))
    elif theirs != ours:
        yield path, theirs, ours


def is_changing(path, theirs):
    if path[-1] in CHANGING or path[0] == "memory" and path[-1] != "total":
        return True
    if path[0] == "filesystem" and path[-1] in COUNTED:
        return True
    # Where the kernel or we say more than ohai.
    return path == ("cloud",) and theirs is None


def test_every_shared_key_is_that_of_ohai(program, ohai):
    ours, _ = facts_of(program)
    try:
        Path("/proc/1/environ").read_bytes()
    except PermissionError:
        # Ohai stops there, and finds no container.
        ours.pop("virtualization")
    for key in ("hostname", "machinename", "fqdn", "ipaddress", "macaddress", "platform", "platform_family",
                "platform_version", "os", "os_version", "kernel", "cpu", "memory", "network", "filesystem"):
        assert (key in ours) == (key in ohai), key
    assert [entry for entry in differences(ohai, ours) if not is_changing(entry[0], entry[1])] == []
    # And the keys of each mount and interface are the same.
    assert ours["network"]["interfaces"].keys() == ohai["network"]["interfaces"].keys()
    for place, entry in ohai["filesystem"]["by_mountpoint"].items():
        assert set(entry) - set(ours["filesystem"]["by_mountpoint"][place]) <= {"uuid", "label"}, place


def test_distributions_are_those_of_ohai(program, repository, tmp_path):
    """Ohai's own rules on the same /etc/os-release files."""
    if not shutil.which("ohai") or os.geteuid() != 0:
        pytest.skip("ohai is not installed, or this is not root, who alone can put files in the place of others")
    files = sorted((repository / "support/testing/os-release").iterdir())
    script = tmp_path / "platforms.rb"
    script.write_text("""
require "ohai"
require "json"
Ohai::Log.level = :fatal
machine = Ohai::System.new
machine.all_plugins("platform")
plugin = machine.provides_map.find_providers_for(["platform"]).first
ARGV.each do |file|
  system("mount", "--bind", file, File.realpath("/etc/os-release")) or exit 1
  machine.data.clear
  plugin.instance_variable_set(:@os_release_info, nil)
  plugin.reset!
  plugin.safe_run
  puts JSON.generate(%w[platform platform_family platform_version].map { |key| machine.data[key] })
  system("umount", "-l", File.realpath("/etc/os-release")) or exit 1
end
""")
    done = subprocess.run(["unshare", "-m", "ruby", script, *files], text=True, capture_output=True, timeout=120,
                          check=False)
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip(f"no mount namespace: {done.stderr}")
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(files) > 15
    for file, (platform, family, version) in zip(files, answers):
        tree = tmp_path / file.name
        (tree / "etc").mkdir(parents=True)
        shutil.copy(file, tree / "etc/os-release")
        for name in ("debian_version", "redhat-release"):
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", tree / "etc")
        done = subprocess.run([program, tree], text=True, capture_output=True, timeout=60, check=True)
        ours = json.loads(done.stdout)
        if version is None:
            # Its file of this release is not on this machine.
            continue
        assert (ours["platform"], ours["platform_version"]) == (platform, version), file.name
        # Debian's ohai does not know Rocky Linux yet.
        assert family is None or ours["platform_family"] == family, file.name


def test_no_file_server_holds_it_up(program, tmp_path):
    with stuck_fs.mounted(tmp_path / "stuck") as directory:
        facts, warnings = facts_of(program)
        entry = facts["filesystem"]["by_mountpoint"][str(directory)]
        assert entry["fs_type"] == "fuse" and entry["devices"] == ["stuck"] and "kb_size" not in entry
        assert "kb_size" in facts["filesystem"]["by_mountpoint"]["/"]
        assert warnings == ""


def test_no_name_server_holds_it_up(program, tmp_path):
    """A name that only a name server can know, and one that never answers."""
    if os.geteuid() != 0:
        pytest.skip("only root can put a file in the place of another")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        try:
            silent.bind(("127.77.77.77", 53))
        except OSError as failure:
            pytest.skip(f"no name server can be played: {failure}")
        (tmp_path / "resolv.conf").write_text("nameserver 127.77.77.77\n")
        (tmp_path / "hosts").write_text("127.0.0.1 localhost\n")
        script = tmp_path / "run"
        script.write_text(f"mount --bind {tmp_path}/resolv.conf $(readlink -f /etc/resolv.conf) &&\n"
                          f"mount --bind {tmp_path}/hosts $(readlink -f /etc/hosts) && hostname silent-node &&\n"
                          'exec "$@"\n')
        facts, warnings = facts_of(program, "unshare", "-m", "-u", "sh", script)
    assert facts["fqdn"] == facts["hostname"] == "silent-node" and facts["domain"] is None
    assert warnings.startswith("the name service did not say")


def test_no_user_is_listed(program, tmp_path):
    """100,000 users of a directory server cost nothing: nobody asks for users."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    facts, _ = facts_of(program, "strace", "-f", "-e", "trace=open,openat,connect,execve", "-o", trace)
    text = trace.read_text()
    assert "/proc/meminfo" in text and text.count("execve(") == 1
    assert "/etc/passwd" not in text and "/etc/group" not in text
    assert "etc" not in facts and len(json.dumps(facts)) < 200_000


NETWORK = """set -e
# Without a probe for duplicates, which would end between the two looks.
for name in default all; do echo 0 >/proc/sys/net/ipv6/conf/$name/accept_dad; done
ip link set lo up
ip link add eth0 type veth peer name peer0
ip link add eth1 type veth peer name peer1
for name in eth0 peer0 eth1 peer1; do ip link set $name up; done
ip addr add 10.1.0.4/24 brd + dev eth0
ip addr add 10.1.0.5/24 brd + dev eth0 label eth0:1
ip addr add 10.3.0.1 peer 10.3.0.2 dev eth1
ip addr add fd01::4/64 dev eth0 preferred_lft 3000 valid_lft 4000
ip addr add fd01::5/128 dev eth0 nodad noprefixroute
ip route add default via 10.1.0.1 dev eth0 metric 100
ip route add default via 10.1.0.9 dev eth0 metric 50
ip route add 168.63.129.16 via 10.1.0.1 dev eth0 proto dhcp src 10.1.0.4 metric 100
ip route add 10.50.0.0/16 nexthop via 10.1.0.7 dev eth0 nexthop via 10.3.0.2 dev eth1
ip route add unreachable 10.60.0.0/16
ip -6 route add default via fd01::1 dev eth0 metric 77 proto static
"""


def test_a_network_with_aliases_peers_and_several_ways_out(program, tmp_path):
    """Both look at a network of its own: 20 lines of `ip` that real nodes have."""
    if not shutil.which("ohai") or os.geteuid() != 0:
        pytest.skip("ohai is not installed, or this is not root, who alone can create a network namespace")
    script = tmp_path / "network"
    script.write_text(f"{NETWORK}ohai network ipaddress ip6address macaddress >{tmp_path}/theirs\n"
                      f"{program} >{tmp_path}/ours\n")
    done = subprocess.run(["unshare", "-n", "sh", script], text=True, capture_output=True, timeout=60, check=False)
    if "Unknown device type" in done.stderr or "unshare failed" in done.stderr:
        pytest.skip(f"no such network can be created: {done.stderr}")
    assert done.returncode == 0, done.stderr
    ours = json.loads((tmp_path / "ours").read_text())
    theirs, text = {}, (tmp_path / "theirs").read_text()
    for key in ("network", "ipaddress", "ip6address", "macaddress"):
        theirs[key], end = json.JSONDecoder().raw_decode(text)
        text = text[end:].lstrip()
    assert len(theirs["network"]["interfaces"]) > 5 and theirs["ipaddress"] == ["10.1.0.4"]
    assert not list(differences(theirs["network"], ours["network"]))
    # Of an interface ohai lists more: neighbours and what ethtool prints.
    for name, interface in theirs["network"]["interfaces"].items():
        assert set(ours["network"]["interfaces"][name]) <= set(interface), name
        assert {"addresses", "routes"} & set(interface) <= set(ours["network"]["interfaces"][name]), name
    for key in ("ipaddress", "ip6address", "macaddress"):
        assert [ours[key]] == theirs[key]

