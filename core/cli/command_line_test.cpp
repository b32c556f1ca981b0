// Tests of argument parsing: what is accepted, in which order, and how mistakes are reported.
#include "cli/command_line.hpp"

#include <doctest/doctest.h>

#include <map>

#include <jetpack/error.hpp>
#include "loader/refusal.hpp"

namespace jetpack {

namespace {

CommandNote log_command() {
  CommandNote command;
  command.name = "log";
  ParameterNote level;
  level.name = "level";
  level.choices = {"info", "warn", "error"};
  level.fallback = "info";
  ParameterNote priority;
  priority.name = "priority";
  priority.letter = 'p';
  ParameterNote wait;
  wait.name = "wait";
  wait.type = JP_DURATION;
  ParameterNote count;
  count.name = "count";
  count.type = JP_INTEGER;
  count.min = 0;
  count.max = 9;
  ParameterNote upload;
  upload.name = "upload";
  upload.type = JP_FLAG;
  upload.negatable = true;
  command.options = {level, priority, wait, count, upload};
  ParameterNote message;
  message.name = "MESSAGE";
  message.is_argument = message.required = true;
  command.arguments = {message};
  return command;
}

Values parse(const std::vector<std::string>& arguments) {
  return Values::parse(log_command(), arguments);
}

std::string failure(const std::vector<std::string>& arguments) {
  try {
    parse(arguments);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

std::string text(const Values& values, std::string_view name) {
  const auto texts = values.texts(name);
  return texts.empty() ? "(none)" : texts.back();
}

int64_t number(const Values& values, std::string_view name) {
  for (const auto* value : values.raw())
    if (std::string_view(value->name.data, value->name.size) == name) return value->numbers[0];
  return -1;
}

}  // namespace

TEST_CASE("options stand before or after arguments, with = or a blank") {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"m", "--level", "warn", "-p", "low"},
                                             {"--level=warn", "m", "-plow"},
                                             {"--priority=low", "--level=warn", "--", "m"}}) {
    const Values values = parse(arguments);
    CHECK(text(values, "MESSAGE") == "m");
    CHECK(text(values, "level") == "warn");
    CHECK(text(values, "priority") == "low");
  }
}

TEST_CASE("defaults, empty values, and what follows --") {
  CHECK(text(parse({"m"}), "level") == "info");
  CHECK(text(parse({"m"}), "priority") == "(none)");
  CHECK(text(parse({""}), "MESSAGE").empty());
  CHECK(text(parse({"m", "--priority="}), "priority").empty());
  CHECK(text(parse({"--", "--level=x"}), "MESSAGE") == "--level=x");
  CHECK(text(parse({"-"}), "MESSAGE") == "-");
  CHECK(text(parse({"m", "-p", "a", "-p", "b"}), "priority") == "b");
}

