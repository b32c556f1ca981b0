// Empties the outbox: at once when something is queued, and patiently while nobody takes it.
#pragma once

#include <jetpack/session.hpp>

#include <functional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "jetpackd/board.hpp"
#include "support/backoff.hpp"
#include "support/log_file.hpp"

namespace jetpack::jetpackd {

class Deliverer {
 public:
  struct Options {
    std::chrono::milliseconds poll{30000};  // how often it looks without being woken
    uint32_t seed = 1;
    std::function<void()> changed = [] {};  // delivery began to fail, or works again
    std::function<void()> idle = [] {};     // nothing has come for a few seconds
  };

  Deliverer(boost::asio::io_context& loop, jetpack::Session session, Board& board,
            support::LogFile& log, Options options);

  // Something may have been queued: looks at once. What failed is left alone for its time by the
  // session, however often it is asked.
  void wake();
  // Circumstances changed: tries now.
  void reset();
  // Without the loop: delivers for at most `time`; whether nothing is left.
  bool drain(std::chrono::milliseconds time);
  // Starts no more attempts.
  void stop();

 private:
  jetpack::Delivered deliver(std::chrono::milliseconds time);
  void attempt();
  void schedule(std::chrono::milliseconds pause);
  std::chrono::milliseconds until_next_look();
  std::chrono::milliseconds after_failure(const jetpack::Delivered& result);
  void note_failure(const jetpack::Delivered& result);
  void note_success();

  jetpack::Session session_;
  Board& board_;
  support::LogFile& log_;
  Options options_;
  boost::asio::steady_timer timer_;
  support::Backoff retry_, stopped_backoff_;
  std::chrono::milliseconds patience_;  // of one attempt
  bool is_failing_ = false;
  bool is_woken_ = false;
  size_t looks_ = 0;                                // since it was woken
  std::chrono::steady_clock::time_point next_try_;  // while it fails
  bool is_stopped_ = false;
};

}  // namespace jetpack::jetpackd
