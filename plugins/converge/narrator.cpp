// Says what converge does.
#include "converge/narrator.hpp"

#include "support/text.hpp"

namespace jetpack::converge {

Narrator::Narrator(const Call& call)
    : call_(call),
      log_(call.service<Log>()),
      progress_(call),
      as_json_(call.flag("json")),
      debugs_(call.flag("debug")),
      echoes_((call.flag("cluster-init") || debugs_) && !as_json_) {}

void Narrator::print(std::string_view text) {
  progress_.clear();
  call_.print((is_in_line_ ? "\n" : "") + std::string(text));
  is_in_line_ = false;
}

void Narrator::say(const std::string& line) {
  log_.info(line);
  if (!as_json_) print(support::one_line(line) + '\n');
}

void Narrator::warn(const std::string& line) {
  log_.warning(line);
  progress_.clear();
  call_.report("jetpack converge: warning: " + support::one_line(line) + '\n');
}

void Narrator::remark(const std::string& line) {
  log_.info(line);
  if (debugs_ && !as_json_) print(support::one_line(line) + '\n');
}

void Narrator::echo(std::string_view output) {
  if (!echoes_ || output.empty()) return;
  progress_.clear();
  call_.print(call_.out_is_terminal() ? support::printable(output) : std::string(output));
  is_in_line_ = !output.ends_with('\n');
}

}  // namespace jetpack::converge
