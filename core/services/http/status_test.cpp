// What may be tried again, what is refused, and what an administrator has to fix.
#include "services/http/status.hpp"

#include <doctest/doctest.h>

#include <initializer_list>

using namespace jetpack::http;

TEST_CASE("each status has one meaning") {
  const auto all_mean = [](Verdict verdict, std::initializer_list<unsigned> statuses) {
    for (const unsigned status : statuses)
      CHECK_MESSAGE(meaning_of(status).verdict == verdict, status);
  };
  all_mean(Verdict::accepted, {200, 202, 204, 206});
  all_mean(Verdict::retry, {408, 421, 425, 429, 500, 502, 503, 504, 599});
  all_mean(Verdict::refused, {400, 409, 410, 412, 413, 416, 422});
  all_mean(Verdict::stop, {0, 100, 301, 302, 304, 401, 403, 404, 405, 407, 501, 505, 600});
}

TEST_CASE("what is easily misunderstood is explained") {
  for (const unsigned status : {302u, 304u, 401u, 407u, 421u, 501u})
    CHECK_FALSE(meaning_of(status).advice.empty());
  CHECK(meaning_of(304).advice != meaning_of(302).advice);
}
