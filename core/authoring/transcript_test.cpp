#include "authoring/transcript.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "authoring/project.hpp"

namespace jetpack::authoring {

TEST_CASE("A transcript is steps with what they print") {
  const auto steps = read_transcript(
      "# a comment\n\n$ jetpack greet\nHello\n\n$ jetpack greet -x\nno\n[exit 2]\n\n\n$ true\n");
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].line == 3);
  CHECK(steps[0].command == "jetpack greet");
  CHECK(steps[0].expected == std::vector<std::string>{"Hello"});
  CHECK(steps[1].expected == std::vector<std::string>{"no", "[exit 2]"});
  CHECK(steps[2].expected.empty());
}

TEST_CASE("Empty lines within an output stay") {
  const auto steps = read_transcript("$ a\none\n\ntwo\n");
  CHECK(steps[0].expected == std::vector<std::string>{"one", "", "two"});
}

TEST_CASE("A text without a step is no transcript") {
  CHECK_THROWS_AS(read_transcript(""), Error);
  CHECK_THROWS_AS(read_transcript("Hello\n"), Error);
  CHECK_THROWS_AS(read_transcript("$jetpack\n"), Error);
}

TEST_CASE("A line matches itself, or a pattern that says so") {
  CHECK(line_matches("a*", "a*"));
  CHECK_FALSE(line_matches("a*", "ab"));
  CHECK(line_matches("a* (glob)", "ab"));
  CHECK(line_matches("a?c (glob)", "abc"));
  CHECK_FALSE(line_matches("a? (glob)", "abc"));
  CHECK(line_matches("a\\* (glob)", "a\\b"));
  // What was printed may be such a text itself.
  CHECK(line_matches("a* (glob)", "a* (glob)"));
}

TEST_CASE("Templates are filled in") {
  ProjectSpec spec;
  spec.name = "gpu-reset";
  spec.id = "org.example.gpu-reset";
  CHECK(filled_in("@NAME@ @ID@ @SYMBOL@ @OTHER@", spec) ==
        "gpu-reset org.example.gpu-reset gpu_reset @OTHER@");
}

TEST_CASE("A name that cannot be a command, and an id that is none, are usage errors") {
  for (const char* name : {"", "Gpu", "gpu reset", "../x", "9", "-a", "a/b"}) {
    ProjectSpec spec;
    spec.name = name;
    spec.id = "com.example.x";
    spec.directory = "/nonexistent/x";
    CAPTURE(name);
    CHECK_THROWS_AS(create_project(spec), Error);
  }
  for (const char* id : {"", ".x", "a b", "a\nb", "a/b", "\"", "a\\b"}) {
    ProjectSpec spec;
    spec.name = "x";
    spec.id = id;
    spec.directory = "/nonexistent/x";
    CAPTURE(id);
    CHECK_THROWS_AS(create_project(spec), Error);
  }
}

}  // namespace jetpack::authoring
