// The layout of the hub's data directory.
#include "common/data_directory.hpp"

#include "common/json.hpp"
#include "support/files.hpp"
#include "support/json.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_status = 64 << 10;

// What the hub that ran last wrote.
std::optional<rapidjson::Document> read_status(const DataDirectory& data) {
  const auto text = support::read_file(data.status(), max_status);
  return text ? parse_object(*text) : std::nullopt;
}

}  // namespace

DataDirectory open_data_directory(const std::filesystem::path& root) {
  DataDirectory data{std::filesystem::absolute(root).lexically_normal()};
  support::create_directories(data.root, 0700);
  support::create_directories(data.log().parent_path(), 0700);
  return data;
}

std::optional<std::string> last_url(const DataDirectory& data) {
  const auto status = read_status(data);
  return status ? support::find_string(*status, "url") : std::nullopt;
}

bool has_given_certificate(const DataDirectory& data) {
  const auto status = read_status(data);
  return status && !support::find_string(*status, "ca");
}

}  // namespace jetpack::hub
