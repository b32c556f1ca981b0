// Indexes: signed lists of bundles, for `plugin search`, `install NAME` and `update`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bundles/bundle_manifest.hpp"

namespace jetpack::bundles {

// A bundle that an index offers.
struct Offer {
  std::string id, version, summary;
  std::vector<std::string> platforms;  // empty: any
  std::vector<std::string> commands;
  std::string location;  // as `plugin install` takes it
  std::string sha256;    // of the bundle's file
  uint64_t size = 0;

  bool is_for_this_machine() const;
};

// The form: {"schema":1,"bundles":[{"id","version","summary","platforms","commands","url","sha256",
// "size"}]}. A relative url begins where the index is. Throws Refusal; `location` is the index's.
std::vector<Offer> parse_index(std::string_view text, const std::string& location);

// The index of bundle files that lie beside it.
std::string index_of(const std::vector<std::string>& files);

// The newest of the offers for this machine with this id, and of this version unless that is empty.
const Offer* newest(const std::vector<Offer>& offers, std::string_view id,
                    std::string_view version);

// Where the indexes are: [index] urls of HOME/config/plugins.ini. Throws Error.
std::vector<std::string> index_locations(const std::string& home);

}  // namespace jetpack::bundles
