// Options and arguments that several of the hub's commands have.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include <jetpack/call.hpp>
#include "common/data_directory.hpp"
#include "store/dialect.hpp"

namespace jetpack::hub {

// Largest file of keys or of JSON that a command reads, in bytes.
inline constexpr size_t max_input_file = 1 << 20;

// "" when it is not given.
std::string text_option(const Call& call, const char* name);

// --data, or the directory "hub" of the home tree. Throws Errc::denied for root, when it is another
// user's.
std::filesystem::path data_option(const Call& call);

// A text option that may hold a password: "@FILE" stands for the first line of the file, so that it
// need not be on a command line, which everybody on the machine can read.
std::optional<std::string> secret_option(const Call& call, const char* name);

// --database, or the one in the data directory.
DatabaseAddress database_option(const Call& call, const DataDirectory& data);

// The same, for a command that creates none: Errc::not_found where no hub has run.
DatabaseAddress known_database(const Call& call);

// An option or argument that names a cluster, node or user. Throws Errc::usage for an invalid name.
std::string name_option(const Call& call, const char* name);

// The cluster that the option or argument `name` names, by default the one of this node. Throws
// Errc::usage when there is neither.
std::string cluster_option(const Call& call, const char* name = "cluster");

// --url, or where the hub of this data directory serves: the address that nodes will use.
std::string url_option(const Call& call, const DataDirectory& data);

// The JSON object in the file --file.
std::string object_in_file(const Call& call);

}  // namespace jetpack::hub
