// jetpack/prompt.hpp: questions to the person at the terminal. A script is never kept waiting: where
// there is no terminal the command fails, and says what to give instead.
//
//   if (!jetpack::confirm(call, "Reset GPU 3?")) return 1;
//   // jetpack::command("gpu reset", ..., jetpack::yes_option())
#pragma once

#include <jetpack/command.hpp>

#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

namespace jetpack {

// The flag --yes, which confirm() obeys. [compile-time]
consteval Parameter yes_option() { return flag("yes", 'y', "Answer yes to all questions"); }

namespace detail {

// A line of standard input, without its end. Throws Errc::failed at the end of the input.
inline std::string read_line(const Call& call) {
  constexpr size_t longest = 4096;
  std::string line;
  char c = 0;
  while (line.size() < longest) {
    const ssize_t size = ::read(STDIN_FILENO, &c, 1);
    if (size < 0 && errno == EINTR && !call.cancelled()) continue;
    if (size <= 0) {
      call.report("\n");
      throw Error(Errc::failed, "no answer was given");
    }
    if (c == '\n') return line;
    line += c;
  }
  throw Error(Errc::failed, "the answer is longer than " + std::to_string(longest) + " bytes");
}

inline void require_terminal(const Call& call, std::string_view question,
                             const std::string& advice) {
  if (call.in_is_terminal() && call.err_is_terminal()) return;
  throw Error(Errc::usage,
              "cannot ask '" + std::string(question) + "' without a terminal; " + advice);
}

}  // namespace detail

// Asks a question that is answered by y or n, on standard error; anything but y or yes is no. True
// without a question when the command declares yes_option() and --yes is given. Throws Errc::usage
// where standard input or standard error is not a terminal, Errc::failed when the input ends.
// [main-thread]
inline bool confirm(const Call& call, std::string_view question) {
  if (call.declares("yes") && call.flag("yes")) return true;
  detail::require_terminal(call, question,
                           call.declares("yes") ? "use --yes" : "run it from a terminal");
  call.report(std::string(question) + " [y/N] ");
  std::string answer = detail::read_line(call);
  for (char& c : answer) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return answer == "y" || answer == "yes";
}

// Asks for a line of text, on standard error; an empty answer is `fallback`. `option` is what gives
// the text without a terminal: "--name". Throws Errc::usage where standard input or standard error is
// not a terminal, Errc::failed when the input ends. [main-thread]
inline std::string prompt(const Call& call, std::string_view question, std::string_view option,
                          std::string_view fallback = {}) {
  detail::require_terminal(call, question, "use " + std::string(option));
  call.report(std::string(question) +
              (fallback.empty() ? ": " : " [" + std::string(fallback) + "]: "));
  std::string answer = detail::read_line(call);
  return answer.empty() ? std::string(fallback) : answer;
}

}  // namespace jetpack
