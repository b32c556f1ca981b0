"""A server on loopback, and a home that is connected to it, for the verbs that send."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

import node_server  # noqa: E402


@pytest.fixture
def server(home):
    running = node_server.NodeServer()
    node_server.connect(home, running)
    yield running
    running.stop()
