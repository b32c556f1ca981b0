// Tests of the configuration: overlays, dotted keys, forms, properties.
#include "services/config/trees.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "services/config/lookup.hpp"
#include "services/config/render.hpp"
#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack {

namespace {

std::string shown(const std::string& json, uint32_t format) {
  return render(jetpack::support::Json::parse(json, "test").root(), format);
}

std::string value(const Home& home, std::string_view key) {
  const Tree tree = read_configuration(home);
  const auto* found = find_key(tree.root(), key);
  return found == nullptr ? "(none)" : render(*found, JP_PLAIN);
}

}  // namespace

TEST_CASE("configuration.json overlays node.json, and properties never replace an object") {
  const support::TemporaryDirectory directory;
  const Home home(directory.path());
  directory.write("config/node.json",
                  R"({"a":{"x":1,"y":2},"cyclecloud":{"cluster":{"name":"demo"}},"s":"t"})");
  directory.write("config/configuration.json", R"({"a":{"y":3,"z":4},"s":{"deep":true}})");
  directory.write("config/properties.json",
                  R"({"cyclecloud":{"cluster":"demo","url":"u"},"os":{"id":"debian"}})");
  CHECK(value(home, "a.x") == "1");
  CHECK(value(home, "a.y") == "3");
  CHECK(value(home, "a.z") == "4");
  CHECK(value(home, "s.deep") == "True");
  CHECK(value(home, "cyclecloud.cluster.name") == "demo");
  CHECK(value(home, "cyclecloud.url") == "u");
  CHECK(value(home, "os.id") == "debian");
}

TEST_CASE("no configuration at all is an error, as is one that is no object") {
  const support::TemporaryDirectory directory;
  CHECK_THROWS_WITH_AS(read_configuration(Home(directory.path())),
                       doctest::Contains("has no configuration yet"), Error);
  CHECK_THROWS_WITH_AS(read_configuration(Home(directory.path() + "/none")),
                       doctest::Contains("cannot enter the home tree"), Error);
  directory.write("config/node.json", "[]");
  CHECK_THROWS_WITH_AS(read_configuration(Home(directory.path())),
                       doctest::Contains("no JSON object"), Error);
}

TEST_CASE("with facts, node.json is only written") {
  const support::TemporaryDirectory directory;
  const Home home(directory.path());
  directory.write("config/node.json", R"({"a":"merged","gone":1})");
  directory.write("config/facts.json", R"({"a":"fact","b":"fact","c":"fact","os":"linux"})");
  CHECK(value(home, "a") == "fact");
  CHECK(value(home, "gone") == "(none)");
  CHECK(read_configuration(home).is_partial());
  directory.write("config/attributes.json", R"({"a":"chef","d":"chef"})");
  CHECK(value(home, "a") == "fact");
  CHECK(value(home, "d") == "chef");
  CHECK(read_configuration(home).is_partial());
  directory.write("config/local.json", R"({"b":"local","c":"local"})");
  CHECK(value(home, "b") == "local");
  CHECK_FALSE(read_configuration(home).is_partial());
  directory.write("config/configuration.json", R"({"c":"server"})");
  CHECK(value(home, "c") == "server");
  // Neither kind takes the place of the other.
  directory.write("config/properties.json", R"({"os":{"id":"debian"},"c":"property"})");
  CHECK(value(home, "os") == "linux");
  CHECK(value(home, "c") == "property");
}

