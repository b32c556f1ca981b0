// Who sent a request: by HTTP Basic, by a monitor's token, or by the session that began on the sign-in page.
#include "server/sessions.hpp"

#include <algorithm>

#include <Poco/Exception.h>
#include <Poco/Net/HTTPBasicCredentials.h>
#include <Poco/String.h>

#include "common/json.hpp"
#include "common/passwords.hpp"
#include "common/text.hpp"
#include "server/request.hpp"
#include "store/session_table.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t session_seconds = 12LL * 3600;

std::string cookie_of(const std::string& token, int64_t seconds) {
  return std::string(session_cookie) + "=" + token +
         "; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(seconds);
}

}  // namespace

std::string cookie_in(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const size_t end = std::min(header.find(';'), header.size());
    const std::string_view pair = support::trimmed(header.substr(0, end));
    header.remove_prefix(std::min(end + 1, header.size()));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      return std::string(pair.substr(name.size() + 1));
  }
  return {};
}

void Sessions::check_credentials(const Poco::Net::HTTPServerRequest& request, Sender& sender) {
  std::string scheme, given, password;
  request.getCredentials(scheme, given);
  const bool is_token = Poco::icompare(scheme, "Bearer") == 0;
  if (is_token) {
    const size_t dot = std::min(given.rfind('.'), given.size());
    sender.name = given.substr(0, dot);
    password = given.substr(std::min(dot + 1, given.size()));
  } else {
    const Poco::Net::HTTPBasicCredentials credentials(request);
    sender.name = credentials.getUsername();
    password = credentials.getPassword();
  }
  sender.account = accounts_.authenticate(sender.name, password);
  if (sender.account && (sender.account->role == Role::monitor) != is_token) sender.account.reset();
}

Sender Sessions::identify(const Poco::Net::HTTPServerRequest& request) {
  Sender sender;
  if (request.hasCredentials()) {
    try {
      check_credentials(request, sender);
    } catch (const Poco::Exception&) {
      // Neither Basic nor Bearer, or not base64: treated as no credentials.
      sender.account.reset();
    }
    return sender;
  }
  sender.token = cookie_in(request.get("Cookie", ""), session_cookie);
  if (sender.token.empty()) return sender;
  sender.account = database_.read("looking up a session", [&](SqlSession& session) {
    return find_session(session, sender.token, now_ms());
  });
  return sender;
}

bool Sessions::is_still(const Sender& sender) {
  return database_.read("looking up an account", [&](SqlSession& session) {
    const auto now = sender.token.empty() ? find_account(session, sender.account->id)
                                          : find_session(session, sender.token, now_ms());
    return now && now->id == sender.account->id && now->password == sender.account->password &&
           now->role == sender.account->role;
  });
}

std::string Sessions::sign_in(const std::string& body) {
  const auto given = parse_object(body);
  const auto name = given ? support::find_string(*given, "name") : std::nullopt;
  const auto password = given ? support::find_string(*given, "password") : std::nullopt;
  if (!name || !password)
    throw HttpError(400, "the body must be {\"name\": TEXT, \"password\": TEXT}");
  const auto account = accounts_.authenticate(*name, *password);
  if (!account) throw HttpError(401, "wrong user name or password");
  if (account->role == Role::node || account->role == Role::monitor)
    throw HttpError(403,
                    "the account of a node or a monitor cannot sign in; create one with "
                    "'jetpack hub admin'");
  const std::string token = random_password();
  const int64_t now = now_ms();
  database_.write("beginning a session", [&](Transaction& transaction) {
    put_session(transaction.session(), token, *account, now + session_seconds * 1000, now);
  });
  return cookie_of(token, session_seconds);
}

std::string Sessions::sign_out(const Poco::Net::HTTPServerRequest& request) {
  const std::string token = cookie_in(request.get("Cookie", ""), session_cookie);
  if (!token.empty())
    database_.write("ending a session", [&](Transaction& transaction) {
      remove_session(transaction.session(), token);
    });
  return cookie_of("", 0);
}

}  // namespace jetpack::hub
