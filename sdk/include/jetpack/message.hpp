// jetpack/message.hpp: a message to the cluster: its type and its data.
#pragma once

#include <string>

namespace jetpack {

// Made by hand, or by messages.hpp. `data` is a JSON object of at most 1 MiB.
struct Message {
  std::string type;
  std::string data;
};

}  // namespace jetpack
