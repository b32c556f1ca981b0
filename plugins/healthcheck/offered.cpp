// The checks that plugins offer.
#include "healthcheck/offered.hpp"

#include <algorithm>

#include "support/plugin_offers.hpp"

namespace jetpack::healthcheck {

using std::chrono::milliseconds;

std::vector<Check> offered_checks(const Process& process, const Config& config,
                                  std::set<std::string> taken) {
  std::vector<Check> checks;
  for (const auto& offer : support::read_plugin_offers(process, config.path("")).offers) {
    if (offer.kind != "check") continue;
    Check check;
    const bool is_new = taken.insert(offer.name).second;
    check.name = is_new ? offer.name : offer.plugin + '/' + offer.name;
    check.argv = offer.argv();
    check.interval = offer.interval;
    check.deadline = std::min<milliseconds>(offer.deadline, longest_deadline);
    checks.push_back(std::move(check));
  }
  return checks;
}

milliseconds time_until_due(const Check& check, const std::string& ran, support::SystemTime now) {
  const auto last = support::parse_iso_8601(ran);
  // Never, or in the future: the clock was set back.
  if (!last || *last > now) return milliseconds{0};
  return check.interval - std::chrono::floor<milliseconds>(now - *last);
}

}  // namespace jetpack::healthcheck
