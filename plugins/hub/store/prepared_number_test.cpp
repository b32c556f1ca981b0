// Tests of a number that is read again and again.
#include "store/prepared_number.hpp"

#include <memory>

#include <doctest/doctest.h>

#include "store/test_database.hpp"
#include "support/testing/temporary_directory.hpp"

using namespace jetpack::hub;
namespace support = jetpack::support;

TEST_CASE("each read sees what others have committed, and keeps nobody from writing") {
  const support::TemporaryDirectory directory;
  const DatabaseAddress address = sqlite_address(directory.file("hub.db"));
  const auto ours = open_session(address), other = open_session(address);
  execute(*other, "CREATE TABLE t (n INTEGER)");
  PreparedNumber number(*ours, address.dialect, "SELECT n FROM t");
  CHECK_FALSE(number.read());
  execute(*other, "INSERT INTO t VALUES (7)");
  CHECK(number.read() == 7);
  execute(*other, "UPDATE t SET n = 8");
  CHECK(number.read() == 8);
  // The table is another one.
  execute(*other, "ALTER TABLE t ADD COLUMN m INTEGER");
  CHECK(number.read() == 8);
  execute(*other, "DROP TABLE t");
  CHECK_THROWS_AS(number.read(), Poco::Exception);
}
