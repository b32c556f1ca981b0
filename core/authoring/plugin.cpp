// `jetpack plugin new`, `plugin check` and `plugin test`: what an author of plugins calls.
#include <jetpack/plugin.hpp>

#include <filesystem>

#include "authoring/check.hpp"
#include "authoring/project.hpp"
#include "authoring/transcript.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/program.hpp"
#include "support/text.hpp"

namespace {

namespace fs = std::filesystem;
using namespace jetpack;
using namespace jetpack::authoring;

constexpr uint64_t max_transcript = 1 << 20;

int create(const Call& call) {
  ProjectSpec spec;
  spec.name = *call.text("NAME");
  spec.id = call.text("id").value_or("com.example." + spec.name);
  spec.language = *call.text("language");
  spec.build = *call.text("build");
  spec.directory = call.text("directory").value_or(spec.name);
  const auto created = create_project(spec);
  const auto steps = next_steps(spec);
  if (call.flag("json")) {
    call.print(support::shown_json(support::json_object([&](support::Object& object) {
      object.text("directory", spec.directory).text("id", spec.id);
      object.texts("files", created).texts("next", steps);
    })));
    return 0;
  }
  std::string text = "created " + support::one_line(spec.directory) + '\n';
  for (const auto& name : created) text += "  " + name + '\n';
  text += "Build, test and pack it:\n  cd " + support::one_line(spec.directory) + '\n';
  for (const auto& step : steps) text += "  " + step + '\n';
  call.print(text);
  return 0;
}

int check(const Call& call) {
  std::vector<Findings> plugins;
  for (const auto& path : plugins_at(call.texts("PATH"))) plugins.push_back(check_plugin(path));
  call.print(call.flag("json") ? findings_json(plugins) : shown_findings(plugins));
  const Level worst = call.flag("strict") ? Level::warning : Level::error;
  for (const auto& plugin : plugins)
    if (plugin.count(Level::error) > 0 || plugin.count(worst) > 0) return 1;
  return 0;
}

// A directory of its own for a transcript, removed with it.
class Scratch {
 public:
  Scratch() {
    std::string path = support::temporary_directory() + "/jetpack-test.XXXXXX";
    if (::mkdtemp(path.data()) == nullptr)
      throw Error(Errc::unavailable, "cannot create a directory in " +
                                         support::temporary_directory() + ": " +
                                         support::system_message(errno));
    path_ = path;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The transcripts that PATHS name: files as they are, of a directory those that end with .test.
std::vector<fs::path> transcripts_at(const std::vector<std::string_view>& paths) {
  std::vector<fs::path> found;
  for (const auto& path : paths) {
    if (!fs::is_directory(path)) {
      found.emplace_back(path);
      continue;
    }
    const auto start = static_cast<ptrdiff_t>(found.size());
    for (const auto& entry : fs::directory_iterator(path))
      if (entry.path().extension() == ".test") found.push_back(entry.path());
    std::sort(found.begin() + start, found.end());
  }
  if (found.empty()) throw Error(Errc::not_found, "no transcript found: no file ends with .test");
  return found;
}

struct Outcome {
  std::string path;
  size_t steps = 0;
  std::string failures;
};

Outcome run_one(const Call& call, const fs::path& path) {
  Outcome outcome{path.string(), 0, {}};
  try {
    const auto steps = read_transcript(support::read_input(path.string(), max_transcript));
    const Scratch scratch;
    TestBed bed;
    bed.plugins = fs::absolute(*call.text("PLUGINS")).lexically_normal().string();
    bed.host = support::program_path();
    bed.directory = scratch.path();
    bed.deadline = *call.duration("timeout");
    prepare(bed);
    outcome.steps = steps.size();
    outcome.failures = run_transcript(steps, bed, call.service<Process>());
  } catch (const Error& error) {
    outcome.failures = std::string("  ") + error.what() + '\n';
  }
  return outcome;
}

int test(const Call& call) {
  const auto plugins = plugins_at({*call.text("PLUGINS")});
  std::vector<Outcome> outcomes;
  for (const auto& path : transcripts_at(call.texts("TRANSCRIPT")))
    outcomes.push_back(run_one(call, path));
  size_t failed = 0;
  std::string text;
  for (const auto& outcome : outcomes) {
    if (!outcome.failures.empty()) ++failed;
    text += (outcome.failures.empty() ? "ok      " : "FAILED  ") + support::one_line(outcome.path) +
            '\n' + outcome.failures;
  }
  text +=
      std::to_string(outcomes.size() - failed) + " passed, " + std::to_string(failed) + " failed\n";
  if (call.flag("json")) {
    text = support::shown_json(
        support::json_array(outcomes, [](support::JsonWriter& json, const Outcome& outcome) {
          support::Object(json)
              .text("path", outcome.path)
              .number("steps", outcome.steps)
              .boolean("passed", outcome.failures.empty())
              .text("failures", outcome.failures);
        }));
  }
  call.print(text);
  return failed == 0 ? 0 : 1;
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.authoring", "1.0.0", jetpack::needs<jetpack::Process>(),
    jetpack::command(
        "plugin new", "Create the project of a new plugin", create,
        jetpack::argument("NAME", "Name of the plugin's command"),
        jetpack::option("language", 'l', "LANGUAGE", "Language that it is written in")
            .choices("cpp", "c", "bash")
            .fallback("cpp"),
        jetpack::option("build", 'b', "TOOL", "Tool that builds it; bash needs none")
            .choices("meson", "cmake")
            .fallback("meson"),
        jetpack::option("id", "ID", "Id of the plugin or bundle; default is com.example.NAME"),
        jetpack::option("directory", 'd', "DIR", "Directory to create; default is NAME"),
        jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "The project has a command that works, its tests, a README and a CI workflow. Three "
            "commands, which are printed, build, test and pack it."),
        jetpack::example("jetpack plugin new gpu-reset --id org.example.gpu-reset",
                         "Create a project in C++ that meson builds"),
        jetpack::example("jetpack plugin new drain -l bash", "Create one in Bash")),
    jetpack::command(
        "plugin check", "Check a plugin before it is shipped", check,
        jetpack::argument("PATH", "Plugin, or directory with plugins").repeated(),
        jetpack::flag("strict", "Fail on warnings, too"), jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "Examines what the plugin declares, its help texts, and how it was linked: exported "
            "and "
            "undefined symbols, static constructors, runtime search path, the oldest C library "
            "that "
            "it runs on. No code of the plugin runs. Exit code 1 means that there are errors."),
        jetpack::example("jetpack plugin check build", "Check what was built"),
        jetpack::example("jetpack plugin check --strict build/greet.so", "Accept no warning")),
    jetpack::command(
        "plugin test", "Run the commands of a plugin and compare what they print", test,
        jetpack::argument("PLUGINS", "Directory of the plugins under test"),
        jetpack::argument("TRANSCRIPT", "Transcript, or directory with transcripts (*.test)")
            .repeated(),
        jetpack::option("timeout", "DURATION", "Time limit of each step")
            .duration()
            .fallback("60s"),
        jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "A transcript has lines '$ COMMAND', each followed by what the command prints and, "
            "where its exit code N is not 0, by '[exit N]'. In a line that ends with ' (glob)', * "
            "stands for any text. Commands run with bash in an empty directory; JETPACK_HOME is a "
            "new home without a configuration."),
        jetpack::example("jetpack plugin test build tests", "Run all tests of a project")));
