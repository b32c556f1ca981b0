// Tests of JSON reading: what is refused, and where the error is said to be.
#include "support/json.hpp"

#include <chrono>
#include <thread>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/json_writer.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack::support {

namespace {

std::string failure(const std::string& text, JsonRules rules = JsonRules::lenient) {
  try {
    Json::parse(text, "f.json", {}, rules);
  } catch (const Error& e) {
    CHECK(e.code() == Errc::corrupt);
    return e.what();
  }
  return "";
}

std::string passed_through(const std::string& text, JsonRules rules = JsonRules::lenient) {
  return to_json(Json::parse(text, "f.json", {}, rules).root());
}

std::string nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("a document can be moved and keeps its strings") {
  Json json = Json::parse(R"({"a":"short","b":["x"]})", "f.json");
  const Json moved = std::move(json);
  CHECK(find_string(moved.root(), "a") == "short");
  CHECK(to_json(moved.root()) == R"({"a":"short","b":["x"]})");
}

TEST_CASE("of equal names the last wins, at the position of the first, as in Python") {
  CHECK(passed_through(R"({"a":1,"b":2,"a":3})") == R"({"a":3,"b":2})");
  CHECK(passed_through(R"({"a":{"x":1},"\u0061":{"y":[{"z":1,"z":2}]}})") ==
        R"({"a":{"y":[{"z":2}]}})");
  CHECK(passed_through(R"([{"a":1,"a":2,"a":3,"b":4,"b":5,"c":6}])") == R"([{"a":3,"b":5,"c":6}])");
  CHECK(to_json(Json::parse(R"({"a":{"b":1},"a":2})", "t", "a.b").root()) == R"({"a":2})");
}

TEST_CASE("objects of any size have each name once, without quadratic time") {
  std::string twice = "{";
  for (int i = 0; i < 280'000; ++i)
    twice += (i > 0 ? ",\"a member's name " : "\"a member's name ") + std::to_string(i % 140'000) +
             "\":" + std::to_string(i);
  const Json json = Json::parse(twice + "}", "f.json");
  CHECK(json.root().MemberCount() == 140'000);
  CHECK(find_member(json.root(), "a member's name 7")->GetInt() == 140'007);
  CHECK(find_member(json.root(), "a member's name 139999")->GetInt() == 279'999);
}

TEST_CASE("a byte order mark is skipped") {
  CHECK(passed_through("\xEF\xBB\xBF{}") == "{}");
  CHECK(failure("\xEF\xBB{}").starts_with("f.json, line 1, column 3: found '{'"));
  CHECK(failure("\xEF\xBB\xBF").find("the end of the file") != std::string::npos);
}

TEST_CASE("an error says file, line, column and what was found") {
  CHECK(failure("{\n  \"a\": x\n}").starts_with("f.json, line 2, column 8: found 'x'"));
  CHECK(failure("{\"a\": 1").find("found the end of the file") != std::string::npos);
  CHECK(failure("{} {}").starts_with("f.json, line 1, column 4: found '{'"));
  CHECK(failure("").find("is empty") != std::string::npos);
}

TEST_CASE("an invalid byte is replaced") {
  CHECK(passed_through("{\"a\":\"x\xd4y\",\"\xed\xa0\x80\":\"\xc3\xbc\"}") ==
        "{\"a\":\"x\uFFFDy\",\"\uFFFD\uFFFD\uFFFD\":\"\xc3\xbc\"}");
  CHECK(failure("{\"a\":\n\"\xff\"}", JsonRules::strict)
            .starts_with("f.json, line 2, column 1: found a string that is not valid UTF-8"));
  CHECK(failure("{\xff}").starts_with("f.json, line 1, column 2: found byte 0xff"));
}

TEST_CASE("a NUL byte outside of a string is an error wherever it is") {
  for (const std::string_view text :
       {std::string_view("{}\0", 3), std::string_view("\0", 1), std::string_view("{\"a\":1\0}", 8),
        std::string_view("{\"a\":tr\0ue}", 11)})
    CHECK(failure(std::string(text)).find("NUL") != std::string::npos);
  CHECK(passed_through(R"("\u0000")") == R"("\u0000")");
}

TEST_CASE("control characters and unknown escapes in a string stand for themselves") {
  CHECK(passed_through("{\"a\":\"x\ty\nz\"}") == R"({"a":"x\ty\nz"})");
  CHECK(passed_through(std::string("\"a\0b\"", 5)) == R"("a\u0000b")");
  CHECK(passed_through(R"("C:\path\temp")") == R"("C:\\path\temp")");
  CHECK(failure("\"x\\").find("expected") != std::string::npos);
  for (const char* text : {"\"x\ty\"", R"("\p")"})
    CHECK_THROWS_AS(Json::parse(text, "f", {}, JsonRules::strict), Error);
}

TEST_CASE("numbers beyond every type keep their text") {
  for (const std::string number :
       {"NaN", "Infinity", "-Infinity", "35e307", "-1.8e308", "1e400", "-1E+400",
        "18446744073709551616", "-9223372036854775809", "123456789012345678901234567890"}) {
    INFO(number);
    const Json json = Json::parse("{\"n\":" + number + "}", "f.json");
    const auto& value = *find_member(json.root(), "n");
    CHECK(to_json(json.root()) == "{\"n\":" + number + "}");
    CHECK_FALSE(is_string(value));
    CHECK_FALSE(find_string(json.root(), "n").has_value());
    rapidjson::Document copy;
    copy.CopyFrom(json.root(), copy.GetAllocator());
    CHECK(to_json(copy) == to_json(json.root()));
    CHECK(copy == json.root());
  }
  CHECK(passed_through("[18446744073709551615,-9223372036854775808,-0,1.5e300,1e-400]") ==
        "[18446744073709551615,-9223372036854775808,0,1.5e300,0.0]");
  CHECK(passed_through("[179769313486231580e291]") == "[1.7976931348623157e308]");
}

TEST_CASE("text that only looks like a number kept as text is written as text") {
  const auto written = [](std::string_view text) {
    return json_object([&](Object& object) { object.text("a", text); });
  };
  CHECK(written("\xFF"
                "1e400") ==
        "{\"a\":\"\xFF"
        "1e400\"}");
  for (const std::string_view text : {"\xFF,\"b\":1", "\xFF", "\xFF-", "\xFFtrue",
                                      "\xFF"
                                      "e1"}) {
    rapidjson::Document document;
    document.SetString(text.data(), static_cast<rapidjson::SizeType>(text.size()));
    CHECK(is_string(document));
    CHECK(to_json(document).starts_with('"'));
  }
}

TEST_CASE("only JSON numbers are numbers") {
  for (const char* bad : {"01", "-", "+1", "1.", ".5", "1e", "1e+", "0x1", "- 1", "nan", "inf",
                          "Inf", "-NaN", "Nan", "Infinit", "1_000", "--1"})
    CHECK_MESSAGE(failure(bad).starts_with("f.json, line 1, column "), bad);
}

TEST_CASE("what is passed on has no NaN, and its text is repaired") {
  for (const char* bad : {"NaN", "[Infinity]", "-Infinity"})
    CHECK_MESSAGE(failure(bad, JsonRules::relayed).starts_with("f.json, line 1, column "), bad);
  CHECK(passed_through("[\"\\ud83d\xff\",1e400]", JsonRules::relayed) ==
        "[\"\uFFFD\uFFFD\",1e400]");
}

TEST_CASE("strict rules") {
  for (const char* bad :
       {"NaN", "[Infinity]", "-Infinity", R"("\ud83d")", R"("\ude00")", "\"\xff\""})
    CHECK_MESSAGE(failure(bad, JsonRules::strict).starts_with("f.json, line 1, column "), bad);
  CHECK(passed_through(R"({"a":1,"a":123456789012345678901,"b":"\ud83d\ude80"})",
                       JsonRules::strict) ==
        "{\"a\":123456789012345678901,\"b\":\"\xf0\x9f\x9a\x80\"}");
}

TEST_CASE("a lone surrogate is replaced") {
  const auto text = [](const std::string& escaped) {
    return std::string(text_of(Json::parse('"' + escaped + '"', "f.json").root()));
  };
  CHECK(text(R"(M\udcfcller)") == "M\uFFFDller");
  CHECK(text(R"(\ud83d\ude80)") == "\xf0\x9f\x9a\x80");
  CHECK(text(R"(\ud83d)") == "\uFFFD");
  CHECK(text(R"(\uD83Dx)") == "\uFFFDx");
  CHECK(text(R"(\ud83d\n)") == "\uFFFD\n");
  CHECK(text(R"(\ud83d\u0041)") ==
        "\uFFFD"
        "A");
  CHECK(text(R"(\ud83d\ud83d\ude80)") == "\uFFFD\xf0\x9f\x9a\x80");
  CHECK(text(R"(\ude80\ud83d)") == "\uFFFD\uFFFD");
  CHECK(text(R"(\u00fc\u20ac\u0000\/\b\f\n\r\t\"\\)") ==
        std::string("\xc3\xbc\xe2\x82\xac\0/\b\f\n\r\t\"\\", 14));
  for (const char* bad : {R"("\u12")", R"("\u12g4")", R"("\ud83d\u12")", "\"\\"})
    CHECK_MESSAGE(failure(bad).starts_with("f.json, line 1, column "), bad);
}

TEST_CASE("a document may be split into pieces anywhere") {
  const std::string unit = R"({"\ud83d\ude80\u00e4":["\n",-12.5e-3,1e400,true,null,"x"],"a":")"
                           "\xc3\xbc\"},\n ";
  std::string text = "[";
  while (text.size() < 300'000) text += unit;
  text += "0]";
  const std::string expected = passed_through(text);
  for (size_t shift = 1; shift < unit.size(); ++shift)
    REQUIRE(passed_through(std::string(shift, ' ') + text) == expected);
  CHECK(failure(text + "\n\nx").find("column 1: found 'x'") != std::string::npos);
}

TEST_CASE("what no key leads to may be split into pieces anywhere") {
  const std::string unit =
      "{\r\n\t  \"name\" : [\"a text of some length\",\n        12, 0 , 345\n, -6e7, null,false ,"
      "\"\\u00e4\\\\\"],\"\xc3\xbc\":{}},\n";
  std::string text = "{\"other\":[";
  while (text.size() < 300'000) text += unit;
  text += "0],\"key\":1}";
  for (size_t shift = 0; shift < unit.size(); ++shift) {
    const std::string shifted = std::string(shift, ' ') + text;
    REQUIRE(to_json(Json::parse(shifted, "t", "key").root()) == R"({"key":1})");
    // Damage is seen wherever it is.
    std::string damaged = shifted;
    damaged[65'536 + shift % 8] = '\x01';
    REQUIRE_THROWS_AS(Json::parse(damaged, "t", "key", JsonRules::strict), Error);
  }
}

TEST_CASE("with a key only its value is kept; the rest is checked for syntax") {
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
  CHECK(to_json(Json::parse("{\"a\":\"text\",\"b\":[\"\\ud800\xff\",NaN]}", "t", "a.b").root()) ==
        R"({"a":""})");
  CHECK_THROWS_AS(Json::parse(R"({"a":1,"b":[1,}})", "t", "a"), Error);
  for (const char* bad : {R"({"b":"\u1","a":1})", R"({"b":01,"a":1})", R"({"b":tru,"a":1})",
                          R"({"a":1,})", R"({"b":{"c"},"a":1})"})
    CHECK_THROWS_AS(Json::parse(bad, "t", "a"), Error);
  CHECK_THROWS_AS(Json::parse(R"({"b":)" + nested(max_json_depth) + "}", "t", "a"), Error);
}

TEST_CASE("nesting has a limit") {
  CHECK_NOTHROW(Json::parse(nested(max_json_depth), "f.json"));
  CHECK(failure(nested(max_json_depth + 1)).find("nested deeper than") != std::string::npos);
  CHECK(failure(nested(1'000'000)).find("nested deeper than") != std::string::npos);
}

TEST_CASE("a file that is rewritten in place is read again") {
  const TemporaryDirectory directory;
  directory.write("f.json", "{\"a\": 1");
  std::jthread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    directory.write("f.json", "{\"a\": 1}");
  });
  const auto json = Json::read(directory.path() + "/f.json");
  REQUIRE(json.has_value());
  CHECK(to_json(json->root()) == R"({"a":1})");
  directory.write("f.json", "{");
  CHECK_THROWS_WITH_AS(Json::read(directory.path() + "/f.json"),
                       doctest::Contains("line 1, column 2"), Error);
  CHECK_FALSE(Json::read(directory.path() + "/missing.json").has_value());
}

}  // namespace jetpack::support
