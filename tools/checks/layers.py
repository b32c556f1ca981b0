#!/usr/bin/python3
"""Checks who includes whom, and that no source file is longer than 400 lines.

usage: tools/checks/layers.py

  sdk      uses itself
  support  uses sdk and itself
  plugins  each uses sdk, support and itself
  core     uses sdk, support and itself; there, loader, bundles and authoring not cli, services and joining neither cli nor loader
"""

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
LONGEST = 400
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<(jetpack/[^>]+)>)', re.M)
CORE = {"sdk", "support", "core", "core/services"}
ALLOWED = {
    "sdk": {"sdk"},
    "support": {"sdk", "support"},
    "core/services": CORE,
    "core/loader": CORE | {"core/loader"},
    "core/bundles": CORE | {"core/loader", "core/bundles"},
    "core/authoring": CORE | {"core/loader", "core/authoring"},
    "core/joining": CORE | {"core/joining"},
    "core": CORE | {"core/loader", "core/cli", "core/commands"},
}


def layer_of(path):
    """The layer of a file: the longest of ALLOWED that its path begins with, or its plugin."""
    parts = path.parts
    if parts[0] == "plugins":
        return "/".join(parts[:2])
    return "/".join(parts[:2]) if parts[0] == "core" and len(parts) > 2 else parts[0]


def allowed_for(layer):
    if layer.startswith("plugins/"):
        return {"sdk", "support", layer}
    return ALLOWED.get(layer) or ALLOWED["core"]


def target_of(path, quoted, sdk_header, files):
    """The file of ours that an include of `path` names, or None."""
    if sdk_header:
        return Path("sdk/include") / sdk_header
    roots = [path.parent, Path(*path.parts[:2]), Path(), Path("core"), Path("plugins")]
    return next((root / quoted for root in roots if root / quoted in files), None)


def complaints_about(path, files):
    text = (TOP / path).read_text()
    layer = layer_of(path)
    for include in INCLUDE.finditer(text):
        target = target_of(path, include[1], include[2], files)
        if target and layer_of(target) not in allowed_for(layer):
            line = text.count("\n", 0, include.start(0)) + 1
            yield f"{path}:{line}: {layer} must not include {target}"
    length = text.count("\n")
    if length > LONGEST and not path.stem.endswith("_test"):
        yield f"{path}: {length} lines; the limit is {LONGEST}: split it"


def main():
    if len(sys.argv) > 1:
        print(__doc__)
        return 0
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "sdk", "support", "core", "plugins"],
                             cwd=TOP, capture_output=True, text=True, check=True).stdout
    files = {Path(line) for line in listing.splitlines() if (TOP / line).exists()}
    sources = sorted(path for path in files if path.suffix in {".c", ".h", ".cpp", ".hpp", ".js"})
    complaints = [line for path in sources for line in complaints_about(path, files)]
    print("\n".join(complaints) or f"{len(sources)} files in their layers")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
