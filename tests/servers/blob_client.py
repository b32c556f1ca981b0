"""As much of a client of Azure Blob Storage as a test needs, with a signer of its own: an independent view
of what jetpack and the hub do. "Authorize with Shared Key" and "Create a service SAS" are its sources."""

import base64
import datetime
import hashlib
import hmac
import http.client
import re
import ssl
import urllib.parse
import xml.etree.ElementTree

from servers.reply import Reply

VERSION = "2020-12-06"


class BlobReply(Reply):
    """What a blob server answered."""

    @property
    def code(self):
        """The error code, of the header or of the body."""
        found = re.search(rb"<Code>([^<]*)", self.body)
        return self.headers.get("x-ms-error-code") or (found and found[1].decode())


def ask(url, method="GET", body=None, headers=None, ca=None):
    """One exchange on a connection of its own."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=60, context=ssl.create_default_context(cafile=ca))
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    try:
        connection.request(method, parts.path + ("?" + parts.query if parts.query else ""), body,
                           headers or {})
        return BlobReply(connection.getresponse())
    finally:
        connection.close()


def utc(seconds=0):
    """A time from now, as a SAS has it."""
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Account:
    """A storage account at an endpoint like https://127.0.0.1:10000/NAME."""

    def __init__(self, name, key, endpoint, ca=None):
        self.name, self.key, self.endpoint, self.ca = name, key, endpoint, ca

    def digest(self, text):
        """The signature of a text."""
        key = base64.b64decode(self.key)
        return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()

    def url(self, path, **query):
        """The address of CONTAINER or CONTAINER/BLOB."""
        text = urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
        return f"{self.endpoint}/{urllib.parse.quote(path)}" + (f"?{text}" if text else "")

    def ask(self, method, path, body=None, headers=None, date=None, **query):
        """One exchange, signed with the account's key."""
        url = self.url(path, **query)
        date = date or datetime.datetime.now(datetime.timezone.utc)
        headers = {"x-ms-version": VERSION,
                   "x-ms-date": date.strftime("%a, %d %b %Y %H:%M:%S GMT"), **(headers or {})}
        low = {name.lower(): value for name, value in headers.items()}
        length = str(len(body)) if body else ""
        if body is not None or method == "PUT":
            headers["Content-Length"] = str(len(body or b""))
        lines = [method, low.get("content-encoding", ""), low.get("content-language", ""), length]
        lines += [low.get(name, "") for name in (
            "content-md5", "content-type", "date", "if-modified-since", "if-match", "if-none-match",
            "if-unmodified-since", "range")]
        lines += [f"{name}:{low[name].strip()}" for name in sorted(low) if name.startswith("x-ms-")]
        resource = f"/{self.name}{urllib.parse.urlsplit(url).path}"
        lines.append("\n".join([resource, *(f"{name}:{query[name]}" for name in sorted(query))]))
        headers["Authorization"] = f"SharedKey {self.name}:{self.digest(chr(10).join(lines))}"
        return ask(url, method, body, headers, self.ca)

    def create(self, container):
        """Makes a container, which may be there."""
        reply = self.ask("PUT", container, restype="container")
        assert reply.status in (201, 409), reply.body

    def put(self, path, content, **headers):
        """Puts a blob as a whole."""
        reply = self.ask("PUT", path, content, {
            "x-ms-blob-type": "BlockBlob",
            **{name.replace("_", "-"): value for name, value in headers.items()}})
        assert reply.status == 201, reply.body
        return reply

    def get(self, path):
        """A blob's content; None when there is none."""
        reply = self.ask("GET", path)
        assert reply.status in (200, 404), reply.body
        return reply.body if reply.status == 200 else None

    def names(self, container, **query):
        """The names of the blobs of a container, over all pages."""
        found, marker = [], ""
        while True:
            reply = self.ask("GET", container, restype="container", comp="list", marker=marker,
                             **query)
            assert reply.status == 200, reply.body
            tree = xml.etree.ElementTree.fromstring(reply.body)
            found += [name.text for name in tree.iterfind("Blobs/*/Name")]
            marker = tree.findtext("NextMarker")
            if not marker:
                return found

    def sas(self, path, permissions="r", start=-60, end=600, version=VERSION, **more):
        """A service SAS for CONTAINER or CONTAINER/BLOB, as a query."""
        kind = "b" if "/" in path else "c"
        values = {"sv": version, "sr": kind, "sp": permissions, "spr": "https", "se": utc(end),
                  **({} if start is None else {"st": utc(start)}), **more}
        names = ["sp", "st", "se", None, "si", "sip", "spr", "sv"]
        names += ["sr", "snapshot"] if version >= "2018-11-09" else []
        names += ["ses"] if version >= "2020-12-06" else []
        names += ["rscc", "rscd", "rsce", "rscl", "rsct"]
        text = "\n".join(f"/blob/{self.name}/{path}" if name is None else values.get(name, "")
                         for name in names)
        values["sig"] = self.digest(text)
        return urllib.parse.urlencode(values, quote_via=urllib.parse.quote)
