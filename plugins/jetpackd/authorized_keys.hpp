// The keys with which a managed user may log in, in the file that sshd reads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "jetpackd/passwd.hpp"

namespace jetpack::jetpackd {

// Whether the text is one public key in the form of sshd(8), without options.
bool is_public_key(std::string_view text);

// The file's content with our lines replaced by `keys`. Lines of the user's own stay.
std::string with_keys(std::string_view content, const std::vector<std::string>& keys);

// Makes it so in `home`, which must be the account's own folder. All of it is done with the
// account's rights and without following links, so it reaches no other file than the user could.
// Throws Error.
void install_keys(const std::string& home, const Account& account,
                  const std::vector<std::string>& keys);

}  // namespace jetpack::jetpackd
