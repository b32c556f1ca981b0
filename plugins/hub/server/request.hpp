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

struct Request {
  Account account;
  std::string method;
  std::string path;   // decoded
  Parameters query;   // decoded
  std::string body;   // of a POST
  std::string key;    // of the header Idempotency-Key, or ""
  std::string agent;  // of the header User-Agent
  std::string where;  // the hub's own address, for links: "https://head:9443"
};

struct Response {
  int status = 200;
  std::string json;  // "" for 304
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

// Throws an HttpError unless the method is `method`, or HEAD in place of GET.
void require_method(const std::string& method, const std::string& wanted);

// Throws an HttpError unless the account may see the cluster.
void require_sight(const Account& account, const std::string& cluster);

// The parameter's value, or "".
std::string parameter(const Parameters& query, std::string_view name);

}  // namespace jetpack::hub
