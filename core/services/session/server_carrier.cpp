// Brings messages and letters to the cluster's server over HTTP, and what its answers mean.
#include "services/session/server_carrier.hpp"

#include <algorithm>

#include <jetpack/error.hpp>
#include "services/session/envelope.hpp"
#include "support/json.hpp"
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
std::string describe(const std::string& url, const Parcel& parcel, const Answer& answer) {
  std::string text = "the server at " + url + " answered " + std::to_string(answer.status);
  if (const std::string words = words_of(answer); !words.empty()) text += " (" + words + ")";
  const Message& first = parcel.front();
  if (first.kind == Kind::letter_to_server)
    text += " to " + first.letter.method + ' ' + first.letter.address;
  return text;
}

std::string advice(uint32_t status) {
  switch (status) {
    case 401:
      return ": the user name or password of this node is wrong; enroll it again or ask the "
             "cluster's administrator";
    case 403:
      return ": this node's account may not send to its cluster; ask the cluster's administrator";
    case 404:
    case 405:
      return ": it does not take messages there; check the server's address";
    default:
      if (status >= 300 && status < 400) return ": it points elsewhere; check the server's address";
      return "";
  }
}

}  // namespace

Verdict judge(uint32_t status) {
  if (status >= 200 && status < 300) return Verdict::accepted;
  if (status == 408 || status == 425 || status == 429 || status >= 500) return Verdict::try_later;
  if (status == 401 || status == 403 || status == 404 || status == 405 || status == 407)
    return Verdict::stop;
  if (status >= 400) return Verdict::refused;
  return Verdict::stop;
}

Verdict judge_letter(uint32_t status) {
  if (status == 403 || status == 404 || status == 405) return Verdict::refused;
  return judge(status);
}

std::string words_of(const Answer& answer) {
  std::string words = answer.body.substr(0, 4 * max_words);
  try {
    words = support::find_string(support::Json::parse(answer.body, "the answer").root(), "error")
                .value_or(words);
  } catch (const Error&) {
    // Not JSON; its beginning will do.
  }
  if (!support::is_utf8(words)) return "";
  for (char& c : words)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  char cut[max_words];
  return std::string(cut, detail::copy_text(cut, sizeof cut, words));
}

ServerCarrier::ServerCarrier(std::string url, Identity identity, Connect connect)
    : url_(std::move(url)), identity_(std::move(identity)), connect_(std::move(connect)) {}

std::vector<Outcome> ServerCarrier::bring(const std::vector<Parcel>& parcels,
                                          Clock::time_point deadline) {
  std::vector<Outcome> outcomes;
  for (const auto& parcel : parcels) {
    outcomes.push_back(bring(parcel, deadline));
    const Verdict verdict = outcomes.back().verdict;
    const bool is_settled =
        verdict == Verdict::accepted || (verdict == Verdict::refused && parcel.size() == 1);
    if (!is_settled) break;
  }
  return outcomes;
}

Answer ServerCarrier::exchange(const Parcel& parcel, Clock::time_point deadline) {
  if (!transport_) transport_ = connect_();
  Exchange exchange;
  exchange.max_reply = max_answer;
  exchange.timeout = std::chrono::ceil<milliseconds>(deadline - Clock::now());
  if (exchange.timeout <= milliseconds::zero())
    throw Error(Errc::unavailable, "the server at " + url_ + " did not answer in time");
  const Message& first = parcel.front();
  if (first.kind == Kind::letter_to_server) {
    exchange.method = first.letter.method;
    exchange.path = first.letter.address;
    exchange.content_type = first.letter.content_type;
    exchange.body = first.data;
    exchange.headers = {{"Idempotency-Key", first.id}};
    return transport_->exchange(exchange);
  }
  const std::string body = envelope(parcel, identity_);
  exchange.method = "POST";
  exchange.path = "/clusterlink/messages";
  exchange.content_type = "application/json";
  exchange.body = body;
  return transport_->exchange(exchange);
}

Outcome ServerCarrier::bring(const Parcel& parcel, Clock::time_point deadline) {
  Answer answer;
  try {
    answer = exchange(parcel, deadline);
  } catch (const Error& e) {
    return {e.code() == Errc::unavailable ? Verdict::try_later : Verdict::stop, e.what()};
  }
  const bool is_letter = parcel.front().kind != Kind::message;
  Outcome outcome;
  outcome.verdict = is_letter ? judge_letter(answer.status) : judge(answer.status);
  if (outcome.verdict == Verdict::accepted) return outcome;
  outcome.why = describe(url_, parcel, answer);
  if (outcome.verdict == Verdict::stop) outcome.why += advice(answer.status);
  if (outcome.verdict != Verdict::try_later || !answer.retry_after) return outcome;
  // No longer than a day, so that sums with it cannot overflow.
  outcome.retry_after = std::min<milliseconds>(*answer.retry_after, std::chrono::hours(24));
  outcome.why += " and asks to wait " + whole_seconds(outcome.retry_after);
  return outcome;
}

}  // namespace jetpack::session
