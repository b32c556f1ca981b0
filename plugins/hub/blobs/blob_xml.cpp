// The XML documents that the blob store responds with.
#include "blobs/blob_xml.hpp"

#include "support/times.hpp"

namespace jetpack::hub {

namespace {

constexpr std::string_view declaration = R"(<?xml version="1.0" encoding="utf-8"?>)";

std::string xml_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string element(const char* name, std::string_view text) {
  return std::string("<") + name + ">" + xml_text(text) + "</" + name + ">";
}

}  // namespace

std::string blob_entry_xml(const ListedBlob& blob) {
  if (!blob.properties) return "<BlobPrefix>" + element("Name", blob.name) + "</BlobPrefix>";
  const BlobProperties& known = *blob.properties;
  return "<Blob>" + element("Name", blob.name) + "<Properties>" +
         element("Last-Modified",
                 support::http_date(support::from_unix_ms(known.modified * 1000))) +
         element("Etag", known.etag.substr(1, known.etag.size() - 2)) +
         element("Content-Length", std::to_string(known.bytes)) +
         element("Content-Type", known.header("content-type")) +
         element("Content-Encoding", known.header("content-encoding")) +
         element("Content-Language", known.header("content-language")) +
         element("Content-MD5", known.header("content-md5")) +
         element("Cache-Control", known.header("cache-control")) +
         element("BlobType", "BlockBlob") + "</Properties></Blob>";
}

std::string listing_xml(const ListingQuery& query, std::string_view entries,
                        std::string_view next) {
  std::string xml(declaration);
  xml += "<EnumerationResults ContainerName=\"" + xml_text(query.container) + "\">" +
         element("Prefix", query.prefix) + element("Marker", query.marker) +
         element("MaxResults", std::to_string(query.max_results));
  if (!query.delimiter.empty()) xml += element("Delimiter", query.delimiter);
  return xml.append("<Blobs>").append(entries).append("</Blobs>") + element("NextMarker", next) +
         "</EnumerationResults>";
}

std::string error_xml(std::string_view code, std::string_view message) {
  return std::string(declaration) + "<Error>" + element("Code", code) +
         element("Message", message) + "</Error>";
}

}  // namespace jetpack::hub
