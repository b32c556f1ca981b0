"""One plugin source, built as its authors may build it, runs in the host that ships: any compiler,
any C++ runtime, any debug mode; as meson project and by hand; in C++ and in C."""

import shutil
from pathlib import Path

import pytest

VARIANTS = {
    "g++": ("g++", [], []),
    "g++ static runtime": ("g++", [], ["-static-libstdc++", "-static-libgcc"]),
    "g++ C++23": ("g++", ["-std=c++23"], []),
    "g++ unoptimized": ("g++", ["-O0", "-g"], []),
    "g++ debug mode": ("g++", ["-D_GLIBCXX_DEBUG", "-D_GLIBCXX_ASSERTIONS"], []),
    "g++ old string ABI": ("g++", ["-D_GLIBCXX_USE_CXX11_ABI=0"], []),
    "g++ hidden, LTO": ("g++", ["-fvisibility=hidden", "-flto"], ["-flto"]),
    "g++ sections": ("g++", ["-ffunction-sections", "-fdata-sections"], ["-Wl,--gc-sections"]),
    "clang++ libstdc++": ("clang++", [], []),
    "clang++ libc++": ("clang++", ["-stdlib=libc++"], ["-stdlib=libc++"]),
}


@pytest.fixture
def try_out(jetpack, home, tmp_path):
    """try_out(LIBRARY, COMMAND): the plugin's whole behaviour, in the real host."""
    home.node({"cyclecloud": {"node": {"name": "scheduler"}}})

    def run(library, command):
        def answer(*args):
            return jetpack.answer("--plugin-path", library.parent, command, *args)

        assert answer() == "Hello, scheduler.\n"
        assert answer("Ada") == "Hello, Ada.\n"
        assert answer("--greeting=Hi", "Ada") == "Hi, Ada.\n"
        assert answer("Ada", "-g", "Salut") == "Salut, Ada.\n"
        assert "usage: jetpack " + command in answer("--help")
        refused = jetpack("--plugin-path", library.parent, command, "a", "b")
        assert (refused.returncode, refused.stdout) == (2, "")

    return run


def exported(sdk, library):
    lines = sdk.run("nm", "--dynamic", "--defined-only", library).splitlines()
    return [line.split()[-1] for line in lines]


@pytest.mark.parametrize("variant", VARIANTS)
def test_any_compiler_and_runtime(repository, sdk, tmp_path, try_out, variant):
    compiler, flags, links = VARIANTS[variant]
    source = repository / "subprojects/hello/hello.cpp"
    library = sdk.build(source, tmp_path / "p/hello.so", compiler, flags, links)
    assert exported(sdk, library) == ["jetpack_plugin_v1"]
    try_out(library, "hello")


@pytest.mark.parametrize("variant", ["g++", "g++ debug mode", "g++ old string ABI", "clang++ libc++"])
def test_errors_cross_from_any_runtime(repository, sdk, tmp_path, jetpack, variant):
    compiler, flags, links = VARIANTS[variant]
    source = repository / "subprojects/hello/hello.cpp"
    library = sdk.build(source, tmp_path / "p/hello.so", compiler, flags, links)
    result = jetpack("--plugin-path", library.parent, "hello", "--greeting=")
    assert (result.returncode, result.stdout) == (2, "")
    assert "--greeting is empty" in result.stderr


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("standard", ["c11", "c17"])
def test_a_plugin_in_c(repository, sdk, tmp_path, try_out, compiler, standard):
    source = repository / "subprojects/hello-c/hello_c.c"
    library = sdk.build(source, tmp_path / "p/hello_c.so", compiler, [f"-std={standard}"])
    assert exported(sdk, library) == ["jetpack_plugin_v1"]
    assert "libstdc++" not in sdk.run("readelf", "--dynamic", library)
    try_out(library, "hello_c")


def test_the_note_survives_strip(repository, sdk, tmp_path, try_out):
    library = sdk.build(repository / "subprojects/hello/hello.cpp", tmp_path / "p/hello.so")
    sdk.run("strip", "--strip-all", library)
    try_out(library, "hello")


def meson_build(sdk, directory, *options):
    sdk.run("meson", "setup", "build", "--werror", *options, cwd=directory)
    sdk.run("ninja", "-C", "build", cwd=directory)
    return directory / "build"


@pytest.mark.parametrize("project, command", [("hello", "hello"), ("hello-c", "hello_c")])
def test_a_meson_project_of_its_own(repository, sdk, tmp_path, try_out, project, command):
    directory = shutil.copytree(repository / "subprojects" / project, tmp_path / project)
    build = meson_build(sdk, directory)
    assert exported(sdk, build / f"{command}.so") == ["jetpack_plugin_v1"]
    try_out(build / f"{command}.so", command)
    installed = tmp_path / "destination"
    sdk.run("meson", "install", "-C", "build", "--destdir", installed, cwd=directory)
    assert (installed / str(sdk.plugin_dir).lstrip("/") / f"{command}.so").exists()


