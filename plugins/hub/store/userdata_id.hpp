// The id under which a node requests its configuration.
#pragma once

#include <string>
#include <string_view>

namespace jetpack::hub {

// 32 hexadecimal digits: the instance id's when it has so many, dashes aside; else of the node's
// names. The agent computes it in the same way.
std::string userdata_id(std::string_view cluster, std::string_view node,
                        std::string_view instance_id);

}  // namespace jetpack::hub
