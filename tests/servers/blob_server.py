"""A blob store that misbehaves on demand, and is as strict as Azure where Azurite is not: user delegation.

`faults` are functions of (exchange, blob), each used once, in order, for requests of blobs; one that returns
True has answered. `always` is one for every request."""

import base64
import collections
import contextlib
import hashlib
import hmac
import http.server
import json
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse
import uuid
from datetime import datetime, timedelta, timezone
from xml.sax.saxutils import escape

from servers.certificates import make_ca, make_certificate

ACCOUNT, CONTAINER = "testaccount", "locker"
Blob = collections.namedtuple("Blob", "content etag md5 listed headers")


def make_blob(content, listed="", headers=()):
    """A blob with a new ETag. `listed` is XML that follows its properties in a listing, `headers` are
    those of its own."""
    return Blob(content, f'"0x{uuid.uuid4().hex[:16].upper()}"',
                base64.b64encode(hashlib.md5(content).digest()).decode(), listed, dict(headers))


def make_crc64_table():
    """What each byte makes of a CRC-64/NVME."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x9A6C9329AC4BC9B5 if value & 1 else 0)
        table.append(value)
    return table


CRC64_TABLE = make_crc64_table()


def crc64(content):
    """As in x-ms-content-crc64."""
    state = (1 << 64) - 1
    for byte in content:
        state = state >> 8 ^ CRC64_TABLE[(state ^ byte) & 255]
    return base64.b64encode(struct.pack("<Q", state ^ (1 << 64) - 1)).decode()


# -- Faults --------------------------------------------------------------------------------------


def busy(retry_after=None, status=503, code="ServerBusy"):
    """An error that may pass."""
    def fault(exchange, _):
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        exchange.refuse(status, code, headers)
        return True
    return fault


def cut(after, is_reset=True):
    """The whole length is promised and a part sent; then the connection is reset, or closed."""
    def fault(exchange, blob):
        content = exchange.begin(blob)
        exchange.wfile.write(content[:after])
        exchange.wfile.flush()
        exchange.drop(is_reset)
        return True
    return fault


def hang_up(exchange, _):
    """The connection is reset before any answer."""
    exchange.drop(True)
    return True


def garbled(exchange, blob):
    """Bytes are not what they were; all headers are right."""
    content = bytearray(exchange.begin(blob))
    content[len(content) // 2] ^= 1
    exchange.wfile.write(bytes(content))
    return True


def cut_garbled(after):
    """A part with a byte that is not what it was; then the connection is reset."""
    def fault(exchange, blob):
        content = exchange.begin(blob)
        exchange.wfile.write(bytes([content[0] ^ 1]) + content[1:after])
        exchange.wfile.flush()
        exchange.drop(True)
        return True
    return fault


def garbled_upload(exchange, _):
    """The server receives another byte than was sent."""
    exchange.body = bytes([exchange.body[0] ^ 1]) + exchange.body[1:]
    return False


def short_range(exchange, blob):
    """Less than was asked for, in a reply that is consistent in itself."""
    if not exchange.range:
        return False
    first, last = exchange.range
    exchange.range = (first, first + (min(last, len(blob.content) - 1) - first) // 2)
    exchange.wfile.write(exchange.begin(blob))
    return True


def whole_for_range(exchange, blob):
    """The range is ignored, as by a server that knows none."""
    exchange.range = None
    exchange.wfile.write(exchange.begin(blob))
    return True


def shifted_range(exchange, blob):
    """Another range than was asked for."""
    if not exchange.range:
        return False
    first, last = exchange.range
    exchange.range = (first + 1, last + 1)
    exchange.wfile.write(exchange.begin(blob))
    return True


def redirect(to, status=307):
    """Sends the client elsewhere."""
    def fault(exchange, _):
        exchange.reply(status, b"", {"Location": to})
        return True
    return fault


def sign_in(exchange, _):
    """Answers as the login page of a gateway does, which nothing of Azure's headers is on."""
    page = b"<html><body>Sign in</body></html>"
    exchange.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: "
                         + str(len(page)).encode() + b"\r\n\r\n"
                         + (b"" if exchange.command == "HEAD" else page))
    return True


