#!/usr/bin/python3
"""Lists the installed files with their hashes, for install.sh: what is complete, and what to remove.

usage: file_list.py PREFIX        writes PREFIX/system/install/*.sha256, one list for each package
       file_list.py --names PACKAGE PREFIX        prints the files and links of a package, and its list

Run by meson as its last install script. What holds state (config, logs, run, scripts) is not listed.
"""
import hashlib
import os
import pathlib
import sys

import sign_bundle

INSTALLED = ("bin", "include", "lib", "plugins", "share", "system")
# Whose name begins with the first that fits; the rest is the agent's.
PACKAGES = {"hub": ("plugins/store/jetpack.hub/", "plugins/active/jetpack.hub"),
            "checks": ("plugins/store/jetpack.checks/", "plugins/active/jetpack.checks"),
            "sdk": ("include/", "share/pkgconfig/", "share/jetpack/jetpack-plugin.map", "share/jetpack/sdk/",
                    "lib/jetpack/plugins/authoring.so")}


def package_of(name):
    """The package that a file, named by its path in the home tree, belongs to."""
    return next((package for package, prefixes in PACKAGES.items() if name.startswith(prefixes)), "agent")


def is_ours(name):
    """Whether an installation puts it there; scripts keep files of their own in system/, and Python its caches."""
    if "/__pycache__/" in name:
        return False
    return not name.startswith("system/") or name.startswith(("system/bin/", "system/embedded/", "system/install/",
                                                             "system/bootstrap/cron_wrapper.sh"))


def names(home):
    """The installed files and links, sorted."""
    all_names = (path.relative_to(home).as_posix() for part in INSTALLED for path in (home / part).rglob("*")
                 if (path.is_symlink() or path.is_file()) and path.suffix != ".sha256")
    # Administrators add keys of others.
    keys = {f"plugins/keys/{key}.pub" for key in sign_bundle.signing_keys(home / "plugins/store")}
    return sorted(name for name in all_names if is_ours(name) and
                  (not name.startswith("plugins/") or name.startswith(("plugins/store/", "plugins/active/"))
                   or name in keys))


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--names":
        package = sys.argv[2]
        listed = [name for name in names(pathlib.Path(sys.argv[3])) if package_of(name) == package]
        print("\n".join([*listed, f"system/install/{package}.sha256"]))
        return
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    home = pathlib.Path(os.environ.get("MESON_INSTALL_DESTDIR_PREFIX", sys.argv[1]))
    lines = {}
    for name in names(home):
        # sha256sum follows links; they are no content of their own.
        if not (home / name).is_symlink():
            digest = hashlib.sha256((home / name).read_bytes()).hexdigest()
            lines.setdefault(package_of(name), []).append(f"{digest}  {name}\n")
    directory = home / "system/install"
    directory.mkdir(parents=True, exist_ok=True)
    for package, text in lines.items():
        (directory / f"{package}.sha256").write_text("".join(text))


if __name__ == "__main__":
    main()
