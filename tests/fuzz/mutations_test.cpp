// Thousands of mutations of real inputs of each kind: none crashes or takes a second, and what does
// not stand in the damaged part is still there.
#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <jetpack/error.hpp>
#include "loader/note.hpp"
#include "loader/refusal.hpp"
#include "services/config/lookup.hpp"
#include "services/storage/blob_xml.hpp"
#include "services/storage/description.hpp"
#include "support/ini.hpp"
#include "support/json.hpp"
#include "support/userdata.hpp"

namespace {

namespace support = jetpack::support;
using Clock = std::chrono::steady_clock;
using namespace std::string_view_literals;

size_t mutation_count() {
  const char* set = std::getenv("JETPACK_MUTATIONS");
  return set == nullptr ? 10'000 : std::strtoul(set, nullptr, 10);
}

// The part of a text that may be damaged.
struct Part {
  size_t begin = 0;
  size_t end = 0;
};

class Mutator {
 public:
  // Of bytes that are put in, those in `never` are left out.
  explicit Mutator(std::string_view never = {}) : never_(never) {}

  size_t below(size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random_);
  }

  std::string operator()(const std::string& text, Part part) {
    std::string mutant = text;
    for (size_t changes = 1 + below(3); changes > 0; --changes) change(mutant, part);
    return mutant;
  }

 private:
  void change(std::string& text, Part& part) {
    const size_t size = part.end - part.begin;
    const size_t at = part.begin + below(size + 1);
    const size_t length = std::min(below(8), part.end - at);
    std::string put;
    const size_t kind = below(5);
    if (kind > 0)
      for (size_t bytes = kind == 1 ? below(40) : 1 + below(4); bytes > 0; --bytes) put += byte();
    // Of what is there, put in once more.
    if (kind == 4 && never_.empty()) put = text.substr(below(text.size()), below(200));
    text.replace(at, length, put);
    part.end = part.end - length + put.size();
  }

  char byte() {
    constexpr std::string_view special =
        "\0\"\\\xff\xfe{}[]<>&,:=\n\r\t %+\x1b\xed\xa0\x80'0-eE.#;/"sv;
    for (;;) {
      const char c = below(2) == 0 ? special[below(special.size())] : static_cast<char>(below(256));
      if (never_.find(c) == std::string_view::npos) return c;
    }
  }

  std::string never_;
  std::minstd_rand random_{20261128};
};

// Reads a mutant: nothing but an Error may come out, and soon.
template <class Read>
void read_soon(Read&& read) {
  const auto start = Clock::now();
  try {
    read();
  } catch (const jetpack::Error&) {
  } catch (const jetpack::Refusal&) {
  }
  REQUIRE(Clock::now() - start < std::chrono::seconds{1});
}

template <class Read>
void mutate_anywhere(const std::string& text, Read&& read) {
  Mutator mutate;
  for (size_t count = mutation_count(); count > 0; --count) {
    const std::string mutant = mutate(text, {0, text.size()});
    read_soon([&] { read(mutant); });
  }
}

// A text that is put together of values that can be damaged one by one.
struct Document {
  std::string text;
  std::vector<Part> values;

  void add(const std::string& before, const std::string& value, const std::string& after) {
    text += before;
    values.push_back({text.size(), text.size() + value.size()});
    text += value + after;
  }
};

Document node_json() {
  Document document;
  document.text = "{\"cyclecloud\":{\"cluster\":{";
  for (int i = 0; i < 40; ++i)
    document.add("\"key" + std::to_string(i) + "\":\"",
                 "value " + std::to_string(i) + " \u00e9 of /mnt/cluster-init", "\",");
  document.text += "\"name\":\"demo\"},\"gpu\":[1,2.5e3,true,null,-7],\"instance\":{";
  for (int i = 0; i < 40; ++i)
    document.add("\"key" + std::to_string(i) + "\":", std::to_string(i * 1'000'003), ",");
  document.text += "\"id\":\"i-1\"}}}";
  return document;
}

std::string key_of(size_t value) {
  return (value < 40 ? "cyclecloud.cluster.key" : "cyclecloud.instance.key") +
         std::to_string(value % 40);
}

}  // namespace

TEST_CASE("node.json: damage anywhere") {
  mutate_anywhere(node_json().text, [](const std::string& mutant) {
    const auto document = support::Json::parse(mutant, "node.json");
    support::to_json(document.root());
    support::Json::parse(mutant, "node.json", "cyclecloud.instance.id");
  });
}

TEST_CASE("node.json: a damaged value costs no other key") {
  const Document original = node_json();
  Mutator mutate("\"\\");
  constexpr std::array<const char*, 10> numbers{
      "NaN",  "-Infinity",   "1e999", "18446744073709551616", "-0", "1.0",
      "null", "\"\\ud800\"", "[]",    "{\"a\":\"C:\\path\"}"};
  const auto value_of = [](const std::string& text, const std::string& key) {
    const auto document = support::Json::parse(text, "node.json", key);
    const auto* found = jetpack::find_key(document.root(), key);
    return found == nullptr ? "" : support::to_json(*found);
  };
  for (size_t count = mutation_count(); count > 0; --count) {
    const size_t damaged = mutate.below(original.values.size());
    const Part part = original.values[damaged];
    std::string mutant = original.text;
    if (damaged < 40) {
      mutant = mutate(original.text, part);
    } else {
      mutant.replace(part.begin, part.end - part.begin, numbers[mutate.below(numbers.size())]);
    }
    const size_t other = (damaged + 1 + mutate.below(78)) % original.values.size();
    REQUIRE(value_of(mutant, key_of(other)) == value_of(original.text, key_of(other)));
    REQUIRE(value_of(mutant, "cyclecloud.instance.id") == "\"i-1\"");
  }
}

