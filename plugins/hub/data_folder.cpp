// data_folder.cpp: see data_folder.hpp.
#include "data_folder.hpp"

#include "files.hpp"
#include "json.hpp"

namespace hub {

namespace {

constexpr size_t max_status = 64U << 10U;

}  // namespace

DataFolder open_data_folder(const std::filesystem::path& root) {
  DataFolder data{std::filesystem::absolute(root).lexically_normal()};
  make_folder(data.root, 0700);
  make_folder(data.log().parent_path(), 0700);
  return data;
}

std::optional<std::string> last_url(const DataFolder& data) {
  const auto text = read_file(data.status(), max_status);
  if (!text) return std::nullopt;
  const rapidjson::Document status = parse_json(*text);
  if (status.HasParseError() || !status.IsObject()) return std::nullopt;
  const auto* url = find_member(status, "url");
  if (url == nullptr || !url->IsString()) return std::nullopt;
  return std::string(text_of(*url));
}

}  // namespace hub
