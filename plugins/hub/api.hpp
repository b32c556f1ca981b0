// api.hpp: what the hub's reading addresses take and give, apart from HTTP.
#pragma once

#include "store.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub {

using Parameters = std::vector<std::pair<std::string, std::string>>;

// The query of a reading address, checked: what is not given has its default; a name that is not
// known, a value that makes no sense, a name given twice are Errc::usage.
struct Query {
  std::string cluster;  // "": all that the account may see
  std::string type;
  Priority least = Priority::medium;
  bool with_properties = false;
  Range range;
};
Query parse_query(const Parameters& parameters);

// The answers, as JSON objects.
std::string events_json(const Page<Event>& events);
std::string messages_json(const Page<StoredMessage>& messages);
std::string nodes_json(const std::vector<Node>& nodes, bool with_properties);
std::string clusters_json(const std::vector<Cluster>& clusters);
std::string event_json(const Event& event);
std::string error_json(std::string_view text);
std::string error_json(std::string_view text, size_t message_index);

}  // namespace hub
