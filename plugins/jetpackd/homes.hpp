// Creates home directories that useradd could not create, or did not finish.
#pragma once

#include <string>

#include "jetpackd/passwd.hpp"

namespace jetpack::jetpackd {

// Creates `home` with a copy of the directory `skeleton` when it is missing. An empty directory of
// root's, which is what a killed useradd leaves, is given to the account. Throws Error.
void ensure_home(const std::string& home, const Account& account, const std::string& skeleton);

}  // namespace jetpack::jetpackd
