"""Start-up: --help beside 20 plugins, --version, config KEY of a 256 KiB node.json; and the peers."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import measure

PLUGINS = 20
RUNS = 200
CONFIG_KEY = "section199.item7.value"  # near the end of the file


def write_node_json(path, size=256 << 10):
    """An attribute dump of `size` bytes: nested objects, text and numbers, as Ohai writes it."""
    tree, section = {}, 0
    while len(text := json.dumps(tree, indent=1)) < size:
        for section in range(section, section + 10):
            tree[f"section{section}"] = {
                f"item{i}": {"value": section * i, "name": f"attribute {i}", "flags": [True, None]}
                for i in range(8)}
        section += 1
    path.write_text(text)


def write_git_config(path, node_json):
    """The same number of bytes in the form that git reads, the key at its end."""
    size, lines = node_json.stat().st_size, []
    while sum(map(len, lines)) < size - 100:
        lines.append(f'[section "{len(lines)}"]\n' + "".join(f"\titem{i} = attribute {i}\n" for i in range(16)))
    path.write_text("".join(lines) + "[last]\n\tvalue = 1\n")


def small_plugins(directory, count):
    """`count` plugins made of the SDK's template. It is compiled once: names of equal length are
    put into copies of it."""
    source = (measure.REPOSITORY / "sdk/templates/cpp/NAME.cpp").read_text()
    source = source.replace("@NAME@", "bench00").replace("@ID@", "com.example.bench00")
    first = directory / "bench00.cpp"
    first.write_text(source)
    home = measure.BUILT_HOME
    subprocess.run(
        ["g++", "-std=c++20", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", f"-I{home}/include", first,
         "-o", directory / "bench00.so", f"-Wl,--version-script={home}/share/jetpack/jetpack-plugin.map"],
        check=True)
    first.unlink()
    content = (directory / "bench00.so").read_bytes()
    for number in range(1, count):
        name = b"bench%02d" % number
        (directory / f"{name.decode()}.so").write_bytes(content.replace(b"bench00", name))


def prepare(directory):
    """A copy of the installed tree, the hub's bundle included, with 20 plugins in all, a node's home, and the peers' files."""
    directory = Path(directory)
    installed = directory / "installed"
    for part in ("bin", "lib", "plugins"):
        shutil.copytree(measure.BUILT_HOME / part, installed / part, symlinks=True)
    plugins = installed / "lib/jetpack/plugins"
    small_plugins(plugins, PLUGINS - len(list(plugins.glob("*.so"))))
    home = directory / "home"
    (home / "config").mkdir(parents=True)
    (home / "plugins").mkdir(mode=0o755)
    write_node_json(home / "config/node.json")
    write_git_config(directory / "large.gitconfig", home / "config/node.json")
    (directory / ".gitconfig").write_text("[user]\n\tname = Bench\n")
    empty = directory / "empty.cpp"
    empty.write_text("#include <iostream>\nint main() {}\n")
    subprocess.run(["g++", "-O2", empty, "-o", directory / "empty"], check=True)
    return installed / "bin/jetpack", home


def keep_index(binary, home, environment):
    """Runs jetpack until it has kept its index of commands, as on a node: not of what was changed just now."""
    end = time.monotonic() + 60
    while not (home / "plugins/commands.index").exists():
        subprocess.run([binary, "--help"], env=environment, check=True, stdout=subprocess.DEVNULL)
        if time.monotonic() > end:
            raise RuntimeError("jetpack keeps no index of its commands")
        time.sleep(0.2)


def jetpack_cases(directory):
    binary, home = prepare(directory)
    environment = measure.jetpack_environment(home)
    keep_index(binary, home, environment)

    def case(name, *args):
        return measure.Case(name, [str(binary), *args], environment)

    return [case(f"jetpack --help, {PLUGINS} plugins", "--help"),
            case("jetpack --version", "--version"),
            case("jetpack config KEY, 256 KiB", "config", CONFIG_KEY)]


def peer_cases(directory):
    environment = {"HOME": str(directory), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                   "GIT_CONFIG_NOSYSTEM": "1"}
    git = shutil.which("git")
    large = f"{directory}/large.gitconfig"
    return [
        measure.Case("git --version", [git, "--version"], environment),
        measure.Case("git config --get", [git, "config", "--get", "user.name"], environment, str(directory)),
        measure.Case("git config --get, 256 KiB", [git, "config", "-f", large, "--get", "last.value"],
                     environment, str(directory)),
        measure.Case("python3 import json, argparse",
                     ["/usr/bin/python3", "-c", "import json,argparse"], environment),
        measure.Case("empty C++ program", [f"{directory}/empty"], environment),
    ]


def run(directory):
    measure.require("git", "valgrind", "strace", "g++")
    ours, peers = jetpack_cases(directory), peer_cases(directory)
    results = measure.side_by_side(ours + peers, RUNS)
    measure.count_exactly(ours + peers, results)
    measure.print_table(results, "git --version")
    help_, version, config = (results[case.name] for case in ours)
    git, git_config = results["git --version"], results["git config --get"]
    return all([
        measure.budget("--help", help_.instructions / 1e6, 0.6, " M instructions"),
        measure.budget("--version", version.instructions / 1e6, 0.6, " M instructions"),
        measure.budget("--help / git --version", help_.ratio(git), 1),
        measure.budget("--version / git --version", version.ratio(git), 1),
        measure.budget("config KEY / git config --get", config.ratio(git_config), 1),
        measure.budget("config KEY, peak", config.peak_kib / 1024, 8, " MB"),
    ])
