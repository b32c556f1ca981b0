"""Authorities and certificates of servers on loopback, valid from 2020 on."""

import os
import subprocess
import uuid
from pathlib import Path


def openssl(*arguments, at=None):
    """Runs openssl, at another time when one is given."""
    # Without faketime's own wrapper: that fails where one with the same process id was killed before.
    clock = {"LD_PRELOAD": str(next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))),
             "FAKETIME": f"@{at}"} if at else {}
    subprocess.run(["openssl", *map(str, arguments)], env={**os.environ, **clock}, check=True,
                   capture_output=True)


def make_ca(directory, name="ca"):
    """An authority in directory: NAME.pem and NAME.key."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "3650", "-subj", f"/CN=broker test {name}", "-keyout", directory / f"{name}.key",
            "-out", directory / f"{name}.pem", at="2020-01-01 00:00:00")


def make_certificate(directory, names="IP:127.0.0.1,DNS:localhost", days=3650, ca="ca",
                     at="2020-01-01 00:00:00"):
    """server.pem and server.key in directory, signed by its authority."""
    request, extensions = directory / "server.csr", directory / "server.ext"
    extensions.write_text(f"subjectAltName={names}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            "/CN=broker", "-keyout", directory / "server.key", "-out", request)
    openssl("x509", "-req", "-in", request, "-CA", directory / f"{ca}.pem", "-CAkey",
            directory / f"{ca}.key", "-set_serial", uuid.uuid4().int >> 64, "-days", days, "-extfile",
            extensions, "-out", directory / "server.pem", at=at)
    (directory / "server.key").chmod(0o644)
