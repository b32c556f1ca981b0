"""The packages: installed, upgraded, removed and purged on a machine; what they refuse; what lintian says."""

import filecmp
import json
import os
import shutil
import subprocess

import pytest
from package_set import NEW, OLD, PLACE, STALE, matches

UNITS = "/etc/systemd/system"
# What the account's tools write, and what they keep of before.
ACCOUNTS = {f"/etc/{name}{end}" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")
            for end in ("", "-")} | {"/etc/.pwd.lock"}
MODES = {".": "0 cyclecloud 750", "config": "0 cyclecloud 2750", "config/healthcheck.d": "0 cyclecloud 2750",
         "logs": "0 cyclecloud 2770", "run": "0 cyclecloud 2770", "scripts": "0 cyclecloud 750",
         "logs/jetpack.log": "0 cyclecloud 660", "logs/installation.log": "0 cyclecloud 640",
         "bin/jetpack": "0 cyclecloud 755", "system/bootstrap": "0 cyclecloud 755",
         "system/embedded/bin/python": "0 cyclecloud 755"}


def changed(machine):
    return machine.changed("opt", "etc", "usr") - ACCOUNTS


def check_tree(machine):
    for name, expected in MODES.items():
        assert machine.shell(f"stat -c '%u %G %a' {PLACE}/{name}").strip() == expected, name
    assert machine.jetpack("--version").stdout.startswith("8.10.0-")
    assert machine.shell(". /etc/profile.d/cyclecloud.sh; echo $CYCLECLOUD_HOME; command -v jetpack").split() == [
        PLACE, f"{PLACE}/bin/jetpack"]
    for unit in ("jetpackd", "healthcheck", "jetpack-converge"):
        assert f"\nExecStart={PLACE}/bin/jetpack" in machine.read(f"{UNITS}/{unit}.service")
    assert machine.exists("/etc/udev/rules.d/66-jetpack.rules")
    wants = machine.shell(f"ls {UNITS}/multi-user.target.wants").split()
    assert "jetpackd.service" in wants and "healthcheck.service" in wants and "jetpack-converge.service" not in wants
    assert machine.shell(f"{PLACE}/system/embedded/bin/python -c 'import jetpack.config; print(1)'") == "1\n"
    completed = machine.run("bash", "-c", ". /usr/share/bash-completion/completions/jetpack; PATH=$PATH:" + PLACE + "/bin;"
                            "COMP_WORDS=(jetpack ver) COMP_CWORD=1; _jetpack; echo ${COMPREPLY[*]}").stdout
    assert completed == "version\n"
    # man finds the pages beside the programs that are on PATH.
    assert machine.exists(f"{PLACE}/share/man/man1/jetpackd.1")
    if machine.exists("/usr/bin/man"):
        found = machine.run("sh", "-c", f"PATH=$PATH:{PLACE}/bin man -w jetpackd").stdout
        assert found == f"{PLACE}/share/man/man1/jetpack-jetpackd.1\n"


def put_node_files(machine):
    """What is the node's, and must survive."""
    machine.write(f"{PLACE}/config/connection.json", '{"cluster": "demo"}', 0o640)
    machine.write(f"{PLACE}/config/healthcheck.d/gpu.sh", "#!/bin/sh\n", 0o755)
    machine.write(f"{PLACE}/scripts/onPreempt.sh", "#!/bin/sh\n", 0o755)
    machine.write(f"{PLACE}/run/outbox.db.note", "queue\n")
    return {f"{PLACE}/{name}" for name in ("config/connection.json", "config/healthcheck.d/gpu.sh",
                                           "scripts/onPreempt.sh", "run/outbox.db.note")}


def edit_system_files(machine):
    machine.shell(f"sed -i 's/^Environment=INTERVAL=.*/Environment=INTERVAL=3/' {UNITS}/healthcheck.service")
    machine.shell("sed -i 's|^export PATH=.*|export PATH=/opt/cycle/jetpack/bin:$PATH|' /etc/profile.d/cyclecloud.sh")
    machine.shell(f"rm {UNITS}/multi-user.target.wants/healthcheck.service")


