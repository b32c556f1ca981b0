// Finds the scripts of config/healthcheck.d, and decides how, and whether, each is run.
#include "healthcheck/checks.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <jetpack/error.hpp>
#include "support/file_errors.hpp"
#include "support/files.hpp"
#include "support/script_interpreter.hpp"
#include "support/text.hpp"
#include "support/trust.hpp"
#include "support/utf8.hpp"

namespace jetpack::healthcheck {

namespace {

constexpr size_t most_checks = 256;
constexpr std::array state_names{"passed", "failed", "unhealthy", "hung", "invalid"};

[[noreturn]] void reject(const std::string& why) { throw Error(Errc::denied, why); }

std::vector<std::string> command_for(const std::string& path, const std::string& name) {
  const bool is_shell = name.ends_with(".sh"), is_python = name.ends_with(".py");
  if (!is_shell && !is_python && ::access(path.c_str(), X_OK) != 0)
    reject("is not executable (chmod +x), and its name does not end with .sh or .py");
  const std::string line = support::first_line_of(path);
  const bool is_dos = line.ends_with('\r');
  if (is_dos && !is_python) reject("has CRLF line ends (dos2unix " + name + ")");
  if (is_dos && is_python) return {"python3", path};
  std::vector<std::string> argv;
  if (line.starts_with("#!")) {
    argv = support::interpreter_in(line);
  } else if (is_shell) {
    argv = {"bash"};
  } else if (is_python) {
    argv = {"python3"};
  } else if (!support::is_elf(line)) {
    reject("is no program, and does not begin with #! and an interpreter");
  }
  argv.push_back(path);
  return argv;
}

Check judged(const std::string& directory, const std::string& file) {
  Check check;
  check.name = support::one_line(support::beginning_of(file, max_name));
  try {
    if (check.name != file) reject("has an invalid name");
    const std::string path = directory + '/' + file;
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0)
      reject(errno == ENOENT ? "is a symbolic link to a file that does not exist"
                             : support::system_message(errno));
    if (S_ISDIR(info.st_mode)) reject("is a directory");
    check.argv = command_for(support::trusted_path(path), file);
  } catch (const Error& e) {
    check.problem = e.what();
  }
  return check;
}

}  // namespace

std::string name_of(State state) { return state_names.at(static_cast<size_t>(state)); }

State state_named(const std::string& name) {
  const auto* const found = std::find(state_names.begin(), state_names.end(), name);
  return found == state_names.end() ? State::failed
                                    : static_cast<State>(found - state_names.begin());
}

std::vector<Check> find_checks(const std::string& directory) {
  std::vector<std::string> files;
  const support::Directory entries(::opendir(directory.c_str()));
  if (!entries && errno != ENOENT) support::fail_on_file("read", directory, errno);
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with('.') && !name.ends_with('~')) files.emplace_back(name);
  }
  std::sort(files.begin(), files.end());
  std::vector<Check> checks;
  for (const auto& file : files) {
    checks.push_back(judged(directory, file));
    if (checks.size() <= most_checks) continue;
    checks.back().argv.clear();
    checks.back().problem = "exceeds the limit of " + std::to_string(most_checks) + " checks";
    break;
  }
  return checks;
}

uint64_t start_of_process(int pid) {
  if (pid <= 0) return 0;
  const support::Fd file(
      ::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> buffer{};
  const ssize_t size = file ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  if (size <= 0) return 0;
  // Behind the name, which is in parentheses and may hold anything: field 22 of proc(5).
  const std::string text(buffer.data(), static_cast<size_t>(size));
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  const char* field = text.c_str() + name_end + 1;
  for (int number = 3; number <= 22; ++number) {
    field += std::strspn(field, " ");
    // It has ended, and nobody has waited for it.
    if (number == 3 && (*field == 'Z' || *field == 'X')) return 0;
    if (number < 22) field += std::strcspn(field, " ");
  }
  return std::strtoull(field, nullptr, 10);
}

}  // namespace jetpack::healthcheck
