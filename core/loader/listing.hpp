// What a listing of plugins needs of a note or a bundle's manifest, read without the rest.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack {

// The texts of commands point into what was read.
struct Listing {
  struct Command {
    std::string_view name;
    std::string_view summary;
    std::string_view library;  // of a manifest
  };

  int64_t schema = 0;
  std::string id, version;
  std::vector<uint64_t> abi;
  std::vector<std::string> needed;
  std::vector<Command> commands;
};

// Reads JSON as far as to `end`, "details" of a note or "files" of a manifest, from a copy of it
// that it leaves in `copy`. Throws Refusal when it is not the JSON that is expected; what is missing
// is empty.
Listing read_listing(std::string_view text, std::string_view end, std::vector<char>& copy);

// The text, which is shown on terminals: throws Refusal when it is not UTF-8 or has a control
// character. Paragraphs may have line breaks.
std::string_view checked_text(std::string_view text, const char* what);

}  // namespace jetpack
