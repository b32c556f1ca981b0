"""A real RabbitMQ on loopback, plain and TLS, that can be blocked, killed and restarted."""

import collections
import os
import re
import socket
import subprocess
import uuid

from servers.certificates import make_ca, make_certificate
from servers.process import NOBODY, Server, free_port, is_open

BIN = "/usr/lib/rabbitmq/bin"
ADMIN, PASSWORD = "admin", "broker-s3cret"
CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{plain}
listeners.ssl.1 = 127.0.0.1:{tls}
ssl_options.cacertfile = {directory}/ca.pem
ssl_options.certfile = {directory}/server.pem
ssl_options.keyfile = {directory}/server.key
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
ssl_options.versions.1 = tlsv1.3
ssl_options.versions.2 = tlsv1.2
default_vhost = /
default_user = {user}
default_pass = {password}
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
log.file.level = warning
"""

# What a client of the broker gets: a user with every right on a virtual host of its own.
Account = collections.namedtuple("Account", "user password vhost url plain_url")


class RabbitMq(Server):
    """Started by its constructor; `account()` creates a user and a virtual host."""

    def __init__(self):
        super().__init__("rabbitmq")
        self.port, self.tls_port = free_port(), free_port()
        self.node_port, self.epmd_port = free_port(), free_port()
        self.epmd = None
        for name in ("home", "mnesia", "log"):
            (self.directory / name).mkdir()
        make_ca(self.directory)
        make_certificate(self.directory)
        (self.directory / "rabbitmq.conf").write_text(CONFIGURATION.format(
            plain=self.port, tls=self.tls_port, directory=self.directory, user=ADMIN, password=PASSWORD))
        (self.directory / "enabled_plugins").write_text("[].\n")
        (self.directory / "home/.erlang.cookie").write_text(uuid.uuid4().hex)
        (self.directory / "home/.erlang.cookie").chmod(0o400)
        if os.geteuid() == 0:
            for path in [self.directory, *self.directory.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)
        self.start()

    @property
    def ca(self):
        """The authority's certificate."""
        return self.directory / "ca.pem"

    def environment(self):
        """Where the broker and its tools find everything."""
        directory = self.directory
        return {
            "HOME": str(directory / "home"),
            "RABBITMQ_NODENAME": f"jetpack{self.port}@localhost",
            "RABBITMQ_BASE": str(directory),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_PID_FILE": str(directory / "pid"),
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(directory / "none"),
            "RABBITMQ_CONF_ENV_FILE": str(directory / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(self.node_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none",
            # Without an input of its own the script would stay as the parent of the broker.
            "RABBITMQ_ALLOW_INPUT": "1",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP": "/dev/null",
        }

    def start(self):
        """Starts it, at the same ports each time, and waits until it accepts connections."""
        if not self.epmd:
            # In the foreground: otherwise the broker starts one that never ends.
            self.epmd = self.spawn(["epmd", "-port", self.epmd_port, "-address", "127.0.0.1"],
                                   user=NOBODY)
        self.process = self.spawn([f"{BIN}/rabbitmq-server", "-noinput"], self.environment(),
                                  NOBODY)
        self.wait_until(lambda: self.greets() and is_open(self.tls_port))

    def start_with(self, vhost, queue):
        """start(), until it has the durable queue: RabbitMQ before 3.11 now and then misses one after it
        was killed, until it is started once more (its issue 4563)."""
        self.start()
        for _ in range(5):
            if queue in self.queues(vhost):
                return
            self.kill()
            self.start()
        raise AssertionError(f"the queue {queue!r} is gone; the durable ones are "
                             + self.evaluate("ets:tab2list(rabbit_durable_queue)"))

    def save_definitions(self):
        """Has queues, users and virtual hosts on disk: RabbitMQ keeps them in memory for up to two seconds
        (Erlang's disk_log), and a kill loses what was declared in that time."""
        assert self.evaluate("mnesia:sync_log()") == "ok"

    def greets(self):
        """Whether it speaks AMQP on its plain port."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False

    def remove(self):
        """Ends the broker and its port mapper, and removes the directory."""
        if self.epmd:
            self.epmd.kill()
            self.epmd.wait()
        super().remove()

    def evaluate(self, expressions):
        """Evaluates Erlang in the broker, in milliseconds (rabbitmqctl takes seconds of CPU time, being
        an Erlang node of its own); returns the result as text."""
        done = subprocess.run(
            ["erl_call", "-h", f"c{uuid.uuid4().hex[:12]}", "-address", f"localhost:{self.node_port}", "-e"],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.directory / "home")}, input=expressions + ".\n",
            text=True, capture_output=True, timeout=60, check=False)
        found = re.fullmatch(r"\{ok, (.*)\}", done.stdout, re.DOTALL)
        assert found and not found[1].startswith("{error"), done.stdout + done.stderr
        return found[1]

    def account(self, user=None, vhost=None, password="node-s3cret"):
        """A new user with every right on a virtual host, which is created if it does not exist."""
        user, vhost = user or f"user-{uuid.uuid4().hex[:8]}", vhost or f"v-{uuid.uuid4().hex[:8]}"
        name = vhost.replace('"', "")
        self.evaluate(
            f'V = <<"{name}">>, U = <<"{user}">>, W = <<"test">>, '
            "rabbit_vhost:exists(V) orelse (ok = rabbit_vhost:add(V, W)), "
            f'ok = rabbit_auth_backend_internal:add_user(U, <<"{password}">>, W), '
            'rabbit_auth_backend_internal:set_permissions(U, V, <<".*">>, <<".*">>, <<".*">>, W)')
        return Account(user, password, vhost, self.url(user, password, vhost),
                       self.url(user, password, vhost, tls=False))

    def url(self, user, password, vhost, tls=True):
        """The URL that a client is given."""
        scheme, port = ("amqps", self.tls_port) if tls else ("amqp", self.port)
        path = "%2F" if vhost == "/" else vhost
        return f"{scheme}://{user}:{password}@127.0.0.1:{port}/{path}"

    @property
    def admin(self):
        """The first user, on the virtual host "/"."""
        return Account(ADMIN, PASSWORD, "/", self.url(ADMIN, PASSWORD, "/"),
                       self.url(ADMIN, PASSWORD, "/", tls=False))

    def permit(self, account, configure=".*", write=".*", read=".*"):
        """Changes what a user may do."""
        rights = ", ".join(f'<<"{right}">>' for right in (configure, write, read))
        self.evaluate(f'rabbit_auth_backend_internal:set_permissions(<<"{account.user}">>, '
                      f'<<"{account.vhost}">>, {rights}, <<"test">>)')

    def block(self):
        """The memory alarm: publishers are blocked until unblock()."""
        self.limit_memory("1MB")

    def unblock(self):
        """Ends the memory alarm."""
        self.limit_memory("1GB")

    def limit_memory(self, size):
        """Sets the use of memory above which publishers are blocked."""
        self.evaluate(f'vm_memory_monitor:set_vm_memory_high_watermark({{absolute, "{size}"}})')

    def close_connections(self, reason="tests"):
        """Closes every connection with 320 CONNECTION_FORCED."""
        self.evaluate(f'rabbit_networking:close_all_connections("{reason}")')

    def use_certificate(self, **options):
        """New connections see another certificate; see make_certificate."""
        make_certificate(self.directory, **options)
        if os.geteuid() == 0:
            for path in self.directory.glob("server.*"):
                os.chown(path, NOBODY, NOBODY)
        self.evaluate("ssl:clear_pem_cache()")

    def queues(self, vhost):
        """{name: ready messages} of a virtual host."""
        listed = self.evaluate(
            "[{binary_to_list(element(4, amqqueue:get_name(Q))), "
            "proplists:get_value(messages_ready, rabbit_amqqueue:info(Q, [messages_ready]))} "
            f'|| Q <- rabbit_amqqueue:list(<<"{vhost}">>)]')
        return {name: int(count) for name, count in re.findall(r'\{"([^"]*)", (\d+)\}', listed)}

    def arguments(self, vhost, queue):
        """What a queue was declared with, {name: number}."""
        listed = self.evaluate(
            f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"{vhost}">>, queue, <<"{queue}">>)), '
            "[{binary_to_list(Name), Value} || {Name, _, Value} <- amqqueue:get_arguments(Q)]")
        return {name: int(value) for name, value in re.findall(r'\{"([^"]*)", (\d+)\}', listed)}

    def binding_keys(self, vhost):
        """The routing keys by which queues of a virtual host are bound, as text."""
        return self.evaluate(
            f'[binary_to_list(element(3, B)) || B <- rabbit_binding:list(<<"{vhost}">>)]')

    def tool(self, name, account, *arguments, **options):
        """Runs amqp-NAME (publish, get, consume, declare-queue, delete-queue) of Debian's amqp-tools."""
        options.setdefault("capture_output", True)
        options.setdefault("timeout", 60)
        return subprocess.run([f"/usr/bin/amqp-{name}", "--url", account.plain_url,
                               *map(str, arguments)], check=False, **options)
