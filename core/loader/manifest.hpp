// A bundle's plugin.json: what it says of the bundle, checked.
#pragma once

#include <string>
#include <vector>

#include "loader/note.hpp"

namespace jetpack {

// The form, schema 1: {"schema":1, "id", "version", "abi":[MAJOR,MINOR], "platform":"linux-x86_64",
// "requires":[service], "libraries":[path], "commands":[{"name","summary","library"}],
// "files":{path:{"sha256","size"}}}, in this order. Paths are relative to the bundle's directory. What
// the commands are is read from the notes of the libraries: the manifest repeats it for others.
class Manifest {
 public:
  // Throws Refusal when DIRECTORY/plugin.json is missing or faulty.
  static Manifest read(const std::string& directory);

  // The libraries that provide commands, relative to the directory, each once.
  const std::vector<std::string>& libraries() const { return libraries_; }

  // Where the manifest says otherwise than the note of a library; empty when they agree.
  std::string disagreement(const Note& note) const;

 private:
  std::string id_;
  std::string version_;
  std::vector<std::string> libraries_;
};

}  // namespace jetpack
