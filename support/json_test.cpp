// Tests of JSON reading: what is refused, and where the error is said to be.
#include "support/json.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>

namespace jetpack::support {

namespace {

std::string failure(const std::string& text) {
  try {
    Json::parse(text, "f.json");
  } catch (const Error& e) {
    CHECK(e.code() == Errc::corrupt);
    return e.what();
  }
  return "";
}

std::string nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("a document can be moved and keeps its strings") {
  Json json = Json::parse(R"({"a":"short","b":["x"]})", "f.json");
  const Json moved = std::move(json);
  CHECK(find_string(moved.root(), "a") == "short");
  CHECK(to_json(moved.root()) == R"({"a":"short","b":["x"]})");
}

TEST_CASE("of equal keys the last counts, as in Python") {
  const Json json = Json::parse(R"({"a":1,"a":2})", "f.json");
  CHECK(find_member(json.root(), "a")->GetInt() == 2);
}

TEST_CASE("an error says file, line, column and what was found") {
  CHECK(failure("{\n  \"a\": x\n}").starts_with("f.json, line 2, column 8: found 'x'"));
  CHECK(failure("{\"a\": 1").find("found the end of the file") != std::string::npos);
  CHECK(failure("{} {}").starts_with("f.json, line 1, column 4: found '{'"));
  CHECK(failure("").find("is empty") != std::string::npos);
}

TEST_CASE("ill-formed UTF-8 and NUL bytes are refused where they stand") {
  CHECK(failure("{\"a\":\n\"\xff\"}").starts_with("f.json, line 2, column 2: found byte 0xff"));
  CHECK(failure(std::string("{}\0", 3)).find("NUL") != std::string::npos);
}

TEST_CASE("a number beyond the range of a double is refused, wherever it stands") {
  for (const std::string number : {"35e307", "-1.8e308", "1e309"}) {
    INFO(number);
    CHECK(failure("{\"a\": " + number + "}").find("too big") != std::string::npos);
  }
  CHECK(failure("[179769313486231580e291, 35e306]").empty());
  CHECK_THROWS_AS(Json::parse(R"({"a": 1, "b": 35e307})", "f.json", "a"), Error);
}

TEST_CASE("half of a surrogate pair is refused, whole ones are read") {
  for (const char* bad : {R"({"a":"\ude00"})", R"({"\uDE00":1})", R"({"a":"\ud83d"})"})
    CHECK(failure(bad).starts_with("f.json, line 1, column "));
  const Json json = Json::parse(R"({"a":"\ud83d\ude80"})", "f.json");
  CHECK(find_string(json.root(), "a") == "\xf0\x9f\x9a\x80");
}

TEST_CASE("with a key only what it leads to is kept, and all is checked") {
  const std::string text =
      R"({"a":{"b":{"c":[1,{"d":2}],"x":3},"y":[4]},"a.b":5,"l":[{"a":6}],"a.b.c":{"z":7},"":{"":8}})";
  const auto kept = [&](std::string_view key) {
    return to_json(Json::parse(text, "t", key).root());
  };
  CHECK(kept("") == text);
  CHECK(kept("a.b.c") == R"({"a":{"b":{"c":[1,{"d":2}]}},"a.b":5,"a.b.c":{"z":7}})");
  CHECK(kept("a.b") == R"({"a":{"b":{"c":[1,{"d":2}],"x":3}},"a.b":5})");
  CHECK(kept("a.b.c.q") == R"({"a":{"b":{"c":[]}},"a.b":5,"a.b.c":{}})");
  CHECK(kept("l.a") == R"({"l":[]})");
  CHECK(kept(".") == R"({"":{"":8}})");
  CHECK(kept("none") == "{}");
  CHECK_THROWS_AS(Json::parse(R"({"a":1,"b":[1,}})", "t", "a"), Error);
  CHECK_THROWS_AS(Json::parse(R"({"b":)" + nested(max_json_depth) + "}", "t", "a"), Error);
}

TEST_CASE("nesting is bounded") {
  CHECK_NOTHROW(Json::parse(nested(max_json_depth), "f.json"));
  CHECK(failure(nested(max_json_depth + 1)).find("nested deeper than") != std::string::npos);
  CHECK(failure(nested(1'000'000)).find("nested deeper than") != std::string::npos);
}

TEST_CASE("UTF-8 is checked by the table of well-formed sequences") {
  for (const char* good :
       {"", "abcdefgh\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x9a\x80", "\xed\x9f\xbf"})
    CHECK(is_utf8(good));
  for (const char* bad : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xe2\x82", "abcdefgh\x80", "\xf0\x80\x80\x80", "\xfe"})
    CHECK_FALSE(is_utf8(bad));
}

}  // namespace jetpack::support
