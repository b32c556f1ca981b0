// values.cpp: commands that print what they were given, for test_values.py.
#include <jetpack/plugin.hpp>

#include <functional>
#include <map>
#include <string>

namespace {

using jetpack::Call;

int show(const Call& call) {
  std::string text =
      "count=" + std::to_string(call.integer("count").value_or(-1)) + " wait=" +
      std::to_string(call.duration("wait").value_or(std::chrono::milliseconds{-1}).count()) +
      " level=" + std::string(call.text_or("level", "none")) +
      " force=" + (call.flag("force") ? "yes" : "no") +
      " given=" + (call.given("count") ? "yes" : "no") + " names=";
  for (const auto name : call.texts("name")) text += std::string(name) + ",";
  call.print(text + "\n");
  return 0;
}

int numbers(const Call& call) {
  int64_t sum = 0, wait = 0;
  for (const auto number : call.integers("N")) sum += number;
  for (const auto duration : call.durations("wait")) wait += duration.count();
  call.print(std::to_string(sum) + " " + std::to_string(wait) + "\n");
  return 0;
}

int need(const Call& call) {
  call.print(std::string(call.need("user")) + "\n");
  return 0;
}

int exit_with(const Call& call) { return static_cast<int>(*call.integer("CODE")); }

int misuse(const Call& call) {
  const std::map<std::string, std::function<void()>, std::less<>> misuses{
      {"integer-of-text", [&] { call.integer("text"); }},
      {"integers-of-text", [&] { call.integers("text"); }},
      {"integer-of-duration", [&] { call.integer("duration"); }},
      {"duration-of-integer", [&] { call.duration("integer"); }},
      {"durations-of-integer", [&] { call.durations("integer"); }},
      {"flag-of-text", [&] { call.flag("text"); }},
      {"flag-of-integer", [&] { call.flag("integer"); }},
      {"text-of-flag", [&] { call.text("flag"); }},
      {"texts-of-flag", [&] { call.texts("flag"); }},
      {"integer-of-flag", [&] { call.integer("flag"); }},
      {"undeclared", [&] { call.text("nothing"); }},
      {"right", [&] { call.text("integer"), call.text("duration"), call.integer("integer"); }},
  };
  misuses.at(std::string(*call.text("HOW")))();
  return 0;
}

constexpr auto level = jetpack::option("level", 'l', "LEVEL", "The level").choices("low", "high");

}  // namespace

JETPACK_PLUGIN(
    "test.values", "1.0.0",
    jetpack::command(
        "val show", "Print what was given", show,
        jetpack::option("count", 'n', "N", "How many")
            .integer(1, 8)
            .from_config("gpu.count")
            .fallback("4"),
        jetpack::option("wait", "TIME", "How long").duration().from_config("gpu.wait"),
        level.from_config("gpu.level"),
        jetpack::flag("force", "Do it").negatable().from_config("gpu.force"),
        jetpack::argument("name", "Names").repeated().optional().from_config("gpu.names")),
    jetpack::command("val numbers", "Add numbers", numbers,
                     jetpack::argument("N", "Numbers").integer().repeated().optional(),
                     jetpack::option("wait", "TIME", "Times").duration().repeated()),
    jetpack::command("val need", "Print the user", need,
                     jetpack::option("user", "NAME", "The user")),
    jetpack::command(
        "val must", "Print the user", need,
        jetpack::option("user", "NAME", "The user").required().from_config("gpu.user")),
    jetpack::command("val exit", "End with a code", exit_with,
                     jetpack::argument("CODE", "The code").integer()),
    jetpack::command("val misuse", "Ask for what is not there", misuse,
                     jetpack::argument("HOW", "How"),
                     jetpack::option("text", "X", "A text").fallback("7"),
                     jetpack::option("integer", "X", "An integer").integer().fallback("7"),
                     jetpack::option("duration", "X", "A duration").duration().fallback("7"),
                     jetpack::flag("flag", "A flag")),
    jetpack::command("val node add", "Add a node", show, level.fallback("low"),
                     jetpack::option("count", "N", "How many").integer(),
                     jetpack::option("wait", "T", "h").duration(), jetpack::flag("force", "Do it"),
                     jetpack::argument("name", "Whom to add").repeated(),
                     jetpack::example("jetpack val node add a", "Adds a")),
    jetpack::command("val node remove", "Remove a node", need,
                     jetpack::option("user", "NAME", "The user").choices("ann", "bob")));
