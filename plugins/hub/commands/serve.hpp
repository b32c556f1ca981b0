// The command `hub serve`.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <jetpack/call.hpp>
#include "common/data_directory.hpp"
#include "store/dialect.hpp"

namespace jetpack::hub {

// Serves until SIGTERM or SIGINT. Prints one JSON line when it is ready.
int serve(const Call& call);

// --data, or the folder "hub" of the home tree.
std::filesystem::path data_option(const Call& call);

// A text option that may hold a password: "@FILE" stands for what is in the file, so that it need
// not be on a command line, which everybody on the machine can read.
std::optional<std::string> secret_option(const Call& call, const char* name);

// --database, or the one in the data folder.
DatabaseAddress database_option(const Call& call, const DataDirectory& data);

// The same, for a command that makes none: where no hub has run it is Errc::not_found.
DatabaseAddress known_database(const Call& call);

}  // namespace jetpack::hub
