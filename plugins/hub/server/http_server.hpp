// The hub's HTTPS server: reads a request, authenticates it and routes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "common/application_log.hpp"
#include "server/accounts.hpp"
#include "server/event_feed.hpp"
#include "server/locker.hpp"
#include "server/page.hpp"
#include "store/database.hpp"
#include "store/intake.hpp"

namespace jetpack::hub {

// What the answers are made of; outlives the server.
struct Services {
  Database& database;
  Accounts& accounts;
  ApplicationLog& log;
  EventFeed& feed;
  const PageFiles& page;
  Intake& intake;
  const Locker* locker;  // nullptr: the nodes' locker is not the hub's
};

// Serves from construction to destruction, on threads of its own.
class HttpServer {
 public:
  // `listen`: "HOST:PORT", port 0 for any that is free. `certificate`: key and certificate in one
  // PEM file. Throws Errc::usage for an address that is none, Errc::unavailable when it is taken.
  HttpServer(Services services, const std::string& listen,
             const std::filesystem::path& certificate);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  // Takes no new connection, lets exchanges under way end for up to two seconds, cuts the rest.
  ~HttpServer();

  uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jetpack::hub
