// The layout of the hub's data directory.
#include "common/data_directory.hpp"

#include "common/files.hpp"
#include "common/json.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_status = 64 << 10;

}  // namespace

DataDirectory open_data_directory(const std::filesystem::path& root) {
  DataDirectory data{std::filesystem::absolute(root).lexically_normal()};
  make_folder(data.root, 0700);
  make_folder(data.log().parent_path(), 0700);
  return data;
}

std::optional<std::string> last_url(const DataDirectory& data) {
  const auto text = read_file(data.status(), max_status);
  if (!text) return std::nullopt;
  const rapidjson::Document status = parse_json(*text);
  if (status.HasParseError() || !status.IsObject()) return std::nullopt;
  const auto* url = find_member(status, "url");
  if (url == nullptr || !url->IsString()) return std::nullopt;
  return std::string(text_of(*url));
}

}  // namespace jetpack::hub
