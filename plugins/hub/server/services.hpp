// What the hub's server works with.
#pragma once

#include "common/byte_rate.hpp"
#include "common/counters.hpp"
#include "common/served_certificate.hpp"
#include "server/accounts.hpp"
#include "server/event_feed.hpp"
#include "server/locker.hpp"
#include "server/page.hpp"
#include "store/database.hpp"
#include "store/intake.hpp"
#include "store/liveness.hpp"
#include "support/log_file.hpp"

namespace jetpack::hub {

// Outlives the server.
struct Services {
  Database& database;
  Accounts& accounts;
  const support::LogFile& log;
  EventFeed& feed;
  const PageFiles& page;
  Intake& intake;
  Liveness& liveness;
  ByteRate& message_rate;
  Counters& counters;
  const Locker* locker;  // nullptr: the hub serves no blobs
  const ServedCertificate& certificate;
};

}  // namespace jetpack::hub
