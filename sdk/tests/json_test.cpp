// JSON in memory: what is read, what is refused, what is written.
#include <jetpack/json.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>

using jetpack::Json;

namespace {

std::string refusal(const std::string& text) {
  try {
    Json::parse(text, "x.json");
  } catch (const jetpack::Error& e) {
    CHECK(e.code() == jetpack::Errc::corrupt);
    return e.what();
  }
  return "accepted";
}

std::string rewritten(const std::string& text) { return Json::parse(text).dump(); }

}  // namespace

TEST_CASE("values come back as they were written") {
  for (const char* text : {"null", "true", "false", "0", "-1", "9223372036854775807",
                           "-9223372036854775808", "1.5", "0.1", "1e+300", R"("")", R"("a\"b\\c")",
                           "[]", "{}", "[1,[2,[]],{}]", R"({"b":1,"a":{"c":[null,true]}})"})
    CHECK(rewritten(text) == text);
  CHECK(rewritten(" [ 1 , 2 ]\n") == "[1,2]");
  CHECK(rewritten("\xEF\xBB\xBF{}") == "{}");
  CHECK(rewritten("1.0") == "1.0");
  CHECK(rewritten("18446744073709551615") == "1.8446744073709552e+19");
}

TEST_CASE("a member that is there twice has its last value") {
  CHECK(rewritten(R"({"a":1,"b":2,"a":3})") == R"({"b":2,"a":3})");
}

TEST_CASE("escapes and UTF-8") {
  CHECK(Json::parse(R"("\u00e9\n\t\/\ud83d\ude00")").text_or("") == "\u00e9\n\t/\U0001F600");
  CHECK(Json::parse(R"("\ud83d x")").text_or("") == "\uFFFD x");
  CHECK(Json::parse(R"("\ud83d\u0041")").text_or("") == "\uFFFDA");
  CHECK(Json::parse("\"caf\xE9\"").text_or("") == "caf\uFFFD");
  CHECK(Json("a\x01\"\\\xFF").dump() == R"("a\u0001\"\\)"
                                        "\xEF\xBF\xBD\"");
  CHECK(jetpack::json_string(std::string("\0", 1)) == R"("\u0000")");
}

TEST_CASE("what is not JSON is refused, with its place") {
  CHECK(refusal("{\n  \"a\": x}") == "x.json, line 2, column 8: expected a value");
  CHECK(refusal("") == "x.json, line 1, column 1: expected a value");
  CHECK(refusal("[1,]") == "x.json, line 1, column 4: expected a value");
  CHECK(refusal("[1 2]") == "x.json, line 1, column 4: expected ',' or ']'");
  CHECK(refusal("{\"a\" 1}") == "x.json, line 1, column 6: expected ':'");
  CHECK(refusal("{a:1}") == "x.json, line 1, column 2: expected the name of a member");
  CHECK(refusal("{\"a\":1") == "x.json, line 1, column 7: expected ',' or '}'");
  CHECK(refusal("1 2") == "x.json, line 1, column 3: expected the end of the text");
  for (const char* bad : {"01", "-", "+1", "1.", ".5", "1e", "tru", "nul", "NaN", "'a'", "\"a",
                          "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"a\nb\"", "[", "{", "\"\\"})
    CHECK(refusal(bad) != "accepted");
}

TEST_CASE("depth is limited") {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK(refusal(nested(256)) == "accepted");
  CHECK(refusal(nested(300)).find("nested more than 256 levels deep") != std::string::npos);
  CHECK(refusal(std::string(1'000'000, '[')).find("nested") != std::string::npos);
}

TEST_CASE("any cut of a document is refused or another document, and never read beyond") {
  const std::string text = R"({"a":[1,2.5e3,"x\u00e9\ud83d\ude00"],"b":{"c":null,"d":true}})";
  for (size_t size = 0; size < text.size(); ++size)
    CHECK(refusal(std::string(text, 0, size)) != "accepted");
}

TEST_CASE("many members are read in no time, also when they repeat") {
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i)
    text += (i == 0 ? "\"" : ",\"") + std::to_string(i % 100'000) + "\":" + std::to_string(i);
  const Json json = Json::parse(text + "}");
  CHECK(json.size() == 100'000);
  CHECK(json.members().front().second.integer_or(0) == 100'000);
}

TEST_CASE("reading never fails") {
  const Json json = Json::parse(R"({"a":{"b":[1,"2",3.0,3.5]},"t":true})");
  CHECK(json.at_path("a.b")[0].integer_or(9) == 1);
  CHECK(json.at_path("a.b")[1].integer_or(9) == 9);
  CHECK(json.at_path("a.b")[2].integer_or(9) == 3);
  CHECK(json.at_path("a.b")[3].integer_or(9) == 9);
  CHECK(json.at_path("a.b")[3].number_or(9) == 3.5);
  CHECK(json.at_path("a.b")[-1].is_null());
  CHECK(json["a"]["x"]["y"].is_null());
  CHECK(json["t"].bool_or(false));
  CHECK(json["a"].text_or("no") == "no");
  CHECK(json["a"].elements().empty());
  CHECK_FALSE(json.has("b"));
}

TEST_CASE("what is asked of a temporary stays valid") {
  std::string all;
  for (const auto& element : Json::parse(R"({"a":["x","y"]})")["a"].elements())
    all += element.text_or("");
  for (const auto& [name, value] : Json::parse(R"({"z":1})").members()) all += name + value.dump();
  const auto text =
      Json::parse(R"(["a text that is longer than what fits in place"])")[0].text_or("");
  CHECK(all + text == "xyz1a text that is longer than what fits in place");
}

TEST_CASE("documents are made and changed") {
  Json json;
  json.set_path("gpu.count", 8).set("name", "n").set_path("x", nullptr);
  CHECK(json.dump() == R"({"gpu":{"count":8},"name":"n","x":null})");
  json.set_path("gpu.model", "A100").set("name", std::string("m"));
  CHECK(json.dump() == R"({"gpu":{"count":8,"model":"A100"},"name":"m","x":null})");
  Json list = Json::array();
  list.add(1).add("b").add(2.5).add(true).add(uint64_t{1} << 63U);
  CHECK(list.dump() == R"([1,"b",2.5,true,9.223372036854776e+18])");
  CHECK(Json(std::nan("")).dump() == "null");
  CHECK(Json(std::numeric_limits<double>::infinity()).dump() == "null");
  CHECK(Json::parse("{\"a\":1}") == Json::object().set("a", 1));
}

TEST_CASE("pretty text is indented as commands print it") {
  CHECK(Json::parse(R"({"a":[1,{}],"b":{}})").pretty() ==
        "{\n    \"a\": [\n        1,\n        {}\n    ],\n    \"b\": {}\n}\n");
  CHECK(Json::array().pretty() == "[]\n");
}
