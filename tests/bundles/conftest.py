"""Fixtures of the tests of bundles: plugins that leave a mark when they are loaded, keys, a trusting home."""

import subprocess
import sys
from pathlib import Path

import pytest

from servers.process import clean_environment

HERE = Path(__file__).resolve().parent
# Tests here may import what stands beside them, which pytest's importlib mode would not find.
sys.path.insert(0, str(HERE))
from bundle_maker import Bundle, Key  # noqa: E402


@pytest.fixture(scope="session", name="build_marked")
def _build_marked(sdk, tmp_path_factory):
    """build_marked(VERSION="1.1.0", ...): the path of marked.so, built once for each set of macros."""
    built = {}

    def build(**macros):
        name = tuple(sorted(macros.items()))
        if name not in built:
            flags = [f'-D{macro}="{value}"' for macro, value in macros.items()]
            library = tmp_path_factory.mktemp("marked") / "marked.so"
            built[name] = sdk.build(HERE / "marked.c", library, flags=flags)
        return built[name]

    return build


@pytest.fixture(scope="session", name="keys")
def _keys(built_home, tmp_path_factory):
    """Keys of a vendor, whom homes trust, and of a stranger."""
    directory = tmp_path_factory.mktemp("keys")
    for name in ("vendor", "stranger"):
        subprocess.run([built_home / "bin/jetpack", "plugin", "keygen", directory / name], check=True,
                       capture_output=True, env={**clean_environment(), "JETPACK_HOME": str(directory)})
    return {name: Key(directory / name) for name in ("vendor", "stranger")}


@pytest.fixture
def trusting(jetpack, home, keys):
    """jetpack in a home that trusts the vendor's key."""
    assert jetpack("plugin", "trust", keys["vendor"].public).returncode == 0
    home.node({})
    return jetpack


@pytest.fixture
def bundle(build_marked, keys, tmp_path):
    """A right bundle, signed by the vendor."""
    return Bundle(build_marked().read_bytes(), keys["vendor"], tmp_path)
