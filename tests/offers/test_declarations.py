"""Checks, timers, hooks and settings that are declared in C++, and mistakes in them."""

import json
import subprocess

import pytest

SOURCE = """#include <jetpack/plugin.hpp>
constexpr auto gpu_count = jetpack::setting("gpu.count", "GPUs the node must have").integer(0, 64).fallback("8");
constexpr auto gpu_pause = jetpack::setting("gpu.pause", "How long to wait").duration().fallback("2m");
constexpr auto strict = jetpack::setting("gpu.strict", "Be strict").flag();
constexpr auto label = jetpack::setting("gpu.label", "A word");

static jetpack::Verdict found(const jetpack::Call& call) {
  const std::string what = jetpack::read_text(call, label).value_or("healthy");
  const std::string values = std::to_string(*jetpack::read_integer(call, gpu_count)) + " " +
      std::to_string(jetpack::read_duration(call, gpu_pause)->count()) + " " +
      std::to_string(jetpack::read_flag(call, strict));
  if (what == "warning") return jetpack::Verdict::warning("a \\"warning\\"", "line\\nline");
  if (what == "failed") return jetpack::Verdict::failed("it failed");
  if (what == "unhealthy") return jetpack::Verdict::unhealthy("it is over");
  if (what == "unknown") return jetpack::Verdict::unknown("cannot say");
  if (what == "throw") throw jetpack::Error(jetpack::Errc::failed, "it threw");
  return jetpack::Verdict::healthy(values);
}
static int tick(const jetpack::Call& call) { call.print("tick\\n"); return 3; }
static int ready(const jetpack::Call& call) { call.print(jetpack::event_data(call)); return 0; }

JETPACK_PLUGIN("com.example.gpu", "1.0.0", jetpack::needs<jetpack::Config>(),
               jetpack::check("gpus", "All GPUs answer", found).every("90s").deadline("10s"),
               jetpack::timer("tick", "Tick", tick).every("1h"),
               jetpack::hook("on-ready", ready), gpu_count, gpu_pause, strict, label);
"""


@pytest.fixture(name="plugin")
def _plugin(sdk, home, tmp_path):
    home.node({})
    (tmp_path / "gpu.cpp").write_text(SOURCE)
    sdk.build(tmp_path / "gpu.cpp", tmp_path / "plugins/gpu.so")
    home.write("config/jetpack.ini", f"[plugins]\npath = {tmp_path / 'plugins'}\n")
    home.write("config/plugins.ini", f"[trust]\ndirectories = {tmp_path / 'plugins'}\n")


def run_check(jetpack):
    result = jetpack("plugin", "offer", "com.example.gpu", "check", "gpus")
    return result, json.loads(result.stdout)["condition"] if result.stdout else None


def test_the_note_declares_what_the_source_does(jetpack, plugin):
    offers, = json.loads(jetpack.answer("plugin", "list", "--offers", "--json"))
    assert offers["checks"] == [{"name": "gpus", "summary": "All GPUs answer", "interval": 90000, "deadline": 10000}]
    assert offers["timers"] == [{"name": "tick", "summary": "Tick", "interval": 3600000, "deadline": 0}]
    assert offers["hooks"] == [{"event": "on-ready", "deadline": 0}]
    assert offers["settings"][:2] == [
        {"key": "gpu.count", "type": "integer", "default": "8", "min": 0, "max": 64, "help": "GPUs the node must have"},
        {"key": "gpu.pause", "type": "duration", "default": "2m", "help": "How long to wait"}]
    assert [setting["type"] for setting in offers["settings"]] == ["integer", "duration", "flag", "text"]


@pytest.mark.parametrize("label, code, condition", [
    ("healthy", 0, {"status": "OK", "message": "8 120000 0", "details": ""}),
    ("warning", 1, {"status": "Warning", "message": 'a "warning"', "details": "line\nline"}),
    ("failed", 1, {"status": "Error", "message": "it failed", "details": ""}),
    ("unhealthy", 254, {"status": "Error", "message": "it is over", "details": ""}),
    ("unknown", 0, {"status": "NA", "message": "cannot say", "details": ""}),
])
def test_a_verdict_is_told_as_scripts_tell_it(jetpack, home, plugin, label, code, condition):
    home.node({"gpu": {"label": label}})
    result, said = run_check(jetpack)
    assert (result.returncode, said) == (code, condition)