def check_edits(machine):
    assert "Environment=INTERVAL=3\n" in machine.read(f"{UNITS}/healthcheck.service")
    assert "export PATH=/opt/cycle/jetpack/bin:$PATH" in machine.read("/etc/profile.d/cyclecloud.sh")
    assert not machine.exists(f"{UNITS}/multi-user.target.wants/healthcheck.service")
    assert machine.exists(f"{UNITS}/multi-user.target.wants/jetpackd.service")


def test_the_health_checks_are_active_with_their_package(machine, packages):
    machine.run("dpkg", "-i", packages.deb(NEW), packages.deb(NEW, "-checks"))
    matches("jetpack.checks", machine.jetpack("plugin", "list", "--offers").stdout)
    assert "refused" not in machine.jetpack("plugin", "list").stdout
    assert machine.jetpack("plugin", "offer", "jetpack.checks", "check", "memory").stdout.startswith('{"condition"')
    machine.run("dpkg", "-r", "jetpack-checks")
    assert "jetpack.checks" not in machine.jetpack("plugin", "list", "--offers").stdout
    machine.run("dpkg", "-P", "jetpack-checks", "jetpack")


def test_deb_install_upgrade_remove_and_purge(machine, packages):
    before = changed(machine)
    machine.run("dpkg", "-i", packages.deb(OLD), packages.deb(OLD, "-hub"), packages.deb(OLD, "-sdk"))
    check_tree(machine)
    assert machine.exists(f"{PLACE}/{STALE}")
    assert "cyclecloud" in machine.shell(f"stat -c %G {PLACE}/include/jetpack/abi.h")
    matches("serve", machine.jetpack("help", "hub").stdout)
    assert machine.exists("/etc/systemd/system/jetpack-hub.service")
    assert "cyclecloud" in machine.run("id", "-nG", "jetpack-hub").stdout

    # doctor knows the same modes.
    report = json.loads(machine.jetpack("doctor", "--json", check=False).stdout)
    tree = next(area for area in report["areas"] if area["area"] == "tree")
    assert tree["findings"] == [] and tree["passed"]

    kept = put_node_files(machine)
    edit_system_files(machine)
    output = machine.run("dpkg", "-i", packages.deb(NEW), packages.deb(NEW, "-hub"), packages.deb(NEW, "-sdk"))
    assert "keeping /etc/profile.d/cyclecloud.sh, which was edited" in output.stdout + output.stderr
    check_edits(machine)
    assert not machine.exists(f"{PLACE}/{STALE}")
    assert all(machine.exists(name) for name in kept)
    assert machine.shell(f"stat -c %a {PLACE}/config/connection.json") == "640\n"
    assert machine.run("dpkg", "--verify", "jetpack", "jetpack-hub", "jetpack-sdk").stdout == ""
    # The same once more changes nothing; the log has all of it.
    machine.run("dpkg", "-i", packages.deb(NEW))
    check_edits(machine)
    assert machine.read(f"{PLACE}/logs/installation.log").count("installed in") == 3

    machine.run("dpkg", "-r", "jetpack-hub", "jetpack-sdk", "jetpack")
    logs = {f"{PLACE}/logs/jetpack.log", f"{PLACE}/logs/installation.log"}
    assert changed(machine) - before == kept | logs | {"/etc/profile.d/cyclecloud.sh"}
    assert not machine.exists(f"{PLACE}/bin")
    # What was kept is there for an installation that follows.
    machine.run("dpkg", "-i", packages.deb(NEW))
    assert machine.read(f"{PLACE}/config/connection.json") == '{"cluster": "demo"}'

    machine.run("dpkg", "-P", "jetpack-hub", "jetpack-sdk", "jetpack")
    assert changed(machine) == before
    assert not machine.exists("/opt/cycle")
    assert "cyclecloud" not in machine.shell("cat /etc/passwd /etc/group /etc/shadow /etc/gshadow")


