// The thread that does the daemon's work: everything that asks the session, the configuration or a
// process, one thing after the other, as the services require.
#pragma once

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
    std::string root;  // whose users are managed; empty: this system's
    std::chrono::milliseconds userdata_interval{60000};
  };

  Worker(const jetpack::Call& call, Board& board, support::LogFile& log, const Options& options);

  // One pass without a thread; whether everything was delivered and is current.
  bool run_once();

  // The rest may be called from any thread.
  void start();
  void ping();                               // notes progress as soon as it has its turn
  void refresh(std::function<void()> done);  // looks at the outbox, then calls `done`, here
  void reset();                              // tries everything now
  void stop(std::function<void()> stopped);  // delivers what is quick, ends, calls `stopped`, here
  void join();

 private:
  void run();
  void look_at_outbox();
  void save();
  void save_after(std::chrono::milliseconds pause);
  void save_soon();
  void fetch_after(std::chrono::milliseconds pause);
  std::unique_ptr<Watcher> watch();

  Board& board_;
  support::LogFile& log_;
  jetpack::Config config_;
  jetpack::Session session_;
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer fetch_timer_, save_timer_;
  Accounts accounts_;
  UserdataFetcher fetcher_;
  std::unique_ptr<Watcher> watcher_;
  Deliverer deliverer_;
  std::string saved_;
  std::chrono::steady_clock::time_point saved_at_;
  bool is_ending_ = false;
  std::thread thread_;
};

}  // namespace jetpack::jetpackd
