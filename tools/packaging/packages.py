#!/usr/bin/python3
"""Makes the .deb and .rpm packages of a staged home tree: jetpack, jetpack-hub,
jetpack-checks, jetpack-sdk.

usage: packages.py [--compression xz|none] [--formats deb,rpm] ARCHITECTURE VERSION HOME OUTPUT

HOME is the tree of a build with the prefix /opt/cycle/jetpack, with its lists of files. Its steps.sh becomes part
of each script of a package. Nothing depends on the time and the place but SOURCE_DATE_EPOCH.
"""
import argparse
import datetime
import email.utils
import gzip
import os
import pathlib
import shutil
import subprocess
import tempfile

import file_list

PLACE = "opt/cycle/jetpack"
GROUP = "cyclecloud"
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}
MAINTAINER = "The jetpack authors <maintainers@jetpack.invalid>"
SUMMARIES = {"agent": "agent of a node in an HPC cluster", "hub": "server for nodes with jetpack",
             "checks": "health checks for nodes with jetpack",
             "sdk": "headers for plugins of jetpack"}
DESCRIPTIONS = {
    "agent": "jetpack runs on each node of an HPC cluster. Scripts, schedulers and people\n"
             "use it to read the node's configuration, to report to the cluster's server,\n"
             "and to find out what went wrong.",
    "hub": "jetpack hub is a server for clusters without Azure CycleCloud, for development\nand for tests.",
    "checks": "Health checks that jetpack runs on a node: GPUs, InfiniBand, memory, file systems,\n"
              "disks, the clock, and processes that were killed for want of memory.",
    "sdk": "Headers and settings that a plugin, a subcommand of jetpack, is compiled with.",
}
# The bundle that a package activates, which a build for development does not.
ACTIVATED = {"checks": "jetpack.checks"}
# A script is the head, the steps, and these lines; what a package manager passes to it is in $1.
HEAD = """#!/bin/sh
set -eu
umask 022
program='{name}.{script}' root='' dry_run='' replace=${{JETPACK_REPLACE:-}}
replace_how='set JETPACK_REPLACE=1 in the environment of the installation'
"""
BEFORE = """check_original
check_outbox
check_place
set_original_aside
"""
OWN = "group=$(group_id)\nown_files\n"


def when(condition, steps):
    return f"if {condition}; then\n{steps}fi\n"


DEB_SCRIPTS = {
    "agent": {
        "preinst": when('[ "$1" = install ] || [ "$1" = upgrade ]', BEFORE)
        + when('[ "$1" = install ]', "remember_files\n"),
        "postinst": when('[ "$1" = configure ]', "remove_replaced\nconfigure\n"),
        "prerm": when('[ "$1" = remove ]', "deconfigure\n"),
        "postrm": 'case $1 in\n  remove) remove_remains ;;\n  purge) purge ;;\nesac\n',
    },
    "hub": {"postinst": when('[ "$1" = configure ]', OWN + "configure_hub\n"),
            "prerm": when('[ "$1" = remove ]', "deconfigure_hub\n")},
    "checks": {"postinst": when('[ "$1" = configure ]', OWN)},
    "sdk": {"postinst": when('[ "$1" = configure ]', OWN)},
}
RPM_SCRIPTS = {
    "agent": {
        "pre": BEFORE + "create_account\n" + when('[ "$1" -eq 1 ]', "remember_files\n"),
        "post": "remove_replaced\nconfigure\n",
        "preun": when('[ "$1" -eq 0 ]', "deconfigure\n"),
        "postun": when('[ "$1" -eq 0 ]', "remove_remains\n"),
    },
    "hub": {"post": "configure_hub\n", "preun": when('[ "$1" -eq 0 ]', "deconfigure_hub\n")},
    "checks": {},
    "sdk": {},
}
# Why each error of lintian is none here; warnings are not looked at.
OVERRIDES = {
    "dir-or-file-in-opt": "the reference's place, which callers rely on",
    "embedded-library": "a release needs no library of the machine but the C library",
}


def name_of(part):
    return "jetpack" if part == "agent" else f"jetpack-{part}"


