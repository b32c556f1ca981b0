// Runs a plugin that is an executable: hands it the values of a command and becomes it.
#include "cli/run_program.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <jetpack/error.hpp>
#include "cli/report.hpp"
#include "cli/run_apart.hpp"
#include "loader/admission.hpp"
#include "loader/program.hpp"
#include "loader/refusal.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/program.hpp"
#include "support/utf8.hpp"

namespace jetpack {

namespace {

// The kernel takes no variable of more than 128 KiB; one that would be too long is in the JSON alone.
constexpr size_t max_variable = 64 << 10;

// Ours, which a caller's environment must not seem to be.
constexpr std::string_view reserved[] = {
    "JETPACK=", "JETPACK_COMMAND=", "JETPACK_VALUES_FD=", "JETPACK_PLUGIN_DIR=", "JETPACK_HOME="};
constexpr std::string_view reserved_beginnings[] = {"JETPACK_OPTION_", "JETPACK_ARGUMENT_",
                                                    "JETPACK_OFFER"};

bool is_reserved(std::string_view variable) {
  if (!variable.starts_with("JETPACK")) return false;
  const auto begins = [&](std::string_view start) { return variable.starts_with(start); };
  return std::any_of(std::begin(reserved), std::end(reserved), begins) ||
         std::any_of(std::begin(reserved_beginnings), std::end(reserved_beginnings), begins);
}

// "dry-run" as DRY_RUN.
std::string variable_name(std::string_view name) {
  std::string variable;
  for (const char c : name) {
    const bool is_lower = c >= 'a' && c <= 'z';
    const bool is_plain = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    variable += is_lower ? static_cast<char>(c - 'a' + 'A') : is_plain ? c : '_';
  }
  return variable;
}

std::string_view text_at(const jp_value& value, uint32_t i) {
  return {value.texts[i].data, value.texts[i].size};
}

void write_one(support::JsonWriter& json, const jp_value& value, uint32_t i) {
  if (value.type == JP_FLAG) {
    json.Bool(value.numbers[i] != 0);
  } else if (value.numbers != nullptr) {
    json.Int64(value.numbers[i]);
  } else {
    const std::string text = support::well_formed(text_at(value, i));
    json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  }
}

void write_value(support::JsonWriter& json, const jp_value& value, bool is_repeated) {
  json.Key(value.name.data, static_cast<rapidjson::SizeType>(value.name.size));
  if (is_repeated) {
    json.StartArray();
    for (uint32_t i = 0; i < value.count; ++i) write_one(json, value, i);
    json.EndArray();
  } else if (value.count > 0) {
    write_one(json, value, value.count - 1);
  } else if (value.type == JP_FLAG) {
    json.Bool(false);
  } else {
    json.Null();
  }
}

// One line for each value; a flag that is not set has none.
std::string variable_of(const jp_value& value) {
  std::string text;
  for (uint32_t i = 0; i < value.count; ++i) {
    if (i > 0) text += '\n';
    text += value.numbers != nullptr ? std::to_string(value.numbers[i])
                                     : std::string(text_at(value, i));
  }
  return value.type == JP_FLAG && text == "0" ? "" : text;
}

// A file without a name, open at its beginning, which the program inherits.
int values_descriptor(const std::string& json) {
  const int fd = ::memfd_create("jetpack-values", 0);
  if (fd < 0 || support::write_all(fd, json) != 0 || ::lseek(fd, 0, SEEK_SET) != 0)
    throw Error(Errc::unavailable,
                "cannot hand the values to the plugin: " + support::system_message(errno));
  return fd;
}

// What execve(2) is given. Made before a child is, which pays for each page that it is the first to touch.
class Execution {
 public:
  Execution(std::string program, const CommandNote& command, const Values& values, const Home& home,
            const ProgramVariables& more)
      : program_(std::move(program)), added_(values_as_variables(command, values)) {
    add("JETPACK", support::program_path());
    add("JETPACK_HOME", home.root());
    add("JETPACK_COMMAND", command.name);
    add("JETPACK_PLUGIN_DIR", program_.substr(0, program_.rfind('/')));
    add("JETPACK_VALUES_FD", std::to_string(values_descriptor(values_as_json(command, values))));
    added_.insert(added_.end(), more.begin(), more.end());
    for (auto& variable : added_) variables_.push_back(variable.data());
    for (char** variable = environ; *variable != nullptr; ++variable)
      if (!is_reserved(*variable)) variables_.push_back(*variable);
    variables_.push_back(nullptr);
  }

  [[noreturn]] void run() {
    // What we ignore, programs do not expect to be ignored.
    ::signal(SIGXFSZ, SIG_DFL);
    char* const arguments[] = {program_.data(), nullptr};
    ::execve(program_.c_str(), arguments, variables_.data());
    if (errno == E2BIG)
      throw Error(Errc::failed,
                  "cannot run " + program_ +
                      ": the arguments and the environment are too long for the system");
    throw Refusal(why_not_executed(program_, errno));
  }

 private:
  void add(const char* name, const std::string& value) { added_.push_back(name + ('=' + value)); }

  std::string program_;
  std::vector<std::string> added_;
  std::vector<char*> variables_;
};

}  // namespace

std::string values_as_json(const CommandNote& command, const Values& values) {
  const auto& raw = values.raw();
  return support::json_object([&](support::Object& json) {
    json.text("command", command.name);
    size_t next = 0;
    for (const auto* group : {&command.options, &command.arguments})
      json.json(group == &command.options ? "options" : "arguments",
                support::json_text([&](support::JsonWriter& writer) {
                  writer.StartObject();
                  for (const auto& parameter : *group)
                    write_value(writer, *raw.at(next++), parameter.repeated);
                  writer.EndObject();
                }));
    std::vector<std::string_view> given;
    for (const auto* value : raw)
      if (value->given != 0) given.emplace_back(value->name.data, value->name.size);
    json.texts("given", given);
  });
}

std::vector<std::string> values_as_variables(const CommandNote& command, const Values& values) {
  std::vector<std::string> variables;
  for (size_t i = 0; i < values.raw().size(); ++i) {
    const jp_value& value = *values.raw()[i];
    if (value.count == 0) continue;
    const std::string text = variable_of(value);
    if (text.size() > max_variable || (text.empty() && value.type == JP_FLAG)) continue;
    variables.push_back((i < command.options.size() ? "JETPACK_OPTION_" : "JETPACK_ARGUMENT_") +
                        variable_name({value.name.data, value.name.size}) + '=' + text);
  }
  return variables;
}

int run_program(const Plugin& plugin, const CommandNote& command, const Values& values,
                HostServices& services, const ProgramVariables& more) {
  const Home& home = services.home();
  if (plugin.origin == Origin::builtin)
    Execution(trusted_program(plugin), command, values, home, more).run();
  const Admission admission = admit(plugin, home.root());
  check_executable(admission.path);
  Execution execution(admission.path, command, values, home, more);
  if (!admission.is_bundle) execution.run();
  end_apart(services, run_apart(plugin, admission, command, services, true,
                                [&]() -> int { execution.run(); }));
}

}  // namespace jetpack
