// One run of jetpack: from the arguments to the exit code.
#pragma once

#include <string>
#include <vector>

namespace jetpack {

// `program` is argv[0]: a link with a command's name runs that command.
int run(const std::string& program, std::vector<std::string> arguments);

}  // namespace jetpack
