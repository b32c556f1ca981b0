// What the verbs have in common.
#include "bundles/verbs.hpp"

#include "loader/refusal.hpp"
#include "support/json.hpp"
#include "support/text.hpp"

namespace jetpack::bundles {

std::string home_of(const Call& call) { return call.service<Config>().path(""); }

int judged(const Call& call, const std::string& subject, const std::function<int()>& body) {
  try {
    return body();
  } catch (const Refusal& refusal) {
    call.report("jetpack " + std::string(call.command()) + ": refused " +
                support::one_line(subject) + ": " + support::printable(refusal.what()) + '\n');
    return exit_refused;
  }
}

void print_either(const Call& call, const std::string& json, const std::string& text) {
  call.print(call.flag("json") ? support::shown_json(json) : text);
}

std::string text_of(const Call& call, std::string_view name) {
  return std::string(call.text(name).value_or(""));
}

}  // namespace jetpack::bundles
