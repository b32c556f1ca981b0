// Reads public keys as sshd(8) reads the lines of an authorized_keys file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack::support {

struct PublicKeys {
  std::vector<std::string> lines;  // the valid ones, without the blanks around them
  size_t invalid = 0;              // lines, and blocks of several lines, that are not public keys
  size_t invalid_line = 0;         // where the first of them begins, counted from 1
  bool has_private_key = false;    // one of those blocks is a private key
  size_t private_line = 0;         // where the first of these begins
};

// The keys in what a person pasted: any number of lines, each a key that may have options in front
// and a comment behind. Empty lines and comments are skipped.
PublicKeys read_public_keys(std::string_view text);

}  // namespace jetpack::support
