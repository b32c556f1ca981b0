// fuzz_command_line.cpp: libFuzzer target for the command line: arguments, separated by NUL bytes,
// are parsed against a declaration with every kind of parameter.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "cli/command_line.hpp"
#include "loader/note.hpp"

namespace {

const jetpack::CommandNote& declaration() {
  static const jetpack::Note note(jetpack::NoteText{
      {}, R"({"schema":1,"id":"x","version":"1","abi":[1,0],"commands":[{"name":"x","summary":"x"}],
      "details":[{"command":"x",
      "options":[{"name":"flag","letter":"f","type":"flag","negatable":true},
      {"name":"text","letter":"t","repeated":true},{"name":"level","choices":["a","b"],"default":"a"},
      {"name":"count","letter":"n","type":"integer","min":-5,"max":9223372036854775807},
      {"name":"wait","type":"duration","default":"5s"}],
      "arguments":[{"name":"FIRST","required":true},{"name":"REST","repeated":true}]}]})"});
  static const jetpack::CommandNote command = note.command("x");
  return command;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::string> arguments(1);
  for (size_t i = 0; i < size; ++i) {
    if (data[i] == 0) {
      arguments.emplace_back();
    } else {
      arguments.back() += static_cast<char>(data[i]);
    }
  }
  try {
    const auto values = jetpack::Values::parse(declaration(), arguments);
    for (const jp_value* value : values.raw())
      if (value->count > 0 && value->texts == nullptr) std::abort();
  } catch (const jetpack::UsageError&) {
    return 0;
  }
  return 0;
}
