// The layout of the hub's data directory.
#include "common/data_directory.hpp"

#include "support/files.hpp"
#include "support/json.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_status = 64 << 10;

}  // namespace

DataDirectory open_data_directory(const std::filesystem::path& root) {
  DataDirectory data{std::filesystem::absolute(root).lexically_normal()};
  support::create_directories(data.root, 0700);
  support::create_directories(data.log().parent_path(), 0700);
  return data;
}

std::optional<std::string> last_url(const DataDirectory& data) {
  const auto text = support::read_file(data.status(), max_status);
  if (!text) return std::nullopt;
  try {
    return support::find_string(support::parse_json(*text, data.status()), "url");
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace jetpack::hub
