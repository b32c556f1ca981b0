"""config/jetpack.ini is read as Python's configparser reads it."""

import configparser
import json

import pytest

NAMES = {"cluster": "cluster_name", "node": "node_name", "instance": "instance_id"}

TEXTS = [
    "[identity]\ncluster_name = c\nnode_name: n\ninstance_id=i\n",
    "[identity]\n  cluster_name = c\n  node_name = n\n  instance_id = i\n",
    "[identity]\n\tcluster_name = c\n\tnode_name = n\n\tinstance_id = i\n[cycle_server]\n\twebserver = https://h\n",
    "  [identity]\n  cluster_name = c\n  node_name = n\ninstance_id = i\n",
    "[identity]\ncluster_name = c\n  node_name = n\n",
    "[identity]\n    cluster_name = c\n  node_name = n\n      more\n    more\n  instance_id = i\n",
    "[identity]\ncluster_name = a\n  # comment\n  b\n; comment\n  c\n",
    "[identity]\ncluster_name = a\n\n  b\n\n\nnode_name = n\n",
    "[identity]\ncluster_name = a\n\n# comment\n\n  b\n",
    "[identity]\r\n  cluster_name = c\r\n  node_name = n\r\n",
    "[identity]\ncluster_name = a # no comment\nnode_name = b ; no comment\n",
    "[identity]\nCLUSTER_NAME = a\ncluster_name = b\nNode_Name : x = y\n",
    "[identity]\ncluster_name = a\n[other]\ncluster_name = o\n[identity]\nnode_name = n\ncluster_name = b\n",
    "[DEFAULT]\ncluster_name = d\n[identity]\nnode_name = n\n",
    "[identity] # the node\ncluster_name = c\n",
    "[identity]\ncluster_name = %(node_name)s\nnode_name = 50%\n",
    "[identity]\ncluster_name = c\n  [other]\nnode_name = n\n",
    "[identity]\ncluster_name=\n  c\n",
    "[identity]\ncluster_name = c",
    "# comment\n\n  ; comment\n[identity]\n\n\n   cluster_name   =   c   \n",
]


def expected(text):
    """What configparser makes of it: a value, None, or the text of its error."""
    parser = configparser.ConfigParser(strict=False, allow_no_value=False, interpolation=None)
    parser.read_string(text)
    return {name: parser.get("identity", key, fallback="") or None for name, key in NAMES.items()}


def read(jetpack, home, text):
    home.write("config/jetpack.ini", text.encode())
    result = jetpack("status", "--json")
    identity = json.loads(result.stdout)["identity"]
    return {name: identity.get(name) for name in NAMES}


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "byte order mark"])
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_as_configparser_reads_it(jetpack, home, text, mark):
    assert read(jetpack, home, mark + text) == expected(text)


@pytest.mark.parametrize("text", ["[identity]\ncluster_name\n", "[identity]\n= c\n", "[identity\ncluster_name = c\n",
                                  "[]\na = b\n"])
def test_what_is_an_error(jetpack, home, text):
    with pytest.raises(configparser.Error):
        expected(text)
    home.write("config/jetpack.ini", text)
    assert "jetpack.ini, line " in jetpack("log", "text").stderr


def test_the_server_of_an_indented_file(jetpack, home):
    home.write("config/jetpack.ini", (
        "[cycle_server]\n  webserver = https://localhost:1\n  api_username = u\n  api_password = p\n"
        "[identity]\n  cluster_name = c\n"))
    result = jetpack("status", "--json")
    assert json.loads(result.stdout)["identity"]["url"] == "https://localhost:1"
