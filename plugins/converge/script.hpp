// How one script is run, whatever state its file is in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack::converge {

// What editors on Windows leave in a script, removed: a byte order mark and, where the first line
// ends with CRLF, all carriage returns before a line's end. nullopt when there is nothing of it.
std::optional<std::string> without_windows_marks(std::string_view content);

// Of its content without those. Throws as open_file does.
std::string script_sha256(const std::string& path);

// For its owner: scripts call one another before converge runs them. One that cannot be is left alone.
// A link is followed within `root`, the directory of the specs.
void make_executable(const std::string& root, const std::string& path);

struct Prepared {
  std::vector<std::string> argv;
  std::vector<std::string> notes;  // what was changed about the file
};

// Makes the script runnable: its mode, who can write it, Windows' marks. `root` is the directory of
// the specs, above which directories are not looked at. Throws Errc::denied with the reason when it
// cannot be run: it is not root's, its interpreter does not exist, it is no program.
Prepared prepare_script(const std::string& root, const std::string& path);

}  // namespace jetpack::converge