def test_rpm_install_verify_upgrade_and_remove(machine, packages):
    """With --root, as images are made: the scripts run in the image."""
    def rpm(*words, check=True):
        packages_here = [word.replace("/packages/", f"{machine.root}/packages/") for word in words]
        return machine.run("rpm", "--root", machine.root, "--dbpath", "/var/lib/rpm", *packages_here, check=check,
                           inside=False)

    before = changed(machine)
    # Dependencies are names of packages in distributions with rpm.
    rpm("-i", "--nodeps", packages.rpm(OLD), packages.rpm(OLD, "-hub"), packages.rpm(OLD, "-sdk"))
    check_tree(machine)
    # logs/ and the like are in the package, too: their owners and modes are verified.
    assert rpm("-V", "--nodeps", "jetpack", "jetpack-hub", "jetpack-sdk", check=False).stdout == ""
    machine.shell(f"chmod 755 {PLACE}/config")
    matches(r"(?m)^\.M\.\.\.\.\.\.\. .* " + PLACE + "/config", rpm("-V", "--nodeps", "jetpack", check=False).stdout)
    kept = put_node_files(machine)
    edit_system_files(machine)
    rpm("-U", "--nodeps", packages.rpm(NEW), packages.rpm(NEW, "-hub"), packages.rpm(NEW, "-sdk"))
    check_edits(machine)
    assert not machine.exists(f"{PLACE}/{STALE}")
    assert all(machine.exists(name) for name in kept)
    assert rpm("-V", "--nodeps", "jetpack", "jetpack-hub", "jetpack-sdk", check=False).stdout == ""
    for name, requirement in (("jetpack", "glibc >= 2.28"), ("jetpack-hub", "jetpack = 8.10.0-100100")):
        assert requirement in rpm("-q", "--requires", name).stdout
    rpm("-e", "jetpack-hub", "jetpack-sdk", "jetpack")
    logs = {f"{PLACE}/logs/jetpack.log", f"{PLACE}/logs/installation.log"}
    assert changed(machine) - before == kept | logs | {"/etc/profile.d/cyclecloud.sh"}


def test_what_is_refused_changes_nothing(machine, packages, stage, tmp_path):
    def refused(text):
        said = machine.fails("dpkg", "-i", packages.deb(NEW))
        assert text in said, said
        assert not machine.exists(f"{PLACE}/bin")
        machine.run("dpkg", "-P", "--force-all", "jetpack", check=False)

    # Another architecture.
    packages.make(stage, NEW, "deb,rpm", "aarch64", tmp_path)
    for package in tmp_path.glob("*.*"):
        shutil.copy(package, packages.directory)
    assert "does not match system" in machine.fails("dpkg", "-i", f"/packages/jetpack_{NEW}_arm64.deb")
    assert "intended for a different architecture" in machine.fails(
        "rpm", "--dbpath", "/var/lib/rpm-test", "-i", "--nodeps", f"/packages/jetpack-{NEW}.aarch64.rpm")
    machine.run("dpkg", "-P", "jetpack", check=False)

    machine.shell("mkdir -p /opt/cycle && mount -t tmpfs -o noexec none /opt/cycle")
    refused("it is mounted noexec")
    machine.shell("mount -o remount,ro,exec /opt/cycle")
    refused("it is read-only or full")
    machine.shell("umount /opt/cycle; mount -t tmpfs -o size=3m none /opt/cycle")
    refused("No space left on device")
    machine.shell("umount /opt/cycle")

    # An outbox that this version cannot read.
    machine.shell(f"mkdir -p {PLACE}/run && head -c 60 /dev/zero >{PLACE}/run/outbox.db && "
                  f"printf '\\0\\0\\0\\143' >>{PLACE}/run/outbox.db")
    refused("cannot downgrade: /opt/cycle/jetpack/run/outbox.db has version 99, and this jetpack knows 3")


