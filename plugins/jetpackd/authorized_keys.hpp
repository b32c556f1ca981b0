// Writes the public keys of managed users to their authorized_keys files, which sshd reads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "jetpackd/passwd.hpp"

namespace jetpack::jetpackd {

// The file's content with our lines replaced by `keys`. The user's own lines are kept.
std::string with_keys(std::string_view content, const std::vector<std::string>& keys);

// Installs the keys in `home`, which must belong to the account, and brings back the user's own lines
// that revoke_keys() moved aside. Uses the account's rights and follows no links, so it cannot reach
// any file that the user could not. Throws Error.
void install_keys(const std::string& home, const Account& account,
                  const std::vector<std::string>& keys);

// Removes the managed keys and moves the user's own lines aside, to `authorized_keys.revoked`, which
// sshd does not read. Nothing is done when there is no home. As above.
void revoke_keys(const std::string& home, const Account& account);

}  // namespace jetpack::jetpackd
