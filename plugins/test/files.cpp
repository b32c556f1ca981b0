// Finds test files.
#include "test/files.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <jetpack/error.hpp>
#include "support/file_errors.hpp"
#include "support/files.hpp"
#include "support/script_interpreter.hpp"
#include "support/text.hpp"
#include "support/trust.hpp"

namespace jetpack::test {

namespace {

constexpr size_t most_files = 10000;
constexpr int deepest = 32;
constexpr uint64_t max_source = 4 << 20;

bool is_named_as_test(std::string_view name) {
  return name.starts_with("test_") || name.ends_with("_test.py");
}

// Importing a helper runs it, so it is imported by those that need it alone.
bool may_have_tests(const std::string& path, std::string_view name) {
  if (is_named_as_test(name)) return true;
  if (name == "__init__.py" || name == "conftest.py" || name == "setup.py") return false;
  const std::string source = support::read_file(path, max_source).value_or("");
  return source.find("def test") != std::string::npos ||
         source.find("def runTest") != std::string::npos ||
         source.find("def load_tests") != std::string::npos;
}

// Empty: it is not a test.
std::vector<std::string> command_for(const std::string& path, std::string_view name) {
  const bool is_shell = name.ends_with(".sh");
  if (!is_shell && ::access(path.c_str(), X_OK) != 0) return {};
  const std::string line = support::first_line_of(path);
  if (line.ends_with('\r'))
    throw Error(Errc::denied, "has CRLF line ends (dos2unix " + support::one_line(name) + ')');
  std::vector<std::string> argv;
  if (line.starts_with("#!")) {
    argv = support::interpreter_in(line);
  } else if (is_shell) {
    argv = {"bash"};
  } else if (!support::is_elf(line)) {
    return {};
  }
  argv.push_back(path);
  return argv;
}

class Finder {
 public:
  explicit Finder(std::string top) : top_(std::move(top)) {}

  std::vector<TestFile> find() {
    walk("", 0);
    std::sort(found_.begin(), found_.end(),
              [](const TestFile& one, const TestFile& other) { return one.name < other.name; });
    return std::move(found_);
  }

 private:
  void walk(const std::string& below, int depth) {
    const std::string directory = top_ + '/' + below;
    const support::Directory entries(::opendir(directory.c_str()));
    if (!entries && (errno != ENOENT || depth > 0)) support::fail_on_file("read", directory, errno);
    while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
      const std::string name = entry->d_name;
      if (name.starts_with('.') || name.ends_with('~') || name == "__pycache__") continue;
      look_at(below + name, name, depth);
    }
  }

  void look_at(const std::string& below, const std::string& name, int depth) {
    const std::string path = top_ + '/' + below;
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return;
    if (S_ISDIR(info.st_mode)) {
      if (depth < deepest) walk(below + '/', depth + 1);
      return;
    }
    if (S_ISLNK(info.st_mode) && ::stat(path.c_str(), &info) != 0) return;
    if (!S_ISREG(info.st_mode)) return;
    TestFile file{below, name.ends_with(".py") ? Kind::python : Kind::program, {}, ""};
    try {
      if (file.kind == Kind::python) {
        if (!may_have_tests(path, name)) return;
      } else {
        file.argv = command_for(path, name);
        if (file.argv.empty()) return;
      }
      support::trusted_path(path);
    } catch (const Error& e) {
      file.problem = e.what();
    }
    if (found_.size() >= most_files)
      throw Error(Errc::failed, support::one_line(top_) + " has more than " +
                                    std::to_string(most_files) + " test files");
    found_.push_back(std::move(file));
  }

  std::string top_;
  std::vector<TestFile> found_;
};

}  // namespace

std::vector<TestFile> find_tests(const std::string& directory) { return Finder(directory).find(); }

}  // namespace jetpack::test
