#!/usr/bin/python3
"""Writes what a release is made of: an SPDX 2.3 document, and the licences of what is linked into it.

usage: sbom.py ARCHITECTURE DIRECTORY HOME VERSION COMMIT

DIRECTORY has the sysroot and the sources of the libraries, HOME is the staged tree. Written are
HOME/share/jetpack/licences and HOME/share/jetpack/jetpack.spdx.json. Nothing depends on the time or on
the place of the build but SOURCE_DATE_EPOCH.
"""
import datetime
import gzip
import hashlib
import json
import os
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "portable"))
import fetch  # noqa: E402  # pylint: disable=wrong-import-position

DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}
OUR_LICENCE = "MIT"


def spdx_id(text):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", text)


def inside(architecture):
    """The pins of what is linked into a release for the architecture."""
    return [pin for pin in fetch.read_pins()
            if pin.licence != "-" and pin.architecture in ("-", "all", DEBIAN[architecture])]


def copyright_file(pin, directory):
    """Debian's statement on a package's licences."""
    if pin.kind != "deb":
        sources = directory / "src" / pin.name
        # Upstream's alone have none of Debian.
        return sources / ("LICENSE.txt" if pin.kind == "tar" else "debian/copyright")
    documents = directory / "root/usr/share/doc"
    path = documents / pin.name / "copyright"
    # Packages of one source may have one file.
    return path if path.exists() else documents / os.readlink(documents / pin.name) / "copyright"


def external_package(pin):
    architecture = pin.architecture if pin.kind == "deb" else "source"
    return {
        "SPDXID": spdx_id(f"Package-{pin.name}"),
        "name": pin.name,
        "versionInfo": pin.version,
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "checksums": [{"algorithm": "SHA256", "checksumValue": pin.sha256}],
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": pin.licence,
        "copyrightText": "NOASSERTION",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{pin.name}@{pin.version.replace('+', '%2B')}?arch={architecture}"}],
    }


def file_entry(path, home):
    content = path.read_bytes()
    name = path.relative_to(home).as_posix()
    return {
        "SPDXID": spdx_id(f"File-{name}"),
        "fileName": f"./{name}",
        "checksums": [{"algorithm": "SHA1", "checksumValue": hashlib.sha1(content).hexdigest()},
                      {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()}],
        "licenseConcluded": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    }


def document(home, pins, architecture, version, commit):
    """The SPDX document, as an object."""
    files = [file_entry(path, home) for path in sorted(home.rglob("*"))
             if path.is_file() and not path.is_symlink()]
    sums = sorted(entry["checksums"][0]["checksumValue"] for entry in files)
    created = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.UTC)
    ours = {
        "SPDXID": "SPDXRef-Package-jetpack",
        "name": "jetpack",
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "sourceInfo": f"built from commit {commit}",
        "filesAnalyzed": True,
        "packageVerificationCode": {
            "packageVerificationCodeValue": hashlib.sha1("".join(sums).encode()).hexdigest()},
        "licenseConcluded": "NOASSERTION",
        "licenseInfoFromFiles": ["NOASSERTION"],
        "licenseDeclared": OUR_LICENCE,
        "copyrightText": "Copyright (c) 2026 The jetpack authors",
    }
    packages = [external_package(pin) for pin in pins]
    relationships = [("SPDXRef-DOCUMENT", "DESCRIBES", ours["SPDXID"])]
    relationships += [(ours["SPDXID"], "CONTAINS", entry["SPDXID"]) for entry in files]
    relationships += [(ours["SPDXID"], "STATIC_LINK", package["SPDXID"]) for package in packages]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"jetpack-{version}-{architecture}",
        "documentNamespace": f"urn:jetpack:spdx:{version}:{architecture}:{commit}",
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Tool: jetpack-release"]},
        "packages": [ours, *packages],
        "files": files,
        "relationships": [{"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
                          for one, kind, other in relationships],
    }


def main():
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    architecture, directory, home, version, commit = sys.argv[1:]
    directory, home = pathlib.Path(directory), pathlib.Path(home)
    pins = inside(architecture)
    target = home / "share/jetpack"
    licences = target / "licences"
    licences.mkdir(parents=True, exist_ok=True)
    written = {}
    for pin in pins:
        text = copyright_file(pin, directory).read_bytes()
        name = f"{pin.name}.gz"
        if text in written:
            (licences / name).symlink_to(written[text])
        else:
            (licences / name).write_bytes(gzip.compress(text, mtime=0))
            written[text] = name
    shutil.copyfile(pathlib.Path(__file__).parents[2] / "LICENSE", licences / "jetpack")
    text = json.dumps(document(home, pins, architecture, version, commit), separators=(",", ":")) + "\n"
    (target / "jetpack.spdx.json").write_text(text)


if __name__ == "__main__":
    main()