def test_what_is_undefined_is_an_error_of_the_linker(sdk, tmp_path):
    source = tmp_path / "missing.cpp"
    source.write_text("""#include <jetpack/plugin.hpp>
int of_another_library();
static int run(const jetpack::Call&) { return of_another_library(); }
JETPACK_PLUGIN("com.example.missing", "1", jetpack::command("missing", "Miss a library", run));
""")
    with pytest.raises(AssertionError, match=r"undefined reference to `of_another_library\(\)'"):
        sdk.build(source, tmp_path / "p/missing.so")


def test_the_sdk_can_be_moved(repository, sdk, tmp_path):
    moved = tmp_path / "moved"
    for part in ("include", "share/pkgconfig", "share/jetpack"):
        shutil.copytree(sdk.prefix / part, moved / part)
    flags = sdk.run("env", f"PKG_CONFIG_PATH={moved}/share/pkgconfig", "pkg-config", "--cflags", "--libs",
                    "jetpack-plugin")
    assert str(sdk.prefix) not in flags and flags.count(str(moved)) == 2
    plugin_dir = sdk.run("env", f"PKG_CONFIG_PATH={moved}/share/pkgconfig", "pkg-config", "--variable=plugindir",
                         "jetpack-plugin")
    assert Path(plugin_dir.strip()).resolve() == moved / "lib/jetpack/plugins"
    assert sdk.run("pkg-config", "--modversion", "jetpack-plugin") == "1.0\n"
    assert "JP_ABI_MAJOR 1\n" in (sdk.include / "jetpack/abi/types.h").read_text()


WORDS = r"""#include <jetpack/plugin.hpp>
static int run(const jetpack::Call& call) {
  call.print(std::string(call.command()) + ":" + std::string(call.text("A").value_or("")) + "\n");
  return 0;
}
using jetpack::command;
constexpr auto a = jetpack::argument("A", "Anything").optional();
JETPACK_PLUGIN("com.example.words", "1", command("lab", "Show the lab", run, a),
               command("lab rack", "Show a rack", run, a),
               command("lab rack add", "Add a rack", run, a),
               command("lab rack remove", "Remove a rack", run),
               command("site room add", "Add a room", run, a),
               command("site room list", "List rooms", run),
               command("config slurm", "Take a word from a built-in command", run));
"""


@pytest.fixture(scope="session")
def words_plugin(sdk, tmp_path_factory):
    directory = tmp_path_factory.mktemp("words")
    (directory / "words.cpp").write_text(WORDS)
    return sdk.build(directory / "words.cpp", directory / "p/words.so").parent


@pytest.fixture
def words(jetpack, home, words_plugin):
    home.node({"slurm": 1})
    return lambda *args: jetpack("--plugin-path", words_plugin, *args)


@pytest.mark.parametrize("line, answer", [
    ("lab", "lab:"),
    ("lab x", "lab:x"),
    ("lab rack", "lab rack:"),
    ("lab rack x", "lab rack:x"),
    ("lab rack add", "lab rack add:"),
    ("lab rack add x", "lab rack add:x"),
    ("lab -- rack", "lab:rack"),
    ("site room add x", "site room add:x"),
    ("config slurm", "1"),
])
def test_the_longest_name_of_one_to_three_words_runs(words, line, answer):
    result = words(*line.split())
    assert (result.returncode, result.stdout, result.stderr) == (0, answer + "\n", "")


@pytest.mark.parametrize("line", ["site", "site room"])
def test_a_missing_third_word(words, line):
    result = words(*line.split())
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"jetpack {line}: missing subcommand; see 'jetpack help {line}'\n")
    listing = words(*line.split(), "--help").stdout
    assert listing == words("help", *line.split()).stdout
    assert listing.startswith(f"usage: jetpack {line} COMMAND ...\n")
    assert listing.endswith("  site room add   Add a room\n  site room list  List rooms\n")
    assert result.stderr.endswith(listing)


@pytest.mark.parametrize("line, meant", [
    ("site room ad", "site room add"),
    ("site rom add", "site room"),
    ("sit room add", "site"),
    ("lab rack add x y", None),
])
def test_a_wrong_third_word(words, line, meant):
    result = words(*line.split())
    assert (result.returncode, result.stdout) == (127 if meant else 2, "")
    assert (f"did you mean '{meant}'?" if meant else "too many arguments") in result.stderr


def test_help_of_three_words(words):
    for args in (["help", "lab", "rack", "add"], ["lab", "rack", "add", "--help"]):
        result = words(*args)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith("usage: jetpack lab rack add [A]\n\nAdd a rack\n")
    overview = words("--help").stdout
    assert "\n  site room ...  " in overview and "  add, list\n" in overview
    assert "site room add" not in overview
    assert words("help", "lab", "rack", "add", "x").returncode == 127
