"""`jetpack plugin check`: each fault of a declaration, a library or a file is found; no code of it runs."""

import json

import pytest

PLUGIN = """
#include <jetpack/plugin.hpp>
static int run(const jetpack::Call& call) { call.print("x\\n"); return 0; }
JETPACK_PLUGIN("com.example.x", "1.0.0",
               jetpack::command("x", "Print x", run, jetpack::example("jetpack x", "Print x")));
"""


@pytest.fixture
def check(jetpack, sdk, tmp_path):
    """check(SOURCE, ...): the plugin's findings by check, each a list of (level, text)."""

    def run(source, compiler=None, flags=(), links=(), suffix=".cpp", change=None):
        path = tmp_path / f"x{suffix}"
        path.write_text(source)
        library = sdk.build(path, tmp_path / "built/x.so", compiler, flags, links)
        if change:
            change(library)
        result = jetpack("plugin", "check", "--json", library)
        assert result.stderr == ""
        [plugin] = json.loads(result.stdout)
        errors = [f for f in plugin["findings"] if f["level"] == "error"]
        assert plugin["passed"] == (not errors) == (result.returncode == 0)
        found = {}
        for finding in plugin["findings"]:
            found.setdefault(finding["check"], []).append((finding["level"], finding["text"]))
        return found

    return run


def levels(found):
    return {level for findings in found.values() for level, _ in findings}


def test_a_good_plugin_has_no_error(check):
    found = check(PLUGIN, links=["-static-libgcc"])
    assert "error" not in levels(found)
    assert found["exported symbols"] == [("ok", "jetpack_plugin_v1 alone")]
    assert found["undefined symbols"] == [("ok", "none")]
    assert found["static constructors"] == [("ok", "none")]
    assert found["help texts"] == [("ok", "complete")]


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_a_static_constructor_is_found_and_not_run(check, tmp_path, compiler):
    mark = tmp_path / "ran"
    found = check("#include <cstdio>\n#include <cstdlib>\nnamespace { struct Mark { Mark() { std::fclose("
                  f'std::fopen("{mark}", "w")); }} }} mark; }}' + PLUGIN, compiler)
    assert found["static constructors"][0][0] == "warning"
    assert not mark.exists()


def test_an_undefined_symbol_is_named(check):
    source = PLUGIN.replace("static int run", "int missing_function();\nstatic int run").replace(
        "return 0", "return missing_function()")
    found = check(source, links=["-Wl,-z,undefs"])
    [(level, text)] = found["undefined symbols"]
    assert level == "error" and "missing_function" in text


def test_a_search_path_outside_of_the_plugin_is_an_error(check):
    for path in ("/tmp/lib", "lib", "", "$ORIGIN:/usr/local/lib", "$ORIGIN:"):
        found = check(PLUGIN, links=[f"-Wl,-rpath,{path}"] if path else ["-Wl,-rpath,:$ORIGIN"])
        assert found["search path"][0][0] == "error", path
    assert check(PLUGIN, links=["-Wl,-rpath,$ORIGIN/../deps"])["search path"] == [("ok", "$ORIGIN/../deps")]


def test_lazy_binding_and_an_executable_stack(check):
    assert check(PLUGIN, links=["-Wl,-z,lazy"])["binding"][0][0] == "warning"
    assert check(PLUGIN, links=["-Wl,-z,execstack"])["stack"][0][0] == "error"


def test_what_others_can_write_is_found(check):
    found = check(PLUGIN, change=lambda library: library.chmod(0o666))
    assert found["permissions"][0][0] == "warning"


def test_more_exported_symbols_are_named(check, jetpack, sdk, tmp_path):
    source = tmp_path / "y.cpp"
    source.write_text(PLUGIN + "__attribute__((visibility(\"default\"))) int other() { return 1; }\n")
    library = tmp_path / "built/y.so"
    library.parent.mkdir()
    sdk.run("g++", "-std=c++20", "-fPIC", "-shared", f"-I{sdk.include}", source, "-o", library)
    result = jetpack("plugin", "check", library)
    assert result.returncode == 0 and "besides jetpack_plugin_v1" in result.stdout
    assert jetpack("plugin", "check", "--strict", library).returncode == 1


def test_what_is_no_plugin_is_an_error(jetpack, tmp_path):
    cases = {"text.so": b"hello", "empty.so": b"", "cut.so": (jetpack.binary.read_bytes())[:5000]}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        result = jetpack("plugin", "check", tmp_path / name)
        assert result.returncode == 1 and "host                  refuses it" in result.stdout, name
    result = jetpack("plugin", "check", tmp_path / "missing.so")
    assert result.returncode == 1 and "missing.so" in result.stdout + result.stderr
    (tmp_path / "none").mkdir()
    result = jetpack("plugin", "check", tmp_path / "none")
    assert (result.returncode, result.stderr) == (
        1, f"jetpack plugin check: {tmp_path}/none: no plugin found in it\n")


def test_our_own_plugins_pass(jetpack, built_home):
    plugins = json.loads(jetpack("plugin", "check", "--json", built_home / "lib/jetpack/plugins").stdout)
    assert len(plugins) > 15
    assert [plugin for plugin in plugins if not plugin["passed"]] == []


def test_help(transcript):
    transcript("plugin-check", ["plugin", "check", "--help"], ["plugin", "check"])
    transcript("plugin-test", ["plugin", "test", "--help"], ["plugin", "test", "."])
    transcript("plugin-new", ["plugin", "new", "--help"], ["plugin", "new"], ["plugin", "new", "Bad"],
               ["plugin", "new", "ok", "--id", "a b"])
