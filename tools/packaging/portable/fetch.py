#!/usr/bin/python3
"""Fetches the Debian packages and sources that a release is built from, pinned by version and hash.

usage: fetch.py CACHE [--update]

CACHE gets the files, and apt's own lists in CACHE/apt; the machine's apt is not touched. The mirror is
the one that the machine installs from; the index is trusted only with a signature of Debian's keyring.
--update sets the versions and hashes in pins.txt to what the mirror has now, and fetches nothing.
"""
import argparse
import dataclasses
import hashlib
import pathlib
import re
import subprocess
import sys
import urllib.parse

PINS = pathlib.Path(__file__).with_name("pins.txt")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
BASE = "bookworm"
OLD = "bullseye"
# How the file of a source ends, and how apt-get gets it.
SOURCES = {"src": (".dsc", []), "tar": (".orig.tar.gz", ["--tar-only"]),
           "diff": (".debian.tar.xz", ["--diff-only"])}
URI = re.compile(r"'[^']+' (\S+) \d+ (?:SHA256:)?([0-9a-f]{64})?")


class FetchError(Exception):
    """What an administrator has to know."""


@dataclasses.dataclass
class Pin:
    """A line of pins.txt."""
    kind: str
    architecture: str
    package: str
    version: str
    sha256: str
    licence: str

    @property
    def name(self):
        return self.package.split("/")[0]

    @property
    def file(self):
        """The name that apt gives the file."""
        version = self.version.split(":")[-1]
        if self.kind == "tar":
            version = version.rpartition("-")[0]
        if self.kind in SOURCES:
            return f"{self.name}_{version}{SOURCES[self.kind][0]}"
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"

    def __str__(self):
        return f"{self.kind} {self.architecture} {self.package} {self.version} {self.sha256} {self.licence}"


def read_pins():
    """The pins, in the order of the file."""
    return [Pin(*line.split(None, 5)) for line in PINS.read_text().splitlines()
            if line and not line.startswith("#")]


def has(path, sha256):
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def run(*words, cwd=None):
    done = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise FetchError(f"{words[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def mirrors():
    """Where this machine gets Debian 12 and its security updates from."""
    found = {}
    for line in run("apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)",
                    "Created-By: Packages").splitlines():
        release, uri = line.split()
        found.setdefault(release, uri)
    if BASE not in found:
        raise FetchError(f"no source of {BASE} is configured: a release is built on Debian 12")
    found.setdefault(f"{BASE}-updates", found[BASE])
    # A root that debootstrap made has no security updates; mirrors have them beside the others.
    found.setdefault(f"{BASE}-security", re.sub(r"/debian/?$", "/debian-security/", found[BASE]))
    return found


class Apt:
    """An apt of its own: configuration, lists and cache are below the given directory."""

    def __init__(self, directory):
        self.directory = directory
        for name in ("lists/partial", "cache/archives/partial", "parts"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        (directory / "status").touch()
        served = mirrors()
        options = f"[signed-by={KEYRING} arch=amd64,arm64]"
        lines = [f"deb {options} {served[BASE]} {OLD} main"]
        for release in (BASE, f"{BASE}-updates", f"{BASE}-security"):
            lines += [f"{kind} {options} {served[release]} {release} main" for kind in ("deb", "deb-src")]
        (directory / "sources.list").write_text("\n".join(lines) + "\n")
        self.configuration = directory / "apt.conf"
        self.configuration.write_text("\n".join([
            f'Dir::State "{directory}";', f'Dir::State::Lists "{directory}/lists";',
            f'Dir::State::status "{directory}/status";', f'Dir::Cache "{directory}/cache";',
            f'Dir::Etc::SourceList "{directory}/sources.list";',
            f'Dir::Etc::SourceParts "{directory}/parts";',
            f'Dir::Etc::PreferencesParts "{directory}/parts";', 'Dir::Etc::Preferences "/dev/null";',
            'APT::Architecture "amd64";', 'APT::Architectures { "amd64"; "arm64"; };',
            'APT::Sandbox::User "root";', 'Acquire::Languages "none";', 'Acquire::Retries "3";', '']))

    def get(self, *words, cwd=None):
        return run("env", f"APT_CONFIG={self.configuration}", "apt-get", "-q", *words, cwd=cwd)


def wish(pin, version=None):
    """The pin's package as apt's command line has it."""
    wanted = pin.package if version is None else f"{pin.name}={version}"
    if pin.kind in SOURCES or pin.architecture == "all":
        return wanted
    return re.sub(r"^[^/=]+", f"{pin.name}:{pin.architecture}", wanted)


def update(apt, pins):
    """Sets versions and hashes to what is served."""
    for pin in pins:
        verb = ["--only-source", "source"] if pin.kind in SOURCES else ["download"]
        found = URI.findall(apt.get("--print-uris", *verb, wish(pin)))
        name = next(name for name, _ in found if name.endswith((".dsc", ".deb")))
        ending = SOURCES[pin.kind][0] if pin.kind in SOURCES else ".deb"
        pin.sha256 = next(sha256 for name, sha256 in found if name.endswith(ending))
        if pin.kind in SOURCES:
            pin.version = name.removeprefix(pin.name + "_").removesuffix(".dsc")
        else:
            pin.version = urllib.parse.unquote(name.split("_")[1])
    head = [line for line in PINS.read_text().splitlines() if line.startswith("#")]
    PINS.write_text("\n".join([*head, *map(str, pins)]) + "\n")


def fetch(apt, cache, missing):
    """Gets the files of the pins, and refuses what has another hash."""
    verbs = {"deb": ["download"]}
    for kind, (_, options) in SOURCES.items():
        verbs[kind] = ["--only-source", "--download-only", *options, "source"]
    for kind, verb in verbs.items():
        wishes = [wish(pin, pin.version) for pin in missing if pin.kind == kind]
        try:
            if wishes:
                apt.get(*verb, *wishes, cwd=cache)
        except FetchError as error:
            raise FetchError(f"{error}\nThe mirror may have a newer version: run tools/release "
                             "--update-pins and look at the difference") from error
    for pin in missing:
        if not has(cache / pin.file, pin.sha256):
            raise FetchError(f"{cache / pin.file}: not the file with the SHA-256 {pin.sha256} that pins.txt asks for")


def main():
    """Fetches what is missing, or updates the pins."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cache", type=pathlib.Path)
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    cache = arguments.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    pins = read_pins()
    missing = [pin for pin in pins if not has(cache / pin.file, pin.sha256)]
    try:
        if not missing and not arguments.update:
            return
        apt = Apt(cache / "apt")
        apt.get("update")
        if arguments.update:
            update(apt, pins)
        else:
            fetch(apt, cache, missing)
    except (FetchError, StopIteration) as error:
        sys.exit(f"fetch: {error}")


if __name__ == "__main__":
    main()
