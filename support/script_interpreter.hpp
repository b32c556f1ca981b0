// How the first line of a script says that it is to be run.
#pragma once

#include <string>
#include <vector>

namespace jetpack::support {

// The first line of a file, up to what the kernel reads of a #! line. Throws as open_file does.
std::string first_line_of(const std::string& path);

// The program and the argument that a #! line names. Throws Errc::denied with the reason when it
// cannot be run.
std::vector<std::string> interpreter_in(const std::string& line);

// Whether it is that of a program for this kind of system, rather than of a script.
bool is_elf(const std::string& line);

}  // namespace jetpack::support
