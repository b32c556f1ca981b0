// The bookkeeping of what a partial file holds.
#include "services/storage/ranges.hpp"

#include <random>
#include <set>

#include <doctest/doctest.h>

using jetpack::storage::Range;
using jetpack::storage::Ranges;

TEST_CASE("ranges join when they touch or overlap") {
  Ranges ranges;
  ranges.add({10, 20});
  ranges.add({30, 40});
  CHECK(ranges.text() == "10-19,30-39");
  ranges.add({20, 30});
  CHECK(ranges.text() == "10-39");
  ranges.add({0, 5});
  ranges.add({3, 3});
  CHECK(ranges.text() == "0-4,10-39");
  CHECK(ranges.prefix() == 5);
  CHECK(ranges.bytes() == 35);
  ranges.add({2, 50});
  CHECK(ranges.text() == "0-49");
}

TEST_CASE("what is missing is cut at whole pieces") {
  Ranges ranges;
  CHECK(ranges.missing(0, 8).empty());
  CHECK(ranges.missing(20, 8) == std::vector<Range>{{0, 8}, {8, 16}, {16, 20}});
  ranges.add({3, 10});
  CHECK(ranges.missing(20, 8) == std::vector<Range>{{0, 3}, {10, 16}, {16, 20}});
  ranges.add({0, 20});
  CHECK(ranges.missing(20, 8).empty());
}

TEST_CASE("as a set of bytes, for ranges added at random") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    Ranges ranges;
    std::set<uint64_t> bytes;
    for (int i = 0; i < 12; ++i) {
      const uint64_t begin = random() % 90;
      const uint64_t end = begin + random() % 11;
      ranges.add({begin, end});
      for (uint64_t at = begin; at < end; ++at) bytes.insert(at);
    }
    CHECK(ranges.bytes() == bytes.size());
    for (const Range& gap : ranges.missing(100, 16)) {
      CHECK(gap.begin < gap.end);
      CHECK(gap.begin / 16 == (gap.end - 1) / 16);
      for (uint64_t at = gap.begin; at < gap.end; ++at) CHECK(bytes.insert(at).second);
    }
    CHECK(bytes.size() == 100);
    const auto again = Ranges::parse(ranges.text(), 100);
    REQUIRE(again);
    CHECK(again->all() == ranges.all());
  }
}

TEST_CASE("what is no text of ranges is refused") {
  for (const auto* text : {"x", "1", "1-", "-1", "5-4", "0-100", "0-1,", ",0-1", "0-1;2-3", "0--1",
                           "0-99999999999999999999"})
    CHECK_MESSAGE(!Ranges::parse(text, 100), text);
  CHECK(Ranges::parse("", 100)->all().empty());
  CHECK(Ranges::parse("0-99", 100)->bytes() == 100);
}
