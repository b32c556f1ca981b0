"""Requests to the cluster's server, for scripts that need more than the commands offer."""
import base64
import configparser
import http.client
import io
import ipaddress
import json
import os
import socket
import ssl
import urllib.parse

from jetpack import _command, _values
from jetpack.errors import ConfigError, UserError

TIMEOUT_SECONDS = 60
# (section, option, member of connection.json, keys of the configuration): the first that has a value.
_PLACES = (
    ("cycle_server", "webserver", "url", ["cyclecloud.config.web_server"]),
    ("cycle_server", "api_username", "username", ["cyclecloud.config.username"]),
    ("cycle_server", "api_password", "password", ["cyclecloud.config.password"]),
    ("identity", "cluster_name", "cluster", ["cyclecloud.cluster.name"]),
    ("identity", "instance_id", None, ["cyclecloud.instance.id", "cyclecloud.node.id",
                                       "azure.metadata.compute.vmId"]),
)


def _config_file(name):
    return os.path.join(_command.home(), "config", name)


def _read(path):
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            return file.read()
    except OSError as e:
        raise UserError("cannot read {}: {}".format(path, e.strerror)) from e


def _read_ini(path):
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string(_read(path), path)
    except configparser.Error as e:
        raise UserError(" ".join(str(e).split())) from e
    return {section: dict(parser.items(section)) for section in parser.sections()}


def _read_connection(path):
    if not os.path.exists(path):
        return {}
    try:
        value = json.loads(_read(path))
    except ValueError as e:
        raise UserError("{}: {}".format(path, e)) from e
    return value if isinstance(value, dict) else {}


def _from_configuration(keys):
    for key in keys:
        try:
            value = _values.read(["config"], key, None)
        except ConfigError:
            return None
        if value:
            return value
    return None


def parse_config(path):
    """See jetpack.util.parse_config."""
    if path is not None:
        return _read_ini(path)
    path = _config_file("jetpack.ini")
    sections = _read_ini(path) if os.path.exists(path) else {}
    connection = _read_connection(_config_file("connection.json"))
    for section, option, member, keys in _PLACES:
        values = sections.setdefault(section, {})
        value = connection.get(member) or values.get(option) or _from_configuration(keys)
        if value:
            values[option] = value
    return sections


def _is_true(text):
    return str(text).strip().lower() in ("1", "true", "yes", "on")


def _context(settings):
    """TLS as the command does it: certificates of the system, and those of the cluster."""
    skip = settings.get("skip_ssl_validation")
    if skip is None:
        skip = _from_configuration(["cyclecloud.skip_ssl_validation"])
    context = ssl.create_default_context()
    if hasattr(ssl, "TLSVersion"):  # Python 3.7
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    else:
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    # An authority that an administrator names may lack extensions that a public one has.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if _is_true(skip):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    named = settings.get("ca_file")
    ca = _config_file(named or "ca.pem")  # an absolute path stays as it is
    if named or os.path.exists(ca):
        try:
            context.load_verify_locations(ca)
        except (OSError, ssl.SSLError) as e:
            raise UserError("cannot read the certificates in {}: {}".format(ca, e)) from e
    return context


def _is_loopback(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Requests:
    """Requests of a connection, with paths below that of the server's address."""
    base = ""

    def putrequest(self, method, url, *args, **options):
        if self.base and url.startswith("/") and not url.startswith(self.base + "/"):
            url = self.base + url
        return super().putrequest(method, url, *args, **options)


class _Https(_Requests, http.client.HTTPSConnection):
    scheme = "https"


class _Http(_Requests, http.client.HTTPConnection):
    scheme = "http"


def _address_of(connection):
    """For messages; it has no credentials."""
    host = "[{}]".format(connection.host) if ":" in connection.host else connection.host
    scheme = getattr(connection, "scheme", "http")
    return "{}://{}:{}{}".format(scheme, host, connection.port, getattr(connection, "base", ""))


def _make_connection(settings):
    url = settings.get("webserver") or ""
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("https", "http") or parts.username is not None:
        raise UserError("the server's address is missing or invalid; expected https://HOST[:PORT][/PATH]",
                        "Set url in config/connection.json")
    if parts.scheme == "https":
        connection = _Https(host, port, timeout=TIMEOUT_SECONDS, context=_context(settings))
    elif _is_loopback(host) or _is_true(settings.get("allow_http")):
        connection = _Http(host, port, timeout=TIMEOUT_SECONDS)
    else:
        raise UserError("the server's address {} would show the password to the network".format(
            parts.scheme + "://" + host), "Use https")
    connection.base = parts.path.rstrip("/")
    return connection


def get_connection(config):
    """See jetpack.util.get_cyclecloud_connection."""
    sections = config if isinstance(config, dict) else parse_config(config)
    settings = sections.get("cycle_server", {})
    connection = _make_connection(settings)
    user, password = settings.get("api_username"), settings.get("api_password")
    if not user or not password:
        raise UserError("the account of this node is missing", "Set username and password in "
                        "config/connection.json")
    pair = _command.to_bytes("{}:{}".format(user, password))
    return connection, {"Authorization": "Basic " + base64.b64encode(pair).decode()}


class Response(io.BytesIO):
    """A response that was read as a whole: status, reason, headers, getheader(), read()."""

    def __init__(self, response):
        super().__init__(response.read())
        self.status, self.reason = response.status, response.reason
        self.headers, self.getheader = response.headers, response.headers.get


def query(path, body, method):
    """See jetpack.util.query_cyclecloud."""
    connection, headers = get_connection(None)
    headers["Accept"] = "application/json"
    if body is not None:
        headers["Content-Type"] = "application/json"
        if not isinstance(body, (str, bytes, bytearray)):
            body = json.dumps(body)
        body = _command.to_bytes(body)
    method = method or ("GET" if body is None else "POST")
    try:
        connection.request(method, path, body, headers)
        return Response(connection.getresponse())
    except (OSError, http.client.HTTPException) as e:
        raise _as_user_error(connection, e) from e
    finally:
        connection.close()


def _as_user_error(connection, error):
    address = _address_of(connection)
    if isinstance(error, socket.timeout):
        return UserError("Timed out connecting to CycleCloud at {}".format(address),
                         "Check the network between this node and the server")
    if isinstance(error, ssl.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return UserError("Certificate validation failed for CycleCloud at {}: {}".format(address, error),
                         "Add the server's authority to config/ca.pem")
    return UserError("Could not connect to CycleCloud at {}: {}".format(address, error),
                     "Check the server's address in config/connection.json and that the server runs")


def test(connection):
    """See jetpack.util.test_cyclecloud_connection."""
    if isinstance(connection, tuple):
        connection = connection[0]
    try:
        connection.connect()
    except OSError as e:
        raise _as_user_error(connection, e) from e
    connection.close()
    return True
