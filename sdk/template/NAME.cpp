// NAME.cpp: the command `jetpack NAME`.
#include <jetpack/plugin.hpp>

namespace {

int run(const jetpack::Call& call) {
  const auto config = call.service<jetpack::Config>();
  call.print("NAME runs on " + config.get_or("cyclecloud.node.name", "a node without a name") +
             "\n");
  return 0;
}

}  // namespace

JETPACK_PLUGIN("com.example.NAME", "0.1.0",
               jetpack::command("NAME", "Say in one line what it does", run));
