"""Fixtures of all black-box tests: the built jetpack, a fresh home tree, plugins built with the SDK,
real servers.

The build is that of $JETPACK_BUILD (default `build`), with its home installed in BUILD/home.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# All tests can import what is in tests/servers.
sys.path.insert(0, str(Path(__file__).resolve().parent))
from servers import node_server, shared  # noqa: E402
from servers.process import clean_environment  # noqa: E402
from servers.programs import need_program  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent
BUILT_HOME = REPOSITORY / os.environ.get("JETPACK_BUILD", "build") / "home"


def pytest_addoption(parser):
    parser.addoption("--update-expected", action="store_true", help="rewrite the expected outputs")


# Files with tests that take long, most of it waiting. They come first, so that no process of the run is
# left with them at the end.
LONG = ("test_amqp.py", "test_daemon_faults.py", "test_events.py", "test_healthcheck.py", "test_hub.py",
        "test_hub_many.py", "test_kill.py", "test_kill_matrix.py", "test_letters.py", "test_servers.py", "test_storage.py")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name not in LONG)


class Home:
    """A node's home tree."""

    def __init__(self, path):
        self.path = Path(path)
        for directory in ("config", "logs", "run", "scripts", "system/bootstrap"):
            (self.path / directory).mkdir(parents=True)

    def __truediv__(self, name):
        return self.path / name

    def write(self, name, content):
        """Writes a file: bytes and text as they are, anything else as JSON."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, (bytes, str)):
            content = json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def node(self, content):
        return self.write("config/node.json", content)

    def configuration(self, content):
        return self.write("config/configuration.json", content)

    def properties(self, content):
        return self.write("config/properties.json", content)

    def read_properties(self):
        return json.loads((self.path / "config/properties.json").read_text())


class Jetpack:
    """Runs the built jetpack as the node whose home is `home`."""

    def __init__(self, binary, home):
        self.binary = Path(binary)
        self.home = home

    def environment(self, extra=None):
        env = clean_environment()
        env["JETPACK_HOME"] = str(self.home.path)
        return {**env, **(extra or {})}

    def command(self, *args):
        return [str(self.binary), *(os.fspath(arg) for arg in args)]

    def __call__(self, *args, env=None, prefix=(), **options):
        """Runs `jetpack ARGS`; `env` is added to the environment, `prefix` goes before it."""
        options.setdefault("timeout", 60)
        options.setdefault("stdin", subprocess.DEVNULL)
        if "input" in options:
            del options["stdin"]
        if "stdout" not in options and "stderr" not in options:
            options["capture_output"] = True
        return subprocess.run(
            [*prefix, *self.command(*args)],
            env=self.environment(env),
            encoding="utf-8",
            errors="surrogateescape",
            **options,
        )

    def answer(self, *args, **options):
        """What `jetpack ARGS` prints, when it succeeds and prints nothing on stderr."""
        result = self(*args, **options)
        assert (result.returncode, result.stderr) == (0, ""), result
        return result.stdout

    def start(self, *args, env=None, **options):
        return subprocess.Popen(self.command(*args), env=self.environment(env), **options)


class Sdk:
    """Builds plugins with the installed SDK, as their authors do."""

    def __init__(self, built_home):
        self.prefix = built_home
        self.include = built_home / "include"
        self.map_file = built_home / "share/jetpack/jetpack-plugin.map"
        self.plugin_dir = built_home / "lib/jetpack/plugins"
        self.environment = {
            **clean_environment(),
            "PKG_CONFIG_PATH": str(built_home / "share/pkgconfig"),
        }

    def flags(self, *what):
        return shlex.split(self.run("pkg-config", *what, "jetpack-plugin"))

    def run(self, *command, **options):
        result = subprocess.run(
            [str(part) for part in command],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=240,
            **options,
        )
        assert result.returncode == 0, f"{shlex.join(map(str, command))}\n{result.stdout}"
        return result.stdout

    def build(self, source, library, compiler=None, flags=(), links=()):
        """Compiles one source file into a plugin, with the options that pkg-config gives."""
        source, library = Path(source), Path(library)
        is_c = source.suffix == ".c"
        compiler = compiler or ("gcc" if is_c else "g++")
        library.parent.mkdir(parents=True, exist_ok=True)
        self.run(
            compiler,
            "-std=c11" if is_c else "-std=c++20",
            *("-O1", "-fPIC", "-shared", "-Wall", "-Wextra", "-Wpedantic", "-Werror"),
            *flags,
            *self.flags("--cflags"),
            source,
            "-o",
            library,
            *self.flags("--libs"),
            *links,
        )
        return library


def same_as_file(path, text, update):
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert path.exists(), f"{path} is missing: run pytest with --update-expected and read it"
    assert text == path.read_text(), f"{path.name} differs; if right, run with --update-expected"


@pytest.fixture(scope="session")
def repository():
    return REPOSITORY


@pytest.fixture(scope="session")
def built_home():
    binary = BUILT_HOME / "bin/jetpack"
    assert binary.exists(), f"{binary} is missing: build and install first, or set JETPACK_BUILD"
    return BUILT_HOME


@pytest.fixture(scope="session")
def sdk():
    assert (BUILT_HOME / "include/jetpack/abi.h").exists(), f"no SDK is installed in {BUILT_HOME}"
    return Sdk(BUILT_HOME)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture
def jetpack(built_home, home):
    return Jetpack(built_home / "bin/jetpack", home)


@pytest.fixture
def server(home):
    """A server that records what the home's node sends."""
    running = node_server.NodeServer()
    node_server.connect(home, running)
    yield running
    running.stop()


