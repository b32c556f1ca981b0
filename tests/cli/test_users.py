"""`jetpack users`: output as in the reference."""

import json

import pytest

USERS = [
    {"fullName": "Test User", "isAdmin": True, "isOwner": True, "name": "test-user",
     "publicKeys": ["ssh-rsa public-key-goes-here\n"], "uid": 10201},
    {"uid": 10202, "name": "second", "fullName": "Ségolène \"S\" O'Hara", "isOwner": False,
     "isAdmin": False, "publicKeys": []},
]


def write(home, users):
    home.write("config/auth.json", json.dumps(users, indent=4))


def test_as_the_reference_prints_one(jetpack, home, transcript):
    write(home, USERS[:1])
    assert jetpack.answer("users") == (
        "Username: test-user\nFull Name: Test User\nUID: 10201\nIs Admin: True\nIs Owner: True\n")
    assert json.loads(jetpack.answer("users", "--json")) == USERS[:1]
    assert jetpack.answer("users", "--json") == json.dumps(USERS[:1], indent=4, sort_keys=True) + "\n"
    transcript("users_one", ["users"], ["users", "--json"], ["users", "--owner", "--json"])


def test_several(jetpack, home, transcript):
    write(home, USERS)
    assert json.loads(jetpack.answer("users", "--json")) == USERS
    transcript("users_several", ["users"], ["users", "--json"], ["users", "--owner"])


def test_the_last_of_two_equal_names_counts(jetpack, home):
    home.write("config/auth.json", '[{"name": "a", "uid": 20001, "isAdmin": true, "isAdmin": false, "name": "b"}]')
    assert jetpack.answer("users").startswith("Username: b\n")
    assert "Is Admin: False" in jetpack.answer("users")


def test_the_owner_as_json_is_one_object(jetpack, home):
    write(home, USERS[::-1])
    assert json.loads(jetpack.answer("users", "--owner", "--json")) == USERS[0]
    assert json.loads(jetpack.answer("users", "--json", "--owner"))["name"] == "test-user"
    assert jetpack.answer("users", "--owner").count("Username:") == 1


def test_no_owner(jetpack, home):
    write(home, USERS[1:])
    result = jetpack("users", "--owner", "--json")
    assert (result.returncode, result.stdout) == (1, "")
    assert "owner" in result.stderr


def test_no_users(jetpack, home):
    write(home, [])
    assert json.loads(jetpack.answer("users", "--json")) == []
    assert jetpack.answer("users") == ""


def test_no_file_yet(jetpack, home):
    for args in (["users"], ["users", "--json"], ["users", "--owner", "--json"]):
        result = jetpack(*args)
        assert (result.returncode, result.stdout) == (1, "")
        assert "auth.json" in result.stderr


@pytest.mark.parametrize("content", ["{", "", "7", '["x"]', "[[]]", '{"users": 1}'])
def test_a_damaged_file(jetpack, home, content):
    home.write("config/auth.json", content)
    result = jetpack("users")
    assert (result.returncode, result.stdout) == (1, ""), result
    assert "auth.json" in result.stderr


def test_a_user_with_few_members(jetpack, home):
    write(home, [{"name": "bare", "extra": {"kept": 1}}])
    text = jetpack.answer("users")
    assert "Username: bare\n" in text and "Is Admin: False\n" in text
    assert json.loads(jetpack.answer("users", "--json")) == [{"name": "bare", "extra": {"kept": 1}}]


def test_names_cannot_control_the_terminal(jetpack, home):
    write(home, [{**USERS[0], "fullName": "x\x1b]0;title\x07\nUsername: forged"}])
    text = jetpack.answer("users")
    assert "\x1b" not in text and text.count("\nUsername:") == 0


def test_the_file_stays_greppable(jetpack, home):
    """Callers parse the file itself, which is written pretty-printed."""
    write(home, USERS)
    names = [line.split('"')[3] for line in (home / "config/auth.json").read_text().splitlines()
             if "name" in line]
    assert names == ["test-user", "second"]
