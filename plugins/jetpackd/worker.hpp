// The daemon's worker thread: makes all calls to the session, configuration and process services,
// which allow only one call at a time.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <jetpack/call.hpp>
#include <jetpack/config.hpp>
#include <jetpack/session.hpp>
#include "jetpackd/board.hpp"
#include "jetpackd/deliverer.hpp"
#include "jetpackd/userdata_fetcher.hpp"
#include "jetpackd/watcher.hpp"
#include "support/log_file.hpp"

namespace jetpack::jetpackd {

class Worker {
 public:
  struct Options {
    std::string root;  // the root directory whose users are managed; empty: this system
    std::chrono::milliseconds userdata_interval{60000};
    std::function<void()> ready = [] {};       // the node has its configuration
    std::function<void()> merged = [] {};      // config/node.json was replaced
    std::function<void()> conditions = [] {};  // run/conditions.json was
  };

  Worker(const jetpack::Call& call, Board& board, support::LogFile& log, const Options& options);

  // Delivers and fetches once, without a thread; returns whether all of it succeeded.
  bool run_once();

  // The functions below may be called from any thread.
  void start();
  void ping();                               // records progress once the worker gets to it
  void refresh(std::function<void()> done);  // reads the outbox, then calls `done` on this thread
  void reset();                              // delivers and fetches now
  void state_changed();                      // saves the board's state soon
  // Makes a final attempt at delivery, stops, and calls `stopped` on this thread.
  void stop(std::function<void()> stopped);
  void join();

 private:
  void run();
  void read_outbox();
  void save();
  void save_after(std::chrono::milliseconds pause);
  void save_soon();
  void fetch_after(std::chrono::milliseconds pause);
  void update_facts_after(std::chrono::milliseconds pause);
  void read_facts();
  std::unique_ptr<Watcher> watch();

  Board& board_;
  support::LogFile& log_;
  Options options_;
  jetpack::Config config_;
  jetpack::Session session_;
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer fetch_timer_, save_timer_, facts_timer_;
  Accounts accounts_;
  UserdataFetcher fetcher_;
  std::unique_ptr<Watcher> watcher_;
  Deliverer deliverer_;
  std::string saved_;
  std::chrono::steady_clock::time_point saved_at_;
  std::atomic<bool> is_stopping_ = false;
  bool has_metadata_ = false, is_ready_ = false, is_reading_facts_ = false,
       read_facts_again_ = false;
  std::thread thread_, facts_thread_;
};

}  // namespace jetpack::jetpackd
