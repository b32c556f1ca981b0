// Requests to the hub and its answers, independent of HTTP.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/account_table.hpp"

namespace jetpack::hub {

using Parameters = std::vector<std::pair<std::string, std::string>>;

// What an account may do at an address, and to what: nothing, something to its own node, to its own
// cluster, or to everything.
enum class Reach { none, self, cluster, all };

struct Request {
  Account account;
  Reach reach = Reach::none;  // as the table of routes has it for this account
  std::string method;
  std::string path;                // decoded
  std::vector<std::string> names;  // what the placeholders of the route stand for
  Parameters query;                // decoded
  std::string body;                // of a POST
  std::string key;                 // of the header Idempotency-Key, or ""
  std::string agent;               // of the header User-Agent
};

struct Response {
  int status = 200;
  std::string json;  // "" for 304
  const char* type = "application/json";
  std::string location = {};  // the path of the operation that was begun, or ""
};

// An error response with an HTTP status and a message. `allow`: the methods, for
// status 405.
class HttpError : public std::runtime_error {
 public:
  HttpError(int status, const std::string& text, std::string allow = {})
      : std::runtime_error(text), status_(status), allow_(std::move(allow)) {}
  int status() const noexcept { return status_; }
  const std::string& allow() const noexcept { return allow_; }

 private:
  int status_;
  std::string allow_;
};

// Throws an HttpError unless the account may see the cluster.
void require_sight(const Account& account, const std::string& cluster);

// Whether the account may see what a node of a cluster that it sees was configured with, which may
// hold secrets; and what the node reports of itself alone.
bool sees_configuration(const Account& account, std::string_view node);
bool sees_properties(const Account& account, std::string_view node);

// The parameter's value, or "".
std::string parameter(const Parameters& query, std::string_view name);

}  // namespace jetpack::hub
