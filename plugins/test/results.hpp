// What a run of tests has shown, for people and programs.
#pragma once

#include <string>
#include <vector>

#include "test/runner.hpp"

namespace jetpack::test {

struct Results {
  std::vector<Result> all;
  std::chrono::milliseconds elapsed{0};

  size_t passed() const;
  size_t failed() const;
  size_t skipped() const;
};

// One line, and what it printed when it failed.
std::string as_text(const Result& result);
// "3 passed, 1 failed in 4.2 s"
std::string summary(const Results& results);
std::string as_json(const Results& results);
// A suite for each spec, a case for each file.
std::string as_junit(const Results& results);

}  // namespace jetpack::test