class Package:
    """One part of the tree as a package."""

    def __init__(self, part, options):
        self.part = part
        self.name = name_of(part)
        self.options = options
        self.home = options.home
        self.epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or 0)
        self.links = {f"plugins/active/{bundle}": f"../store/{bundle}/{version.name}"
                      for bundle in ACTIVATED.get(part, "").split()
                      for version in (self.home / "plugins/store" / bundle).iterdir()}
        self.files = sorted({*self.links, *(name for name in file_list.names(self.home)
                                            if file_list.package_of(name) == part)})
        self.files.append(f"system/install/{part}.sha256")
        self.steps = (self.home / "system/install/steps.sh").read_text()

    def script(self, name, lines):
        return HEAD.format(name=self.name, script=name) + self.steps + "\n# ---- this script ----\n" + lines

    def directories(self):
        """The directories of the tree that have files of this package, without the tree itself."""
        return sorted({parent.as_posix() for name in self.files for parent in pathlib.PurePath(name).parents
                       if parent.as_posix() != "."})

    def lay_out(self, payload):
        """Copies the files, with their modes, below a directory."""
        home = payload / PLACE
        for name in self.files:
            target = home / name
            target.parent.mkdir(parents=True, exist_ok=True)
            source = self.home / name
            if name in self.links:
                target.symlink_to(self.links[name])
                continue
            if source.is_symlink():
                target.symlink_to(os.readlink(source))
                continue
            shutil.copyfile(source, target)
            target.chmod(0o755 if os.access(source, os.X_OK) and source.suffix != ".so" else 0o644)
        for directory, _, _ in os.walk(payload):
            os.chmod(directory, 0o755)
        home.chmod(0o750)

    def settle(self, payload):
        """All times are that of the commit."""
        for path in [payload, *payload.rglob("*")]:
            os.utime(path, (self.epoch, self.epoch), follow_symlinks=False)


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)


