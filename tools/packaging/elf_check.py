#!/usr/bin/python3
"""Checks that the ELF files below a directory run on every Linux that a release is for.

usage: elf_check.py DIR

Prints what is wrong, a line each, and fails, when a file needs
  a symbol of the C library newer than GLIBC_2.28, or any version of the C++ library
  a shared library that is neither the C library's nor in DIR
  a search path (RPATH, RUNPATH) that is not relative to the file, or leads out of DIR
"""
import pathlib
import re
import subprocess
import sys

NEWEST = (2, 28)
OF_THE_C_LIBRARY = re.compile(r"(libc|libm|libdl|librt|libpthread|libresolv)\.so\.\d+|ld-linux-[\w-]+\.so\.\d+")
DYNAMIC = re.compile(r"\((NEEDED|SONAME|RPATH|RUNPATH)\).*\[(.*)\]")
NEEDED_VERSION = re.compile(r"Name: (\S+)\s+Flags:")
NEEDS = re.compile(r"Version needs section.*?(?=Version |\Z)", re.S)


def is_elf(path):
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def elf_files(directory):
    """Every ELF file below the directory; links lead to others of them."""
    return sorted(path for path in directory.rglob("*")
                  if path.is_file() and not path.is_symlink() and is_elf(path))


def readelf(path, *options):
    return subprocess.run(["readelf", "-W", *options, path], check=True, capture_output=True,
                          text=True, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}).stdout


def dynamic(path):
    """What the dynamic section says, as (tag, value)."""
    return DYNAMIC.findall(readelf(path, "-d"))


def is_allowed(version):
    """Whether the oldest system has a version of a symbol, such as GLIBC_2.17 or GLIBC_PRIVATE."""
    match = re.fullmatch(r"GLIBC_(\d+(?:\.\d+)*)", version)
    if match:
        return tuple(map(int, match[1].split("."))) <= NEWEST
    return version.startswith("JETPACK_")


def search_path_faults(path, value, top):
    for entry in value.split(":"):
        if not entry.startswith("$ORIGIN"):
            yield f"searches libraries in {entry or 'the working directory'}"
        elif not (path.parent / entry.replace("$ORIGIN", ".", 1)).resolve().is_relative_to(top):
            yield f"searches libraries in {entry}, which is outside"


def faults(path, ours, top):
    """What is wrong with one file."""
    tags = dynamic(path)
    for tag, value in tags:
        if tag == "NEEDED" and value not in ours and not OF_THE_C_LIBRARY.fullmatch(value):
            yield f"needs the shared library {value}"
        if tag in ("RPATH", "RUNPATH"):
            yield from search_path_faults(path, value, top)
    for section in NEEDS.findall(readelf(path, "-V")):
        for version in NEEDED_VERSION.findall(section):
            if not is_allowed(version):
                yield f"needs the symbol version {version}"


def check(directory):
    """The faults of all ELF files below the directory, as "FILE: FAULT", and their number."""
    top = directory.resolve()
    files = elf_files(top)
    ours = {value for path in files for tag, value in dynamic(path) if tag == "SONAME"}
    return len(files), [f"{path.relative_to(top)}: {fault}"
                        for path in files for fault in faults(path, ours, top)]


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    number, found = check(pathlib.Path(sys.argv[1]))
    if not number:
        sys.exit(f"{sys.argv[1]}: no ELF files")
    if found:
        sys.exit("\n".join(found))
    print(f"{number} ELF files need nothing but glibc {'.'.join(map(str, NEWEST))}")


if __name__ == "__main__":
    main()
