// Why a plugin was refused before any instruction of it ran. The process ends with 126.
#pragma once

#include <stdexcept>

namespace jetpack {

class Refusal : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace jetpack
