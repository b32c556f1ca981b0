"""Tests of what verbs note in systemd's journal, which is a socket of the test's own here."""

import socket



def entries(journal):
    """What has come, as dictionaries; of values with several lines, the first."""
    journal.setblocking(False)
    found = []
    while True:
        try:
            datagram = journal.recv(1 << 18)
        except BlockingIOError:
            return found
        lines = datagram.decode(errors="replace").split("\n")
        found.append(dict(line.split("=", 1) for line in lines if "=" in line))


def test_entries_say_which_verb_of_which_node_noted_them(jetpack, home, tmp_path):
    home.configuration(
        {"cyclecloud": {"cluster": {"name": "demo"}, "node": {"name": "execute-1"}}}
    )
    path = tmp_path / "journal"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(path))
        result = jetpack(
            "initialize", "--no-start", env={"JETPACK_JOURNAL_SOCKET": str(path)}
        )
        assert result.returncode == 1
        noted = entries(journal)
    in_file = (home / "logs/initialize.log").read_text()
    assert noted
    for entry in noted:
        assert entry["SYSLOG_IDENTIFIER"] == "jetpack"
        assert entry["JETPACK_VERB"] == "initialize"
        assert entry["JETPACK_CLUSTER"] == "demo"
        assert entry["JETPACK_NODE"] == "execute-1"
        assert entry["PRIORITY"] in ("3", "4", "6")
        assert entry["MESSAGE"] in in_file


def test_a_log_that_cannot_be_written_stops_no_verb(jetpack, home, tmp_path):
    (home / "logs").rmdir()
    (home / "logs").write_text("not a directory")
    path = tmp_path / "journal"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(path))
        result = jetpack("config", "cyclecloud", env={"JETPACK_JOURNAL_SOCKET": str(path)})
        assert "logs" not in result.stderr
        jetpack("initialize", "--no-start", env={"JETPACK_JOURNAL_SOCKET": str(path)})
        assert entries(journal)
