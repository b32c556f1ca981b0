// Runs test files.
#include "test/runner.hpp"

#include <array>
#include <cstring>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/redact.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::test {

namespace {

constexpr std::array state_names{"passed", "failed", "timed_out", "invalid", "skipped"};
constexpr size_t kept_bytes = 64 << 10;  // of the beginning, and of the end
constexpr size_t shown_line = 200;

// What python_runner exits with when there are none; pytest's own 5 may come from a test.
constexpr int no_tests_code = 85;

// Tests of one file: by pytest where it can be imported, else by unittest, which then also runs plain
// functions. A module that leaves while it is imported, with 0, is a helper that does not want to be
// collected.
constexpr const char* python_runner = R"(
import os, sys
PATH, NO_TESTS = sys.argv[1], 85
sys.path.insert(0, os.path.dirname(PATH))

def with_pytest(pytest):
    class Guard:
        left = False
        def pytest_exception_interact(self, call):
            if call.when == "collect":
                self.pytest_internalerror(call.excinfo)
        def pytest_internalerror(self, excinfo):
            self.left = isinstance(excinfo.value, SystemExit) and not excinfo.value.code
            return self.left
    guard = Guard()
    code = int(pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", os.path.dirname(PATH), PATH],
                           plugins=[guard]))
    return NO_TESTS if code == 5 or guard.left else code

def with_unittest():
    import importlib.util, inspect, unittest
    spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(PATH))[0], PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except SystemExit as end:
        return 1 if end.code else NO_TESTS
    if not getattr(module, "__test__", True):
        return NO_TESTS
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    for name, value in sorted(vars(module).items()):
        if name.startswith("test") and inspect.isfunction(value) and value.__module__ == module.__name__:
            suite.addTest(unittest.FunctionTestCase(value))
    if not suite.countTestCases():
        return NO_TESTS
    return 0 if unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite).wasSuccessful() else 1

try:
    import pytest
except ImportError:
    pytest = None
sys.exit(with_pytest(pytest) if pytest else with_unittest())
)";

// Both streams as they come.
class Output {
 public:
  void add(std::string_view piece) {
    const size_t room = kept_bytes - head_.size();
    head_ += piece.substr(0, room);
    if (piece.size() <= room) return;
    tail_ += piece.substr(room);
    if (tail_.size() <= 2 * kept_bytes) return;
    const size_t cut = tail_.size() - kept_bytes;
    tail_.erase(0, cut);
    dropped_ += cut;
  }

  std::string text() {
    if (tail_.size() > kept_bytes) {
      const size_t cut = tail_.size() - kept_bytes;
      tail_.erase(0, cut);
      dropped_ += cut;
    }
    const std::string gap =
        dropped_ == 0 ? "" : "\n[... " + std::to_string(dropped_) + " bytes cut ...]\n";
    return support::redact(support::well_formed(head_ + gap + tail_));
  }

 private:
  std::string head_, tail_;
  size_t dropped_ = 0;
};

std::string last_line(std::string_view text) {
  text = support::trimmed(text);
  const size_t end = text.find_last_of('\n');
  if (end != std::string_view::npos) text = text.substr(end + 1);
  return support::one_line(support::cut(support::trimmed(text), shown_line));
}

std::string seconds_of(std::chrono::milliseconds time) {
  return time.count() % 1000 == 0 ? std::to_string(time.count() / 1000) + " s"
                                  : std::to_string(time.count()) + " ms";
}

void judge(const ProcessResult& done, const Surroundings& around, bool is_python, Result& result) {
  result.exit_code = done.exit_code;
  result.elapsed = done.elapsed;
  if (done.timed_out) {
    result.state = State::timed_out;
    result.message = "timed out after " + seconds_of(around.deadline);
    if (done.left > 0)
      result.message += "; process " + std::to_string(done.left_pid) + " cannot be killed";
  } else if (done.signal != 0) {
    result.state = State::failed;
    result.message =
        "killed by signal " + std::to_string(done.signal) + " (" + ::strsignal(done.signal) + ')';
  } else if (is_python && done.exit_code == no_tests_code) {
    result.state = State::skipped;
    result.message = "no tests";
  } else if (done.exit_code != 0) {
    result.state = State::failed;
    result.message = "exited with " + std::to_string(done.exit_code);
    const std::string line = last_line(result.output);
    if (!line.empty()) result.message += ": " + line;
  }
}

}  // namespace

const char* name_of(State state) { return state_names.at(static_cast<size_t>(state)); }

bool is_failure(State state) { return state != State::passed && state != State::skipped; }

Result run_test(const Process& process, const Surroundings& around, const TestFile& file) {
  Result result;
  result.file = file.name;
  const bool is_python = file.kind == Kind::python;
  const std::string path = around.directory + '/' + file.name;
  try {
    if (!file.problem.empty()) throw Error(Errc::denied, file.problem);
    ProcessSpec spec{file.argv, around.env};
    if (is_python) spec.argv = {around.python, "-c", python_runner, path};
    spec.directory = support::parent_directory(path);
    spec.deadline = around.deadline;
    Output output;
    spec.on_out = spec.on_err = [&](std::string_view piece) { output.add(piece); };
    const ProcessResult done = process.run(spec);
    result.output = output.text();
    judge(done, around, is_python, result);
  } catch (const Error& e) {
    result.state = State::invalid;
    result.exit_code = -1;
    result.message = e.what();
  }
  return result;
}

}  // namespace jetpack::test
