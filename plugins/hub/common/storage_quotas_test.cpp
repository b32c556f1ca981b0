// Tests of the options of quotas.
#include "common/storage_quotas.hpp"

#include <doctest/doctest.h>

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
