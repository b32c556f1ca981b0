"""A mistake in a declaration is one compile-time error whose line says what is wrong, by g++ and by clang++."""

import re
import subprocess

import pytest

HEAD = """#include <jetpack/plugin.hpp>
using namespace jetpack;
static int run(const Call&) { return 0; }
"""

# What stands in `command("gpu list", "s", run, ...)`, and what the compiler says.
PARAMETERS = [
    ('option("n", "N", "h").integer().fallback("abc")', "the fallback is not an integer"),
    ('option("n", "N", "h").integer().fallback("9223372036854775808")', "the fallback is not an integer"),
    ('option("n", "N", "h").integer().fallback("")', "the fallback is not an integer"),
    ('option("n", "N", "h").integer().fallback("+1")', "the fallback is not an integer"),
    ('option("n", "N", "h").integer(1, 5).fallback("9")', "the fallback is not within the bounds"),
    ('option("n", "N", "h").fallback("0").integer(1, 5)', "the fallback is not within the bounds"),
    ('argument("N", "h").integer(1, 5).optional().fallback("-1")', "the fallback is not within the bounds"),
    ('option("n", "N", "h").duration().fallback("soon")',
     'the fallback is not a duration such as "90", "250ms" or "10m"'),
    ('option("n", "N", "h").duration().fallback("-1s")', "the fallback is not a duration"),
    ('option("n", "N", "h").duration().fallback("9999999999999999d")', "the fallback is not a duration"),
    ('option("n", "N", "h").choices("a", "b").fallback("c")', "the fallback is not among the choices"),
    ('flag("n", "h").fallback("yes")', 'the fallback of a flag is "true" or "false"'),
    ('option("n", "N", "h").required().fallback("x")', "what has a fallback cannot be required"),
    ('argument("N", "h").fallback("x")', "what has a fallback cannot be required"),
    ('option("n", "N", "h").integer(5, 1)', "the least value is greater than the most"),
    ('option("n", "N", "h").integer().duration()', "a parameter is both an integer and a duration"),
    ('option("n", "N", "h").integer(1, 2).choices("1", "3")',
     "a choice is not an integer within the bounds of its parameter"),
    ('option("n", "N", "h").duration().choices("1s", "x")', "a choice is not a duration"),
    ('option("n", "N", "h").choices("a", "A")', "two choices are the same, or differ in case alone"),
    ('option("n", "N", "h").choices("1","2","3","4","5","6","7","8","9","a","b","c","d")',
     "a parameter has more than 12 choices"),
    ('option("n", "N", "h").from_config("gpu..count")', 'from_config() needs a dotted key such as "gpu.count"'),
    ('option("n", "N", "h").from_config("")', "from_config() needs a dotted key"),
    ('flag("n", "h").integer()', "a flag takes no value; declare an option"),
    ('flag("n", "h").choices("a")', "a flag takes no value; declare an option"),
    ('flag("n", "h").required()', "a flag cannot be required"),
    ('flag("n", "h").repeated()', "a flag cannot be repeated"),
    ('option("n", "N", "h").negatable()', "only a flag can be negatable"),
    ('option("N", "N", "h")', "an option's name is lower-case letters, digits, - and _"),
    ('option("n n", "N", "h")', "an option's name is lower-case letters"),
    ('option("n", \'=\', "N", "h")', "an option's letter is an ASCII letter, digit or mark, but not - or ="),
    ('option("n", \'-\', "N", "h")', "an option's letter is an ASCII letter"),
    ('argument("", "h")', "a parameter has no name"),
    ('flag("help", "h")', "--help and -h are the host's"),
    ('flag("host", \'h\', "h")', "--help and -h are the host's"),
    ('flag("n", "h"), option("n", "N", "h")', "two parameters have the same name"),
    ('flag("n", "h").negatable(), flag("no-n", "h")', "two parameters have the same name"),
    ('flag("n", \'a\', "h"), flag("m", \'a\', "h")', "two options have the same letter"),
    ('argument("A", "h").repeated(), argument("B", "h")', "an argument follows one that takes all that is left"),
    ('argument("A", "h").optional(), argument("B", "h")', "a required argument follows an optional one"),
    ('argument("A", "h").from_config("a.b"), argument("B", "h")', "a required argument follows an optional one"),
    ('description("a"), description("b")', "a command has two descriptions"),
    ('description("a\\tb")', "a text has a control character"),
    ('flag("n", "\\x1b[31mred")', "a text has a control character"),
    (", ".join(f'flag("n{i}", "h")' for i in range(25)), "a command has more than 24 parameters"),
    (", ".join(f'example("{i}", "h")' for i in range(13)), "a command has more than 12 examples"),
]

