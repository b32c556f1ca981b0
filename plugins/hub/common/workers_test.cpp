// Tests of the threads that handle what is submitted.
#include "common/workers.hpp"

#include <cstddef>
#include <mutex>
#include <semaphore>
#include <set>

#include <doctest/doctest.h>

using jetpack::hub::Workers;

namespace {

using Lane = Workers<int>::Lane;

}  // namespace

TEST_CASE("everything that was submitted is handled before the end") {
  std::mutex mutex;
  std::multiset<int> handled;
  constexpr int jobs = 200;
  {
    Workers<int> workers(4, 1, [&](int job) {
      const std::lock_guard lock(mutex);
      handled.insert(job);
    });
    for (int job = 0; job < jobs; ++job)
      workers.submit(job, job % 3 == 0 ? Lane::second : Lane::first);
  }
  CHECK(handled.size() == jobs);
  CHECK(std::set<int>(handled.begin(), handled.end()).size() == jobs);
}

TEST_CASE("jobs of the second lane leave threads to the first") {
  std::counting_semaphore<> begun(0), released(0), urgent(0);
  Workers<int> workers(3, 1, [&](int job) {
    if (job == 0) return urgent.release();
    begun.release();
    released.acquire();
  });
  for (const int job : {1, 2, 3}) workers.submit(job, Lane::second);
  begun.acquire();
  begun.acquire();
  // Two are at work, the third waits for its turn.
  workers.submit(0, Lane::first);
  urgent.acquire();
  CHECK_FALSE(begun.try_acquire());
  released.release(3);
  begun.acquire();
}

TEST_CASE("what is submitted at once is handled at once") {
  constexpr int at_once = 5;
  std::counting_semaphore<> begun(0), released(0);
  Workers<int> workers(at_once, 0, [&](int) {
    begun.release();
    released.acquire();
  });
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < at_once; ++i) workers.submit(i, Lane::first);
    for (int i = 0; i < at_once; ++i) begun.acquire();
    released.release(at_once);
  }
}
