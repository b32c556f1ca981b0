// Brings the node's configuration up to date.
#include "converge/configuration.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string_view>
#include <thread>

#include <jetpack/config.hpp>
#include <jetpack/session.hpp>
#include "support/backoff.hpp"
#include "support/files.hpp"
#include "support/log_file.hpp"
#include "support/node_configuration.hpp"

namespace jetpack::converge {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{60};
constexpr milliseconds least_pause{1000}, most_pause{10'000};

// Waiting makes no room on a disk.
bool is_full_disk(std::string_view text) {
  return text.find(support::system_message(ENOSPC)) != std::string_view::npos ||
         text.find(support::system_message(EDQUOT)) != std::string_view::npos ||
         text.find(" bytes are needed and ") != std::string_view::npos;
}

}  // namespace

void retried(const Warn& warn, const std::function<void()>& work) {
  support::Backoff backoff(least_pause, most_pause, static_cast<uint32_t>(::getpid()));
  const auto deadline = Clock::now() + patience;
  for (;;) {
    try {
      return work();
    } catch (const Error& e) {
      const auto pause = backoff.pause();
      if (e.code() != Errc::unavailable || Clock::now() + pause > deadline ||
          is_full_disk(e.what()))
        throw;
      warn(std::string(e.what()) + "; retrying in " + std::to_string(pause.count()) + " ms");
      std::this_thread::sleep_for(pause);
    }
  }
}

void update_configuration(const Call& call, Narrator& narrator) {
  const auto config = call.service<Config>();
  const auto session = call.service<Session>();
  narrator.say("Getting node configuration from /clusterlink/userdata/" +
               session.identity("userdata").value_or("?"));
  const auto log = support::node_log(config, "jetpack", "converge");
  support::NodeConfiguration configuration(call, log);
  configuration.update_facts(support::read_metadata(session));
  const auto warn = [&](const std::string& text) { narrator.warn(text); };
  retried(warn, [&] {
    const auto fetched = configuration.fetch();
    if (!fetched.rejection.empty()) throw Error(Errc::denied, fetched.rejection);
  });
  configuration.run_ohai();
}

}  // namespace jetpack::converge