# The arguments of JETPACK_PLUGIN.
PLUGINS = [
    ('"com.example.x", "1"', "a plugin declares no command"),
    ('"com.example.x", "1", needs<Config>()', "a plugin declares no command"),
    ('"", "1", command("a", "s", run)', "a plugin's id is letters, digits, '.', '-' and '_'"),
    ('"../x", "1", command("a", "s", run)', "a plugin's id is letters"),
    ('"com.example.x", "", command("a", "s", run)', "a plugin's version is letters, digits"),
    ('"com.example.x", "1 2", command("a", "s", run)', "a plugin's version is letters, digits"),
    ('"com.example.x", "1", command("a b", "s", run), command("c", "s", run), command("a b", "t", run)',
     "two commands have the same name"),
    ('"com.example.x", "1", needs<Config>(), command("a", "s", run), needs<Log>()',
     "needs<>() stands twice; list all services in one"),
    ('"com.example.x", "1", command("Hello", "s", run)', "a command's name is one to three lower-case words"),
    ('"com.example.x", "1", command("", "s", run)', "a command's name is one to three"),
    ('"com.example.x", "1", command("a b c d", "s", run)', "a command's name is one to three"),
    ('"com.example.x", "1", command("b ", "s", run)', "a command's name is one to three"),
    ('"com.example.x", "1", command("-a", "s", run)', "a command's name is one to three"),
    ('"com.example.x", "1", command("a", "", run)', "a command needs a summary"),
    ('"com.example.x", "1", command("a", "s", nullptr)', "a command needs a function"),
    ('"com.example.x", "1", command("a", "s", run, 7)', "a command's parts are flag(), option(), argument()"),
    ('"com.example.x", "1", command("a", "s", run), flag("a", "h")', "a plugin's parts are"),
]


def error_lines(compiler, sdk, text, *flags):
    result = subprocess.run(
        [compiler, "-std=c++20", "-fsyntax-only", *flags, f"-I{sdk.include}", "-x", "c++", "-"],
        input=text, capture_output=True, text=True, timeout=240)
    assert "internal compiler error" not in result.stderr
    return [line.replace("\\'", "'").replace('\\"', '"') for line in result.stderr.splitlines()
            if re.search(r"\berror: ", line)], result.stderr


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_each_mistake_is_one_error_that_names_it(sdk, compiler):
    """All in one file, because most of the time goes into the headers. What JETPACK_PLUGIN does once in a
    plugin is done here for many; each has a name of its own, because a compiler says the same only once."""
    cases = [(f'"com.example.x", "1", command("gpu list", "s", run, {parts})', words) for parts, words in PARAMETERS]
    cases += PLUGINS
    cases = [(arguments.replace('"com.example.x"', f'"x{i}"').replace('"gpu list"', f'"gpu list{i}"'), words)
             for i, (arguments, words) in enumerate(cases)]
    text = HEAD + "".join(
        f"constexpr auto d{i} = detail::plugin({arguments});\n"
        f"static_assert(detail::refuse_mistake<d{i}>());\n"
        for i, (arguments, _) in enumerate(cases))
    lines, output = error_lines(compiler, sdk, text, "-ferror-limit=0" if compiler == "clang++" else "-Wall")
    expected = [words for _, words in cases]
    wrong = [(words, line) for words, line in zip(expected, lines) if words not in line]
    assert not wrong and len(lines) == len(cases), (wrong[:3], len(lines), len(cases), output[-3000:])


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_a_plugin_with_a_mistake_has_one_error_and_shows_where(sdk, compiler):
    text = HEAD + """JETPACK_PLUGIN("com.example.x", "1", command("gpu list", "s", run),
        command("gpu reset", "s", run, option("count", "N", "h").integer(1, 5).fallback("9")));
"""
    lines, output = error_lines(compiler, sdk, text)
    assert len(lines) == 1 and "the fallback is not within the bounds" in lines[0], output
    assert ", ".join(f"'{letter}'" for letter in "gpu reset --count") in output


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_a_right_declaration_compiles(sdk, compiler):
    text = HEAD + """JETPACK_PLUGIN("com.example.x-1_a", "1.0.0-rc.1+b~2", needs<Config, Log>(),
        command("a", "s", run, option("level", 'l', "L", "h").choices("a", "b").fallback("a").from_config("a.b"),
            option("count", '#', "N", "h").integer().fallback("-9223372036854775808"),
            option("port", "N", "h").integer(1, 65535).choices("80", "443").fallback("443"),
            option("wait", "T", "h").duration().fallback("250ms").repeated(),
            option("user", "U", "h").required().from_config("cyclecloud.user"),
            flag("sign", "h").negatable().fallback("true"), example("jetpack a", "Do it"),
            description("One\\n\\nTwo"), argument("A", "h").repeated().values_from("a --names")),
        command("a b c", "s", [](const Call&) { return 0; }));
"""
    lines, output = error_lines(compiler, sdk, text, "-Wall", "-Wextra", "-Wpedantic", "-Werror")
    assert not output, output


def test_a_note_that_is_too_long_does_not_compile(sdk):
    text = HEAD + f'JETPACK_PLUGIN("x", "1", command("a", "s", run, description("{"x" * 66000}")));'
    flags = ["-fconstexpr-ops-limit=500000000", "-fconstexpr-loop-limit=10000000"]
    lines, output = error_lines("g++", sdk, text, *flags)
    assert len(lines) == 1 and "the plugin's texts exceed JP_NOTE_MAX" in lines[0], output[-2000:]
