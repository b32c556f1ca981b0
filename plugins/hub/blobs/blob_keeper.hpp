// Counts the stored blobs again at start and every hour, in the background.
#pragma once

#include <chrono>
#include <exception>
#include <string>
#include <thread>

#include "blobs/blob_store.hpp"
#include "common/background.hpp"
#include "support/log_file.hpp"

namespace jetpack::hub {

class BlobKeeper {
 public:
  // The references must outlive the object.
  BlobKeeper(BlobStore& store, const support::LogFile& log)
      : thread_([&store, &log](const std::stop_token& stop) { run(store, log, stop); }) {}

 private:
  static void run(BlobStore& store, const support::LogFile& log, const std::stop_token& stop) {
    constexpr std::chrono::hours interval{1};
    FailureLog failures(log);
    do {
      try {
        store.recount();
        failures.recovered();
      } catch (const std::exception& error) {
        failures.failed(std::string("failed to count the blobs: ") + error.what());
      }
    } while (pause(stop, interval));
  }

  std::jthread thread_;
};

}  // namespace jetpack::hub
