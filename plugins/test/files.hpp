// The test files of a spec.
#pragma once

#include <string>
#include <vector>

namespace jetpack::test {

enum class Kind { python, program };

struct TestFile {
  std::string name;  // below the directory, "gpu/test_cards.py"
  Kind kind = Kind::program;
  std::vector<std::string> argv;  // of a program
  std::string problem;            // why it cannot be run
};

// All below the directory by name: NAME.py that may have tests, NAME.sh, and executables that begin
// with #! or are programs. Hidden files, backups (NAME~) and linked directories are left out; none
// when the directory does not exist. Throws Errc::denied or failed.
std::vector<TestFile> find_tests(const std::string& directory);

}  // namespace jetpack::test
