"""plugins/hub/README.md, "The first hour", as it is written, on a machine with systemd: from nothing to two nodes."""

import json
import re
import shlex

from package_set import NEW, PLACE
from servers.process import wait_for

# A session with an alias, as an administrator's shell.
SHELL = ["bash", "-O", "expand_aliases", "-c"]
DATA = "--data /var/lib/jetpack-hub"


def commands_of(readme):
    """The commands of the section's console blocks, in their order, without their comments."""
    section = readme.split("\n## The first hour\n")[1].split("\n## ")[0]
    lines = [line for block in re.findall(r"```console\n(.*?)```", section, re.S) for line in block.splitlines()]
    assert all(line.startswith("# ") for line in lines)
    return [line[2:].split("    # ")[0] for line in lines]


class Administrator:
    """Types commands one after the other."""

    def __init__(self, machine):
        self.machine, self.aliases = machine, []

    def type(self, command):
        if command.startswith("alias "):
            self.aliases.append(command)
            return ""
        result = self.machine.run(*SHELL, "\n".join([*self.aliases, command]))
        return result.stdout


def test_the_first_hour(start_machine, packages, repository):
    commands = commands_of((repository / "plugins/hub/README.md").read_text())
    machine = start_machine(boot=True)
    machine.shell("echo '127.0.0.1 head.example' >> /etc/hosts")
    person = Administrator(machine)

    install, *commands = commands
    assert re.fullmatch(r"apt install \./jetpack_\*_amd64\.deb \./jetpack-hub_\*_amd64\.deb", install)
    machine.run("dpkg", "-i", packages.deb(NEW), packages.deb(NEW, "-hub"))  # apt would ask registries
    said = {}
    while not commands[0].endswith("HASH"):
        command = commands.pop(0)
        said[command.split(" --data")[0]] = person.type(command)
    password = said["hub admin"].strip()
    printed = said["hub join-token create -c demo --nodearray execute"].strip()
    join, initialize, *look = commands
    assert machine.run("systemctl", "show", "-P", "User", "jetpack-hub").stdout == "jetpack-hub\n"
    # It sees a file system of its own, in which little can be written.
    process = machine.run("systemctl", "show", "-P", "MainPID", "jetpack-hub").stdout.strip()
    mounts = dict(line.split()[4:6] for line in machine.read(f"/proc/{process}/mountinfo").splitlines())
    assert {path: mounts[path].split(",")[0] for path in ("/", "/var/lib/jetpack-hub", f"{PLACE}/run")} == {
        "/": "ro", "/var/lib/jetpack-hub": "rw", f"{PLACE}/run": "rw"}

    # What is in capitals, the hub has printed.
    token, hash_ = shlex.split(printed)[4], shlex.split(printed)[6]
    join = join.replace("TOKEN", token).replace("sha256:HASH", hash_)
    assert join == printed.replace("jetpack join", f"{PLACE}/bin/jetpack join")
    assert "Joined as node " in person.type(join + " --node execute-1")
    assert "jetpackd is running" in person.type(initialize)
    # The second node is a home tree of its own on this machine.
    second = "JETPACK_HOME=/srv/second "
    assert "Joined as node execute-2" in person.type(second + join + " --node execute-2")
    person.type(second + initialize + " --no-start")

    def page(path):
        return json.loads(machine.run("curl", "-sf", "--cacert", "/var/lib/jetpack-hub/tls/ca.pem", "-u",
                                      f"admin:{password}", f"https://head.example:9443{path}").stdout)

    wait_for(lambda: [node["name"] for node in page("/api/nodes?cluster=demo")["nodes"]
                      if node["phase"] in ("Installing", "Ready")] == ["execute-1", "execute-2"], "two nodes on the page")
    listed, terminate, remove = look
    assert re.search(r" execute-1 .*\n.* execute-2 ", person.type(listed))
    assert "execute-1" in person.type(terminate)
    assert page("/api/node?cluster=demo&node=execute-1")["node"]["last_request"]["reason"] == "to see what it does"
    person.type(remove)
    assert [node["name"] for node in page("/api/nodes?cluster=demo")["nodes"]] == ["execute-2"]

    # The service: reload, watchdog and restart, backup as its user.
    machine.run("systemctl", "reload", "jetpack-hub")
    machine.run("runuser", "-u", "jetpack-hub", "--", f"{PLACE}/bin/jetpack", "hub", "backup", "/tmp/backup", *DATA.split())
    denied = machine.jetpack("hub", "admin", *DATA.split(), check=False)
    assert denied.returncode == 1 and "sudo -u jetpack-hub jetpack hub" in denied.stderr
    before = machine.run("systemctl", "show", "-P", "MainPID", "jetpack-hub").stdout
    machine.run("kill", "-KILL", before.strip())
    wait_for(lambda: machine.run("systemctl", "show", "-P", "MainPID", "jetpack-hub").stdout not in (before, "0\n"),
             "the hub after kill -9")
    wait_for(lambda: machine.run("curl", "-skf", "https://head.example:9443/healthz", check=False).returncode == 0, "health")
