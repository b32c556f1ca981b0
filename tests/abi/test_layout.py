"""The golden layout test refuses what breaks old plugins, and accepts what does not."""

import re
import subprocess

import pytest

SIZED = re.compile(r"\s*uint32_t size;")


@pytest.fixture(scope="module")
def header(repository):
    """abi.h with its parts in their places."""
    include = repository / "sdk/include"
    return re.sub(r"#include <(jetpack/.*)>\n", lambda part: (include / part[1]).read_text(),
                  (include / "jetpack/abi.h").read_text())


@pytest.fixture
def compile_layout(repository, tmp_path):
    """Compiles the golden layout against a changed abi.h; returns the compiler's complaints."""

    def compile_against(text):
        directory = tmp_path / "jetpack"
        directory.mkdir(exist_ok=True)
        (directory / "abi.h").write_text(text)
        layout = repository / "tests/abi/layout.c"
        command = ["gcc", "-std=c11", "-fsyntax-only", f"-I{tmp_path}", layout]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (result.returncode == 0) == (not result.stderr), result.stderr
        return result.stderr

    return compile_against


def structs(header):
    """(name, start of body, end of body) of every struct of abi.h."""
    found = []
    for match in re.finditer(r"typedef struct (\w+) \{\n(.*?)\n\} \1;", header, re.S):
        found.append((match[1], match.start(2), match.end(2)))
    assert len(found) >= 20
    return found


def members(body):
    """Offsets at which the members of a struct's body begin, comments aside."""
    without_comments = re.sub(r"/\*.*?\*/", lambda m: " " * len(m[0]), body, flags=re.S)
    starts, begin = [], 0
    for end in re.finditer(";", without_comments):
        declaration = without_comments[begin : end.end()]
        starts.append(begin + len(declaration) - len(declaration.lstrip()))
        begin = end.end()
    return starts


def test_the_layout_of_today_is_accepted(header, compile_layout):
    assert compile_layout(header) == ""


def test_a_member_inserted_anywhere_is_refused(header, compile_layout):
    tried = 0
    for name, start, end in structs(header):
        for offset in members(header[start:end]):
            at = start + offset
            complaint = compile_layout(header[:at] + "uint64_t jp_new; " + header[at:])
            assert f"{name}." in complaint and "has moved" in complaint, (name, offset, complaint)
            tried += 1
    assert tried >= 100


def test_a_member_appended_is_accepted_where_the_size_is_stated(header, compile_layout):
    for name, start, end in structs(header):
        appended = header[:end] + "\n  uint64_t jp_new;" + header[end:]
        complaint = compile_layout(appended)
        if SIZED.match(header, start):
            assert complaint == "", name
        else:
            assert f"{name} has another size, and may not grow" in complaint


@pytest.mark.parametrize(
    "pattern, replacement, complaint",
    [
        ("uint64_t max_reply;", "int64_t max_reply;", "jp_request.max_reply has another type"),
        ("void (*close)(void* self)", "int (*close)(void* self)", "jp_plugin.close has another type"),
        ("char text[1016];", "char text[2040];", "jp_error.text has another type"),
        ("  uint32_t timed_out;", "", "has no member named"),
        ("JP_DENIED = 5,", "JP_DENIED = 55,", "JP_DENIED has another value"),
        ('"jetpack.session/1"', '"jetpack.session/2"', "JP_SESSION has another text"),
        ('"jetpack_plugin_v1"', '"jetpack_plugin_v2"', "JP_ENTRY has another text"),
        ("JP_NOTE_TYPE 0x4a500001u", "JP_NOTE_TYPE 0x4a500002u", "JP_NOTE_TYPE has another value"),
        ("#define JP_ABI_MAJOR 1", "#define JP_ABI_MAJOR 2", "JP_ABI_MAJOR has another value"),
        ("jp_str method;", "const char *method;", "jp_request.method has another type"),
    ],
)
def test_a_changed_meaning_is_refused(header, compile_layout, pattern, replacement, complaint):
    assert header.count(pattern) >= 1
    assert complaint in compile_layout(header.replace(pattern, replacement, 1))


def test_new_names_and_a_higher_minor_version_are_accepted(header, compile_layout):
    grown = header.replace("#define JP_ABI_MINOR 0", "#define JP_ABI_MINOR 1")
    grown = grown.replace("JP_INTERNAL = 8 ", "JP_INTERNAL = 8, JP_NEW = 9 ")
    grown = grown.replace('#define JP_LOG "jetpack.log/1"',
                          '#define JP_LOG "jetpack.log/1"\n#define JP_LOG_2 "jetpack.log/2"')
    assert grown.count("JP_NEW") == 1 and grown.count("JP_LOG_2") == 1
    assert compile_layout(grown) == ""
