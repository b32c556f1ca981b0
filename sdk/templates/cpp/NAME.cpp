// @NAME@.cpp: the command `jetpack @NAME@`.
#include <jetpack/plugin.hpp>

namespace {

int run(const jetpack::Call& call) {
  const auto config = call.service<jetpack::Config>();
  const std::string node = config.get_or("cyclecloud.node.name", "a node without a name");
  if (call.flag("json")) {
    call.print("{\"node\":" + jetpack::json_string(node) + "}\n");
  } else {
    call.print("@NAME@ runs on " + node + "\n");
  }
  return 0;
}

}  // namespace

JETPACK_PLUGIN("@ID@", "0.1.0", jetpack::needs<jetpack::Config>(),
               jetpack::command("@NAME@", "Print the node that it runs on", run,
                                jetpack::flag("json", "Print JSON"),
                                jetpack::example("jetpack @NAME@", "Print the node's name")));
