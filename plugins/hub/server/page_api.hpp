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

namespace jetpack::hub {

// The query of such an address, checked: what is not given has its default; a name that is not
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
  Range range;
};
Query parse_query(const Parameters& parameters);

// The query, within what the account may see. Throws a HttpError beyond that.
Query visible_query(const Account& account, const Parameters& parameters);

// Answers GET /api/NAME, but for the stream.
Response page_api_response(Database& database, const Request& request);

// The parts of answers, as JSON objects.
std::string event_json(const Event& event);
std::string change_json(const Change& change);
std::string events_json(const Page<Event>& events);
std::string error_json(std::string_view text);
std::string error_json(std::string_view text, size_t message_index);

}  // namespace jetpack::hub