def slow(seconds, parts=20):
    """In small parts, with time between them."""
    def fault(exchange, blob):
        content = exchange.begin(blob)
        step = max(1, len(content) // parts)
        for at in range(0, len(content), step):
            exchange.wfile.write(content[at:at + step])
            exchange.wfile.flush()
            time.sleep(seconds / parts)  # what is tested is slowness itself
        return True
    return fault


def then(action, fault=None):
    """Something happens on the server's side; then the request is answered as it should."""
    def both(exchange, blob):
        action()
        return fault(exchange, blob) if fault else False
    return both


# -- The server ----------------------------------------------------------------------------------


class Exchange(http.server.BaseHTTPRequestHandler):
    """One request and its answer."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def log_message(self, *_):
        """Says nothing."""

    def do_GET(self):
        """Whatever is asked for: a blob, a list, the locker."""
        self.serve()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def serve(self):
        """One exchange."""
        self.store = self.server.store
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urllib.parse.unquote(url.path)
        self.store.requests.append((self.command, path, self.query, dict(self.headers)))
        if path == "/clusterlink/locker":
            self.give_locker()
            return
        _, account, container, blob = (path + "///").split("/", 3)
        self.name, self.container = blob.rstrip("/"), container
        found = self.store.blobs.get(self.name)
        with contextlib.suppress(ConnectionError, BrokenPipeError, ssl.SSLError):
            if account != ACCOUNT:
                self.refuse(403, "AuthorizationFailure")
            elif not self.has_fault(found):
                self.check_and_serve(found)

    def has_fault(self, blob):
        """Whether a fault has answered."""
        if not self.name:
            return False
        fault = self.store.always
        with self.store.lock:
            if self.store.faults:
                fault = self.store.faults.pop(0)
        if not fault or (blob is None and self.command in ("GET", "HEAD")):
            return False
        self.range = self.asked_range()
        return bool(fault(self, blob))

    def check_and_serve(self, blob):
        """As a good server."""
        refusal = self.store.refusal(self)
        if refusal:
            self.refuse(403, refusal)
        elif self.query.get("comp") == "userdelegationkey":
            self.give_delegation_key()
        elif self.container != CONTAINER:
            self.refuse(404, "ContainerNotFound")
        elif not self.name:
            self.give_list()
        elif self.command in ("GET", "HEAD"):
            self.give_blob(blob)
        elif self.command == "PUT":
            self.take()
        elif self.command == "DELETE":
            self.store.blobs.pop(self.name, None)
            self.reply(202)

    def give_locker(self):
        """What a cluster's server tells its nodes."""
        if not self.store.locker:
            self.reply(404, b'{"error": "no such address"}')
            return
        self.reply(200, json.dumps(self.store.locker).encode(), {"Content-Type": "application/json"})

    def asked_range(self):
        """(first, last) of the request."""
        found = re.fullmatch(r"bytes=(\d+)-(\d*)",
                             self.headers.get("x-ms-range") or self.headers.get("Range") or "")
        return (int(found[1]), int(found[2] or 1 << 62)) if found else None

    def give_blob(self, blob):
        """GET and HEAD."""
        self.range = self.asked_range()
        if blob is None:
            self.refuse(404, "BlobNotFound")
        elif self.headers.get("If-Match", blob.etag) not in ("*", blob.etag):
            self.refuse(412, "ConditionNotMet")
        elif self.range and self.range[0] >= len(blob.content):
            self.refuse(416, "InvalidRange")
        else:
            self.wfile.write(self.begin(blob))

    def begin(self, blob):
        """Sends the header of a reply that has the blob, or the range; returns what should follow."""
        content, headers = blob.content, {"ETag": blob.etag, "Accept-Ranges": "bytes",
                                          "x-ms-blob-type": "BlockBlob", **blob.headers,
                                          "Content-Type": "application/octet-stream"}
        ranged = self.range and self.command == "GET"
        if ranged:
            first, last = self.range[0], min(self.range[1], len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            content = content[first:last + 1]
        if ranged and self.store.knows_crc64 and self.headers.get("x-ms-range-get-content-crc64"):
            headers["x-ms-content-crc64"] = crc64(content)
        if blob.md5:
            headers["x-ms-blob-content-md5" if ranged else "Content-MD5"] = blob.md5
        self.head(206 if ranged else 200, {**headers, "Content-Length": str(len(content)),
                                           "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"})
        return b"" if self.command == "HEAD" else content

    def take(self):
        """Put Blob, Put Block, Put Block List."""
        answer, crc = {}, self.headers.get("x-ms-content-crc64")
        if crc and self.store.knows_crc64:
            answer = {"x-ms-content-crc64": crc64(self.body)}
            if crc != answer["x-ms-content-crc64"]:
                self.refuse(400, "Crc64Mismatch")
                return
        if self.headers.get("Content-MD5", self.md5(self.body)) != self.md5(self.body):
            self.refuse(400, "Md5Mismatch")
            return
        kind = self.query.get("comp")
        if kind == "block":
            self.store.blocks[self.name, self.query["blockid"]] = self.body
        elif kind == "blocklist":
            ids = re.findall(rb"<(?:Latest|Uncommitted)>([^<]*)<", self.body)
            parts = [self.store.blocks.get((self.name, name.decode())) for name in ids]
            if None in parts:
                self.refuse(400, "InvalidBlockList")
                return
            blob = make_blob(b"".join(parts))
            self.store.blobs[self.name] = blob._replace(
                md5=self.headers.get("x-ms-blob-content-md5"))
        else:
            self.store.blobs[self.name] = make_blob(self.body)
        self.reply(201, headers=answer)

    @staticmethod
    def md5(content):
        """As in Content-MD5."""
        return base64.b64encode(hashlib.md5(content).digest()).decode()

    def give_list(self):
        """A page of the names."""
        prefix, marker = self.query.get("prefix", ""), self.query.get("marker", "")
        names = sorted(name for name in self.store.blobs if name.startswith(prefix) and name > marker)
        most = min(int(self.query.get("maxresults", 5000)), self.store.page)
        entries = "".join(
            f"<Blob><Name>{escape(name)}</Name><Properties>"
            f"<Last-Modified>Mon, 01 Jan 2024 00:00:00 GMT</Last-Modified>"
            f"<Etag>{self.store.blobs[name].etag.strip(chr(34))}</Etag>"
            f"<Content-Length>{len(self.store.blobs[name].content)}</Content-Length>"
            f"<Content-MD5>{self.store.blobs[name].md5 or ''}</Content-MD5>"
            f"<BlobType>BlockBlob</BlobType></Properties>{self.store.blobs[name].listed}</Blob>"
            for name in names[:most])
        if self.store.is_endless:
            entries, names, most = "", [str(len(self.store.requests))] * 2, 1
        following = escape(names[most - 1]) if len(names) > most else ""
        self.reply(200, (f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>{entries}'
                         f"</Blobs><NextMarker>{following}</NextMarker></EnumerationResults>"
                         ).encode(), {"Content-Type": "application/xml"})

    def give_delegation_key(self):
        """A user delegation key, for at most seven days from now."""
        times = [re.search(rf"<{name}>([^<]*)<".encode(), self.body) for name in ("Start", "Expiry")]
        start, end = (parse_time(found[1].decode()) if found else None for found in times)
        now = datetime.now(timezone.utc)
        most = now + timedelta(days=7)
        if not end or end > most or (start and (start > most or start >= end)) or end <= now:
            self.refuse(400, "InvalidXmlNodeValue")
            return
        key = {"SignedOid": str(uuid.uuid4()), "SignedTid": str(uuid.uuid4()),
               "SignedStart": times[0][1].decode(), "SignedExpiry": times[1][1].decode(),
               "SignedService": "b", "SignedVersion": self.headers.get("x-ms-version"),
               "Value": base64.b64encode(uuid.uuid4().bytes).decode()}
        self.store.delegations.append(key)
        body = "".join(f"<{name}>{value}</{name}>" for name, value in key.items())
        self.reply(200, f"<?xml version='1.0' encoding='utf-8'?><UserDelegationKey>{body}"
                        "</UserDelegationKey>".encode(), {"Content-Type": "application/xml"})

    def head(self, status, headers):
        """The header of a reply."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def reply(self, status, body=b"", headers=None):
        """A reply."""
        self.head(status, {"Content-Length": str(len(body)), **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, headers=None):
        """An error as Azure's."""
        body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code></Error>'.encode()
        self.reply(status, body, {"x-ms-error-code": code, "Content-Type": "application/xml",
                                  **(headers or {})})

    def date_time_string(self, timestamp=None):
        """The Date of every reply, by the server's clock."""
        return super().date_time_string((timestamp or time.time()) + self.server.store.clock_ahead)

    def drop(self, is_reset):
        """Ends the connection."""
        with contextlib.suppress(OSError):
            if is_reset:
                # Not SSLSocket's own methods, which take TLS away from what is being sent.
                socket.socket.setsockopt(self.connection, socket.SOL_SOCKET, socket.SO_LINGER,
                                         struct.pack("ii", 1, 0))
                socket.socket.close(self.connection)
            else:
                socket.socket.shutdown(self.connection, socket.SHUT_RDWR)
        self.close_connection = True


def parse_time(text):
    """A time of the protocol; None for what is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return None


class Listener(http.server.ThreadingHTTPServer):
    """The listener; its threads end with the connections."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """Clients that leave are what is tested."""

    def get_request(self):
        connection, address = super().get_request()
        # A client that never begins TLS must hold its own thread alone.
        return self.store.wrap(connection), address


class BlobServer:
    """Serves until stop(). TLS with an authority in `directory`, plain without one."""

    def __init__(self, directory=None):
        self.blobs, self.blocks, self.requests, self.faults = {}, {}, [], []
        self.always = None
        self.locker = None
        self.page = 5000
        self.is_endless = False  # each page of a listing is empty, and has a next one
        self.clock_ahead = 0  # seconds
        self.knows_crc64 = False  # as Azurite; computing it is slow here
        self.sas = None  # signatures that are good; None: anybody may do everything
        self.tokens = None  # bearer tokens that are good
        self.delegations = []
        self.lock = threading.Lock()
        self.context = None
        if directory:
            make_ca(directory)
            make_certificate(directory)
            self.ca = directory / "ca.pem"
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(directory / "server.pem", directory / "server.key")
        self.server = Listener(("127.0.0.1", 0), Exchange)
        self.server.store = self
        scheme = "https" if directory else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}"
        self.endpoint = f"{self.url}/{ACCOUNT}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wrap(self, connection):
        """TLS, done in the connection's own thread."""
        if not self.context:
            return connection
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)

    def put(self, name, content, **more):
        """A blob, whatever was there."""
        self.blobs[name] = make_blob(content, **more)
        return self.blobs[name]

    def description(self, **credential):
        """What config/locker.json says of it."""
        return {"url": f"az://{ACCOUNT}/{CONTAINER}", "endpoint": self.endpoint,
                **({"ca_file": str(self.ca)} if self.context else {}), **credential}

    def asked(self, method, name):
        """The requests for a blob so far."""
        return [request for request in self.requests
                if request[0] == method and request[1].endswith(f"/{CONTAINER}/{name}")]

    def refusal(self, exchange):
        """The error code when the credential is no good; None when it is."""
        query, bearer = exchange.query, exchange.headers.get("Authorization", "")
        if "skoid" in query:
            return self.delegated_refusal(exchange)
        if self.tokens is not None:
            return None if bearer.removeprefix("Bearer ") in self.tokens() else "AuthenticationFailed"
        if self.sas is not None and query.get("sig") not in self.sas:
            return "AuthenticationFailed"
        return None

    def delegated_refusal(self, exchange):
        """Checks a user delegation SAS as Azure does: it must lie within its key's time."""
        query = exchange.query
        keys = [key for key in self.delegations if key["SignedOid"] == query["skoid"]]
        if not keys:
            return "AuthenticationFailed"
        now = datetime.now(timezone.utc)
        end, key_end = parse_time(query.get("se", "")), parse_time(query.get("ske", ""))
        start, key_start = parse_time(query.get("st", "")), parse_time(query.get("skt", ""))
        if not end or not key_end or end > key_end or end <= now or key_end <= now:
            return "AuthenticationFailed"
        if (start and (start > now or (key_start and start < key_start))) or query.get("sr") != "b":
            return "AuthenticationFailed"
        if not hmac.compare_digest(query.get("sig", ""),
                                   delegated_signature(keys[0], query, exchange.name)):
            return "AuthenticationFailed"
        if query.get("spr") != "https":
            return "AuthorizationProtocolMismatch"
        is_read = exchange.command in ("GET", "HEAD") and "r" in query.get("sp", "")
        return None if is_read else "AuthorizationPermissionMismatch"

    def stop(self):
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()


def delegated_signature(key, query, blob):
    """"Create a user delegation SAS" of the REST reference, for sv before 2025-07-05."""
    version = query.get("sv", "")
    values = [query.get(name, "") for name in ("sp", "st", "se")]
    values.append(f"/blob/{ACCOUNT}/{CONTAINER}/{blob}")
    values += [query.get(name, "") for name in ("skoid", "sktid", "skt", "ske", "sks", "skv")]
    if version >= "2020-02-10":
        values += [query.get(name, "") for name in ("saoid", "suoid", "scid")]
    values += [query.get(name, "") for name in ("sip", "spr", "sv", "sr", "snapshot")]
    if version >= "2020-12-06":
        values.append(query.get("ses", ""))
    values += [query.get(name, "") for name in ("rscc", "rscd", "rsce", "rscl", "rsct")]
    digest = hmac.new(base64.b64decode(key["Value"]), "\n".join(values).encode(), hashlib.sha256)
    return base64.b64encode(digest.digest()).decode()
