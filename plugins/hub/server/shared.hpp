// What all requests to the hub share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <semaphore>

#include "common/limits.hpp"
#include "common/quota.hpp"
#include "common/refusal_log.hpp"
#include "common/storage_quotas.hpp"
#include "server/services.hpp"
#include "server/sessions.hpp"
#include "server/userdata.hpp"

namespace jetpack::hub {

// Outlives the requests.
struct Shared {
  // Batches parsed and stored at once, small ones aside: a parsed body needs several times its size.
  static constexpr std::ptrdiff_t max_batches = 4;
  // Chunked bodies, which a thread reads as they arrive, at once, and of one client.
  static constexpr uint64_t max_chunked = 16, max_chunked_each = 2;

  Shared(Services given, const Limits& limits)
      : services(given),
        connections("connections",
                    {limits.connections, limits.connections_per_account, limits.connections / 8}),
        requests("requests at once", {limits.requests, limits.requests_per_account, 0}),
        bodies("bytes in flight",
               {limits.bodies_mib * bytes_in_mib, limits.bodies_mib_per_account * bytes_in_mib,
                limits.bodies_mib * bytes_in_mib / 4}),
        streams("event streams",
                {limits.streams, limits.streams_per_node, limits.streams_for_administrators}) {}

  Services services;
  Sessions sessions{services.database, services.accounts};
  NewestVersions newest;
  RefusalLog refusals{services.log};
  RefusalLog excesses{services.log};  // of limits
  Quota connections, requests, bodies, streams;
  Quota chunked{"chunked bodies", {max_chunked, max_chunked_each, max_chunked / 4}};
  std::counting_semaphore<> batches{max_batches};
};

}  // namespace jetpack::hub
