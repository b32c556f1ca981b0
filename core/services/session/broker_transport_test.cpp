// Where a node's messages go at the broker.
#include "services/session/broker_transport.hpp"

#include <doctest/doctest.h>

using jetpack::session::routing_key_of;

TEST_CASE("the messages of a node go to one queue, by the CRC-32 of its name") {
  // zlib.crc32(b"demo/execute-1") % 16 == 15
  CHECK(routing_key_of({"demo", "execute-1", "", ""}) == "messages.15.demo.execute-1");
  CHECK(routing_key_of({"demo", std::string(300, 'n'), "", ""}).size() == 255);
}
