// hello.cpp: `jetpack hello`, a third-party plugin in C++: an argument, options, and a service.
#include <jetpack/plugin.hpp>

#include <string>

namespace {

// Whom to greet: the argument, else this node.
std::string whom(const jetpack::Call& call) {
  if (const auto name = call.text("NAME")) return std::string(*name);
  return call.service<jetpack::Config>().get_or("cyclecloud.node.name", "node");
}

int hello(const jetpack::Call& call) {
  const std::string greeting(*call.text("greeting"));
  if (greeting.empty())
    throw jetpack::Error(jetpack::Errc::usage, "--greeting is empty: give a word, such as Hi");
  const std::string line = greeting + ", " + whom(call) + (call.flag("shout") ? "!" : ".") + "\n";
  for (int64_t left = *call.integer("times"); left > 0; --left) call.print(line);
  return 0;
}

}  // namespace

JETPACK_PLUGIN(
    "com.example.hello", "1.0.0",
    jetpack::command(
        "hello", "Greet somebody, or this node", hello,
        jetpack::argument("NAME", "Whom to greet; the node's name if left out").optional(),
        jetpack::option("greeting", 'g', "WORD", "The word to greet with").fallback("Hello"),
        jetpack::option("times", 'n', "COUNT", "How many times").integer(1, 100).fallback("1"),
        jetpack::flag("shout", "End with an exclamation mark"),
        jetpack::example("jetpack hello Ada --greeting=Hi", "Prints \"Hi, Ada.\"")));
