// Creates the project of a new plugin from the templates of the SDK.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jetpack::authoring {

struct ProjectSpec {
  std::string name;       // of the command: "gpu-reset"
  std::string id;         // empty: com.example.NAME
  std::string language;   // "cpp", "c", "bash"
  std::string build;      // "meson", "cmake"; of a language that needs no build: not used
  std::string directory;  // is created; it may exist when it is empty
};

// Creates the files; their paths, sorted, relative to the directory. Throws Errc::corrupt for a name
// that cannot be a command, Errc::failed when the directory is not empty or the templates are not
// installed. What it created is removed when it fails.
std::vector<std::string> create_project(const ProjectSpec& spec);

// The three commands that build, test and pack it, to be run in its directory.
std::vector<std::string> next_steps(const ProjectSpec& spec);

// `text` with @NAME@, @ID@ and @SYMBOL@ (the name as C can have it) replaced.
std::string filled_in(std::string_view text, const ProjectSpec& spec);

}  // namespace jetpack::authoring
