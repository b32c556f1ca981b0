// Examines a plugin as the host and its users will: what it declares, and how it was linked.
#pragma once

#include <string>
#include <vector>

#include "authoring/elf_image.hpp"
#include "authoring/findings.hpp"
#include "loader/note.hpp"

namespace jetpack::authoring {

// The plugins that PATHS name: files as they are, of a directory what the host would find in it.
// Throws Errc::not_found when there is none.
std::vector<std::string> plugins_at(const std::vector<std::string_view>& paths);

// Runs no code of the plugin.
Findings check_plugin(const std::string& path);

// The parts of it: what the note declares, and how the library was linked.
void check_note(const Note& note, Findings& findings);
void check_linking(const ElfImage& image, Findings& findings);

}  // namespace jetpack::authoring
