"""What a plugin gets of itself in the real host: directories, signals, its name in the log, questions."""

import os
import pty
import select
import signal
import stat
import subprocess

import pytest

SOURCE = r"""#include <jetpack/plugin.hpp>
#include <jetpack/prompt.hpp>
#include <fstream>
#include <poll.h>
using jetpack::Call;

static int directories(const Call& call) {
  std::ofstream(call.state_dir() + "/kept") << "x";
  std::ofstream(call.temp_dir() + "/left") << "x";
  call.print(call.service<jetpack::Self>().plugin_id() + "\n" + call.state_dir() + "\n" + call.plugin_dir() +
             "\n" + call.temp_dir() + "\n");
  if (call.flag("abort")) std::abort();
  return 0;
}
static int watch(const Call& call) {
  call.print(call.cancelled() ? "cancelled\n" : "ready\n");
  while (!call.cancelled()) ::poll(nullptr, 0, 10);
  if (call.flag("deaf")) call.print("heard\n");
  while (call.flag("deaf")) ::poll(nullptr, 0, -1);
  call.report("cleaned up\n");
  return static_cast<int>(call.integer("code").value_or(0));
}
static int script(const Call& call) {
  call.print(call.cancelled() ? "cancelled\n" : "ready\n");
  const auto result = call.service<jetpack::Process>().run({.argv = {"sleep", "600"}});
  call.print("signal " + std::to_string(result.signal) + "\n");
  return 3;
}
static int log(const Call& call) {
  call.service<jetpack::Log>().error("a line");
  return 0;
}
static int ask(const Call& call) {
  call.print(jetpack::confirm(call, "Go on?") ? "yes\n" : "no\n");
  return 0;
}
using jetpack::command;
JETPACK_PLUGIN("com.example.me", "1",
               command("me directories", "Directories", directories, jetpack::flag("abort", "Crash")),
               command("me watch", "Wait for a signal", watch, jetpack::flag("deaf", "Never end"),
                       jetpack::option("code", "N", "Exit code").integer()),
               command("me script", "Run a script", script), command("me log", "Log", log),
               command("me ask", "Ask", ask, jetpack::yes_option()));
"""


@pytest.fixture(scope="module")
def library(sdk, tmp_path_factory):
    directory = tmp_path_factory.mktemp("me")
    (directory / "me.cpp").write_text(SOURCE)
    return sdk.build(directory / "me.cpp", directory / "p/me.so")


@pytest.fixture(params=["--plugin-path", "built-in"])
def me(request, jetpack, home, library, copied_home):
    """me(COMMAND, ...): as a plugin in a child, and in jetpack's own process."""
    home.node({})
    if request.param == "built-in":
        os.link(library, copied_home / "lib/jetpack/plugins/me.so")
        jetpack.binary = copied_home / "bin/jetpack"
        return ["me"]
    return ["--plugin-path", library.parent, "me"]


@pytest.mark.parametrize("end", [[], ["--abort"]])
def test_directories(me, jetpack, home, library, tmp_path, end):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    result = jetpack(*me, "directories", *end, env={"TMPDIR": str(temporary)})
    if end and me[0] == "me":
        # It takes jetpack with it.
        assert result.returncode == -signal.SIGABRT
        return
    assert result.returncode == (128 + signal.SIGABRT if end else 0), result
    name, state, own, temp = result.stdout.splitlines()
    assert name == "com.example.me" and state == str(home / "var/plugins/com.example.me")
    assert stat.S_IMODE(os.stat(state).st_mode) == 0o700 and os.listdir(state) == ["kept"]
    assert (me[0] == "me") == (own != str(library.parent))
    assert temp.startswith(str(temporary)) and os.listdir(temporary) == []


def start(jetpack, *words):
    # Where the tests run in the background of a script, SIGINT is ignored, and stays so.
    process = jetpack.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("code", [0, 7])
def test_the_first_signal_lets_the_command_end(me, jetpack, number, code):
    process = start(jetpack, *me, "watch", f"--code={code}")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (out, err) == ("", "cleaned up\n")
    assert process.returncode == (128 + number if code else 0)


def test_the_second_signal_ends_it(me, jetpack):
    process = start(jetpack, *me, "watch", "--deaf")
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "heard\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode in (128 + signal.SIGTERM, -signal.SIGTERM)


def test_a_program_that_is_waited_for_ends_too(me, jetpack):
    process = start(jetpack, *me, "script")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == (f"signal {int(signal.SIGTERM)}\n", "", 128 + signal.SIGTERM)


def test_lines_of_the_log_have_the_plugins_name(me, jetpack, home):
    assert jetpack(*me, "log").returncode == 0
    line, = (home / "logs/jetpack.log").read_text().splitlines()
    assert line.endswith("ERROR    a line" if me[0] == "me" else "ERROR    com.example.me: a line")


@pytest.mark.parametrize("answer, expected", [("y\n", "yes"), ("n\n", "no"), ("\n", "no")])
def test_a_question_at_a_terminal(me, jetpack, answer, expected):
    main, other = pty.openpty()
    process = jetpack.start(*me, "ask", stdin=other, stdout=subprocess.PIPE, stderr=other, text=True)
    os.close(other)
    shown = b""
    while b"[y/N] " not in shown and select.select([main], [], [], 60)[0]:
        shown += os.read(main, 1000)
    assert b"Go on? [y/N] " in shown
    os.write(main, answer.encode())
    assert process.communicate(timeout=60)[0] == expected + "\n"
    os.close(main)


def test_no_question_without_a_terminal(me, jetpack):
    result = jetpack(*me, "ask", input="y\n")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("jetpack me ask: cannot ask 'Go on?' without a terminal; use --yes\n")
    assert jetpack(*me, "ask", "--yes").stdout == "yes\n"
