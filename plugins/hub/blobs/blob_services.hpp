// What all requests for blobs share.
#pragma once

#include <utility>

#include "blobs/blob_access.hpp"
#include "blobs/blob_store.hpp"
#include "common/limits.hpp"
#include "common/quota.hpp"
#include "common/refusal_log.hpp"
#include "support/log_file.hpp"

namespace jetpack::hub {

struct BlobServices {
  BlobServices(BlobStore& store_in, const BlobAccount& account_in, IsPolicyInForce in_force,
               const support::LogFile& log_in, const Limits& limits)
      : store(store_in),
        account(account_in),
        is_in_force(std::move(in_force)),
        log(log_in),
        connections("connections", {limits.connections, limits.connections, 0}),
        transfers("transfers", {limits.transfers, limits.transfers_per_address, 0}) {}

  BlobStore& store;
  const BlobAccount& account;
  IsPolicyInForce is_in_force;
  const support::LogFile& log;
  RefusalLog refusals{log};
  RefusalLog excesses{log};
  Quota connections, transfers;
};

}  // namespace jetpack::hub
