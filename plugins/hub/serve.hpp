// serve.hpp: the command `hub serve`.
#pragma once

#include <jetpack/call.hpp>

#include <filesystem>

namespace hub {

// Serves until SIGTERM or SIGINT. Prints one JSON line when it is ready.
int serve(const jetpack::Call& call);

// --data, or the folder "hub" of the home tree.
std::filesystem::path data_option(const jetpack::Call& call);

}  // namespace hub
