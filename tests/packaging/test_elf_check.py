"""`tools/release --check`: what a release's ELF files may need."""

import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def check(directory):
    return subprocess.run([REPOSITORY / "tools/release", "--check", directory], text=True,
                          capture_output=True, timeout=60, check=False)


@pytest.fixture(name="link")
def _link(tmp_path):
    """Links a shared library of one source into the directory that is checked."""
    checked = tmp_path / "checked"

    def build(name, *flags, source="int answer(void) { return 42; }", suffix=".c", into=checked):
        into.mkdir(parents=True, exist_ok=True)
        file = tmp_path / f"source{suffix}"
        file.write_text(source)
        library = into / name
        subprocess.run(["g++" if suffix == ".cpp" else "gcc", "-shared", "-fPIC", file, "-o", library, *flags],
                       check=True, timeout=60)
        return library

    build.checked = checked
    build.elsewhere = tmp_path / "elsewhere"
    return build


def test_what_needs_little_passes(link):
    link("libours.so", "-nostdlib", "-Wl,-soname,libours.so")
    link("plugins/user.so".split("/")[1], "-nostdlib", "-Wl,--no-as-needed", "-L", link.checked, "-lours",
         "-Wl,-rpath,$ORIGIN", source="int other(void) { return 1; }")
    (link.checked / "script").write_text("#!/bin/sh\n")
    result = check(link.checked)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "2 ELF files need nothing but glibc 2.28\n"


def test_each_fault_is_named(link):
    foreign = link("libforeign.so", "-nostdlib", "-Wl,-soname,libforeign.so.1", into=link.elsewhere)
    link("needs.so", "-nostdlib", "-Wl,--no-as-needed", foreign)
    link("newer.so", source="#include <stdlib.h>\nunsigned f(void) { return arc4random(); }")
    link("cxx.so", source="#include <string>\nstd::string f(int i) { return std::to_string(i) + \"x\"; }",
         suffix=".cpp")
    link("absolute.so", "-nostdlib", "-Wl,-rpath,/usr/lib")
    link("outside.so", "-nostdlib", "-Wl,-rpath,$ORIGIN/../elsewhere")
    link("empty.so", "-nostdlib", "-Wl,-rpath,$ORIGIN:")
    result = check(link.checked)
    assert (result.returncode, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert "needs.so: needs the shared library libforeign.so.1" in lines
    assert "newer.so: needs the symbol version GLIBC_2.36" in lines
    assert "cxx.so: needs the shared library libstdc++.so.6" in lines
    assert any(line.startswith("cxx.so: needs the symbol version GLIBCXX_") for line in lines)
    assert "absolute.so: searches libraries in /usr/lib" in lines
    assert "outside.so: searches libraries in $ORIGIN/../elsewhere, which is outside" in lines
    assert "empty.so: searches libraries in the working directory" in lines


def test_nothing_to_check_is_a_failure(tmp_path):
    result = check(tmp_path)
    assert (result.returncode, result.stderr) == (1, f"{tmp_path}: no ELF files\n")


def releases():
    """The homes that tools/release has built here."""
    return sorted((REPOSITORY / "build-release").glob("*/stage/opt/cycle/jetpack"))


@pytest.mark.parametrize("home", releases() or [None], ids=lambda home: home.parts[-5] if home else "none")
def test_the_release_that_was_built(home):
    if home is None:
        pytest.skip("no release was built here: run tools/release")
    result = check(home)
    assert (result.returncode, result.stderr) == (0, "")
    # Agent and built-in plugins, without hub and SDK.
    listed = subprocess.run([REPOSITORY / "tools/packaging/file_list.py", "--names", "agent", home], text=True,
                            capture_output=True, check=True, timeout=60).stdout.split()
    assert sum((home / name).lstat().st_size for name in listed) <= 15_000_000


def test_the_compatibility_archive(tmp_path):
    """What stands in for newer functions of the C library behaves as they do."""
    sources = REPOSITORY / "tools/packaging/portable/compat"
    objects = []
    for name in ("arc4random", "cond_clockwait", "dl_find_object", "compat_test"):
        objects.append(tmp_path / f"{name}.o")
        subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-fno-builtin", "-Wall", "-Wextra", "-Werror",
                        "-c", sources / f"{name}.c", "-o", objects[-1]], check=True, timeout=60)
    # The test sees ours and the C library's own.
    renamed = ("arc4random", "arc4random_buf", "pthread_cond_clockwait", "_dl_find_object")
    for file in objects[:-1]:
        subprocess.run(["objcopy", *(f"--redefine-sym={name}=ours_{name.strip('_')}" for name in renamed), file],
                       check=True, timeout=60)
    program = tmp_path / "compat_test"
    subprocess.run(["gcc", *objects, "-o", program], check=True, timeout=60)
    subprocess.run([program], check=True, timeout=60)
