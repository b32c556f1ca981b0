// Delivers the messages in the outbox: at once when one is queued, with back-off while it fails.
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
    std::chrono::milliseconds poll{30000};  // interval without being woken
    uint32_t seed = 1;
    std::function<void()> changed = [] {};  // delivery started to fail, or works again
    std::function<void()> idle = [] {};     // no message for a few seconds
  };

  Deliverer(boost::asio::io_context& loop, jetpack::Session session, Board& board,
            support::LogFile& log, Options options);

  // A message may have been queued: polls at once. The session does not retry a failed message
  // before its time, however often it is asked to.
  void wake();
  // The configuration or the network changed: retries now.
  void reset();
  // Delivers without the loop, for at most `time`; returns whether the outbox is empty.
  bool drain(std::chrono::milliseconds time);
  // Starts no more attempts.
  void stop();

 private:
  jetpack::Delivered deliver(std::chrono::milliseconds time);
  void attempt();
  void schedule(std::chrono::milliseconds pause);
  std::chrono::milliseconds until_next_poll();
  std::chrono::milliseconds after_failure(const jetpack::Delivered& result);
  void note_failure(const jetpack::Delivered& result);
  void note_success();

  jetpack::Session session_;
  Board& board_;
  support::LogFile& log_;
  Options options_;
  boost::asio::steady_timer timer_;
  support::Backoff retry_, stopped_backoff_;
  std::chrono::milliseconds timeout_;  // of one attempt
  bool is_failing_ = false;
  bool is_woken_ = false;
  size_t polls_ = 0;                                // since it was woken
  std::chrono::steady_clock::time_point next_try_;  // while delivery fails
  bool is_stopped_ = false;
};

}  // namespace jetpack::jetpackd
