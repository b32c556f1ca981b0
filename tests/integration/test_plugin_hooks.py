"""Hooks of plugins on a node with a server and a cloud: when it is ready, and when it is to go."""

import json
import shlex

import pytest
from event_nodes import EventNode
from servers.process import wait_for
from simulated_azure import Azure


@pytest.fixture(scope="module", name="azure")
def _azure():
    hub = Azure()
    yield hub
    hub.remove()


@pytest.fixture(name="node")
def _node(azure, tmp_path):
    node = EventNode(azure, "hooked")
    node.plugins = tmp_path / "plugins"
    node.plugins.mkdir(mode=0o755)
    ini = node.home / "config/jetpack.ini"
    before = ini.read_text() if ini.exists() else ""
    ini.write_text(f"{before}\n[plugins]\npath = {node.plugins}\n")
    (node.home / "config/plugins.ini").write_text(f"[trust]\ndirectories = {node.plugins}\n")
    yield node
    node.end()


def test_hooks_run_when_the_node_is_ready_and_before_it_goes(azure, node):
    told = node.plugins / "told"
    note = {"schema": 1, "id": "com.example.hooks", "version": "1", "program": "hooks.sh", "commands": [],
            "hooks": [{"event": "on-ready"}, {"event": "on-shutdown", "deadline": 30000}]}
    (node.plugins / "hooks.json").write_text(json.dumps(note))
    script = node.plugins / "hooks.sh"
    # The end waits until it may go on.
    script.write_text(f"#!/bin/bash\ncat >> {shlex.quote(str(told))}; echo >> {shlex.quote(str(told))}\n"
                      'while [ "$JETPACK_OFFER_NAME" = on-shutdown ] && [ ! -e "$JETPACK_PLUGIN_DIR/go" ]; do sleep 0.1; done\n')
    script.chmod(0o755)

    def events():
        return [json.loads(line) for line in told.read_text().splitlines() if line] if told.exists() else []

    node.start().watching()
    wait_for(lambda: [event["event"] for event in events()] == ["on-ready"], "the hook on-ready")
    event = azure.schedule(node.name, "--type", "Terminate", "--in", "120s")
    wait_for(lambda: len(events()) == 2, "the hook on-shutdown")
    assert (events()[1]["event"], events()[1]["id"], events()[1]["type"]) == ("on-shutdown", event, "Terminate")
    assert node.journal()[event] == "succeeded"
    (node.plugins / "go").touch()
    wait_for(lambda: node.journal()[event] == "acknowledged", "the acknowledgement")
