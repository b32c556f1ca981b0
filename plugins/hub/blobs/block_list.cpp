// Parses the body of Put Block List. The form is so small, and base64 so harmless, that
// it needs no XML library: anything but exactly this form is rejected.
#include "blobs/block_list.hpp"

#include "blobs/blob_error.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_blocks = 50'000;  // of a blob, as Azure's

[[noreturn]] void malformed() {
  throw BlobError(400, "InvalidXmlDocument",
                  "invalid body: expected a <BlockList> of <Latest> or <Uncommitted> block ids");
}

void skip_space(std::string_view& xml) {
  const size_t at = xml.find_first_not_of(" \t\r\n");
  xml.remove_prefix(at == std::string_view::npos ? xml.size() : at);
}

bool take(std::string_view& xml, std::string_view text) {
  if (!xml.starts_with(text)) return false;
  xml.remove_prefix(text.size());
  return true;
}

std::string_view take_until(std::string_view& xml, std::string_view end) {
  const size_t at = xml.find(end);
  if (at == std::string_view::npos) malformed();
  const std::string_view before = xml.substr(0, at);
  xml.remove_prefix(at + end.size());
  return before;
}

std::string take_block(std::string_view& xml) {
  for (const std::string_view name : {"Latest", "Uncommitted"}) {
    std::string_view rest = xml;
    if (!take(rest, "<") || !take(rest, name) || !take(rest, ">")) continue;
    std::string id(take_until(rest, "</"));
    if (!take(rest, name) || !take(rest, ">")) malformed();
    xml = rest;
    return id;
  }
  if (take(xml, "<Committed>"))
    throw BlobError(400, "InvalidBlockList",
                    "blocks of a committed blob are not stored; put them again");
  malformed();
}

}  // namespace

std::vector<std::string> parse_block_list(std::string_view xml) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  take(xml, byte_order_mark);
  skip_space(xml);
  if (take(xml, "<?xml")) take_until(xml, "?>");
  skip_space(xml);
  std::vector<std::string> ids;
  if (take(xml, "<BlockList/>") || take(xml, "<BlockList />")) {
    skip_space(xml);
    if (!xml.empty()) malformed();
    return ids;
  }
  if (!take(xml, "<BlockList>")) malformed();
  for (skip_space(xml); !take(xml, "</BlockList>"); skip_space(xml)) {
    ids.push_back(take_block(xml));
    if (ids.size() > max_blocks)
      throw BlobError(400, "BlockListTooLong", "the list exceeds the limit of 50,000 blocks");
  }
  skip_space(xml);
  if (!xml.empty()) malformed();
  return ids;
}

}  // namespace jetpack::hub
