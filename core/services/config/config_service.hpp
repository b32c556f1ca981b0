// jetpack.config/1.
#pragma once

#include <jetpack/abi.h>
#include "services/config/home.hpp"

namespace jetpack {

class ConfigService {
 public:
  explicit ConfigService(const Home& home);

  const jp_config& table() const { return table_; }

 private:
  jp_config table_;
};

}  // namespace jetpack
