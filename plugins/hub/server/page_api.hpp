// The cluster page's endpoints, /api/...
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/request.hpp"
#include "store/condition_table.hpp"
#include "store/database.hpp"
#include "store/message_table.hpp"
#include "store/node_table.hpp"
#include "store/target_table.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

struct Scene;

// The checked query of such an endpoint, with defaults for what is not given; a name that is not
// known, an invalid value or a repeated name is Errc::usage.
struct Query {
  std::string cluster;  // "": all that the account may see
  std::string node;
  std::string type;
  std::string after_name;
  Priority least = Priority::medium;
  bool with_properties = false;
  bool has_limit = false;
  int64_t hours = 24;
  EventFilter filter;
  std::vector<std::string> properties;  // the keys of those to include
  Range range;
  Account reader;  // who asks: not everybody sees all that a node has
};
Query parse_query(const Parameters& parameters);

// The query, within what the account may see. Throws an HttpError beyond that.
Query visible_query(const Account& account, const Parameters& parameters);

// Responds to GET /api/NAME, except the stream.
Response page_api_response(const Scene& scene, const Request& request);

// The most that a response lists.
inline constexpr int64_t max_listed = 10'000;

// The parts of responses, as JSON objects.
void write_event(support::JsonWriter& writer, const Event& event);
std::string event_json(const Event& event);
std::string change_json(const Change& change);
std::string events_json(const Page<Event>& events);
std::string error_json(std::string_view text);
std::string error_json(std::string_view text, size_t message_index);

}  // namespace jetpack::hub
