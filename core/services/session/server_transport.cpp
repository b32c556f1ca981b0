// Sends messages and letters to the cluster's server over HTTP, and says what its responses mean.
#include "services/session/server_transport.hpp"

#include <algorithm>

#include <jetpack/boundary.hpp>
#include "services/session/envelope.hpp"
#include "support/json.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::session {

namespace {

using std::chrono::milliseconds;

constexpr uint64_t max_answer = 64 << 10;
constexpr size_t max_words = 200;

std::string whole_seconds(milliseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) + " s";
}

// "the server at URL answered 503 (overloaded)"
std::string describe(const std::string& url, const Batch& batch, const Response& response) {
  std::string text = "the server at " + url + " answered " + std::to_string(response.status);
  if (const std::string words = words_of(response); !words.empty()) text += " (" + words + ")";
  const Message& first = batch.front();
  if (first.kind == Kind::letter_to_server)
    text += " to " + first.letter.method + ' ' + first.letter.address;
  return text;
}

// Of the statuses that mean something special from this server.
std::string advice_for(uint32_t status) {
  switch (status) {
    case 401:
      return "the user name or password of this node is wrong; enroll it again or ask the "
             "cluster's administrator";
    case 403:
      return "this node's account may not send to its cluster; ask the cluster's administrator";
    case 404:
    case 405:
      return "it does not accept messages there; check the server's address";
    default:
      return std::string(http::meaning_of(status).advice);
  }
}

// Without blanks, line ends and the mark that may begin UTF-8.
std::string_view content_of(std::string_view body) {
  if (body.starts_with("\xef\xbb\xbf")) body.remove_prefix(3);
  return support::trimmed(body);
}

bool is_empty_or_json(const std::string& body) {
  if (content_of(body).empty()) return true;
  try {
    static_cast<void>(support::Json::parse(body, "the response"));
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool is_web_page(const std::string& body) {
  const auto content = content_of(body);
  return content.starts_with('<') && !content.starts_with("<?xml");
}

}  // namespace

Verdict judge(const Response& response) {
  const Verdict verdict = http::meaning_of(response.status).verdict;
  if (verdict != Verdict::accepted || response.status == 202) return verdict;
  const bool will_do = response.status == 200 || response.status == 204;
  return will_do && is_empty_or_json(response.body) ? Verdict::accepted : Verdict::retry;
}

Verdict judge_letter(const Response& response) {
  const uint32_t status = response.status;
  if (status == 403 || status == 404 || status == 405) return Verdict::refused;
  const Verdict verdict = http::meaning_of(status).verdict;
  return verdict == Verdict::accepted && is_web_page(response.body) ? Verdict::retry : verdict;
}

std::optional<size_t> refused_message(const Response& response, size_t count) {
  const bool is_about_this = response.status >= 400 && response.status <= 499 &&
                             http::meaning_of(response.status).verdict != Verdict::retry;
  if (!is_about_this) return std::nullopt;
  try {
    const auto json = support::Json::parse(response.body, "the response");
    const auto* index = support::find_member(json.root(), "message");
    if (index != nullptr && index->IsUint64() && index->GetUint64() < count)
      return index->GetUint64();
  } catch (const Error&) {
    // Not JSON: it names none.
  }
  return std::nullopt;
}

std::string words_of(const Response& response) {
  std::string words = response.body.substr(0, 4 * max_words);
  try {
    words =
        support::find_string(support::Json::parse(response.body, "the response").root(), "error")
            .value_or(words);
  } catch (const Error&) {
    // Not JSON; its beginning will do.
  }
  if (!support::is_utf8(words)) return "";
  words = support::one_line(support::trimmed(words));
  char cut[max_words];
  return std::string(cut, boundary::copy_text(cut, sizeof cut, words));
}

ServerTransport::ServerTransport(std::string url, node::Identity identity, Connect connect)
    : url_(std::move(url)), identity_(std::move(identity)), connect_(std::move(connect)) {}

std::vector<Outcome> ServerTransport::send(const std::vector<Batch>& batches,
                                           Clock::time_point deadline) {
  std::vector<Outcome> outcomes;
  for (const auto& batch : batches) {
    outcomes.push_back(send(batch, deadline));
    const Verdict verdict = outcomes.back().verdict;
    const bool is_settled =
        verdict == Verdict::accepted || (verdict == Verdict::refused && batch.size() == 1);
    if (!is_settled) break;
  }
  return outcomes;
}

Response ServerTransport::request(const Batch& batch, Clock::time_point deadline) {
  if (!client_) client_ = connect_();
  Request request;
  request.max_reply = max_answer;
  request.timeout = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  if (request.timeout <= milliseconds::zero())
    throw Error(Errc::unavailable, "the server at " + url_ + " did not answer in time");
  const Message& first = batch.front();
  if (first.kind == Kind::letter_to_server) {
    request.method = first.letter.method;
    request.path = first.letter.address;
    request.content_type = first.letter.content_type;
    request.body = first.data;
    request.headers = {{"Idempotency-Key", first.id}};
    return client_->exchange(request);
  }
  const std::string body = envelope(batch, identity_);
  request.method = "POST";
  request.path = "/clusterlink/messages";
  request.content_type = "application/json";
  request.body = body;
  return client_->exchange(request);
}

Outcome ServerTransport::send(const Batch& batch, Clock::time_point deadline) {
  Response response;
  try {
    response = request(batch, deadline);
  } catch (const Error& e) {
    return {e.code() == Errc::unavailable ? Verdict::retry : Verdict::stop, e.what()};
  }
  Outcome outcome;
  outcome.verdict = batch.front().kind == Kind::message ? judge(response) : judge_letter(response);
  if (outcome.verdict == Verdict::accepted) return outcome;
  if (batch.front().kind == Kind::message) {
    outcome.message = refused_message(response, batch.size());
    if (outcome.message) outcome.verdict = Verdict::refused;
  }
  outcome.why = describe(url_, batch, response);
  const bool is_page = response.status >= 200 && response.status < 300;
  const std::string advice =
      is_page ? "that does not acknowledge anything; is a login page or gateway in between?"
              : advice_for(response.status);
  if (outcome.verdict != Verdict::refused && !advice.empty()) outcome.why += ": " + advice;
  if (outcome.verdict != Verdict::retry || !response.retry_after) return outcome;
  // No longer than a day, so that sums with it cannot overflow.
  outcome.retry_after = std::min<milliseconds>(*response.retry_after, std::chrono::hours(24));
  outcome.why += " and asks to wait " + whole_seconds(outcome.retry_after);
  return outcome;
}

}  // namespace jetpack::session
