// Reads #! lines.
#include "support/script_interpreter.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <jetpack/error.hpp>
#include "support/file_errors.hpp"
#include "support/files.hpp"
#include "support/text.hpp"

namespace jetpack::support {

std::string first_line_of(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) fail_on_file("read", path, errno);
  std::array<char, 256> buffer{};
  const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
  if (size < 0) fail_on_file("read", path, errno);
  const std::string_view text(buffer.data(), static_cast<size_t>(size));
  return std::string(text.substr(0, text.find('\n')));
}

std::vector<std::string> interpreter_in(const std::string& line) {
  const std::string_view rest = trimmed(std::string_view(line).substr(2));
  const size_t end = rest.find_first_of(" \t");
  const std::string program(rest.substr(0, end));
  if (!program.starts_with('/'))
    throw Error(Errc::denied,
                "its #! line names '" + one_line(program) + "', which is not an absolute path");
  if (::access(program.c_str(), X_OK) != 0)
    throw Error(Errc::denied,
                "its interpreter " + one_line(program) + ": " + system_message(errno));
  std::vector<std::string> argv{program};
  if (end != std::string_view::npos) argv.emplace_back(trimmed(rest.substr(end)));
  return argv;
}

bool is_elf(const std::string& line) {
  return line.starts_with(
      "\x7f"
      "ELF");
}

}  // namespace jetpack::support
