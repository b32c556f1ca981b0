"""tools/packaging/portable/pins.txt: what a release is built from."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/packaging"))
import sbom  # noqa: E402

PINS = sbom.fetch.read_pins()


def test_each_pin_is_complete():
    for pin in PINS:
        assert pin.kind in ("deb", *sbom.fetch.SOURCES), pin
        assert pin.architecture in (("amd64", "arm64", "all") if pin.kind == "deb" else ("-",)), pin
        assert len(pin.sha256) == 64, pin
    files = [pin.file for pin in PINS]
    assert len(files) == len(set(files))


def test_files_have_the_names_that_apt_gives_them():
    names = {pin.kind: fetched.file for pin in PINS if (fetched := sbom.fetch.Pin(
        pin.kind, "amd64" if pin.kind == "deb" else "-", "name/suite", "1:2.3-4~deb12u5", "", ""))}
    assert names == {"deb": "name_1%3a2.3-4~deb12u5_amd64.deb", "src": "name_2.3-4~deb12u5.dsc",
                     "tar": "name_2.3.orig.tar.gz", "diff": "name_2.3-4~deb12u5.debian.tar.xz"}


def test_newer_patches_stand_beside_the_sources_that_they_are_for():
    sources = {pin.name: pin for pin in PINS if pin.kind == "src"}
    for pin in PINS:
        if pin.kind == "diff":
            source = sources[pin.name]
            assert source.version.rpartition("-")[0] == pin.version.rpartition("-")[0]
            assert source.licence == "-", "the document lists the patched version alone"


@pytest.mark.parametrize("architecture", sbom.DEBIAN)
def test_the_document_names_each_package_once(architecture):
    names = [pin.name for pin in sbom.inside(architecture)]
    assert len(names) == len(set(names))
    assert {"openssl", "curl", "sqlite3", "librabbitmq"} <= set(names)
