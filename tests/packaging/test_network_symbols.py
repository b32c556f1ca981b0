"""tools/packaging/portable/network/symbols.txt: what a release exports of libcurl and OpenSSL."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / os.environ.get("JETPACK_BUILD", "build") / "home"
EXPORTED = ROOT / "tools/packaging/portable/network/symbols.txt"
LIBRARY = re.compile(r"\s(lib(?:curl|ssl|crypto)\.so\S*) => (\S+)")


def symbols(file, which):
    """The names of a file's dynamic symbols."""
    lines = subprocess.run(["nm", "-D", which, file], capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[-1].partition("@")[0] for line in lines}


def test_a_release_exports_all_that_is_called():
    listed = {line for line in EXPORTED.read_text().splitlines() if not line.startswith("#")}
    modules = [path for path in HOME.rglob("*.so") if path.is_file()]
    assert any(path.name == "hub.so" for path in modules)
    libraries, called = {}, {}
    for module in modules:
        linked = subprocess.run(["ldd", module], capture_output=True, text=True, check=True).stdout
        libraries.update(LIBRARY.findall(linked))
        called[module.name] = symbols(module, "--undefined-only")
    network = set().union(*(symbols(path, "--defined-only") for path in libraries.values()))
    assert len(libraries) == 3
    missing = {name: sorted((names & network) - listed) for name, names in called.items()}
    assert not {name: names for name, names in missing.items() if names}
