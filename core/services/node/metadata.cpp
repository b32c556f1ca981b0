// The cloud's metadata service, which answers on the node's own link, so never through a proxy.
#include "services/node/metadata.hpp"

#include "support/settings.hpp"
#include "support/url.hpp"

namespace jetpack::node {

std::string metadata_url(const ModuleHost& host) {
  constexpr std::string_view key = "cyclecloud.jetpack.metadata_url";
  const std::string fallback(support::setting(key).fallback);
  return support::parse_url(host.setting(key).value_or(fallback),
                            "the address in the configuration key " + std::string(key))
      .text();
}

}  // namespace jetpack::node
