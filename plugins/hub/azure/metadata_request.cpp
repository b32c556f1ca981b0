// Parses requests to the simulated metadata service, and refuses those that Azure's refuses.
#include "azure/metadata_request.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <Poco/Exception.h>
#include <Poco/String.h>
#include <Poco/URI.h>

#include "support/json_writer.hpp"

namespace jetpack::hub {

namespace {

constexpr std::string_view service_path = "/metadata";

// Those that Microsoft's documents list, of all parts of the service.
constexpr std::array<std::string_view, 25> known_versions{
    "2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-11-01",
    "2017-12-01", "2018-02-01", "2018-04-02", "2018-10-01", "2019-01-01",
    "2019-02-01", "2019-03-11", "2019-04-01", "2019-04-30", "2019-06-01",
    "2019-06-04", "2019-08-01", "2019-08-15", "2019-11-01", "2020-06-01",
    "2020-07-01", "2020-09-01", "2020-10-01", "2020-12-01", "2021-02-01"};

std::string decoded_path(const Poco::URI& uri) {
  std::string path = uri.getPath();
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

// "/NODE/metadata/instance", "/CLUSTER/NODE/metadata/instance" or "/metadata/instance".
void read_path(const std::string& path, MetadataRequest& request) {
  const size_t at = (path + '/').find(std::string(service_path) + '/');
  if (at == std::string::npos) throw MetadataError(404, metadata_error("Not found"));
  request.path = path.substr(at + service_path.size());
  std::vector<std::string> names;
  for (size_t begin = 1; begin < at; begin += names.back().size() + 1)
    names.push_back(path.substr(begin, std::min(path.find('/', begin), at) - begin));
  if (names.size() > 2) throw MetadataError(404, metadata_error("Not found"));
  if (!names.empty()) request.node = names.back();
  if (names.size() == 2) request.cluster = names.front();
}

}  // namespace

std::string metadata_error(std::string_view text) {
  return support::json_object([&](support::Object& object) { object.text("error", text); });
}

std::string MetadataRequest::parameter(const char* name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string() : found->second;
}

MetadataRequest read_metadata_request(const Poco::Net::HTTPServerRequest& asked) {
  MetadataRequest request;
  request.method = asked.getMethod();
  if (Poco::icompare(asked.get("Metadata", ""), "true") != 0)
    throw MetadataError(400, metadata_error("Bad request. Required metadata header not specified"));
  if (asked.has("X-Forwarded-For"))
    throw MetadataError(400, metadata_error("Bad request. X-Forwarded-For header not allowed"));
  try {
    const Poco::URI uri(asked.getURI());
    read_path(decoded_path(uri), request);
    for (const auto& parameter : uri.getQueryParameters())
      if (!request.query.emplace(Poco::toLower(parameter.first), parameter.second).second)
        throw MetadataError(400, metadata_error("Bad request. Duplicate query parameter"));
  } catch (const Poco::Exception&) {
    throw MetadataError(400, metadata_error("Bad request. Malformed URL"));
  }
  return request;
}

void check_api_version(const MetadataRequest& request) {
  const std::string version = request.parameter("api-version");
  if (std::find(known_versions.begin(), known_versions.end(), version) != known_versions.end())
    return;
  constexpr size_t shown = 3;
  const std::vector<std::string_view> newest(known_versions.rbegin(),
                                             known_versions.rbegin() + shown);
  throw MetadataError(
      400, support::json_object([&](support::Object& object) {
        object
            .text("error",
                  "Bad request. api-version is invalid or was not specified in the request. For "
                  "more information refer to aka.ms/azureimds")
            .texts("newest-versions", newest);
      }));
}

std::string api_versions() {
  return support::json_object(
      [](support::Object& object) { object.texts("apiVersions", known_versions); });
}

}  // namespace jetpack::hub
