"""The API reference is made from the headers without a warning, and says of each function from which
thread it may be called."""

import re
import subprocess
import xml.etree.ElementTree as tree

import pytest

from servers.programs import need_program

TAG = re.compile(r"\[(main-thread|any-thread|thread-safe|compile-time)\]")


@pytest.fixture(scope="module")
def reference(repository, tmp_path_factory):
    need_program("/usr/bin/doxygen", "doxygen")
    output = tmp_path_factory.mktemp("reference")
    result = subprocess.run([repository / "sdk/reference/build", output], capture_output=True, text=True, timeout=240)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{output}/html/index.html\n"
    return output


def text_of(element):
    return " ".join(" ".join(element.find(part).itertext()) for part in ("briefdescription", "detaileddescription", "inbodydescription")
                    if element.find(part) is not None)


def is_function(member):
    """A function of C++, or one of a table of C."""
    if member.get("kind") == "function":
        return member.get("prot") == "public"
    return member.get("kind") == "variable" and member.findtext("argsstring", "").startswith(")(")


def test_each_function_has_a_thread_tag(reference):
    compounds = [tree.parse(path).getroot().find("compounddef") for path in (reference / "xml").glob("*.xml")
                 if path.name not in ("index.xml", "Doxyfile.xml")]
    files = {c.find("location").get("file"): text_of(c) for c in compounds if c.get("kind") == "file"}
    assert len(files) >= 30
    without, functions = [], 0
    for compound in compounds:
        if compound.get("kind") not in ("class", "struct", "namespace", "file"):
            continue
        for member in compound.iter("memberdef"):
            where = member.find("location").get("file")
            name = member.findtext("qualifiedname") or member.findtext("name")
            if not is_function(member) or name.split("::")[-1].startswith("~"):
                continue
            functions += 1
            around = text_of(compound) if compound.get("kind") in ("class", "struct") else ""
            if not any(TAG.search(text) for text in (text_of(member), around, files[where])):
                without.append(f"{where}: {name}")
    assert functions >= 200
    assert without == []


def test_tags_are_defined(repository):
    defined = set(TAG.findall((repository / "sdk/include/jetpack/abi.h").read_text()))
    used = set()
    for path in (repository / "sdk/include").rglob("*.h*"):
        used |= set(re.findall(r"\[([a-z]+-[a-z]+)\]", path.read_text()))
    assert used == defined
