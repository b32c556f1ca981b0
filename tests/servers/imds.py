"""The managed-identity part of Azure's instance metadata service, on loopback. Its tokens are what
Azurite takes, which checks claims and no signature."""

import base64
import http.server
import json
import threading
import time
import urllib.parse
import uuid

RESOURCES = ("https://storage.azure.com", "https://storage.azure.com/")
TENANT = str(uuid.uuid4())


def part(value):
    """A part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def token(seconds, identity="system"):
    """An access token for storage, signed by nobody."""
    now = int(time.time())
    claims = {"aud": "https://storage.azure.com", "iss": f"https://sts.windows.net/{TENANT}/",
              "iat": now - 60, "nbf": now - 60, "exp": now + seconds, "tid": TENANT,
              "oid": str(uuid.uuid5(uuid.NAMESPACE_URL, identity)), "sub": identity}
    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.{base64.urlsafe_b64encode(b'not signed').decode().rstrip('=')}"


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    def log_message(self, *_):
        """Says nothing."""

    def answer(self, status, value):
        """JSON."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        """A token, where everything is as the service demands."""
        imds = self.server.imds
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        imds.requests.append(query)
        if imds.failures:
            self.answer(imds.failures.pop(0), {"error": "try_again", "error_description": "later"})
        elif self.headers.get("Metadata") != "true" or self.headers.get("X-Forwarded-For"):
            self.answer(400, {"error": "invalid_request",
                              "error_description": "Required metadata header not specified"})
        elif url.path != "/metadata/identity/oauth2/token" or "api-version" not in query:
            self.answer(404, {"error": "not_found"})
        elif query.get("resource") not in RESOURCES:
            self.answer(400, {"error": "invalid_resource"})
        else:
            self.give(query)

    def give(self, query):
        """The token of the identity that is asked for."""
        imds = self.server.imds
        chosen = query.get("client_id") or query.get("msi_res_id") or "system"
        if chosen not in imds.identities:
            self.answer(400, {"error": "invalid_request",
                              "error_description": "Identity not found"})
            return
        end = int(time.time()) + imds.seconds
        imds.given.append(token(imds.seconds, chosen))
        self.answer(200, {"access_token": imds.given[-1], "client_id": chosen,
                          "expires_in": str(imds.seconds), "expires_on": str(end),
                          "resource": query["resource"], "token_type": "Bearer"})


class Imds:
    """Serves until stop(). `failures` are statuses to answer first."""

    def __init__(self, seconds=3600):
        self.seconds = seconds
        self.identities = {"system"}
        self.requests, self.given, self.failures = [], [], []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.imds = self
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()
