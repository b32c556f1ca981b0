"""`jetpack send`: what is rejected before it is queued. Tests with a broker are in tests/integration."""

import os
import pathlib

import pytest


@pytest.fixture
def broker(home):
    """A broker that is configured but not running."""
    home.write("config/jetpack.ini",
               "[identity]\ncluster_name = demo\ninstance_id = i-1\nnode_name = execute-1\n"
               "[broker]\nurl = amqp://u:secret-of-broker@127.0.0.1:1/demo\n")
    home.node({})


def test_help(transcript):
    transcript("help_send", ["help", "send"])


@pytest.mark.parametrize("args, expected", [
    (["m"], "--routing-key"),
    (["--routing-key", "k"], "MESSAGE"),
    (["m", "--file", "f", "--routing-key", "k"], "cannot be combined with"),
    (["m", "--routing-key", "k" * 256], "255"),
    (["m", "--routing-key", "a\nb"], "routing key"),
    (["m", "--routing-key", "k", "--exchange", "e" * 256], "255"),
    (["m", "--routing-key", "k", "--content-type", "e" * 256], "255"),
    (["m", "--routing-key", "k", "--header", "novalue"], "NAME=VALUE"),
    (["m", "--routing-key", "k", "--header", "=v"], "NAME=VALUE"),
    (["m", "--routing-key", "k", "--header", "n" * 256 + "=v"], "255"),
    (["m", "--routing-key", "k", "--header", "a=1", "--header", "a=2"], "duplicate"),
    (["m", "--routing-key", "k", "--header", "a=" + "v" * 40000], "32768"),
])
def test_invalid_command_lines(args, expected, jetpack, broker, home):
    result = jetpack("send", *args)
    assert (result.returncode, result.stdout) == (2, "")
    assert expected in result.stderr
    assert not (home / "run/outbox.db").exists()


def test_without_a_broker_it_names_the_setting(jetpack, home):
    home.node({})
    result = jetpack("send", "m", "--routing-key", "k")
    assert result.returncode == 1
    assert "[broker] url" in result.stderr and "jetpack.ini" in result.stderr


def test_a_file_over_the_limit_is_rejected_before_it_is_read(jetpack, broker, tmp_path):
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 40)
    result = jetpack("send", "--file", large, "--routing-key", "k", timeout=10)
    assert result.returncode == 1
    assert str(1 << 40) in result.stderr and "cyclecloud.jetpack.send_max_mib" in result.stderr
    assert "16 MiB" in result.stderr


def test_a_pipe_is_read_only_up_to_the_limit(jetpack, broker, home):
    home.node({"cyclecloud": {"jetpack": {"send_max_mib": 1}}})
    with open("/dev/zero", "rb") as endless:
        result = jetpack("send", "-", "--routing-key", "k", stdin=endless, timeout=10)
    assert result.returncode == 1 and "1 MiB" in result.stderr


@pytest.mark.parametrize("cap", [0, 65, "much"])
def test_an_invalid_limit_is_a_warning_and_the_default(cap, jetpack, broker, home):
    home.node({"cyclecloud": {"jetpack": {"send_max_mib": cap}}})
    result = jetpack("send", "m", "--routing-key", "k")
    assert result.returncode == 0
    assert result.stderr.count("cyclecloud.jetpack.send_max_mib is ") == 1
    assert "expected a whole number from 1 to 64, using 16" in result.stderr


def test_files_that_cannot_be_read(jetpack, broker, tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        result = jetpack("send", "--file", path, "--routing-key", "k")
        assert result.returncode == 1 and str(path) in result.stderr


def test_without_the_broker_it_is_queued_and_the_password_is_not_shown(jetpack, broker, home):
    result = jetpack("send", os.urandom(20).hex(), "--routing-key", "k", "--wait", "200ms")
    assert result.returncode == 1
    assert "queued: " in result.stderr and "stays queued" in result.stderr
    logs = "".join(path.read_text() for path in pathlib.Path(home / "logs").iterdir())
    assert "secret-of-broker" not in result.stderr + logs
