"""Lockers of every kind, each as the node's description of it and as an independent client's view."""

import contextlib
import json
import os
import pathlib
import uuid

from hubs import Hub
from servers import azurite, blob_client, npm, shared
from servers.imds import Imds

KINDS = ("azurite-http", "azurite-https", "azurite-sas", "azurite-oauth", "hub-key", "hub-sas", "file")
SIGNING = ("azurite-https", "azurite-oauth", "hub-key")  # an address that https reaches
WITH_SECRET = ("azurite-http", "azurite-https", "azurite-sas", "hub-key", "hub-sas")


class Locker:
    """A locker that a test may use as it likes: its container is its own."""

    def __init__(self, kind, description, account=None, directory=None, keys=None):
        self.kind, self.description, self.account, self.directory = kind, description, account, directory
        self.keys = keys  # of node.json
        self.container = description["url"].rsplit("/", 1)[1]

    @property
    def signs(self):
        """Whether the credential can sign."""
        return self.kind in SIGNING

    @property
    def ca(self):
        """What to trust it by."""
        return self.account and self.account.ca

    def address(self, name):
        """Where a blob is."""
        base = (self.description["url"] if self.directory
                else f"{self.description['endpoint']}/{self.container}")
        return f"{base}/{name}"

    def connect(self, home, **changed):
        """Makes it the locker of a home."""
        home.write("config/locker.json", {**self.description, **changed})
        if self.keys:
            home.node(self.keys)

    def put(self, name, content):
        """A blob, by other means than ours."""
        if self.directory:
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        else:
            self.account.put(f"{self.container}/{name}", content)

    def get(self, name):
        """A blob's content, or None."""
        if not self.directory:
            return self.account.get(f"{self.container}/{name}")
        path = self.directory / name
        return path.read_bytes() if path.exists() else None


def azurite_locker(kind, server, imds):
    """A new container of Azurite."""
    account = server.account(kind != "azurite-http")
    container = f"locker-{uuid.uuid4().hex}"
    account.create(container)
    description = {"url": f"az://{azurite.ACCOUNT}/{container}", "endpoint": account.endpoint,
                   **({"ca_file": str(account.ca)} if account.ca else {})}
    if kind == "azurite-oauth":
        description["identity"] = {}
        keys = {"cyclecloud": {"jetpack": {"metadata_url": imds.url}}}
        return Locker(kind, description, account, keys=keys)
    if kind == "azurite-sas":
        return Locker(kind, {**description, "sas": account.sas(container, "racwdl")}, account)
    return Locker(kind, {**description, "account_key": account.key}, account)


def hub_locker(kind, hub):
    """A new container of a hub."""
    key = (hub.data / "blob-account.key").read_text().strip()
    endpoint = json.loads((hub.data / "hub.json").read_text())["blobs"]
    account = blob_client.Account("jetpackhub", key, endpoint, hub.data / "tls/ca.pem")
    container = f"locker-{uuid.uuid4().hex}"
    account.create(container)
    description = {"url": f"az://jetpackhub/{container}", "endpoint": endpoint,
                   "ca_file": str(account.ca)}
    if kind == "hub-sas":
        return Locker(kind, {**description, "sas": account.sas(container, "racwdl")}, account)
    return Locker(kind, {**description, "account_key": key}, account)


def file_locker(directory):
    """A directory."""
    path = pathlib.Path(directory) / f"locker-{uuid.uuid4().hex}"
    path.mkdir()
    return Locker("file", {"url": f"file://{path}"}, directory=path)


class Lockers:
    """Makes lockers of every kind; the servers start when they are needed first. Azurite is that of all
    the processes with this directory."""

    def __init__(self, shared_directory):
        self.shared_directory = shared_directory
        self.servers = contextlib.ExitStack()
        self.azurite = self.hub = self.imds = None

    def make(self, kind, directory):
        """A fresh locker."""
        if kind == "file":
            return file_locker(directory)
        if kind.startswith("hub"):
            self.hub = self.hub or Hub()
            return hub_locker(kind, self.hub)
        npm.package("azurite", azurite.VERSION)
        self.imds = self.imds or Imds()
        self.azurite = self.azurite or self.servers.enter_context(
            shared.lease("azurite", self.shared_directory))
        return azurite_locker(kind, self.azurite, self.imds)

    def close(self):
        """Ends what was started."""
        if self.hub:
            self.hub.remove()
        if self.imds:
            self.imds.stop()
        self.servers.close()


def random_bytes(size):
    """Content that cannot be guessed."""
    return os.urandom(size)
