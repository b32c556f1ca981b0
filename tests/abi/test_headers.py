"""The SDK's headers compile alone, strictly, by every compiler and standard that authors use; and a
mistake in a declaration is a compile-time error that says what is wrong."""

import subprocess

import pytest

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-fsyntax-only"]
HEADERS = (
    "abi.h boundary.hpp call.hpp command.hpp conditions.hpp config.hpp error.hpp json.hpp "
    "json_reader.hpp log.hpp message.hpp messages.hpp plugin.hpp process.hpp progress.hpp prompt.hpp "
    "self.hpp sender.hpp session.hpp storage.hpp table.hpp testing.hpp"
)


def compile_text(sdk, text, language, *command):
    arguments = [*command, *STRICT, f"-I{sdk.include}", "-x", language, "-"]
    return subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    "command",
    ["gcc -std=c11", "gcc -std=c17", "clang -std=c11", "clang -std=c17"],
)
def test_the_binary_contract_is_strict_c(sdk, command):
    uses = """#include <jetpack/abi.h>
JP_NOTE("{}");
int main(void) { const jp_config c = {sizeof c, 0, 0, 0, 0, 0}; return JP_HAS(&c, path) ? 0 : 1; }
"""
    result = compile_text(sdk, uses, "c", *command.split())
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "command",
    ["g++ -std=c++17", "g++ -std=c++20", "clang++ -std=c++17", "clang++ -std=c++20"],
)
def test_the_binary_contract_is_strict_cpp(sdk, command):
    result = compile_text(sdk, "#include <jetpack/abi.h>\n", "c++", *command.split())
    assert result.returncode == 0, result.stderr


def test_the_list_of_headers_is_whole(sdk):
    assert sorted(path.name for path in (sdk.include / "jetpack").glob("*.h*")) == HEADERS.split()


@pytest.mark.parametrize("name", ["command_line", "config", "node", "note", "process", "session", "storage"])
def test_each_part_of_the_test_host_stands_alone(sdk, name):
    text = f"#include <jetpack/testing/{name}.hpp>\n" * 2
    result = compile_text(sdk, text, "c++", "g++", "-std=c++20")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("command", ["g++", "clang++", "clang++ -stdlib=libc++"])
@pytest.mark.parametrize("header", HEADERS.split())
def test_each_header_stands_alone(sdk, header, command):
    # Twice, so that a missing include guard shows.
    text = f"#include <jetpack/{header}>\n" * 2
    result = compile_text(sdk, text, "c++", *command.split(), "-std=c++20")
    assert result.returncode == 0, result.stderr


MISTAKES = {
    "an option's name is lower-case letters": 'jetpack::option("Level", "L", "h")',
    "--help and -h are the host's": 'jetpack::flag("host", \'h\', "h")',
    "only a flag can be negatable": 'jetpack::option("level", "L", "h").negatable()',
    "a flag cannot be repeated": 'jetpack::flag("all", "h").repeated()',
    "what has a fallback cannot be required":
        'jetpack::option("level", "L", "h").required().fallback("x")',
    "the fallback is not among the choices":
        'jetpack::option("level", "L", "h").choices("a", "b").fallback("c")',
    "two parameters have the same name":
        'jetpack::flag("all", "h"), jetpack::option("all", "L", "h")',
    "two options have the same letter":
        'jetpack::flag("all", \'a\', "h"), jetpack::flag("any", \'a\', "h")',
    "an argument follows one that takes all that is left":
        'jetpack::argument("A", "h").repeated(), jetpack::argument("B", "h")',
    "a required argument follows an optional one":
        'jetpack::argument("A", "h").optional(), jetpack::argument("B", "h")',
    "a parameter has no name": 'jetpack::argument("", "h")',
    "too many choices":
        'jetpack::option("o", "O", "h").choices("1","2","3","4","5","6","7","8","9","a","b","c","d")',
}

DECLARATION = """#include <jetpack/plugin.hpp>
static int run(const jetpack::Call&) {{ return 0; }}
JETPACK_PLUGIN({id}, "1", jetpack::command({name}, {summary}, run{parts}));
"""


def declaration(id='"com.example.x"', name='"x"', summary='"s"', parts=""):
    return DECLARATION.format(id=id, name=name, summary=summary, parts=parts and ", " + parts)


def refused(sdk, compiler, text):
    result = compile_text(sdk, text, "c++", compiler, "-std=c++20")
    assert result.returncode != 0
    assert "internal compiler error" not in result.stderr
    return result.stderr


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_a_right_declaration_compiles(sdk, compiler):
    parts = 'jetpack::option("level", \'l\', "L", "h").choices("a", "b").fallback("a"), ' \
            'jetpack::flag("sign", "h").negatable(), jetpack::argument("A", "h").repeated()'
    result = compile_text(sdk, declaration(parts=parts), "c++", compiler, "-std=c++20")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("complaint", MISTAKES)
def test_a_mistake_in_a_parameter_does_not_compile(sdk, compiler, complaint):
    errors = refused(sdk, compiler, declaration(parts=MISTAKES[complaint]))
    if compiler == "g++" or complaint == "too many choices":
        assert complaint in errors.replace("\\'", "'")
    else:
        # clang 14 shows a constant's first bytes and the call that failed, not all of the text.
        assert "throw what" in errors and "require(" in errors


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize(
    "mistake",
    [
        {"name": '"Hello"'},
        {"name": '""'},
        {"name": '"a b c d"'},
        {"name": '"a "'},
        {"name": '"-a"'},
        {"summary": '""'},
        {"id": '""'},
        {"parts": 'jetpack::description(jetpack::no_such_thing)'},
    ],
    ids=str,
)
def test_a_mistake_in_a_command_does_not_compile(sdk, compiler, mistake):
    refused(sdk, compiler, declaration(**mistake))


def test_a_note_that_is_too_long_does_not_compile(sdk):
    parts = f'jetpack::description("{"x" * 66000}")'
    flags = ["-fconstexpr-ops-limit=500000000", "-fconstexpr-loop-limit=10000000"]
    text = declaration(parts=parts)
    result = compile_text(sdk, text, "c++", "g++", "-std=c++20", *flags)
    assert result.returncode != 0 and "exceed JP_NOTE_MAX" in result.stderr
