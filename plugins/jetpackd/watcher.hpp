// Watches for queued messages and for changes of the configuration's files.
#pragma once

#include <functional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace jetpack::jetpackd {

class Watcher {
 public:
  struct Events {
    std::function<void()> queued;      // the outbox was written to, possibly by this process
    std::function<void()> configured;  // connection.json, jetpack.ini or ca.pem was replaced
    std::function<void()> changed;     // a file that config/node.json is made of was
    std::function<void()> merged;      // config/node.json was
    std::function<void()> conditions;  // run/conditions.json was
  };

  // Throws Errc::unavailable when the system is out of inotify watches.
  Watcher(boost::asio::io_context& loop, const std::string& run_directory,
          const std::string& config_directory, Events events);

 private:
  void wait();
  void read();

  Events events_;
  boost::asio::posix::stream_descriptor inotify_;
  int run_watch_;
};

}  // namespace jetpack::jetpackd
