"""The documents: links lead somewhere, and the commands, options and settings that they name exist."""

import json
import re
import subprocess

import pytest


@pytest.fixture(scope="module", name="documents")
def _documents(repository):
    """The text of each Markdown file of the project, by its path."""
    names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=repository,
                           text=True, capture_output=True, check=True).stdout.split()
    return {repository / name: (repository / name).read_text() for name in names if (repository / name).exists()}


def without_code(text):
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)


def anchors(text):
    """The anchors of a document's headings, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M):
        heading = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        base = re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-")
        name, count = base, 0
        while name in found:
            count += 1
            name = f"{base}-{count}"
        found.add(name)
    return found


def test_every_link_leads_to_a_file_and_a_heading(documents):
    count = 0
    for path, text in documents.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text)):
            if re.match(r"[a-z]+:", target):
                continue
            count += 1
            name, _, anchor = target.partition("#")
            file = (path.parent / name).resolve() if name else path
            assert file.exists(), f"{path}: {target} is not there"
            if anchor:
                assert anchor in anchors(file.read_text()), f"{path}: {target}: there is no such heading"
    assert count > 50


def test_every_document_for_operators_is_in_the_index(documents, repository):
    index = documents[repository / "docs/README.md"]
    for path in documents:
        if path.parent == repository / "docs" and path.name != "README.md":
            assert f"({path.name})" in index, path


@pytest.fixture(name="commands")
def _commands(jetpack):
    """The options of each command, by its name; of a group, none."""
    known = {}
    for plugin in json.loads(jetpack.answer("help", "--json"))["plugins"]:
        for details in plugin["details"]:
            words = details["command"].split()
            for count in range(1, len(words)):
                known.setdefault(" ".join(words[:count]), None)
            known[details["command"]] = options_of(details)
    return known


def options_of(details):
    """With both forms of one that can be negated."""
    found = {"--help", "-h"}
    for option in details.get("options", ()):
        name, letter = option["name"], option.get("letter")
        found |= {f"--{name}", f"--no-{name}"} | ({f"-{letter}"} if letter else set())
    return found


def spans(text):
    """What is marked as code in running text, and the lines of blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S) + re.findall(r"(?:^    .*\n)+", text, re.M)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)) + lines


# At the beginning, or behind a prompt, an operator of the shell, an assignment or sudo.
CALL = re.compile(r"(?:^\s*|[$#;|&(] ?|sudo |[A-Z]=\S* |/bin/)jetpack ((?:[^|;&#>'\"]|'[^']*'|\"[^\"]*\")*)")


def calls(text):
    """The words of each call of jetpack."""
    for span in spans(text):
        # What a command has printed.
        if re.match(r"jetpack[a-z_ ]*: ", span):
            continue
        for words in CALL.findall(span):
            yield words.split()


def command_of(words, commands):
    """The longest name that the words begin with."""
    for count in (3, 2, 1):
        name = " ".join(words[:count])
        if len(words) >= count and name in commands:
            return name
    return None


# Examples of plugins.
OTHERS = {"greet", "gpu"}


def test_every_command_and_option_exists(documents, commands):
    count, wrong = 0, []
    for path, text in documents.items():
        for words in calls(text):
            if not words or not re.match(r"[a-z]", words[0]) or words[0] in OTHERS:
                continue
            count += 1
            name = command_of(words, commands)
            if name is None:
                wrong.append(f"{path}: jetpack {' '.join(words)}: there is no such command")
                continue
            options = [re.match(r"(--[a-z][a-z_-]*|-[a-zA-Z]\b)", word.lstrip("[").rstrip("].,)")) for word in words]
            wrong += [f"{path}: jetpack {name} has no option {option[1]}" for option in options
                      if option and commands[name] is not None and option[1] not in commands[name]]
    assert not wrong, "\n".join(wrong)
    assert count > 100


def test_every_setting_exists(documents, jetpack):
    known = {entry["key"] for entry in json.loads(jetpack.answer("help", "settings", "--json"))}
    # What the agent itself writes there.
    known |= {"cyclecloud.jetpack.executable", "cyclecloud.jetpack.version"}
    count = 0
    for path, text in documents.items():
        for key in re.findall(r"\bcyclecloud\.jetpack\.[a-z_]+\b|\[(?:cycle_server|identity|broker|plugins)\] [a-z_]+", text):
            # "[broker] section" and the like are prose; a key is marked as code.
            if key.startswith("[") and f"`{key}" not in text:
                continue
            count += 1
            assert key in known, f"{path}: there is no setting {key}"
    assert count > 60
