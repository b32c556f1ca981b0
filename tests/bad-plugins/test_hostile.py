"""Bundles that attack, break or exhaust: each ends with its documented code and one line, and leaves no process
behind. sdk/README.md has the table of what a bundle may do."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from hostile_bundle import Bundle, processes_with  # noqa: E402

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def key(tmp_path_factory):
    return tmp_path_factory.mktemp("key") / "key.pem"


@pytest.fixture(scope="session")
def hostile(sdk, tmp_path_factory):
    flags = ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-Wno-infinite-recursion"]
    return sdk.build(HERE / "hostile.c", tmp_path_factory.mktemp("hostile") / "hostile.so", flags=flags,
                     links=["-lpthread"]).read_bytes()


@pytest.fixture
def bundle(home, hostile, key):
    home.node({})
    return Bundle(home.path, hostile, key)


@pytest.fixture
def run(jetpack, bundle, tmp_path):
    """run(CASE) does what hostile.c calls so. Whatever it is, nothing of it may survive."""

    def run_case(case, *args, **options):
        environment = {"HOSTILE": case, "TEST_MARKER": str(tmp_path / "marker"), "TEST_OF": str(tmp_path)}
        result = jetpack(*(args or ["hostile"]), env=environment, start_new_session=True, **options)
        assert not processes_with(f"TEST_OF={tmp_path}"), "it left a process behind"
        return result

    return run_case


def one_line(text):
    return text.startswith("jetpack: plugin test.hostile in 'jetpack hostile' ") and text.count("\n") == 1


def test_a_signed_bundle_runs(run, tmp_path):
    result = run("right")
    assert (result.returncode, result.stdout, result.stderr) == (0, "right\n", "")
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    "case, code, words",
    [
        ("segv", 139, "died of SIGSEGV"),
        ("abort", 134, "died of SIGABRT"),
        ("trap", 132, "died of SIGILL"),
        ("fpe", 136, "died of SIGFPE"),
        ("bus", 135, "died of SIGBUS"),
        ("kill-self", 137, "died of SIGKILL"),
        ("alarm", 142, "died of SIGALRM"),
        ("overflow", 139, "died of SIGSEGV"),
        ("atexit", 139, "died of SIGSEGV"),
        ("exit-0", 1, "ended by itself, with exit code 0, before its command returned"),
        ("_exit-0", 1, "ended by itself, with exit code 0"),
        ("pthread_exit", 134, "died of SIGABRT"),
        ("exec", 1, "ended by itself, with exit code 0"),
        ("exit-77", 77, "ended by itself, with exit code 77"),
        ("constructor-exit", 1, "ended by itself, with exit code 0"),
        ("constructor-segv", 139, "died of SIGSEGV"),
        ("memory-bomb", 139, "died of SIGSEGV"),
    ],
)
def test_an_end_of_its_own_is_reported_in_one_line(run, home, case, code, words):
    result = run(case)
    assert (result.returncode, result.stdout) == (code, ""), result
    assert one_line(result.stderr) and words in result.stderr, result.stderr
    assert words in (home / "logs/jetpack.log").read_text()


def test_a_jump_into_a_frame_that_is_gone(run):
    result = run("longjmp")
    assert result.returncode in (134, 139), result
    assert "plugin test.hostile in 'jetpack hostile' died of" in result.stderr


def test_an_exception_that_leaves_the_plugin(sdk, bundle, run):
    thrower = bundle.home / "thrower.o"
    sdk.run("g++", "-fPIC", "-c", HERE / "thrower.cpp", "-o", thrower)
    library = sdk.build(HERE / "hostile.c", bundle.home / "throws.so", flags=["-DTHROWS", "-fexceptions", "-w"],
                        links=[thrower, "-lstdc++"])
    bundle.library.write_bytes(library.read_bytes())
    bundle.sign()
    result = run("throw")
    assert (result.returncode, result.stdout) == (134, ""), result
    assert "died of SIGABRT" in result.stderr


def test_a_termination_is_silent(run):
    result = run("term-self")
    assert (result.returncode, result.stdout, result.stderr) == (143, "", "")


@pytest.mark.parametrize("case", ["sleep", "spin", "deaf", "stop", "fork-and-hang", "constructor-hang"])
def test_what_does_not_end_is_ended(bundle, run, case):
    bundle.sign(limits={"wall": 300})
    result = run(case)
    assert (result.returncode, result.stdout) == (137, ""), result
    assert one_line(result.stderr) and "did not end within 300 ms, its limit" in result.stderr


def test_time_on_the_processor_is_limited(bundle, run):
    bundle.sign(limits={"cpu": 1000})
    result = run("deaf")
    assert result.returncode == 137, result
    assert one_line(result.stderr) and "used more than 1 s of processor time, its limit" in result.stderr


def test_the_policy_bounds_what_a_bundle_asks_for(bundle, run):
    bundle.policy("[limits]\nwall = 200ms\n")
    result = run("sleep")
    assert result.returncode == 137, result
    assert "did not end within 200 ms" in result.stderr


def numbers(result):
    return {line.split()[0]: int(line.split()[1]) for line in result.stdout.splitlines()}


@pytest.mark.parametrize("case", ["storm", "storm-without-descriptors"])
def test_a_fork_storm_is_bounded(run, case):
    result = run(case)
    assert (result.returncode, result.stderr) == (0, ""), result
    assert 1 <= numbers(result)["started"] <= 20
    assert numbers(result)["denied"] >= 280


def test_a_command_in_a_command_has_the_limit_of_both(run):
    result = run("storm-in-another-command")
    assert (result.returncode, result.stderr) == (0, ""), result
    said = numbers(result)
    # The outer command, the inner one and its monitor count.
    assert said["ended"] == 0 and 1 <= said["started"] <= 17 and said["denied"] >= 283


def test_its_process_is_as_after_a_fork(run):
    result = run("show-itself")
    assert (result.returncode, result.stdout) == (0, "asking 0\nclock allowed\nrobust 1\n"), result


def test_a_storm_of_daemons_is_bounded_and_ended(run):
    result = run("storm-of-daemons")
    assert (result.returncode, result.stderr) == (0, ""), result
    assert numbers(result)["started"] + numbers(result)["denied"] == 300
    assert numbers(result)["denied"] > 0


def test_a_daemon_ends_with_the_command(run):
    result = run("daemon")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_thread_that_goes_on_ends_with_the_command(run):
    assert run("thread").returncode == 0


def test_memory_is_limited(run):
    assert run("allocate-10-gb").stdout == "denied\n"
    assert run("reserve-64-gb").stdout == "reserve allowed\nuse a little allowed\nuse much Cannot allocate memory\n"


def test_open_files_are_limited(run):
    assert 10 <= numbers(run("files"))["opened"] <= 64


def test_much_output_passes_whole(run, tmp_path):
    for stream, other in (("stdout", "stderr"), ("stderr", "stdout")):
        with open(tmp_path / "much", "wb") as file:
            result = run(f"much-{stream}", **{stream: file, other: subprocess.PIPE})
        assert result.returncode == 0, result
        assert (tmp_path / "much").stat().st_size == 320 * 65536


def test_stderr_that_nobody_reads_ends_nothing(jetpack, bundle, tmp_path):
    read, write = os.pipe()
    os.close(read)
    result = jetpack("hostile", env={"HOSTILE": "much-stderr"}, stdout=subprocess.PIPE, stderr=write)
    os.close(write)
    assert result.returncode == 0


def test_closed_streams(run, home):
    result = run("close-stdout")
    assert result.returncode == 1
    assert "cannot write to standard output" in result.stderr
    result = run("close-stderr")
    assert result.returncode == 134
    assert "last words\n" in result.stderr and "died of SIGABRT" in result.stderr
    assert run("close-all").returncode == 0


def test_last_words_are_logged(run, home):
    result = run("last-words")
    assert result.returncode == 134
    assert result.stderr.startswith("assertion failed: the end\n")
    log = (home / "logs/jetpack.log").read_text()
    assert "died of SIGABRT" in log and "assertion failed: the end" in log


@pytest.mark.parametrize(
    "case, answer",
    [
        ("kill-parent", "kill Operation not permitted\n"),
        ("stop-parent", "kill Operation not permitted\n"),
        ("kill-group", "kill Operation not permitted\n"),
        ("kill-group-by-number", "kill Operation not permitted\n"),
        ("abort-group", "kill allowed\n"),
        ("kill-all", "kill Operation not permitted\n"),
        ("queue-to-parent", "kill Operation not permitted\n"),
        ("pidfd-parent", "pidfd Operation not permitted\n"),
        ("limit-parent", "prlimit Operation not permitted\n"),
        ("trace-me", "ptrace Operation not permitted\n"),
        ("type", "TIOCSTI Operation not permitted\n"),
        ("dangerous-calls", "done\n"),
    ],
)
def test_an_attack_is_denied(run, case, answer):
    result = run(case)
    assert (result.returncode, result.stdout, result.stderr) == (0, answer, ""), result


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="only x86-64 has other architectures beside it")
def test_calls_of_another_architecture_are_denied(run):
    # Not every kernel is built with the calls of i386.
    assert run("other-architecture").stdout in (
        f"i386 {answer}\nx32 Operation not permitted\n" for answer in ("-1", "unknown to the kernel"))


def test_a_service_that_is_not_declared(run):
    assert "does not declare that it needs jetpack.process/1" in run("service").stdout


def test_a_capability_is_granted_by_manifest_and_policy_together(bundle, run):
    bundle.sign(capabilities=["ptrace"])
    assert "not permitted" in run("trace-me").stdout
    bundle.policy("[allow]\ncapabilities = ptrace\n")
    assert run("trace-me").stdout == "ptrace allowed\n"
    bundle.sign()
    assert "not permitted" in run("trace-me").stdout


def test_three_crashes_disable_a_bundle(bundle, run, tmp_path):
    for _ in range(2):
        assert one_line(run("segv").stderr)
    third = run("segv")
    assert third.returncode == 139
    assert "test.hostile is now disabled, because it crashed 3 times" in third.stderr
    (tmp_path / "marker").unlink()
    refused = run("right")
    assert refused.returncode == 126
    assert "it is disabled (jetpack hostile died of SIGSEGV" in refused.stderr
    assert "jetpack plugin enable test.hostile" in refused.stderr
    assert not (tmp_path / "marker").exists()
    assert json.loads(bundle.state.read_text())["crashes"] == 3
    assert [entry["verb"] for entry in bundle.audit()] == ["disable", "load"]
    bundle.state.write_text('{"disabled":false}')
    assert run("right").returncode == 0


def test_another_user_is_as_safe(bundle, run, as_user):
    prefix = as_user()
    assert run("right", prefix=prefix).stdout == "right\n"
    assert run("kill-parent", prefix=prefix).stdout == "kill Operation not permitted\n"
    assert 1 <= numbers(run("storm", prefix=prefix))["started"] <= 20
    result = run("segv", prefix=prefix)
    assert result.returncode == 139 and one_line(result.stderr)


# -- Plugins in a directory: no limits and no filter, but the same end --------------------------------------


@pytest.fixture
def directory(tmp_path, hostile):
    directory = tmp_path / "plugins"
    directory.mkdir(mode=0o755)
    (directory / "hostile.so").write_bytes(hostile)
    return directory


@pytest.fixture
def run_unsigned(jetpack, home, directory, tmp_path):
    home.node({})

    def run_case(case, **options):
        environment = {"HOSTILE": case, "TEST_OF": str(tmp_path)}
        return jetpack("--plugin-path", directory, "hostile", env=environment, start_new_session=True, **options)

    return run_case


@pytest.mark.parametrize("case, code", [("exit-0", 1), ("segv", 139), ("daemon", 0), ("close-all", 0),
                                        ("trace-me", 0), ("storm", 0)])
def test_an_unsigned_plugin_leaves_nothing_behind(run_unsigned, tmp_path, case, code):
    result = run_unsigned(case)
    assert result.returncode == code, result
    assert not processes_with(f"TEST_OF={tmp_path}")


def test_an_unsigned_plugin_that_ends_its_monitor_ends_itself(run_unsigned, tmp_path):
    """What left its session survives that, as it would survive kill -9 of any program."""
    result = run_unsigned("kill-parent")
    assert result.returncode == -9
    for pid in processes_with(f"TEST_OF={tmp_path}"):
        assert os.getsid(pid) == pid or os.getpgid(pid) != os.getpgrp()
        os.kill(pid, 9)


def test_children_from_before_are_left_alone(jetpack, bundle, tmp_path):
    """A shell that becomes jetpack leaves its children to it."""
    script = 'sleep 30 >/dev/null 2>&1 & echo $!; exec "$@"'
    result = subprocess.run(["sh", "-c", script, "sh", *jetpack.command("hostile")],
                            env=jetpack.environment({"HOSTILE": "daemon"}), stdout=subprocess.PIPE, text=True,
                            timeout=60)
    child = int(result.stdout)
    assert result.returncode == 0
    assert Path(f"/proc/{child}/comm").read_text() == "sleep\n"
    os.kill(child, 15)


def test_ending_jetpack_ends_the_plugin(jetpack, bundle, tmp_path):
    process = jetpack.start("hostile", env={"HOSTILE": "sleep", "TEST_OF": str(tmp_path)})
    give_up = time.monotonic() + 30
    while len(processes_with(f"TEST_OF={tmp_path}")) < 2 and time.monotonic() < give_up:
        time.sleep(0.01)
    process.kill()
    process.wait()
    while processes_with(f"TEST_OF={tmp_path}") and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not processes_with(f"TEST_OF={tmp_path}")
