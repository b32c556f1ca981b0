// A bundle's plugin.json: what it says of the bundle, checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loader/limits.hpp"
#include "loader/note.hpp"

namespace jetpack {

// "linux-x86_64": what this program is built for, as manifests and bundles name it.
extern const char* const native_platform;

// What a manifest says of one file of the bundle.
struct BundleFile {
  std::string sha256;  // 64 digits, lower case
  uint64_t size = 0;
};

// The form, schema 1: {"schema":1, "id", "version", "abi":[MAJOR,MINOR], "requires":[service],
// "libraries":[path], "capabilities":[name], "limits":{name:number}, "platforms":[name],
// "commands":[{"name","summary","library"}], "files":{path:{"sha256","size"}}}, in this order;
// sdk/BUNDLES.md describes it. Paths are relative to the bundle's directory. What the commands are
// is read from the notes of the libraries: the manifest repeats it for others.
class Manifest {
 public:
  // Throws Refusal when DIRECTORY/plugin.json is missing or faulty.
  static Manifest read(const std::string& directory);

  // The same, for the content of the file that `path` names in messages.
  static Manifest parse(std::string text, const std::string& path);

  const std::string& id() const { return id_; }
  const std::string& version() const { return version_; }

  // What provides commands on this machine, relative to the directory, each once: libraries, and
  // the notes (NAME.json) of executable plugins.
  const std::vector<std::string>& libraries() const { return libraries_; }

  // Where the manifest says otherwise than the note of a library; empty when they agree.
  std::string disagreement(const Note& note) const;

  // What follows is read from the text at each call, because a listing needs none of it. All throw
  // Refusal when it is faulty.

  // nullopt when the manifest has no file of this path.
  std::optional<BundleFile> file(std::string_view path) const;
  // What the bundle asks to be granted beyond its services, such as "ptrace".
  std::vector<std::string> capabilities() const;
  // What the bundle asks its processes to be limited to.
  Limits limits() const;

  // As it was read.
  const std::string& text() const { return text_; }

 private:
  std::string path_;
  std::string text_;
  std::string id_;
  std::string version_;
  std::vector<std::string> libraries_;
};

}  // namespace jetpack