def test_a_check_that_throws_has_failed(jetpack, home, plugin):
    home.node({"gpu": {"label": "throw"}})
    result, said = run_check(jetpack)
    assert (result.returncode, said) == (1, None) and "it threw" in result.stderr


def test_settings_are_read_with_their_defaults(jetpack, home, plugin):
    home.node({"gpu": {"count": 4, "pause": "250ms", "strict": "Yes"}})
    assert run_check(jetpack)[1]["message"] == "4 250 1"
    home.node({"gpu": {"count": 65, "pause": "soon", "strict": None}})
    result, said = run_check(jetpack)
    assert said["message"] == "8 120000 0"
    assert "gpu.count: invalid value '65', using 8" in result.stderr
    assert "gpu.pause: invalid value 'soon', using 2m" in result.stderr


def test_timers_and_hooks_run_as_commands(jetpack, plugin):
    result = jetpack("plugin", "offer", "com.example.gpu", "timer", "tick")
    assert (result.returncode, result.stdout) == (3, "tick\n")
    assert jetpack.answer("plugin", "offer", "com.example.gpu", "hook", "on-ready", input='{"a":1}') == '{"a":1}'


@pytest.mark.parametrize("words, code, text", [
    (("com.example.gpu", "check", "tick"), 1, "has no check 'tick'"),
    (("com.example.gpu", "hook", "on-shutdown"), 1, "has no hook 'on-shutdown'"),
    (("com.example.gpu", "command", "x"), 1, "has no command 'x'"),
    (("no.such", "check", "x"), 1, "no plugin 'no.such'"),
    (("com.example.gpu",), 2, "jetpack plugin offer ID"),
])
def test_what_is_not_offered(jetpack, plugin, words, code, text):
    result = jetpack("plugin", "offer", *words)
    assert (result.returncode, result.stdout) == (code, "") and text in result.stderr


def test_a_plugin_without_commands_is_no_command(jetpack, plugin):
    assert jetpack("gpus").returncode == 127
    assert "gpu" not in jetpack.answer("--help")


def test_the_example_of_the_readme(jetpack, home, sdk, repository, tmp_path):
    home.node({})
    blocks = (repository / "sdk/README.md").read_text().split("```c++\n")[1:]
    source, = (block.split("```")[0] for block in blocks if "jetpack::timer(" in block)
    (tmp_path / "site.cpp").write_text(source)
    sdk.build(tmp_path / "site.cpp", tmp_path / "plugins/site.so")
    result = jetpack("--plugin-path", tmp_path / "plugins", "plugin", "offer", "com.example.site", "check", "racks")
    assert json.loads(result.stdout)["condition"] == {
        "status": "Warning", "message": "rack 3 has no power", "details": "of 4 racks"}


# The text, and a beginning of it with underscores: how it is said depends on where it is found.
MISTAKES = {
    "the name of a check or timer is one lower-case word": 'jetpack::check("Gpus", "s", c)',
    "a check or timer needs a summary": 'jetpack::timer("gpus", "", t)',
    "every() needs a duration": 'jetpack::check("g", "s", c).every("soon")',
    "deadline() needs a duration": 'jetpack::check("g", "s", c).deadline("1w")',
    "a hook is ": 'jetpack::hook("on-boot", t)',
    "a setting needs a dotted key": 'jetpack::setting("gpu count", "h")',
    "the fallback of a setting is not valid for its type": 'jetpack::setting("g", "h").integer(1, 5).fallback("9")',
}
UNDERSCORED = {
    "the name of a check or timer is one lower-case word": "a_check_or_timer_needs_a_name_of_one_lower_case_word",
    "every() needs a duration": "every_needs_a_duration", "deadline() needs a duration": "deadline_needs_a_duration"}


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_does_not_compile(sdk, compiler, mistake):
    source = ("#include <jetpack/plugin.hpp>\n"
              "[[maybe_unused]] static jetpack::Verdict c(const jetpack::Call&) { return jetpack::Verdict::healthy(); }\n"
              "[[maybe_unused]] static int t(const jetpack::Call&) { return 0; }\n"
              f'JETPACK_PLUGIN("a.b", "1", {MISTAKES[mistake]});\n')
    result = subprocess.run([compiler, "-std=c++20", "-fsyntax-only", f"-I{sdk.include}", "-x", "c++", "-"],
                            input=source, capture_output=True, text=True, timeout=120, check=False)
    underscored = UNDERSCORED.get(mistake, mistake.replace(" ", "_"))
    assert result.returncode != 0 and (mistake in result.stderr or underscored in result.stderr)
