// Empties the outbox: at once when something is queued, and patiently while nobody takes it.
#pragma once

#include <jetpack/session.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "jetpackd/backoff.hpp"
#include "jetpackd/board.hpp"
#include "support/log_file.hpp"

namespace jetpackd {

class Deliverer {
 public:
  struct Options {
    std::chrono::milliseconds poll{30000};  // how often it looks without being woken
    uint32_t seed = 1;
  };

  Deliverer(boost::asio::io_context& loop, jetpack::Session session, Board& board,
            support::LogFile& log, Options options);

  // Something may have been queued. While delivery fails, this changes little: the pauses between
  // attempts are for the server's sake.
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
  std::chrono::milliseconds after_failure(const jetpack::Delivered& result);
  void note_failure(const jetpack::Delivered& result);
  void note_success();
  bool has_two_lanes() const;

  jetpack::Session session_;
  Board& board_;
  support::LogFile& log_;
  Options options_;
  boost::asio::steady_timer timer_;
  Backoff retry_, stopped_backoff_;
  bool is_failing_ = false;
  bool is_stopped_ = false;
  std::chrono::steady_clock::time_point not_before_;  // while it fails: for wake()
};

}  // namespace jetpackd
