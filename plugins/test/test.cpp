// `jetpack test`: runs the tests of the projects that configure this node.
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <jetpack/plugin.hpp>
#include "support/files.hpp"
#include "support/script_environment.hpp"
#include "support/settings.hpp"
#include "support/suggest.hpp"
#include "support/text.hpp"
#include "test/results.hpp"

namespace {

namespace support = jetpack::support;
namespace test = jetpack::test;
using jetpack::Call;
using jetpack::Config;
using jetpack::Errc;
using jetpack::Error;
using Specs = std::vector<support::Spec>;

[[noreturn]] void fail_on_name(const char* what, std::string_view name,
                               const std::vector<std::string>& known) {
  std::string text = std::string(what) + " '" + support::one_line(name) + "' not found; ";
  if (known.empty()) throw Error(Errc::not_found, text + "this node has none");
  text += "this node has ";
  for (size_t i = 0; i < known.size(); ++i)
    text += (i == 0 ? "" : ", ") + support::one_line(known[i]);
  throw Error(Errc::not_found, text);
}

// Of what is found twice, once.
void add_new(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

// Those of the node, or of them the project and the spec that are asked for.
Specs wanted_specs(const Call& call, const Config& config) {
  const auto project = call.text("PROJECT"), name = call.text("SPEC");
  Specs wanted;
  std::vector<std::string> projects, names;
  for (auto& spec : support::node_specs(config)) {
    add_new(projects, spec.project);
    if (project && spec.project != *project) continue;
    add_new(names, spec.name);
    if (name && spec.name != *name) continue;
    const auto is_same = [&](const support::Spec& other) {
      return other.project == spec.project && other.name == spec.name;
    };
    if (std::none_of(wanted.begin(), wanted.end(), is_same)) wanted.push_back(std::move(spec));
  }
  if (project && names.empty()) fail_on_name("project", *project, projects);
  if (name && wanted.empty()) fail_on_name("spec", *name, names);
  return wanted;
}

bool is_directory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

class Run {
 public:
  Run(const Call& call, const Config& config)
      : call_(call),
        process_(call.service<jetpack::Process>()),
        is_quiet_(call.flag("json")),
        is_answer_elsewhere_(call.text("junit") == "-"),
        home_(config.path("")),
        directory_(support::cluster_init_directory(config)) {
    constexpr const char* timeout = "cyclecloud.jetpack.test_timeout";
    const auto warn = [&](const std::string& text) { call.report("jetpack test: " + text + '\n'); };
    deadline_ = std::chrono::seconds(support::number_setting(timeout, config.get(timeout), warn));
    while (home_.size() > 1 && home_.ends_with('/')) home_.pop_back();
  }

  test::Results run(const Specs& specs) {
    const auto start = std::chrono::steady_clock::now();
    for (const auto& spec : specs) run_spec(spec);
    results_.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - start);
    return std::move(results_);
  }

  void show(const std::string& text) const {
    if (is_quiet_) return;
    if (is_answer_elsewhere_) {
      call_.report(text);
    } else {
      call_.print(text);
    }
  }

 private:
  void run_spec(const support::Spec& spec) {
    const std::string path = support::spec_path(directory_, spec);
    test::Surroundings around;
    around.directory = path + "/tests";
    around.python = support::script_python(home_);
    around.env = support::script_environment(home_, directory_, spec);
    // The tree stays what the locker has.
    around.env.emplace_back("PYTHONDONTWRITEBYTECODE=1");
    around.deadline = deadline_;
    try {
      if (!is_directory(path))
        throw Error(Errc::not_found, path + " is missing; run 'jetpack converge'");
      for (const auto& file : test::find_tests(around.directory))
        add(spec, test::run_test(process_, around, file));
    } catch (const Error& e) {
      test::Result result;
      result.file = "tests";
      result.state = test::State::invalid;
      result.exit_code = -1;
      result.message = e.what();
      add(spec, std::move(result));
    }
  }

  void add(const support::Spec& spec, test::Result result) {
    result.project = spec.project;
    result.spec = spec.name;
    show(test::as_text(result));
    results_.all.push_back(std::move(result));
  }

  const Call& call_;
  jetpack::Process process_;
  bool is_quiet_, is_answer_elsewhere_;
  std::string home_, directory_;
  std::chrono::milliseconds deadline_{0};
  test::Results results_;
};

void write_junit(const support::Fd& file, const std::string& name, const test::Results& results) {
  const int failure = support::write_all(file.get(), test::as_junit(results));
  if (failure != 0)
    throw Error(Errc::failed, "cannot write " + name + ": " + support::system_message(failure));
}

// PROJECT SPEC FILE
int list_tests(const Call& call, const Config& config) {
  const std::string directory = support::cluster_init_directory(config);
  for (const auto& spec : wanted_specs(call, config)) {
    const std::string tests = support::spec_path(directory, spec) + "/tests";
    for (const auto& file : test::find_tests(tests))
      call.print(support::one_line(spec.project + ' ' + spec.name + ' ' + file.name) + '\n');
  }
  return 0;
}

int run_tests(const Call& call) {
  const auto junit = call.text("junit");
  if (junit == "-" && call.flag("json"))
    throw Error(Errc::usage, "--json and '--junit -' both write to standard output");
  const auto config = call.service<Config>();
  if (call.flag("list")) return list_tests(call, config);
  const Specs specs = wanted_specs(call, config);
  // Before the tests, which may take long.
  const support::Fd file = junit ? support::open_output(std::string(*junit)) : support::Fd();
  Run run(call, config);
  const test::Results results = run.run(specs);
  if (specs.empty()) {
    call.report("jetpack test: no projects are assigned to this node\n");
  } else if (results.all.empty()) {
    call.report("jetpack test: no tests found in " + std::to_string(specs.size()) +
                (specs.size() == 1 ? " spec\n" : " specs\n"));
  } else {
    run.show(test::summary(results) + '\n');
  }
  if (call.flag("json")) call.print(test::as_json(results));
  if (junit) write_junit(file, std::string(*junit), results);
  const auto log = call.service<jetpack::Log>();
  if (results.failed() > 0) {
    log.error("test: " + test::summary(results));
  } else if (!results.all.empty()) {
    log.info("test: " + test::summary(results));
  }
  return results.failed() == 0 ? 0 : 1;
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.test", "1.0.0", jetpack::needs<jetpack::Config, jetpack::Process, jetpack::Log>(),
    jetpack::command(
        "test", "Run the tests of the projects that configure this node", run_tests,
        jetpack::argument("PROJECT", "Name of the project; all by default")
            .values_from("test --list")
            .optional(),
        jetpack::argument("SPEC", "Name of its spec; all by default").optional(),
        jetpack::flag("json", "Print JSON"),
        jetpack::flag("list", "List the tests as PROJECT SPEC FILE, and run none"),
        jetpack::option("junit", "FILE", "Write the results as JUnit XML; - is standard output"),
        jetpack::description(
            "Runs what is below cluster-init/tests of the specs assigned to this node, one file "
            "after the other, each in a process of its own with the environment of cluster-init "
            "scripts: NAME.py by pytest, or by unittest where pytest is missing; NAME.sh; and "
            "executables. A Python file without tests is a helper and is not run.\n\n"
            "A file that runs longer than cyclecloud.jetpack.test_timeout seconds (600 by default) "
            "is killed with all that it has started. A file that others could have written is not "
            "run. Exits 1 when a file fails or cannot be run, else 0, also when there are no "
            "tests."),
        jetpack::example("jetpack test", "Run all tests"),
        jetpack::example("jetpack test slurm scheduler --junit results.xml",
                         "Run the tests of one spec, and keep the results")));
