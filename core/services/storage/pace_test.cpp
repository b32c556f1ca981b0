#include "services/storage/pace.hpp"

#include <thread>

#include <doctest/doctest.h>

namespace jetpack::storage {

TEST_CASE("who receives waits when too much is to be hashed, and no longer") {
  std::atomic<uint64_t> received = Pace::most_ahead;
  Pace pace(true);
  pace.wait(received);
  received = 2 * Pace::most_ahead + 1;
  std::atomic<bool> goes_on = false;
  std::jthread receiver([&] {
    pace.wait(received);
    goes_on = true;
  });
  pace.hashed(Pace::most_ahead);
  CHECK_FALSE(goes_on);
  pace.hashed(1);
  receiver.join();
  CHECK(goes_on);
}

TEST_CASE("nobody waits for an MD5 that is not computed, or no longer") {
  const std::atomic<uint64_t> received = 10 * Pace::most_ahead;
  Pace(false).wait(received);
  Pace pace(true);
  std::jthread first([&] { pace.wait(received); }), second([&] { pace.wait(received); });
  pace.end();
  first.join();
  second.join();
  pace.wait(received);
}

}  // namespace jetpack::storage
