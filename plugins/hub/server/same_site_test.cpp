// Tests of what requests from other sites may do.
#include "server/same_site.hpp"

#include <doctest/doctest.h>

#include "server/request.hpp"

using namespace jetpack::hub;

namespace {

int status_of(const RequestOrigin& from, bool changes) {
  try {
    require_same_site(from, changes);
  } catch (const HttpError& refusal) {
    return refusal.status();
  }
  return 200;
}

int status_of_content(const char* type) {
  try {
    require_json_content(type);
  } catch (const HttpError& refusal) {
    return refusal.status();
  }
  return 200;
}

}  // namespace

TEST_CASE("clients that are no browsers are not asked where they come from") {
  CHECK(status_of({"", "", "", "head:9443"}, true) == 200);
}

TEST_CASE("our own page may do everything") {
  CHECK(status_of({"same-origin", "cors", "https://head:9443", "head:9443"}, true) == 200);
  CHECK(status_of({"none", "navigate", "", "head:9443"}, true) == 200);
}

TEST_CASE("a page of another site can only link to ours") {
  for (const char* site : {"cross-site", "same-site", "something-new"}) {
    CHECK(status_of({site, "navigate", "", "head:9443"}, false) == 200);
    for (const char* mode : {"navigate", "no-cors", "cors", "websocket", ""}) {
      CHECK(status_of({site, mode, "", "head:9443"}, true) == 403);
      CHECK(status_of({site, mode, "https://evil.example", "head:9443"}, true) == 403);
    }
    CHECK(status_of({site, "no-cors", "", "head:9443"}, false) == 403);
    CHECK(status_of({site, "cors", "https://evil.example", "head:9443"}, false) == 403);
  }
}

TEST_CASE("an origin counts alone, for browsers that say nothing else") {
  for (const char* origin : {"https://evil.example", "http://head:9443", "https://head", "null"})
    CHECK(status_of({"", "", origin, "head:9443"}, true) == 403);
  CHECK(status_of({"", "", "https://head:9443", "head:9443"}, true) == 200);
}

TEST_CASE("only JSON is content that changes something") {
  for (const char* good : {"application/json", "Application/JSON; charset=utf-8"})
    CHECK(status_of_content(good) == 200);
  for (const char* bad : {"", "text/plain", "application/x-www-form-urlencoded", "text/json",
                          "multipart/form-data; boundary=application/json"})
    CHECK(status_of_content(bad) == 415);
}