def test_an_upgrade_on_a_disk_that_is_full(machine, packages):
    """dpkg puts the old version back."""
    size = int(machine.run("dpkg-deb", "-f", packages.deb(OLD), "Installed-Size").stdout)
    machine.shell(f"mkdir -p /opt/cycle && mount -t tmpfs -o size={size * 3 // 2}k none /opt/cycle")
    machine.run("dpkg", "-i", packages.deb(OLD))
    assert "No space left on device" in machine.fails("dpkg", "-i", packages.deb(NEW))
    check_tree(machine)
    assert machine.exists(f"{PLACE}/{STALE}") and machine.run("dpkg", "--verify", "jetpack").stdout == ""
    machine.shell("mount -o remount,size=1g /opt/cycle")
    machine.run("dpkg", "-i", packages.deb(NEW))
    check_tree(machine)


def test_a_downgrade(machine, packages):
    """Is allowed where the outbox can be read."""
    machine.run("dpkg", "-i", packages.deb(NEW))
    machine.shell(f": >{PLACE}/run/outbox.db")
    machine.run("dpkg", "-i", packages.deb(OLD))
    check_tree(machine)
    assert machine.run("dpkg-query", "-W", "-f", "${Version}", "jetpack").stdout == OLD
    # What a newer version has written may be in the write-ahead log only.
    machine.shell(f"sed -i 's/^outbox_schema=.*/outbox_schema=4/' {PLACE}/system/install/steps.sh")
    assert "has version 4, and this jetpack knows 3" in machine.fails("dpkg", "-i", packages.deb(NEW))
    check_tree(machine)
    machine.shell(f"rm {PLACE}/run/outbox.db")
    machine.run("dpkg", "-i", packages.deb(NEW))


def test_the_original_and_an_account_of_another(machine, packages):
    machine.shell("groupadd -g 4321 others; groupadd -g 4322 cyclecloud; useradd -m -u 4323 -g others cyclecloud")
    machine.write(f"{PLACE}/system/embedded/lib/python3.8/os.py", "")
    machine.write(f"{PLACE}/system/chef/cache/jetpack/downloads/tool.tgz", "data")
    machine.write(f"{PLACE}/config/jetpack.ini", "[cycle_server]\nwebserver = https://192.0.2.1:9443\n"
                  "[identity]\ncluster_name = demo\n", 0o640)
    machine.shell(f"chown -R :others {PLACE}")
    machine.write(f"{PLACE}/config/connection.json", '{"cluster": "demo"}', 0o640)
    said = machine.fails("dpkg", "-i", packages.deb(NEW))
    assert "the original Jetpack is installed" in said and "JETPACK_REPLACE=1" in said
    assert not machine.exists(f"{PLACE}/bin")
    machine.run("env", "JETPACK_REPLACE=1", "dpkg", "-i", packages.deb(NEW))
    check_tree(machine)
    assert machine.shell(f"ls {PLACE}/system/original-*/embedded/lib/python3.8/os.py")
    assert machine.read(f"{PLACE}/system/chef/cache/jetpack/downloads/tool.tgz") == "data"
    # Its configuration is ours now, and its group's files are those of the group that is there.
    matches(r'"cluster": "demo"', machine.jetpack("status", "--json", check=False).stdout)
    assert machine.shell(f"stat -c %g {PLACE}/logs {PLACE}/config/*.ini {PLACE}/config/*.json") == "4322\n" * 3
    machine.run("dpkg", "-P", "jetpack")
    # Nobody asked us to remove an account that others made.
    assert machine.run("id", "-u", "cyclecloud").stdout == "4323\n"


def unpack_tarball(machine, stage):
    machine.run("mkdir", "-p", "/opt/cycle")
    with subprocess.Popen(["tar", "-cf", "-", "-C", stage.parent, "jetpack"], stdout=subprocess.PIPE) as tar:
        machine.run("tar", "-xf", "-", "-C", "/opt/cycle", stdin=tar.stdout)


