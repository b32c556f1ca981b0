// All that a bundle's manifest says, as installing needs it, and how one is written.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bundles/content.hpp"
#include "bundles/plugin_file.hpp"
#include "loader/manifest.hpp"

namespace jetpack::bundles {

struct BundleManifest {
  struct Command {
    std::string name, summary, library;
    bool operator==(const Command&) const = default;
  };

  // Throws Refusal for what `plugin pack` would not write: a file without a digest, a library that
  // is not among the files, a name given twice.
  static BundleManifest parse(std::string text);

  // The text, on one line, with the members in the order that a listing relies on.
  std::string text() const;

  std::string id, version;
  uint16_t abi_major = 0, abi_minor = 0;
  std::vector<std::string> needed, libraries, capabilities, platforms;
  Limits limits;
  std::vector<Command> commands;
  std::map<std::string, BundleFile, std::less<>> files;
};

// Throws Refusal unless the texts can be names of directories: letters, digits and a few marks.
void check_id(std::string_view id);
void check_version(std::string_view version);
bool is_id(std::string_view id);
bool is_version(std::string_view version);

// Orders versions: numbers in them by value, and what has "-" behind it before what has not
// ("1.0-rc1" before "1.0"). Negative, 0 or positive, as strcmp.
int compare_versions(std::string_view a, std::string_view b);

}  // namespace jetpack::bundles