TEST_CASE("merging large objects takes no time in their product") {
  const support::TemporaryDirectory directory;
  std::string large = "{";
  for (int i = 0; i < 100'000; ++i) large += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
  large += "}";
  directory.write("config/node.json", large);
  directory.write("config/configuration.json", large);
  CHECK(value(Home(directory.path()), "k99999") == "1");
}

TEST_CASE("dotted keys") {
  const jetpack::support::Json json = jetpack::support::Json::parse(
      R"({"a":{"b":{"c":1}},"a.b":2,"n.i":[3],"":{"":4},"x":{"":5},"l":[1]})", "t");
  const auto get = [&](std::string_view key) {
    const auto* found = find_key(json.root(), key);
    return found == nullptr ? "(none)" : render(*found, JP_JSON);
  };
  CHECK(get("a.b.c") == "1");
  CHECK(get("a.b") == R"({"c":1})");  // nested before literal
  CHECK(get("n.i") == "[3]");
  CHECK(get("x.") == "5");
  CHECK(get(".") == "4");
  CHECK(get("..") == "(none)");
  CHECK(get("a..b") == "(none)");
  CHECK(get("l.0") == "(none)");
  CHECK(get("a.b.c.d") == "(none)");
  CHECK(known_part(json.root(), "a.b.x.y") == "a.b");
  CHECK(known_part(json.root(), "q.r").empty());
  CHECK(known_part(json.root(), "a.b.c.d.e") == "a.b.c");
  CHECK(known_part(json.root(), "n.i.x") == "n.i");
  CHECK(known_part(json.root(), "a..b") == "a");
}

TEST_CASE("plain text is what Python prints") {
  CHECK(shown(R"("text")", JP_PLAIN) == "text");
  CHECK(shown("true", JP_PLAIN) == "True");
  CHECK(shown("false", JP_PLAIN) == "False");
  CHECK(shown("null", JP_PLAIN) == "None");
  CHECK(shown("-7", JP_PLAIN) == "-7");
  CHECK(shown("18446744073709551615", JP_PLAIN) == "18446744073709551615");
  CHECK(shown("1.0", JP_PLAIN) == "1.0");
  CHECK(shown("0.1", JP_PLAIN) == "0.1");
  CHECK(shown("1e16", JP_PLAIN) == "1e+16");
  CHECK(shown("123456789012345.6", JP_PLAIN) == "123456789012345.6");
  CHECK(shown("0.00001", JP_PLAIN) == "1e-05");
  CHECK(shown("-0.0", JP_PLAIN) == "-0.0");
  CHECK(shown("5e-324", JP_PLAIN) == "5e-324");
  CHECK(shown("1.7976931348623157e308", JP_PLAIN) == "1.7976931348623157e+308");
  CHECK(shown("9007199254740993.0", JP_PLAIN) == "9007199254740992.0");
  CHECK(shown("1234567.125", JP_PLAIN) == "1234567.125");
  CHECK(shown("100.0", JP_PLAIN) == "100.0");
  CHECK(shown("0.0001", JP_PLAIN) == "0.0001");
  CHECK(shown(R"(["a",1,{"b":null}])", JP_PLAIN) == "['a', 1, {'b': None}]");
  CHECK(shown(R"(["it's","say \"x\"","it's \"x\"","\n\t\\\u0001","é"])", JP_PLAIN) ==
        "[\"it's\", 'say \"x\"', 'it\\'s \"x\"', '\\n\\t\\\\\\x01', 'é']");
}

TEST_CASE("pretty JSON is sorted and indented by four") {
  CHECK(shown(R"({"b":[1],"a":{}})", JP_JSON_PRETTY) ==
        "{\n    \"a\": {},\n    \"b\": [\n        1\n    ]\n}");
}

TEST_CASE("lines hold one leaf each") {
  CHECK(shown(R"({"b":{"c":"x y","d":[1]},"a":"","e":{},"f":"l\nm"})", JP_LINES) ==
        "a = ''\nb.c = x y\nb.d = [1]\ne = {}\nf = 'l\\nm'\n");
  CHECK_THROWS_AS(shown("1", 99), Error);
}

TEST_CASE("members of an object have a line each, under their full names") {
  const auto json =
      support::Json::parse(R"({"b":{"c":[1]},"abc":"x","e":{},"d":"l\nm"})", "a test");
  CHECK(render(json.root(), JP_MEMBERS, "k.o") ==
        "k.o.abc = x\nk.o.b   = {'c': [1]}\nk.o.d   = 'l\\nm'\nk.o.e   = {}");
  CHECK(shown("[1]", JP_MEMBERS) == "[1]");
  CHECK(shown("{}", JP_MEMBERS) == "{}");
}

TEST_CASE("properties are set one by one and survive a reading") {
  const support::TemporaryDirectory directory;
  const Home home(directory.path());
  directory.write("config/x", "");
  write_property(home, "os.id", "\"debian\"");
  write_property(home, "os.version", "12");
  write_property(home, "os.id", "\"rhel\"");
  CHECK(render(read_properties(home).root(), JP_JSON) == R"({"os":{"id":"rhel","version":12}})");
  CHECK_THROWS_WITH_AS(write_property(home, "os.id.x", "1"),
                       doctest::Contains("'os.id' is a value"), Error);
  for (const char* key : {"", ".a", "a.", "a..b"})
    CHECK_THROWS_AS(write_property(home, key, "1"), Error);
  CHECK_THROWS_AS(write_property(home, "a", "{"), Error);
  directory.write("config/properties.json", "{broken");
  CHECK_THROWS_AS(write_property(home, "a", "1"), Error);
  CHECK(jetpack::support::read_file(home.path("config/properties.json"), 100) == "{broken");
}

TEST_CASE("users are a list, or in an object") {
  const support::TemporaryDirectory directory;
  const Home home(directory.path());
  directory.write("config/auth.json", R"([{"name":"a"}])");
  CHECK(render(read_users(home).root(), JP_JSON) == R"([{"name":"a"}])");
  directory.write("config/auth.json", R"({"users":[{"name":"b"}]})");
  CHECK(render(read_users(home).root(), JP_JSON) == R"([{"name":"b"}])");
  directory.write("config/auth.json", "{}");
  CHECK_THROWS_WITH_AS(read_users(home), doctest::Contains("no list of users"), Error);
}

}  // namespace jetpack
