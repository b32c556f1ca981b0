// Tests of notes: what a listing reads, what a command needs, and what is refused.
#include "loader/note.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>

#include "loader/refusal.hpp"

namespace jetpack {

namespace {

std::string note_with(const std::string& rest) {
  return R"({"schema":1,"id":"x.y","version":"1.2","abi":[1,0],"commands":[{"name":"one","summary":"S"},)"
         R"({"name":"two words","summary":"T"},{"name":"three word name","summary":"U"}])" +
         rest + "}";
}

// A note that has a copy of the text.
Note note_of(const std::string& text) {
  NoteText note{std::make_unique<char[]>(text.size()), {}};
  std::copy(text.begin(), text.end(), note.bytes.get());
  note.text = {note.bytes.get(), text.size()};
  return Note(std::move(note));
}

std::string refusal(const std::string& text) {
  try {
    const Note note = note_of(text);
    for (const auto& entry : note.commands()) note.command(entry.name);
  } catch (const Refusal& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("identity, needs and commands") {
  const Note note = note_of(note_with(R"(,"requires":["jetpack.config/1"])"));
  CHECK(note.id() == "x.y");
  CHECK(note.version() == "1.2");
  CHECK(note.abi_major() == 1);
  CHECK(note.needed_services() == std::vector<std::string_view>{"jetpack.config/1"});
  REQUIRE(note.commands().size() == 3);
  CHECK(note.commands()[1].summary == "T");
  CHECK(note.has_command("two words"));
  CHECK_FALSE(note.has_command("two"));
  CHECK(note.has_group("two"));
  CHECK(note.has_group("three"));
  CHECK(note.has_group("three word"));
  CHECK_FALSE(note.has_group("three word name"));
  CHECK_FALSE(note.has_group("tw"));
}

TEST_CASE("details of a command, all of them optional") {
  const Note note = note_of(note_with(
      R"(,"details":[{"command":"one","description":"D","options":[{"name":"n","letter":"n",)"
      R"("type":"integer","min":-1,"default":"3","help":"H"}],"arguments":[{"name":"FILE",)"
      R"("required":true,"repeated":true}],"examples":[{"line":"x","help":"y"}]}])"));
  const CommandNote one = note.command("one");
  CHECK(one.description == "D");
  REQUIRE(one.options.size() == 1);
  CHECK(one.options[0].type == JP_INTEGER);
  CHECK(one.options[0].min == -1);
  CHECK(one.options[0].fallback == "3");
  REQUIRE(one.arguments.size() == 1);
  CHECK(one.arguments[0].repeated);
  CHECK(note.command("two words").options.empty());
}

TEST_CASE("what is not a note is refused, and says why") {
  CHECK(refusal("").find("not the JSON") != std::string::npos);
  CHECK(refusal("[]").find("not the JSON") != std::string::npos);
  CHECK(refusal(R"({"schema":2})").find("schema 1") != std::string::npos);
  CHECK(refusal(R"({"schema":1,"abi":[1]})").find("'abi'") != std::string::npos);
  CHECK(refusal(R"({"schema":1,"abi":[1,0],"id":"a","version":"1","commands":[]})")
            .find("no command") != std::string::npos);
  CHECK(
      refusal(
          R"({"schema":1,"abi":[1,0],"id":"a","version":"1","commands":[{"name":"A b","summary":"x"}]})")
          .find("'A b'") != std::string::npos);
  CHECK(refusal(R"({"schema":1,"abi":[1,0],"id":"a","version":"1","commands":[{"name":1}]})") !=
        "");
  CHECK(refusal(R"({"schema":1,"abi":[1,0],"id":"a","version":"1",)"
                R"("commands":[{"name":"one two three four","summary":"x"}]})")
            .find("cannot be a command") != std::string::npos);
  CHECK(refusal(R"({"schema":1,"id":{"x":1}})") != "");
  CHECK(refusal(note_with(R"(,"requires":"jetpack.config/1")")) != "");
  CHECK(refusal(note_with(R"(,"commands":[1])")) != "");
  CHECK(refusal(note_with(R"(,"commands":[{"name":"three"}])")).find("no summary") !=
        std::string::npos);
  CHECK(refusal("{\"schema\":1,\"id\":\"\\u001b[31m\"}").find("control") != std::string::npos);
  CHECK(
      refusal(note_with(R"(,"details":[{"command":"one","options":[{"name":"n","type":"blob"}]}])"))
          .find("type 'blob'") != std::string::npos);
  CHECK(refusal(note_with(R"(,"details":[{"command":"one","options":[{"name":"help"}]}])")) != "");
  CHECK(refusal(note_with(R"(,"details":3)")).find("not a list") != std::string::npos);
  CHECK(refusal(note_with(",\"details\":[\"\xff\"]")).find("UTF-8") != std::string::npos);
}

}  // namespace jetpack
