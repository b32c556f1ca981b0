// Tests of query parsing.
#include "server/page_api.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>

using namespace jetpack::hub;

TEST_CASE("a query has defaults") {
  const Query query = parse_query({});
  CHECK(query.cluster.empty());
  CHECK(query.least == Priority::medium);
  CHECK(query.range.limit == 100);
  CHECK_FALSE(query.range.after);
  CHECK_FALSE(query.range.before);
  CHECK_FALSE(query.with_properties);
}

TEST_CASE("a query is read") {
  const Query query = parse_query({{"cluster", "c"},
                                   {"after", "12"},
                                   {"limit", "10000"},
                                   {"priority", "all"},
                                   {"type", "log"},
                                   {"properties", "yes"}});
  CHECK(query.cluster == "c");
  CHECK(query.range.after == 12);
  CHECK(query.range.limit == 10'000);
  CHECK(query.least == Priority::low);
  CHECK(query.type == "log");
  CHECK(query.with_properties);
}

TEST_CASE("a query that makes no sense is refused") {
  for (const Parameters& bad : {
           Parameters{{"limit", "0"}},
           {{"limit", "10001"}},
           {{"limit", "1x"}},
           {{"limit", ""}},
           {{"after", "-1"}},
           {{"before", "99999999999999999999"}},
           {{"priority", "urgent"}},
           {{"properties", "no"}},
           {{"colour", "red"}},
           {{"limit", "1"}, {"limit", "2"}},
       })
    CHECK_THROWS_AS(parse_query(bad), jetpack::Error);
}

TEST_CASE("events as JSON") {
  Page<Event> page;
  page.items.push_back({7, "c", "n", "warn", Priority::low, "a \"b\"", R"({"x":1})", "then", 1000});
  page.more = true;
  CHECK(events_json(page) ==
        R"({"events":[{"id":7,"cluster":"c","node":"n","level":"warn","priority":"low",)"
        R"("message":"a \"b\"","sent":"then","received":"1970-01-01T00:00:01.000Z",)"
        R"("extras":{"x":1}}],"more":true})");
}

TEST_CASE("errors as JSON") {
  CHECK(error_json("no \"x\"") == R"({"error":"no \"x\""})");
  CHECK(error_json("bad", 3) == R"({"error":"bad","message":3})");
}
