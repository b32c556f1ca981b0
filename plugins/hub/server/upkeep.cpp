// What a hub does now and then while it serves.
#include "server/upkeep.hpp"

#include <algorithm>
#include <exception>

#include "common/text.hpp"
#include "store/message_table.hpp"
#include "store/node_table.hpp"
#include "support/times.hpp"

namespace jetpack::hub {

namespace {

using namespace std::chrono_literals;

constexpr auto between_looks = 60s;
constexpr auto between_warnings = 24h;
constexpr int64_t day = 86'400;
constexpr int64_t warning_days = 30;

}  // namespace

std::chrono::milliseconds Upkeep::interval() const {
  const auto watchdog = parts_.notifier.watchdog();
  if (!watchdog) return between_looks;
  return std::min<std::chrono::milliseconds>(
      between_looks, std::chrono::duration_cast<std::chrono::milliseconds>(*watchdog) / 3);
}

void Upkeep::tick() {
  if (parts_.notifier.watchdog() && parts_.is_alive()) parts_.notifier.notify("WATCHDOG=1");
  if (Clock::now() >= next_look_) reload();
}

void Upkeep::reload() {
  next_look_ = Clock::now() + between_looks;
  try {
    if (parts_.renew) parts_.renew();
    if (parts_.certificate.reload()) {
      parts_.log.info("serving with a new certificate");
      next_warning_ = Clock::now();
    }
    if (Clock::now() >= next_warning_) warn_of_expiry();
  } catch (const std::exception& error) {
    parts_.log.error(error.what());
  }
}

// In the log and, as an event of each cluster, on the page.
void Upkeep::warn_of_expiry() {
  const int64_t ends = parts_.certificate.ends(), left = ends - now_ms() / 1000;
  if (left > warning_days * day) return;
  next_warning_ = Clock::now() + between_warnings;
  const std::string text = "the hub's certificate " +
                           std::string(left > 0 ? "expires" : "expired") + " at " +
                           support::iso_8601(support::from_unix_ms(ends * 1000)) +
                           "; put a new one in its place, and nodes stay connected";
  parts_.log.warning(text);
  parts_.database.write("warning of the certificate", [&](Transaction& transaction) {
    for (const auto& cluster : list_clusters(transaction.session(), ""))
      add_event(transaction, cluster.name, "", text, now_ms(), "warn");
  });
}

}  // namespace jetpack::hub
