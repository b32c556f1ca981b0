"""The settings: one table, of which `jetpack help settings` and docs/settings.md are views."""

import json


def as_document(settings):
    """docs/settings.md, from the table."""
    lines = ["# Settings", "",
             "Keys after a `[section]` belong to `config/jetpack.ini`; dotted keys belong to the node's",
             "configuration, where the cluster sets them for all its nodes. An invalid value is a warning in the",
             "log, and the default is used; `jetpack status` lists invalid values and unknown keys.",
             "`jetpack help settings` prints this table.", "",
             "| key | what it sets | values | default |", "|---|---|---|---|"]
    for entry in settings:
        default = f"`{entry['default']}`" if entry["default"] else ""
        lines.append(f"| `{entry['key']}` | {entry['help']} | {entry['expected']} | {default} |")
    return "\n".join(lines) + "\n"


def test_the_document_is_the_table(jetpack, repository, request):
    document = repository / "docs/settings.md"
    expected = as_document(json.loads(jetpack.answer("help", "settings", "--json")))
    if request.config.getoption("--update-expected"):
        document.write_text(expected)
    assert document.read_text() == expected


def test_help_prints_every_setting(jetpack):
    blocks = {block.split("\n")[0]: block for block in jetpack.answer("help", "settings").split("\n\n")}
    for entry in json.loads(jetpack.answer("help", "settings", "--json")):
        block = blocks[entry["key"]]
        assert entry["help"] in block and entry["expected"] in block and entry["default"] in block
        assert all(len(line) <= 100 for line in block.splitlines())


def test_status_reports_invalid_and_unknown_settings(jetpack, home):
    home.write("config/connection.json", {"url": "https://127.0.0.1:1", "cluster": "demo"})
    home.write("config/jetpack.ini", "[broker]\nuri = amqps://u:p@h\n[cycle_server]\nallow_http = maybe\nx = 1\n")
    home.node({"cyclecloud": {"jetpack": {"http_prot": 1, "storage_tries": "many"}}})
    problems = json.loads(jetpack("status", "--json").stdout)["problems"]
    assert "unknown setting [broker] uri; did you mean [broker] url?" in problems
    assert "[cycle_server] allow_http is 'maybe'; expected true or false, using false" in problems
    assert ("unknown setting cyclecloud.jetpack.http_prot; did you mean cyclecloud.jetpack.http_port?"
            in problems)
    assert ("cyclecloud.jetpack.storage_tries is 'many'; expected a whole number from 1 to 100, using 8"
            in problems)
    assert not [problem for problem in problems if "] x" in problem]
