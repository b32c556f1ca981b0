// Who sent a request: by HTTP Basic, by a monitor's token, or by the session that began on the sign-in page.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <Poco/Net/HTTPServerRequest.h>

#include "server/accounts.hpp"

namespace jetpack::hub {

// The cookie of a session. Its prefix makes browsers insist that this host alone sets it, by https.
inline constexpr const char* session_cookie = "__Host-jetpack-session";

struct Sender {
  std::optional<Account> account;
  std::string name;   // that was given with a wrong password, or of a wrong name; "": none
  std::string token;  // of the session, when that says who it is
};

class Sessions {
 public:
  Sessions(Database& database, Accounts& accounts) : database_(database), accounts_(accounts) {}

  // Credentials in the header Authorization come before a cookie. "Bearer NAME.PASSWORD" is a
  // monitor, and a monitor is nothing else.
  Sender identify(const Poco::Net::HTTPServerRequest& request);

  // Whether a request that takes long may go on: the account is as it was, the session has not
  // ended.
  bool is_still(const Sender& sender);

  // Begins a session for {"name", "password"}: the value of the header Set-Cookie. Throws HttpError
  // 400, 401 for wrong ones, 403 for a node's account and a monitor's.
  std::string sign_in(const std::string& body);
  // The same of a session that has ended.
  std::string sign_out(const Poco::Net::HTTPServerRequest& request);

 private:
  void check_credentials(const Poco::Net::HTTPServerRequest& request, Sender& sender);

  Database& database_;
  Accounts& accounts_;
};

// The value of a cookie in the header Cookie; "" when it is not there.
std::string cookie_in(std::string_view header, std::string_view name);

}  // namespace jetpack::hub
