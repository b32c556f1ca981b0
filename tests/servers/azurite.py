"""A real Azurite, Microsoft's emulator of Azure Blob Storage: http, and https that takes OAuth too."""

import signal

from servers import npm
from servers.blob_client import Account
from servers.certificates import make_ca, make_certificate
from servers.process import Server, free_port, is_open

VERSION = "3.35.0"  # the newest that takes the node of Debian 12's age
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Azurite(Server):
    """Started by its constructor. Each of the two ports has a store of its own."""

    def __init__(self):
        modules = npm.package("azurite", VERSION)
        super().__init__("azurite")
        make_ca(self.directory)
        make_certificate(self.directory)
        self.port, self.tls_port = free_port(), free_port()
        program = ["node", modules / ".bin/azurite-blob", "--silent", "--disableTelemetry",
                   "--skipApiVersionCheck", "--blobHost", "127.0.0.1"]
        tls = ["--cert", self.directory / "server.pem", "--key", self.directory / "server.key",
               "--oauth", "basic"]
        self.tls_process = self.spawn([*program, "--blobPort", self.tls_port, "--location",
                                       self.directory / "tls", *tls])
        self.process = self.spawn([*program, "--blobPort", self.port, "--location",
                                   self.directory / "plain"])
        self.wait_until(lambda: is_open(self.port) and is_open(self.tls_port))

    @property
    def ca(self):
        """What to trust it by."""
        return self.directory / "ca.pem"

    def account(self, is_tls):
        """A client of the account, with its key."""
        address = f"https://127.0.0.1:{self.tls_port}" if is_tls else f"http://127.0.0.1:{self.port}"
        return Account(ACCOUNT, KEY, f"{address}/{ACCOUNT}", self.ca if is_tls else None)

    def remove(self):
        """Ends both."""
        self.tls_process.send_signal(signal.SIGKILL)
        self.tls_process.wait()
        super().remove()