NOBODY = 65534


def let_all_enter(directory):
    """Lets every user reach the directory by its path."""
    for step in [directory, *directory.parents]:
        if step.stat().st_mode & 0o001 == 0:
            step.chmod(step.stat().st_mode | 0o011)


@pytest.fixture(scope="session")
def public_installation(built_home, tmp_path_factory):
    """A copy of the installed tree that every user can run, wherever the build is."""
    directory = tmp_path_factory.mktemp("installed")
    for part in ("bin", "lib"):
        shutil.copytree(built_home / part, directory / part, symlinks=True)
    let_all_enter(directory)
    return directory


@pytest.fixture
def as_user(public_installation, jetpack, tmp_path):
    """as_user([group]): a prefix that runs jetpack as another user, of that group alone."""
    if os.geteuid() != 0:
        pytest.skip("only root can run a program as another user")
    let_all_enter(tmp_path)
    jetpack.binary = public_installation / "bin/jetpack"
    return lambda group=NOBODY: ["setpriv", f"--reuid={NOBODY}", f"--regid={group}", "--clear-groups"]


@pytest.fixture
def transcript(request, jetpack):
    """transcript(NAME, [ARGS...], ...): runs the commands and compares all they print with
    expected/NAME.txt beside the test; paths and the version are masked."""

    def compare(name, *commands):
        text = ""
        for args in commands:
            result = jetpack(*args)
            text += f"$ {shlex.join(['jetpack', *map(str, args)])}\n{result.stdout}"
            if result.stderr:
                text += f"[stderr]\n{result.stderr}"
            text += f"[exit {result.returncode}]\n\n"
        text = text.replace(str(jetpack.home.path), "HOME").replace(str(BUILT_HOME), "PREFIX")
        text = re.sub(r"\b8\.10\.0-\d+", "VERSION", text)
        directory = Path(request.fspath).parent / "expected"
        same_as_file(directory / f"{name}.txt", text, request.config.getoption("--update-expected"))

    return compare


@pytest.fixture
def copied_home(built_home, tmp_path):
    """A copy of the installed tree, for tests that change what is installed."""
    for part in ("bin", "lib"):
        shutil.copytree(built_home / part, tmp_path / "installed" / part, symlinks=True)
    return tmp_path / "installed"


@pytest.fixture(scope="session")
def shared_directory(tmp_path_factory):
    """A directory that all processes of this test run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def rabbitmq(shared_directory):
    """The RabbitMQ of this test run, for tests that do not change it: each creates an account()."""
    need_program("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
    with shared.lease("rabbitmq", shared_directory) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql(shared_directory):
    """The PostgreSQL of this test run, for tests that do not change it: each creates a database()."""
    need_program("/usr/lib/postgresql/15/bin/postgres", "postgresql")
    with shared.lease("postgresql", shared_directory) as server:
        yield server


@pytest.fixture(scope="session")
def breakable_rabbitmq():
    """The RabbitMQ of one process of this test run: see own_rabbitmq."""
    need_program("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
    server = shared.server_class("rabbitmq")()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def breakable_postgresql():
    """The PostgreSQL of one process of this test run: see own_postgresql."""
    need_program("/usr/lib/postgresql/15/bin/postgres", "postgresql")
    server = shared.server_class("postgresql")()
    yield server
    server.remove()


def running(server):
    """The server, started again where the test before left it killed."""
    if not server.process or server.process.poll() is not None:
        server.start()
    return server


@pytest.fixture
def own_rabbitmq(breakable_rabbitmq):
    """A RabbitMQ to be blocked, killed and started again; the test puts back what it changed."""
    return running(breakable_rabbitmq)


@pytest.fixture
def own_postgresql(breakable_postgresql):
    """A PostgreSQL to be killed and started again."""
    return running(breakable_postgresql)
