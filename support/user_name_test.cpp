// Tests of which names users may have.
#include "support/user_name.hpp"

#include <doctest/doctest.h>

using jetpack::support::is_user_name;

TEST_CASE("names that passwd, sudoers and paths can have") {
  for (const char* name :
       {"ada", "zoe-test", "a.b", "_x", "Ada", "u123", "all", "DEFAULTS", "ALLY"})
    CHECK_MESSAGE(is_user_name(name), name);
}

TEST_CASE("names that mean something else, or that useradd refuses") {
  for (const char* name :
       {"",           "ALL",        "Defaults",  "User_Alias",
        "Host_Alias", "Cmnd_Alias", "Cmd_Alias", "Runas_Alias",
        "root",       "1234",       "12ab",      "-rf",
        ".hidden",    "..",         "a b",       "a:b",
        "a\nb",       "a,b",        "%wheel",    "#0",
        "ada@demo",   "a/b",        "\xc3\xa4",  "abcdefghijklmnopqrstuvwxyzabcdefg"})
    CHECK_FALSE_MESSAGE(is_user_name(name), name);
}
