// The id under which a node requests its configuration.
#include "store/userdata_id.hpp"

#include <algorithm>

#include "support/sha256.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t id_digits = 32;

bool is_hex_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

std::string userdata_id(std::string_view cluster, std::string_view node,
                        std::string_view instance_id) {
  std::string id;
  for (const char c : instance_id)
    if (c != '-') id += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  if (id.size() == id_digits && std::all_of(id.begin(), id.end(), is_hex_digit)) return id;
  return support::sha256_hex(std::string(cluster) + "/" + std::string(node)).substr(0, id_digits);
}

}  // namespace jetpack::hub