TEST_CASE("numbers and durations are converted") {
  CHECK(number(parse({"m", "--count", "7"}), "count") == 7);
  CHECK(number(parse({"m", "--wait", "90"}), "wait") == 90'000);
  CHECK(number(parse({"m", "--wait=6h"}), "wait") == 21'600'000);
  CHECK(number(parse({"m", "--wait=250ms"}), "wait") == 250);
}

TEST_CASE("a negatable flag takes the last word") {
  CHECK(parse({"m", "--upload"}).flag("upload"));
  CHECK_FALSE(parse({"m", "--upload", "--no-upload"}).flag("upload"));
  CHECK_FALSE(parse({"m"}).flag("upload"));
}

TEST_CASE("mistakes are reported with what was found and expected") {
  CHECK(failure({}) == "missing MESSAGE");
  CHECK(failure({"a", "b"}) == "too many arguments: unexpected 'b'");
  CHECK(failure({"m", "--level", "loud"}) == "Invalid level: loud; use info, warn or error");
  CHECK(failure({"m", "--levle=info"}) == "unknown option '--levle'; did you mean '--level'?");
  CHECK(failure({"m", "-x"}).starts_with("unknown option '-x'"));
  CHECK(failure({"m", "--level"}) == "option '--level' requires a value");
  CHECK(failure({"m", "--upload="}) == "option '--upload' takes no value");
  CHECK(failure({"m", "--upload=yes"}) == "option '--upload' takes no value");
  CHECK(failure({"m", "--count", "10"}) ==
        "Invalid count: 10; expected a whole number from 0 to 9");
  CHECK(failure({"m", "--count", "7x"}).starts_with("Invalid count: 7x"));
  CHECK(failure({"m", "--wait", "soon"}).starts_with("Invalid wait: soon; expected a duration"));
  CHECK(failure({"m", "--wait", "9999999999999999d"}).starts_with("Invalid wait"));
  CHECK(failure(std::vector<std::string>(20'000, "x")).starts_with("too many arguments: 20000"));
}

TEST_CASE("the word after an option that takes a value is its value, whatever it looks like") {
  CHECK(text(parse({"m", "-p", "-n"}), "priority") == "-n");
  CHECK(text(parse({"m", "--priority", "--"}), "priority") == "--");
  CHECK(text(parse({"m", "--priority", "--upload"}), "priority") == "--upload");
  CHECK(text(parse({"m", "--priority", "--level=warn"}), "priority") == "--level=warn");
  CHECK(text(parse({"m", "-p", ""}), "priority") == "");
  CHECK(text(parse({"m", "-p=low"}), "priority") == "low");
  CHECK(text(parse({"m", "-p="}), "priority") == "");
  CHECK(text(parse({"m", "-plow=x"}), "priority") == "low=x");
  CHECK(text(parse({"m", "--priority=--level"}), "priority") == "--level");
  CHECK(failure({"m", "-p"}) == "option '--priority' requires a value");
  CHECK(failure({"m", "--count", "-1"}) ==
        "Invalid count: -1; expected a whole number from 0 to 9");
}

TEST_CASE("a long name may be cut short") {
  CHECK(text(parse({"m", "--lev=warn"}), "level") == "warn");
  CHECK(text(parse({"m", "--lev", "WARN"}), "level") == "warn");
  CHECK_FALSE(parse({"m", "--no-up"}).flag("upload"));
  CHECK(failure({"m", "--levels=x"}).starts_with("unknown option '--levels'"));
}

TEST_CASE("a value after several letters in one word") {
  CommandNote command = log_command();
  command.options[4].letter = 'u';
  const Values values = Values::parse(command, {"-up", "-n", "m"});
  CHECK(values.flag("upload"));
  CHECK(text(values, "priority") == "-n");
  CHECK(text(values, "MESSAGE") == "m");
}

TEST_CASE("a negative number and a word with a blank are arguments") {
  for (const char* word : {"-1", "-0.5", "-.5", "-1e5", "--- Waiting for the MDS node ---",
                           "-i 2048 -I 512", "-- a=b", "--x=y z", "- a", "-\tb", "-"})
    CHECK(text(parse({word}), "MESSAGE") == word);
  for (const char* word : {"-n", "--no-such", "-1x", "-inf", "---"})
    CHECK(failure({word}).find("unknown option") != std::string::npos);
  // What begins with a declared option is that option.
  CHECK(text(parse({"m", "-p 1"}), "priority") == " 1");
  CHECK(text(parse({"m", "--priority=a b"}), "priority") == "a b");
  CHECK(failure({"m", "--upload=a b"}).find("takes no value") != std::string::npos);
}

TEST_CASE("help is asked for by an option, not by the value of one") {
  const auto asks = [](const std::vector<std::string>& arguments) {
    return asks_for_help(log_command(), arguments);
  };
  CHECK(asks({"a", "b", "--nonsense", "--help"}));
  CHECK(asks({"-p", "x", "-h"}));
  CHECK_FALSE(asks({"m", "-p", "-h"}));
  CHECK_FALSE(asks({"m", "--priority", "--help"}));
  CHECK_FALSE(asks({"--", "--help"}));
}

TEST_CASE("what is not given comes from the configuration, else from the declaration") {
  CommandNote command;
  command.name = "gpu list";
  const auto option = [&](const char* name, jp_type type, const char* key) -> ParameterNote& {
    ParameterNote& p = command.options.emplace_back();
    p.name = name;
    p.type = type;
    p.from_config = key;
    return p;
  };
  option("count", JP_INTEGER, "gpu.count").fallback = "4";
  command.options.back().max = 8;
  option("wait", JP_DURATION, "gpu.wait");
  option("name", JP_TEXT, "gpu.names").repeated = true;
  option("force", JP_FLAG, "gpu.force");
  option("user", JP_TEXT, "gpu.user").required = true;
  std::map<std::string, std::vector<std::string>> configuration;
  const auto parsed = [&](const std::vector<std::string>& arguments) {
    return Values::parse(command, arguments, [&](const std::string& key) {
      const auto found = configuration.find(key);
      return found == configuration.end() ? std::nullopt : std::optional(found->second);
    });
  };
  const auto refused = [&](const std::vector<std::string>& arguments) -> std::string {
    try {
      parsed(arguments);
    } catch (const UsageError& e) {
      return std::string("usage: ") + e.what();
    } catch (const Refusal& e) {
      return std::string("refused: ") + e.what();
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };

  CHECK(refused({}) == "usage: missing --user (or gpu.user in the configuration)");
  configuration["gpu.user"] = {"ann"};
  CHECK(number(parsed({}), "count") == 4);
  CHECK(text(parsed({}), "wait") == "(none)");
  configuration["gpu.count"] = {"6"};
  configuration["gpu.wait"] = {"2m"};
  configuration["gpu.names"] = {"a", "b"};
  configuration["gpu.force"] = {"true"};
  const Values values = parsed({});
  CHECK(number(values, "count") == 6);
  CHECK(number(values, "wait") == 120'000);
  CHECK(values.texts("name") == std::vector<std::string>{"a", "b"});
  CHECK(values.flag("force"));
  CHECK(text(values, "user") == "ann");
  CHECK(values.raw()[0]->given == 0);
  CHECK(number(parsed({"--count", "1"}), "count") == 1);
  CHECK(parsed({"--name", "c"}).texts("name") == std::vector<std::string>{"c"});

  configuration["gpu.count"] = {"9"};
  CHECK(
      refused({}) ==
      "invalid value of gpu.count in the configuration: 9; expected a whole number, 8 or less, or "
      "give --count to override it");
  CHECK(refused({"--count=8"}).empty());
  configuration["gpu.count"] = {"1", "2"};
  CHECK(refused({}).starts_with("invalid value of gpu.count in the configuration: a list"));
  configuration.erase("gpu.count");
  command.options[0].fallback = "many";
  CHECK(refused({}).starts_with("refused: its note is faulty: the default of 'count' is 'many'"));
}

}  // namespace jetpack
