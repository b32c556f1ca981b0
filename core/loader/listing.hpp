// What a listing of plugins needs of a note or a bundle's manifest, read without the rest.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack {

// Its views point into what was read.
struct Listing {
  struct Command {
    std::string_view name;
    std::string_view summary;
  };

  int64_t schema = 0;
  std::string id, version;
  std::string_view program;  // of a note that stands beside an executable
  std::array<uint64_t, 2> abi{};
  size_t abi_count = 0;  // of the numbers that it has for the two of `abi`
  std::vector<std::string_view> needed;
  std::vector<Command> commands;
  std::vector<std::string> libraries;  // of a manifest
};

// Reads a note or manifest, mostly no further than to the member `end`: "details" of a
// note, "commands" of a manifest. Views point into it, or into `copy` when it is in another form than theirs. Throws Refusal when it is not the JSON that is expected; what is missing
// is empty.
Listing read_listing(std::string_view text, std::string_view end, std::vector<char>& copy);

// The text, which is shown on terminals: throws Refusal when it is not UTF-8 or has a control
// character. Paragraphs may have line breaks.
std::string_view checked_text(std::string_view text, const char* what);

}  // namespace jetpack
