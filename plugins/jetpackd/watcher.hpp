// Tells when something may have been queued, or the connection was configured anew.
#pragma once

#include <functional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace jetpack::jetpackd {

class Watcher {
 public:
  struct Events {
    std::function<void()> queued;      // the outbox was written to, perhaps by ourselves
    std::function<void()> configured;  // connection.json, jetpack.ini or ca.pem was replaced
  };

  // Throws Errc::unavailable when the system has no watches left.
  Watcher(boost::asio::io_context& loop, const std::string& run_folder,
          const std::string& config_folder, Events events);

 private:
  void wait();
  void read();

  Events events_;
  boost::asio::posix::stream_descriptor inotify_;
  int run_watch_;
};

}  // namespace jetpack::jetpackd
