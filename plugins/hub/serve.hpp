// serve.hpp: the command `hub serve`.
#pragma once

#include "data_folder.hpp"
#include "dialect.hpp"

#include <jetpack/call.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace hub {

// Serves until SIGTERM or SIGINT. Prints one JSON line when it is ready.
int serve(const jetpack::Call& call);

// --data, or the folder "hub" of the home tree.
std::filesystem::path data_option(const jetpack::Call& call);

// A text option that may hold a password: "@FILE" stands for what is in the file, so that it need
// not be on a command line, which everybody on the machine can read.
std::optional<std::string> secret_option(const jetpack::Call& call, const char* name);

// --database, or the one in the data folder.
DatabaseAddress database_option(const jetpack::Call& call, const DataFolder& data);

// The same, for a command that makes none: where no hub has run it is Errc::not_found.
DatabaseAddress known_database(const jetpack::Call& call);

}  // namespace hub
