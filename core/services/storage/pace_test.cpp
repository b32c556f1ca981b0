#include "services/storage/pace.hpp"

#include <atomic>
#include <thread>

#include <doctest/doctest.h>

namespace jetpack::storage {

TEST_CASE("who receives waits when too much is to be hashed, and no longer") {
  Pace pace(true);
  pace.arrived(Pace::most_ahead);
  pace.wait();
  pace.arrived(2 * Pace::most_ahead + 1);
  std::atomic<bool> goes_on = false;
  std::jthread receiver([&] {
    pace.wait();
    goes_on = true;
  });
  pace.hashed(Pace::most_ahead);
  CHECK_FALSE(goes_on);
  pace.hashed(1);
  receiver.join();
  CHECK(goes_on);
}

TEST_CASE("nobody waits for an MD5 that is not computed, or no longer") {
  Pace unkept(false), pace(true);
  for (Pace* one : {&unkept, &pace}) one->arrived(10 * Pace::most_ahead);
  unkept.wait();
  std::jthread first([&] { pace.wait(); }), second([&] { pace.wait(); });
  pace.end();
  first.join();
  second.join();
  pace.wait();
}

}  // namespace jetpack::storage
