"""system/install/install.sh: installs the tree below --root, says what it would do, removes it."""

import os
import shutil
import stat
import subprocess

import pytest

PLACE = "opt/cycle/jetpack"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can install")


class Installer:
    """The installer of an unpacked tree, and the system that it installs into."""

    def __init__(self, source, root):
        self.source = source
        self.root = root
        self.home = root / PLACE

    def __call__(self, *options, code=0):
        result = subprocess.run([self.source / "system/install/install.sh", "--root", self.root, *options],
                                text=True, capture_output=True, timeout=120, check=False)
        assert result.returncode == code, result.stderr
        return result.stdout if code == 0 else result.stderr

    def mode(self, name):
        status = (self.home / name).stat()
        return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid

    def files(self):
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*")
                if path.is_symlink() or not path.is_dir()}


@pytest.fixture(name="installer")
def _installer(built_home, tmp_path):
    """The staged home, unpacked as a tarball would be; links to large files save time."""
    source = tmp_path / "jetpack"
    shutil.copytree(built_home, source, symlinks=True, copy_function=lambda one, two: os.link(one, two),
                    ignore=lambda path, names: {"config", "logs", "run", "scripts"} & set(names)
                    if path == str(built_home) else set())
    for name in ("agent.sha256", "checks.sha256", "hub.sha256", "sdk.sha256", "install.sh", "steps.sh"):
        copy = source / "system/install" / name
        if copy.exists():
            content = copy.read_bytes()
            copy.unlink()
            copy.write_bytes(content)
    (source / "system/install/install.sh").chmod(0o755)
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "usr/share/zsh/site-functions").mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\nused:x:999:999::/:/bin/false\n")
    (root / "etc/group").write_text("root:x:0:\n")
    return Installer(source, root)


def test_install_upgrade_and_remove(installer):
    before = installer.files()
    would = installer("--dry-run")
    assert f"would run: mkdir -p {installer.home}/logs" in would
    assert installer.files() == before

    assert f"next, run: /{PLACE}/bin/jetpack initialize" in installer()
    group = int(next(line for line in (installer.root / "etc/group").read_text().splitlines()
                     if line.startswith("cyclecloud:")).split(":")[2])
    assert group == 998  # 999 is another's
    assert f"cyclecloud:x:998:998::/{PLACE}:" in (installer.root / "etc/passwd").read_text()
    assert installer.mode(".") == (0o750, 0, group)
    assert installer.mode("config") == (0o2750, 0, group)
    assert installer.mode("logs") == (0o2770, 0, group)
    assert installer.mode("run") == (0o2770, 0, group)
    assert installer.mode("logs/jetpack.log") == (0o660, 0, group)
    assert installer.mode("bin/jetpack") == (0o755, 0, group)
    assert installer.mode("system/bootstrap")[0] == 0o755
    assert "installed in" in (installer.home / "logs/installation.log").read_text()

    etc = installer.root / "etc"
    profile = (etc / "profile.d/cyclecloud.sh").read_text().splitlines()
    assert f"export CYCLECLOUD_HOME=/{PLACE}" in profile
    assert [line for line in profile if line.startswith("export PATH=")] == ["export PATH=$PATH:$CYCLECLOUD_HOME/bin"]
    for unit in ("jetpackd.service", "healthcheck.service"):
        assert "\nExecStart=" in (etc / "systemd/system" / unit).read_text()
        assert (etc / "systemd/system/multi-user.target.wants" / unit).resolve() == etc / "systemd/system" / unit
    version = subprocess.run([installer.home / "bin/jetpack", "--version"], capture_output=True, text=True,
                             timeout=60, check=True)
    assert version.stdout.startswith("8.")

    # An upgrade keeps what is the node's.
    kept = {"config/connection.json": "{}", "run/outbox.db": "queue", "scripts/onPreempt.sh": "#!/bin/sh\n",
            "logs/jetpack.log": "a line\n"}
    for name, content in kept.items():
        (installer.home / name).write_text(content)
    (installer.home / "config/connection.json").chmod(0o640)
    with (installer.home / "system/install/agent.sha256").open("a") as file:
        file.write(f"{'0' * 64}  lib/jetpack/plugins/gone.so\n")
    gone = installer.home / "lib/jetpack/plugins/gone.so"
    gone.write_text("of an older version")
    installer()
    assert not gone.exists()
    for name, content in kept.items():
        assert (installer.home / name).read_text() == content
    assert installer.mode("config/connection.json")[0] == 0o640
    assert (etc / "group").read_text().count("cyclecloud:") == 1

    installer("--uninstall")
    left = installer.files() - before
    assert left == {f"{PLACE}/{name}" for name in [*kept, "logs/installation.log"]}
    assert not (installer.home / "bin").exists()
    # A directory that was there is another's; those that the installation created go with it.
    assert not (installer.root / "usr/share/fish").exists()
    assert (installer.root / "usr/share/zsh/site-functions").is_dir()
    installer("--uninstall", "--purge")
    assert installer.files() == before
    assert "cyclecloud" not in (etc / "passwd").read_text() + (etc / "group").read_text()
    assert "not installed" in installer("--uninstall", code=1)


def test_an_incomplete_tree_is_refused(installer):
    before = installer.files()
    page = next((installer.source / "share/man").rglob("*.1"))
    page.unlink()
    text = installer(code=1)
    assert "incomplete" in text and page.name in text
    for name in ("agent", "checks", "hub", "sdk"):
        (installer.source / f"system/install/{name}.sha256").unlink()
    assert "it has no list of files" in installer(code=1)
    assert installer.files() == before


def test_the_original_is_replaced_only_on_request(installer):
    library = installer.home / "system/embedded/lib/python3.12"
    library.mkdir(parents=True)
    (library / "os.py").write_text("")
    (installer.home / "config").mkdir()
    (installer.home / "config/jetpack.ini").write_text("[cycle_server]\n")
    assert "--replace" in installer(code=1)
    assert not (installer.home / "bin").exists()
    installer("--replace")
    assert (installer.home / "config/jetpack.ini").read_text() == "[cycle_server]\n"
    assert not (library / "os.py").exists()
    assert list((installer.home / "system").glob("original-*/embedded/lib/python3.12/os.py"))


def test_options(installer):
    assert "unknown option '--frobnicate'" in installer("--frobnicate", code=1)
    assert "usage: system/install/install.sh" in installer("--help")
    assert "--purge is for --uninstall" in installer("--purge", code=1)


def test_another_architecture(installer):
    """An image's shell says what it runs."""
    (installer.root / "bin").mkdir()
    program = bytearray((installer.source / "bin/jetpack").read_bytes()[:64])
    (installer.root / "bin/sh").write_bytes(program)
    installer("--dry-run")
    program[18] = 0xb7 if program[18] != 0xb7 else 0x3e
    (installer.root / "bin/sh").write_bytes(program)
    assert "another architecture" in installer(code=1)
    assert not installer.home.exists()