TEST_CASE("jetpack.ini: damage anywhere, and a damaged value costs no other key") {
  Document original;
  original.add("[cycle_server]\nwebserver = ", "https://head.example:9443/ctx", "\n");
  original.add("api_username = ", "node", "\n");
  original.add("[identity]\n; the node\ncluster_name: ", "demo", "\n");
  original.add("node_name=", "execute-1", "\n");
  mutate_anywhere(original.text, [](const std::string& mutant) {
    const auto ini = support::Ini::parse(mutant, "jetpack.ini");
    ini.entries();
  });
  Mutator mutate("\n\r");
  constexpr std::array<std::pair<const char*, const char*>, 4> keys{
      {{"cycle_server", "webserver"},
       {"cycle_server", "api_username"},
       {"identity", "cluster_name"},
       {"identity", "node_name"}}};
  const auto clean = support::Ini::parse(original.text, "jetpack.ini");
  for (size_t count = mutation_count(); count > 0; --count) {
    const size_t damaged = mutate.below(keys.size());
    const auto ini =
        support::Ini::parse(mutate(original.text, original.values[damaged]), "jetpack.ini");
    const auto& [section, key] = keys[(damaged + 1 + mutate.below(3)) % keys.size()];
    REQUIRE(ini.get(section, key) == clean.get(section, key));
  }
}

TEST_CASE("userdata: damage anywhere, and a damaged user costs no other") {
  Document original;
  original.text =
      R"({"version":"7","configuration":{"a":{"b":[1,2,{"c":null}]}},"properties":{"x":1},)"
      R"("users":[)";
  for (int i = 0; i < 12; ++i) {
    const std::string number = std::to_string(i);
    original.add(i == 0 ? "{\"name\":\"" : ",{\"name\":\"", "user" + number, "\",");
    original.add("\"fullName\":\"", "User N\u00fcmber " + number, "\",");
    original.add(
        "\"publicKeys\":[\"",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJmZbD4mFxHUVlFxY0Zhq7pXb1vHkYw7Y3ySgVN4ZlYk u@h",
        "\"],\"uid\":" + std::to_string(20000 + i) + "}");
  }
  original.text += "]}";
  using jetpack::support::parse_userdata;
  mutate_anywhere(original.text, [](const std::string& mutant) { parse_userdata(mutant); });
  Mutator mutate("\"\\");
  for (size_t count = mutation_count(); count > 0; --count) {
    const size_t damaged = mutate.below(original.values.size());
    const auto userdata = parse_userdata(mutate(original.text, original.values[damaged]));
    REQUIRE(userdata.users);
    // All but the damaged one; that may have become the name of another.
    REQUIRE(userdata.users->size() + 2 >= 12);
    REQUIRE(userdata.configuration.find("\"b\"") != std::string::npos);
  }
}

TEST_CASE("a locker's description: damage anywhere, and no secret in an error") {
  const std::string text =
      R"({"url":"az://acct/locker","sas":"sv=2021-12-02&se=2030-01-01T00%3A00%3A00Z&sp=rl&sig=hunter2%2Bsecret%3D",)"
      R"("expires":"2030-01-01T02:00:00+02:00","ca_file":"/etc/ca.pem"})";
  mutate_anywhere(text, [](const std::string& mutant) {
    try {
      jetpack::storage::parse_description(mutant, "locker.json");
    } catch (const jetpack::Error& e) {
      REQUIRE(std::string(e.what()).find("hunter2") == std::string::npos);
    }
  });
}

TEST_CASE("a locker's listing: damage anywhere") {
  std::string text = R"(<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>)";
  for (int i = 0; i < 20; ++i)
    text += "<Blob><Name>blobs/p/a &amp; b/" + std::to_string(i) +
            ".tgz</Name><Properties><Last-Modified>Mon, 19 Sep 2016 18:29:47 GMT</Last-Modified>"
            "<Etag>0x8D4</Etag><Content-Length>12</Content-Length>"
            "<Content-MD5>1B2M2Y8AsgTpgAmY7PhCfg==</Content-MD5><ResourceType>file</ResourceType>"
            "</Properties><Metadata><hdi_isfolder>false</hdi_isfolder></Metadata></Blob>";
  text += "</Blobs><NextMarker>2!72!x</NextMarker></EnumerationResults>";
  mutate_anywhere(text, [](const std::string& mutant) {
    for (const auto& blob : jetpack::storage::parse_page(mutant).blobs)
      support::Json::parse(jetpack::storage::json_line(blob), "line", {},
                           support::JsonRules::strict);
  });
}

TEST_CASE("a plugin's note: damage anywhere") {
  const std::string text =
      R"({"schema":1,"id":"a.b","version":"1","abi":[1,0],"requires":["jetpack.config/1"],"commands":[)"
      R"({"name":"c d","summary":"s"},{"name":"e","summary":"t"}],"details":[{"command":"c d",)"
      R"("description":"d\n","options":[{"name":"o","letter":"o","type":"integer","min":-1,"max":9,)"
      R"("default":"3"},{"name":"f","type":"flag","negatable":true,"help":"h"},{"name":"l","choices":)"
      R"(["a","b"],"metavar":"L","required":true}],"arguments":[{"name":"A","required":true},)"
      R"({"name":"B","repeated":true}],"examples":[{"line":"l","help":"h"}]}]})";
  mutate_anywhere(text, [](const std::string& mutant) {
    const jetpack::Note note(jetpack::NoteText{{}, mutant});
    for (const auto& entry : note.commands()) note.command(entry.name);
  });
}
