// Tests of the options of quotas and of the rate of bytes.
#include "common/storage_quotas.hpp"

#include <doctest/doctest.h>

#include "common/byte_rate.hpp"

using namespace jetpack::hub;

TEST_CASE("a quota is set by its name") {
  StorageQuotas quotas;
  set_storage_quota(quotas, "disk-reserve-mib=5");
  CHECK(quotas.disk_reserve_mib == 5);
  for (const char* wrong : {"", "x=1", "disk-reserve-mib", "disk-reserve-mib=", "messages-mib=0",
                            "messages-mib=1x", "messages-mib=-1"})
    CHECK_THROWS_AS(set_storage_quota(quotas, wrong), jetpack::Error);
  CHECK(shown_mib(3 * bytes_in_mib / 2) == "1.5 MiB");
}

TEST_CASE("a sender may send an hour's bytes at once, and then as time passes") {
  ByteRate::Clock::time_point now{std::chrono::hours{1}};
  ByteRate rate("quota", 3600, [&] { return now; });
  rate.take("a", 3600);
  rate.take("b", 3600);
  int64_t seconds = 0;
  try {
    rate.take("a", 10);
  } catch (const OverRate& over) {
    seconds = over.retry_seconds();
  }
  CHECK(seconds == 10);
  now += std::chrono::seconds{10};
  rate.take("a", 10);
  CHECK_THROWS_AS(rate.take("a", 1), OverRate);
}
