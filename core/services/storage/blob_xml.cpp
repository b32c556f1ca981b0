// What Azure Storage answers in XML.
#include "services/storage/blob_xml.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <pugixml.hpp>

#include <jetpack/error.hpp>
#include "services/storage/md5.hpp"
#include "support/encoding.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/times.hpp"
#include "support/utf8.hpp"

namespace jetpack::storage {

namespace {

// Without the features of XML that are not needed here: no doctype, no instructions, no entities
// but the five of XML itself.
constexpr unsigned xml_flags = pugi::parse_escapes | pugi::parse_eol | pugi::parse_ws_pcdata_single;

// Each element costs memory, however short it is. A page has 1000 blobs, each with up to some
// hundred elements.
constexpr auto most_tags = 400'000;

void load_xml(pugi::xml_document& document, std::string_view xml, const char* root) {
  if (std::count(xml.begin(), xml.end(), '<') > most_tags)
    throw Error(Errc::corrupt, "the locker's answer has too many XML elements");
  const auto result = document.load_buffer(xml.data(), xml.size(), xml_flags, pugi::encoding_utf8);
  if (!result)
    throw Error(Errc::corrupt, std::string("the locker's answer is not XML: ") +
                                   result.description() + " at byte " +
                                   std::to_string(result.offset));
  if (!document.child(root))
    throw Error(Errc::corrupt, std::string("the locker's answer is XML, but no <") + root + ">");
}

std::string name_of(const pugi::xml_node& node) {
  std::string name = node.text().get();
  if (std::strcmp(node.attribute("Encoded").value(), "true") == 0)
    name = support::percent_decoded_leniently(name);
  // Whatever the text says, it goes into JSON.
  if (name.empty() || !support::is_utf8(name))
    throw Error(Errc::corrupt, "the locker's listing has a blob whose name is empty or not UTF-8");
  return name;
}

uint64_t number_of(const char* text) {
  uint64_t value = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, failure] = std::from_chars(text, end, value);
  if (failure != std::errc{} || stop != end)
    throw Error(Errc::corrupt, "the locker's listing has a blob without a length");
  return value;
}

std::string utf8_or_nothing(const std::string& text) {
  return support::is_utf8(text) ? text : std::string();
}

// A listing leaves out the quotes that a header has.
std::string quoted_etag(const std::string& etag) {
  return etag.empty() || etag.ends_with('"') ? etag : '"' + etag + '"';
}

// Hierarchical accounts list their directories as blobs; Hadoop marks its own by metadata, whose
// names come in any case.
bool is_directory(const pugi::xml_node& blob) {
  if (std::strcmp(blob.child("Properties").child_value("ResourceType"), "directory") == 0)
    return true;
  const auto metadata = blob.child("Metadata").children();
  return std::any_of(metadata.begin(), metadata.end(), [](const pugi::xml_node& item) {
    return support::lower_case(item.name()) == "hdi_isfolder" &&
           support::lower_case(item.child_value()) == "true";
  });
}

}  // namespace

BlobPage parse_page(std::string_view xml) {
  pugi::xml_document document;
  load_xml(document, xml, "EnumerationResults");
  const auto results = document.child("EnumerationResults");
  BlobPage page;
  for (const auto& node : results.child("Blobs").children("Blob")) {
    const auto properties = node.child("Properties");
    BlobInfo blob;
    blob.name = name_of(node.child("Name"));
    blob.bytes = number_of(properties.child_value("Content-Length"));
    blob.modified = iso_of_http_date(properties.child_value("Last-Modified"));
    blob.etag = quoted_etag(utf8_or_nothing(properties.child_value("Etag")));
    blob.md5 = hex_of_content_md5(properties.child_value("Content-MD5"));
    blob.is_directory = is_directory(node);
    page.blobs.push_back(std::move(blob));
  }
  page.next = results.child_value("NextMarker");
  return page;
}

DelegationKey parse_delegation_key(std::string_view xml) {
  pugi::xml_document document;
  load_xml(document, xml, "UserDelegationKey");
  const auto node = document.child("UserDelegationKey");
  DelegationKey key{node.child_value("SignedOid"),
                    node.child_value("SignedTid"),
                    node.child_value("SignedStart"),
                    node.child_value("SignedExpiry"),
                    node.child_value("SignedService"),
                    node.child_value("SignedVersion"),
                    support::base64_decoded(node.child_value("Value")).value_or("")};
  if (key.value.empty() || key.object_id.empty() || !support::parse_iso_8601(key.expires))
    throw Error(Errc::corrupt, "the locker answered with an incomplete delegation key");
  return key;
}

std::string iso_of_http_date(std::string_view date) {
  const auto time = support::parse_http_date(date);
  return time ? support::iso_8601_seconds(*time) : std::string();
}

std::string hex_of_content_md5(std::string_view base64_text) {
  const auto bytes = support::base64_decoded(base64_text);
  Md5Digest digest{};
  if (!bytes || bytes->size() != digest.size()) return {};
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return support::hex(digest);
}

std::string json_line(const BlobInfo& blob) {
  rapidjson::StringBuffer buffer;
  support::JsonWriter writer(buffer);
  const auto member = [&](const char* name, const std::string& value) {
    const std::string text = utf8_or_nothing(value);
    writer.Key(name);
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  };
  writer.StartObject();
  member("name", blob.name);
  writer.Key("bytes");
  writer.Uint64(blob.bytes);
  member("modified", blob.modified);
  member("etag", blob.etag);
  if (!blob.md5.empty()) member("md5", blob.md5);
  if (!blob.url.empty()) member("url", blob.url);
  if (blob.is_directory) {
    writer.Key("directory");
    writer.Bool(true);
  }
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

BlobInfo parse_json_line(std::string_view line) {
  try {
    const support::Json json = support::Json::parse(line, "the description of a blob");
    BlobInfo blob;
    blob.name = support::text_or(json.root(), "name", "");
    blob.bytes = support::number_or(json.root(), "bytes", 0);
    blob.modified = support::text_or(json.root(), "modified", "");
    blob.etag = support::text_or(json.root(), "etag", "");
    blob.md5 = support::text_or(json.root(), "md5", "");
    return blob;
  } catch (const Error& e) {
    throw Error(Errc::usage, e.what());
  }
}

}  // namespace jetpack::storage
