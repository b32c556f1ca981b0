// Fetches userdata from the server and applies it: configuration, properties and users.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <jetpack/config.hpp>
#include <jetpack/session.hpp>
#include "jetpackd/accounts.hpp"
#include "jetpackd/board.hpp"
#include "jetpackd/userdata.hpp"
#include "support/backoff.hpp"
#include "support/log_file.hpp"

namespace jetpack::jetpackd {

class UserdataFetcher {
 public:
  struct Options {
    std::chrono::milliseconds interval{60000};
    uint32_t seed = 1;
    std::function<void()> changed = [] {};  // fetching started to fail, or works again
  };

  UserdataFetcher(jetpack::Session session, jetpack::Config config, Accounts& accounts,
                  Board& board, support::LogFile& log, Options options);

  // Fetches and applies the userdata once; returns the time until the next fetch.
  std::chrono::milliseconds fetch();

  // Whether the last fetch succeeded and everything was applied.
  bool is_current() const { return is_current_; }

  // The configuration or credentials changed: ends the back-off after a rejection.
  void reset() { rejected_.reset(); }

 private:
  // The version that was applied last, and the server's properties in it.
  struct Applied {
    std::string version;
    rapidjson::Document properties;
  };

  std::chrono::milliseconds request_userdata();
  std::chrono::milliseconds reject(const std::string& why);
  void apply(const Userdata& userdata);
  void write_properties(const Userdata& userdata);
  bool has_all_files() const;
  Applied load_applied();
  void save_applied(const Userdata& userdata) const;
  void report_installation(const Userdata& userdata, const Accounts::Outcome& outcome);
  void fail(const std::string& text, bool needs_person);
  void succeed();

  jetpack::Session session_;
  jetpack::Config config_;
  Accounts& accounts_;
  Board& board_;
  support::LogFile& log_;
  Options options_;
  support::Backoff usual_;     // between fetches: the interval, with jitter
  support::Backoff rejected_;  // while the server rejects the request
  std::string reported_;       // the version and outcome last reported to the cluster
  std::string unreadable_;     // why the applied version could not be read last
  bool is_current_ = false;
};

}  // namespace jetpack::jetpackd
