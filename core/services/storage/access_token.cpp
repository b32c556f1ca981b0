// Tokens of this machine's managed identity.
#include "services/storage/access_token.hpp"

#include <algorithm>
#include <charconv>

#include <jetpack/error.hpp>
#include "services/http/status.hpp"
#include "services/node/metadata.hpp"
#include "support/json.hpp"

namespace jetpack::storage {

namespace {

constexpr uint64_t most_answer = 64 << 10;
constexpr size_t longest_words = 200;
constexpr std::chrono::seconds token_timeout{15};
// A token that ends sooner is as good as ended.
constexpr int64_t token_margin = 120;

// A member that is a number, or text that is one, as the metadata service writes it.
int64_t seconds_in(const rapidjson::Value& answer, const char* name) {
  const auto* member = support::find_member(answer, name);
  if (member == nullptr) return 0;
  if (member->IsInt64()) return member->GetInt64();
  int64_t value = 0;
  if (support::is_string(*member))
    std::from_chars(member->GetString(), member->GetString() + member->GetStringLength(), value);
  return value;
}

// What the service says about a refusal: "; it says: Identity not found". One line of plain text.
std::string description_in(const std::string& body) {
  try {
    const support::Json answer = support::Json::parse(body, "the refusal");
    const std::string text = support::find_string(answer.root(), "error_description").value_or("");
    std::string shown;
    for (const char c : std::string_view(text).substr(0, longest_words))
      shown += c >= ' ' && c < '\x7f' ? c : ' ';
    return shown.empty() ? shown : " and says: " + shown;
  } catch (const Error&) {
    return {};
  }
}

bool is_plain_token(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

http::Response AccessTokens::ask(http::Client& client, const std::string& identity) const {
  http::Settings settings;
  settings.stall = token_timeout;
  settings.longest = token_timeout;
  http::Request request;
  request.url = metadata_url_ +
                "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2F"
                "storage.azure.com%2F" +
                (identity.empty() ? "" : '&' + identity);
  request.headers = {{node::metadata_header, "true"}};
  http::Response reply = client.perform(settings, request, most_answer);
  // By its documentation it may answer 404 and 410 for a while, too.
  if (http::is_retryable(reply.status) || reply.status == 404 || reply.status == 410)
    throw http::Retryable("the metadata service at " + metadata_url_ + " answered " +
                          std::to_string(reply.status) + " to the request for a token");
  if (reply.status != 200)
    throw Error(Errc::denied, "the metadata service at " + metadata_url_ + " gives no token for " +
                                  (identity.empty() ? "the identity of this machine" : identity) +
                                  ": it answered " + std::to_string(reply.status) +
                                  description_in(reply.body) +
                                  "; assign the identity to the machine, or describe the locker "
                                  "with another credential");
  return reply;
}

std::string AccessTokens::get(http::Client& client, http::Halt& halt, const std::string& identity) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (!token_.empty() && identity_ == identity && now < ends_) return token_;
  const http::Response reply =
      http::with_retries(tries_, halt, [&] { return ask(client, identity); });
  std::optional<std::string> token;
  int64_t lifetime = 0;
  try {
    const support::Json answer = support::Json::parse(reply.body, "the token");
    token = support::find_string(answer.root(), "access_token");
    lifetime = seconds_in(answer.root(), "expires_in");
  } catch (const Error&) {
    // What is wrong with it must not be shown: it may hold the token.
  }
  if (!token || !is_plain_token(*token))
    throw Error(Errc::corrupt, "the metadata service at " + metadata_url_ +
                                   " answered 200 without a token; is it the real one?");
  identity_ = identity;
  token_ = *token;
  ends_ = now + std::chrono::seconds{std::clamp<int64_t>(lifetime, 0, 86400) - token_margin};
  return token_;
}

void AccessTokens::drop(const std::string& token) {
  const std::lock_guard lock(mutex_);
  if (token_ == token) token_.clear();
}

}  // namespace jetpack::storage
