"""The SDK's headers compile alone, strictly, by every compiler and standard that authors use; and say what
they need of a compiler that they cannot be used with."""

import re
import subprocess

import pytest

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-fsyntax-only"]
HEADERS = (
    "abi.h boundary.hpp call.hpp command.hpp conditions.hpp config.hpp error.hpp json.hpp "
    "json_reader.hpp log.hpp message.hpp messages.hpp offers.hpp plugin.hpp process.hpp progress.hpp prompt.hpp "
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


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("flag, sentence", [
    ("-std=c++17", "jetpack's C++ headers need -std=c++20 or newer; other plugins include <jetpack/abi.h> alone"),
    ("-fno-exceptions", "jetpack's C++ headers need exceptions; plugins without them include <jetpack/abi.h> alone"),
])
def test_a_compiler_that_cannot_use_them_is_told_why(sdk, compiler, flag, sentence):
    result = compile_text(sdk, "#include <jetpack/config.hpp>\n", "c++", compiler, "-std=c++20", flag)
    errors = [line for line in result.stderr.splitlines() if "error: " in line]
    assert sentence in errors[0].replace("\\'", "'") and len(errors) == 2, result.stderr


def test_each_header_says_first_what_it_needs(sdk):
    headers = {path.relative_to(sdk.include / "jetpack").as_posix(): path.read_text()
               for path in (sdk.include / "jetpack").rglob("*.hpp")}
    first = {name: re.search(r"^#include <jetpack/(.*)>", text, re.M) for name, text in headers.items()}
    first = {name: found[1] for name, found in first.items() if found}
    for header in (name for name in first if "/" not in name):
        chain = [header]
        while chain[-1] in first and chain[-1] != "detail/requirements.hpp":
            chain.append(first[chain[-1]])
        assert chain[-1] == "detail/requirements.hpp", chain
