// Keeps the node's configuration up to date, and its users.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <jetpack/call.hpp>
#include <jetpack/session.hpp>
#include "jetpackd/accounts.hpp"
#include "jetpackd/board.hpp"
#include "support/backoff.hpp"
#include "support/log_file.hpp"
#include "support/node_configuration.hpp"
#include "support/userdata.hpp"

namespace jetpack::jetpackd {

class UserdataFetcher {
 public:
  struct Options {
    std::chrono::milliseconds interval{60000};
    uint32_t seed = 1;
    std::function<void()> changed = [] {};  // fetching started to fail, or works again
    std::function<void()> applied = [] {};  // there is a new configuration
  };

  UserdataFetcher(const jetpack::Call& call, Accounts& accounts, Board& board,
                  support::LogFile& log, Options options);

  // Fetches and applies the userdata once, after the facts where these are due; returns the time
  // until the next fetch. Unless `is_last`, the request says when that one comes.
  std::chrono::milliseconds fetch(bool is_last = false);

  // Whether the last fetch succeeded and everything was applied.
  bool is_current() const { return is_current_; }

  // What this node knows of itself, with an answer of the metadata service when there is one. True
  // when this is another instance than before: fetch() now.
  bool update_facts(const support::Metadata& metadata, const std::string& machine);

  // One of the files that config/node.json is made of has changed.
  void write_node_json();

  // The configuration or credentials changed: ends the back-off after a rejection.
  void reset() {
    rejected_.reset();
    are_facts_due_ = true;
  }

 private:
  std::chrono::milliseconds request_userdata(bool is_last);
  std::chrono::milliseconds reject(const std::string& why);
  void apply(const support::Userdata& userdata);
  void report_installation(const support::Userdata& userdata, const Accounts::Outcome& outcome);
  void fail(const std::string& text, bool needs_person);
  void succeed();

  jetpack::Config config_;
  jetpack::Session session_;
  support::NodeConfiguration configuration_;
  Accounts& accounts_;
  Board& board_;
  support::LogFile& log_;
  Options options_;
  support::Backoff usual_;     // between fetches: the interval, with jitter
  support::Backoff rejected_;  // while the server rejects the request
  std::string reported_;       // the version and outcome last reported to the cluster
  std::string facts_failure_;  // the last one reported
  bool are_facts_due_ = true;
  bool is_current_ = false;
};

}  // namespace jetpack::jetpackd
