// Tests that what is skipped is judged as what is read: the same documents, the same errors.
#include <array>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/json.hpp"

namespace jetpack::support {

namespace {

// The error of reading what `key` leads to, or nothing.
std::string outcome(const std::string& text, std::string_view key, JsonRules rules) {
  try {
    Json::parse(text, "f.json", key, rules);
  } catch (const Error& e) {
    CHECK(e.code() == Errc::corrupt);
    return e.what();
  }
  return "";
}

// Reading everything takes another way than skipping everything. Only in what is kept do the strict
// rules ask for valid UTF-8.
void check_skipped_as_read(const std::string& text) {
  for (const JsonRules rules : {JsonRules::lenient, JsonRules::relayed, JsonRules::strict}) {
    const std::string read = outcome(text, "", rules);
    if (rules == JsonRules::strict && read.find("UTF-8") != std::string::npos) continue;
    INFO(text);
    CHECK(outcome(text, "no.such.key", rules) == read);
  }
}

std::string nested(size_t depth, const std::string& inside = "") {
  return std::string(depth, '[') + inside + std::string(depth, ']');
}

const std::vector<std::string> documents = {
    R"({"a":{"b":[1,-2,0,10.5,-0.25,1e9,2E-3,1.5e+7],"c":{"d":true,"e":false,"f":null}}})",
    R"({
 "a": {
  "b": [
   true,
   null
  ],
  "c": "text of more than 16 bytes"
 }
})",
    "{\r\n\t\"a\" : {\r\n\t\t\"b\" : [ 1 , 2 ] ,\r\n\t\"c\" : { } ,\t\"d\" : [ ] }\r\n}\r\n",
    R"({"a":["\"","\\","\/\b\f\n\r\t","\u00e9\ud83d\ude00","\ud83d","C:\path","0123456789abcde\"f"]})",
    "{\"a\":{\"\xC3\xBC\xFF\":[\"tab\there\",\"\x7F\",\"\xED\xA0\x80\"]}}",
    R"({"a":[NaN,Infinity,-Infinity,123456789012345678901234567890,1e400]})",
    R"({"a":{"b":{}},"a":{"b":[]},"":{"":""}})",
    R"([[],{},[[]],[{"a":[{}]}]])",
};

}  // namespace

TEST_CASE("what is skipped is judged as what is read") {
  for (const auto& document : documents) check_skipped_as_read(document);
  check_skipped_as_read(nested(max_json_depth));
  check_skipped_as_read(nested(max_json_depth + 1));
  check_skipped_as_read(nested(max_json_depth, "{}"));
  check_skipped_as_read("{\"a\":" + nested(max_json_depth - 1) + "}");
  check_skipped_as_read("{\"a\":" + nested(max_json_depth) + "}");
  CHECK(outcome("{\"a\":" + nested(max_json_depth) + "}", "b", JsonRules::lenient)
            .find("nested deeper than") != std::string::npos);
  CHECK(outcome("{\"a\":{\"b\":[1,]}}", "b", JsonRules::lenient)
            .starts_with("f.json, line 1, column 14: found ']', expected a value"));
}

TEST_CASE("what is skipped is judged as what is read, wherever it is cut off") {
  for (const auto& document : documents)
    for (size_t size = 0; size < document.size(); ++size)
      check_skipped_as_read(document.substr(0, size));
}

TEST_CASE("what is skipped is judged as what is read, with any byte in any place") {
  constexpr auto bytes =
      std::to_array("{}[]:,\"\\ \n\r\t0123456789.-+eEtrufalsnNI\0\x1F\x7F\x80\xC3\xFF/x");
  std::minstd_rand random(4);
  for (const auto& document : documents)
    for (size_t at = 0; at < document.size(); ++at)
      for (int i = 0; i < 12; ++i) {
        std::string changed = document;
        const char byte = bytes[random() % (bytes.size() - 1)];
        if (i % 3 == 0) {
          changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(at), byte);
        } else if (i % 3 == 1) {
          changed[at] = byte;
        } else {
          changed.erase(at, 1 + random() % 3);
        }
        check_skipped_as_read(changed);
      }
}

// The reader holds 16 KiB at a time.
TEST_CASE("what is skipped is judged as what is read, wherever a piece ends in it") {
  constexpr size_t piece = 16 << 10;
  for (const auto& document : documents)
    for (size_t before = 0; before <= document.size(); ++before) {
      const std::string start = "{\"x\":\"" + std::string(piece - before - 12, 'x') + "\",\"y\":";
      CHECK(outcome(start + document + "}", "a", JsonRules::lenient).empty());
      std::string broken = document;
      broken.back() = broken.back() == '}' ? ']' : '}';
      CHECK(outcome(start + broken + "}", "a", JsonRules::lenient) ==
            outcome(start + broken + "}", "", JsonRules::lenient));
    }
}

namespace {

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const auto part : parts) text += part;
  return text;
}

}  // namespace

TEST_CASE("what is skipped may be of any length") {
  const std::string text(200'000, 'x'), digits(200'000, '7'), spaces(200'000, ' ');
  for (const auto& value :
       {joined({"\"", text, "\""}), joined({"\"", text, "\\n", text, "\""}), digits,
        joined({"1.", digits}), joined({spaces, "1"}), joined({"[", spaces, "]"}),
        joined({"{\"", text, "\"", spaces, ":", spaces, "null}"})}) {
    CHECK(
        outcome(joined({"{\"a\":{\"b\":", value, ",\"c\":[", value, "]}}"}), "b", JsonRules::strict)
            .empty());
    CHECK(
        outcome(joined({"{\"a\":{\"b\":", value, ",\"c\":[", value, "}}"}), "b", JsonRules::strict)
            .find("expected ',' or ']'") != std::string::npos);
  }
}

}  // namespace jetpack::support