def run(*command, **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if result.returncode != 0:
        raise SystemExit(f"{command[0]} failed:\n{result.stdout}")


def deb_documents(package, payload):
    """What Debian wants of every package."""
    documents = payload / "usr/share/doc" / package.name
    licence = (pathlib.Path(__file__).resolve().parents[2] / "LICENSE").read_text()
    write(documents / "copyright", f"{licence}\nThe licences of what is linked in: /{PLACE}/share/jetpack/licences\n")
    date = email.utils.format_datetime(datetime.datetime.fromtimestamp(package.epoch, datetime.timezone.utc))
    entry = (f"{package.name} ({package.options.version}) stable; urgency=medium\n\n"
             f"  * See CHANGELOG.md of the project.\n\n -- {MAINTAINER}  {date}\n")
    write(documents / "changelog.Debian.gz", gzip.compress(entry.encode(), 9, mtime=0))
    lines = [f"# {why}\n{package.name}: {tag}\n" for tag, why in OVERRIDES.items()]
    write(payload / "usr/share/lintian/overrides" / package.name, "".join(lines))


def make_deb(package, work, output):
    payload = work / "deb" / package.name
    package.lay_out(payload)
    deb_documents(package, payload)
    architecture = DEBIAN[package.options.architecture]
    version = package.options.version
    depends = "libc6 (>= 2.28), passwd" if package.part == "agent" else f"libc6 (>= 2.28), jetpack (= {version})"
    size = sum(path.lstat().st_size for path in payload.rglob("*") if path.is_file()) // 1024
    fields = [f"Package: {package.name}", f"Version: {version}", f"Architecture: {architecture}",
              f"Maintainer: {MAINTAINER}", f"Installed-Size: {size}", f"Depends: {depends}"]
    if package.part == "agent":
        fields += ["Recommends: ca-certificates, python3", "Conflicts: jetpack8"]
    fields += ["Section: admin", "Priority: optional", f"Description: {SUMMARIES[package.part]}"]
    fields += [f" {line}" for line in DESCRIPTIONS[package.part].split("\n")]
    control = payload / "DEBIAN"
    write(control / "control", "\n".join(fields) + "\n")
    for name, lines in DEB_SCRIPTS[package.part].items():
        write(control / name, package.script(name, lines), 0o755)
    package.settle(payload)
    run("dpkg-deb", "--root-owner-group", f"-Z{package.options.compression}", "--build", str(payload),
        str(output / f"{package.name}_{version}_{architecture}.deb"),
        env={**os.environ, "SOURCE_DATE_EPOCH": str(package.epoch)})


def state_tree(package):
    """The mode and path of each directory that holds state."""
    lines = subprocess.run(["sh", "-c", f"{package.steps}\nstate_tree"], check=True, text=True,
                           capture_output=True).stdout
    return [line.split() for line in lines.splitlines()]


def rpm_files(package, payload):
    """The lines of %files: owner, group and modes as the steps set them."""
    state = {}
    if package.part == "agent":
        state = {path: mode for mode, path in state_tree(package)}
    for path, mode in state.items():
        (payload / PLACE / path).mkdir(parents=True, exist_ok=True)
        yield f"%dir %attr({mode},root,{GROUP}) /{PLACE}{'' if path == '.' else '/' + path}"
    for path in package.directories():
        if path not in state:
            yield f"%dir %attr(0755,root,{GROUP}) /{PLACE}/{path}"
    for name in package.files:
        mode = "-" if (payload / PLACE / name).is_symlink() else f"{(payload / PLACE / name).stat().st_mode & 0o777:04o}"
        yield f"%attr({mode},root,{GROUP}) /{PLACE}/{name}"


def rpm_spec(package, payload):
    version, release = package.options.version.split("-")
    requires = [f"Requires: jetpack = {version}-{release}", f"Requires(pre): jetpack = {version}-{release}"]
    if package.part == "agent":
        requires = ["Requires: glibc >= 2.28", "Conflicts: jetpack8",
                    "Requires(pre): /bin/sh coreutils findutils grep sed /usr/sbin/useradd",
                    "Requires(post): /bin/sh coreutils findutils grep sed",
                    "Requires(preun): /bin/sh coreutils grep sed",
                    "Requires(postun): /bin/sh coreutils findutils"]
    lines = [f"Name: {package.name}", f"Version: {version}", f"Release: {release}",
             f"Summary: {SUMMARIES[package.part].capitalize()}", "License: MIT", "Group: System/Management",
             "AutoReqProv: no", *requires, "%description", DESCRIPTIONS[package.part],
             "%install", f"cp -a {payload}/. %{{buildroot}}"]
    for name, text in RPM_SCRIPTS[package.part].items():
        lines += [f"%{name}", package.script(name, text).split("\n", 1)[1].replace("%", "%%")]
    return "\n".join([*lines, "%files", *rpm_files(package, payload), ""])


def make_rpm(package, work, output):
    payload = work / "rpm" / package.name
    package.lay_out(payload)
    spec = work / f"{package.name}.spec"
    spec.write_text(rpm_spec(package, payload))
    package.settle(payload)
    payload_format = "w9.xzdio" if package.options.compression == "xz" else "w0.gzdio"
    # Nothing is stripped, compiled or linked to once more.
    macros = {"_topdir": work / "rpmbuild", "_rpmdir": output, "_build_name_fmt": "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm",
              "_binary_payload": payload_format, "_buildhost": "jetpack", "__os_install_post": "%{nil}",
              "_build_id_links": "none", "debug_package": "%{nil}", "use_source_date_epoch_as_buildtime": "1",
              "clamp_mtime_to_source_date_epoch": "1", "source_date_epoch_from_changelog": "0"}
    defines = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
    run("rpmbuild", "-bb", "--quiet", "--nodeps", "--target", f"{package.options.architecture}-linux", *defines,
        str(spec), env={**os.environ, "SOURCE_DATE_EPOCH": str(package.epoch)})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compression", choices=("xz", "none"), default="xz")
    parser.add_argument("--formats", default="deb,rpm")
    parser.add_argument("architecture", choices=sorted(DEBIAN))
    parser.add_argument("version")
    parser.add_argument("home", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    options = parser.parse_args()
    os.umask(0o022)
    options.home = options.home.resolve()
    output = options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="jetpack-packages.") as directory:
        for part in SUMMARIES:
            package = Package(part, options)
            for format_name in options.formats.split(","):
                {"deb": make_deb, "rpm": make_rpm}[format_name](package, pathlib.Path(directory), output)


if __name__ == "__main__":
    main()