def test_a_package_over_a_tarball(machine, packages, stage):
    """Takes it over, without what the tarball had more; the tarball's installer then leaves it alone."""
    unpack_tarball(machine, stage)
    machine.shell(f"cp {PLACE}/lib/jetpack/plugins/users.so {PLACE}/{STALE}; "
                  f"cd {PLACE} && sha256sum {STALE} >>system/install/agent.sha256; system/install/install.sh")
    machine.run("dpkg", "-i", packages.deb(NEW))
    check_tree(machine)
    assert not machine.exists(f"{PLACE}/{STALE}")
    for options in ([], ["--uninstall"]):
        assert "installed as a package" in machine.fails(f"{PLACE}/system/install/install.sh", *options)
    # What comes after the package is removed is not the package's to purge.
    machine.run("dpkg", "-r", "jetpack")
    unpack_tarball(machine, stage)
    machine.run(f"{PLACE}/system/install/install.sh")
    assert "installed in /opt/cycle/jetpack again" in machine.run("dpkg", "-P", "jetpack").stdout
    check_tree(machine)


def test_members_of_the_group_gain_nothing(machine, packages):
    """They own what is in logs/; root follows no link there."""
    machine.run("dpkg", "-i", packages.deb(OLD))
    machine.write("/root/secret", "secret", 0o600)
    machine.shell(f"cd {PLACE}/logs && rm *.log && ln -s /root/secret installation.log && ln -s /root/secret jetpack.log")
    machine.run("dpkg", "-i", packages.deb(NEW))
    assert machine.shell("stat -c '%a %u %g' /root/secret; cat /root/secret") == "600 0 0\nsecret"
    assert "installed in" in machine.read(f"{PLACE}/logs/installation.log")


def test_labels_are_set_where_the_tool_exists(machine, packages):
    machine.write("/usr/sbin/restorecon", '#!/bin/sh\necho "$@" >/restored\n', 0o755)
    machine.run("dpkg", "-i", packages.deb(NEW))
    assert machine.read("/restored").startswith(f"-R {PLACE} /etc/systemd/system")


def test_two_builds_are_equal(packages, stage, tmp_path):
    """In another place, at another time, by another user's settings."""
    home = tmp_path / "elsewhere/jetpack"
    shutil.copytree(stage, home, symlinks=True, copy_function=shutil.copy)
    output = tmp_path / "output"
    make = ["sh", "-c", 'umask 077; exec "$@"', "sh", packages.tools / "packages.py", "--compression=none", "x86_64", NEW,
            home, output]
    subprocess.run(make, check=True, cwd="/", env={**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C",
                                                   "SOURCE_DATE_EPOCH": "1764000000"})
    names = sorted(path.name for path in output.iterdir())
    assert len(names) == 8
    same, different, errors = filecmp.cmpfiles(packages.directory, output, names, shallow=False)
    assert (sorted(same), different, errors) == (names, [], [])


def test_lintian_finds_no_error(packages):
    if not shutil.which("lintian"):
        pytest.skip("lintian is missing")
    names = [packages.directory / packages.deb(NEW, part).rpartition("/")[2] for part in ("", "-hub", "-sdk")]
    result = subprocess.run(["lintian", "--no-cfg", "--fail-on", "error", "--allow-root", "--suppress-tags",
                             "uses-no-compression-for-control-tarball,uses-no-compression-for-data-tarball", *names],
                            text=True, capture_output=True, timeout=240, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_outbox_schema_is_that_of_the_source(repository):
    steps = (repository / "tools/packaging/install/steps.sh").read_text()
    source = (repository / "core/services/session/outbox_schema.cpp").read_text()
    number = source.split("schema_version = ")[1].split(";")[0]
    assert f"\noutbox_schema={number}\n" in steps
