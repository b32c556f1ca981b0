// Keeps the files that the server tells of, and the users, as the server says.
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
    std::function<void()> changed = [] {};  // fetching began to fail, or works again
  };

  UserdataFetcher(jetpack::Session session, jetpack::Config config, Accounts& accounts,
                  Board& board, support::LogFile& log, Options options);

  // One fetch, and all that follows from it; returns when the next is due.
  std::chrono::milliseconds fetch();

  // Whether the last fetch left everything as the server says.
  bool is_current() const { return is_current_; }

  // Circumstances changed: what was refused may be granted now.
  void reset() { refused_.reset(); }

 private:
  // What was applied last: its version, and the properties that it had.
  struct Applied {
    std::string version;
    rapidjson::Document properties;
  };

  std::chrono::milliseconds ask();
  std::chrono::milliseconds refuse(const std::string& why);
  void apply(const Userdata& userdata);
  void write_properties(const Userdata& userdata);
  bool has_all_files() const;
  Applied load_applied() const;
  void save_applied(const Userdata& userdata) const;
  void report_installation(const Userdata& userdata, bool is_whole);
  void fail(const std::string& text, bool needs_person);
  void succeed();

  jetpack::Session session_;
  jetpack::Config config_;
  Accounts& accounts_;
  Board& board_;
  support::LogFile& log_;
  Options options_;
  support::Backoff usual_;    // between fetches: the interval, a little before or at it
  support::Backoff refused_;  // while the server refuses
  std::string reported_;      // the version and outcome of which the cluster was told
  bool is_current_ = false;
};

}  // namespace jetpack::jetpackd
