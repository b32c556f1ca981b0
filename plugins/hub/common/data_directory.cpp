// The layout of the hub's data directory.
#include "common/data_directory.hpp"

#include "common/json.hpp"
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
  const auto status = parse_object(*text);
  if (!status) return std::nullopt;
  return support::find_string(*status, "url");
}

}  // namespace jetpack::hub
