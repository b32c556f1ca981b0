// Parses requests to the simulated metadata service, and refuses those that Azure's refuses.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include <Poco/Net/HTTPServerRequest.h>

namespace jetpack::hub {

// A response that is not 200: its status and its body.
class MetadataError : public std::runtime_error {
 public:
  MetadataError(int status, const std::string& json) : std::runtime_error(json), status_(status) {}
  int status() const noexcept { return status_; }

 private:
  int status_;
};

// The body of an error: {"error": `text`}.
std::string metadata_error(std::string_view text);

struct MetadataRequest {
  std::string method;
  std::string cluster, node;  // from the path before /metadata; "" where it has none
  std::string path;           // "/instance/compute": after /metadata, without a final '/'
  std::map<std::string, std::string> query;  // names in lower case

  std::string parameter(const char* name) const;
};

// Throws a MetadataError for a malformed request and for one without the header Metadata or with
// X-Forwarded-For.
MetadataRequest read_metadata_request(const Poco::Net::HTTPServerRequest& asked);

// Checks the parameter api-version. Throws a MetadataError with the newest versions.
void check_api_version(const MetadataRequest& request);

// {"apiVersions": [...]}
std::string api_versions();

}  // namespace jetpack::hub
