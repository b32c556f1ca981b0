// Brings what waits in the outbox to the server.
#include "services/session/delivery.hpp"

#include <algorithm>
#include <random>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/json_file.hpp"

namespace jetpack::session {

namespace {

using std::chrono::milliseconds;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr size_t max_batch = 500;
constexpr uint64_t max_batch_bytes = 1 << 20;
constexpr uint64_t max_answer = 64 << 10;
constexpr milliseconds poll_interval{20};
// An attempt with less time than this would only hide why the one before it failed.
constexpr milliseconds shortest_attempt{200};
constexpr size_t max_words = 200;

// Leaves out what is empty.
void put_known(Writer& json, const char* key, const std::string& text,
               const std::string& fallback = "") {
  const std::string& value = text.empty() ? fallback : text;
  if (value.empty()) return;
  json.Key(key);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void write(Writer& json, const Message& message, const Identity& now) {
  json.StartObject();
  put_known(json, "id", message.id);
  put_known(json, "cluster_name", message.from.cluster, now.cluster);
  put_known(json, "instance_id", message.from.instance, now.instance);
  put_known(json, "cluster_session_id", message.from.session, now.session);
  put_known(json, "node_name", message.from.node, now.node);
  put_known(json, "hostname", message.hostname);
  put_known(json, "timestamp", message.time);
  put_known(json, "type", message.type);
  json.Key("data");
  json.RawValue(message.data.data(), message.data.size(), rapidjson::kObjectType);
  json.EndObject();
}

milliseconds left_until(Clock::time_point deadline) {
  return std::chrono::ceil<milliseconds>(deadline - Clock::now());
}

std::string seconds(milliseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) + " s";
}

// "the server at URL answered 503 (overloaded)"
std::string describe(const std::string& url, const Answer& answer) {
  std::string text = "the server at " + url + " answered " + std::to_string(answer.status);
  if (const std::string words = words_of(answer); !words.empty()) text += " (" + words + ")";
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

std::string envelope(const std::vector<Message>& messages, const Identity& now) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  json.Key("messages");
  json.StartArray();
  for (const auto& message : messages) write(json, message, now);
  json.EndArray();
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

Verdict judge(uint32_t status) {
  if (status >= 200 && status < 300) return Verdict::accepted;
  if (status == 408 || status == 425 || status == 429 || status >= 500) return Verdict::try_later;
  if (status == 401 || status == 403 || status == 404 || status == 405 || status == 407)
    return Verdict::stop;
  if (status >= 400) return Verdict::refused;
  return Verdict::stop;
}

std::string words_of(const Answer& answer) {
  std::string words = answer.body.substr(0, 4 * max_words);
  try {
    words = find_string(Json::parse(answer.body, "the answer").root(), "error").value_or(words);
  } catch (const Error&) {
    // Not JSON; its beginning will do.
  }
  if (!is_utf8(words)) return "";
  for (char& c : words)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  char cut[max_words];
  return std::string(cut, detail::copy_text(cut, sizeof cut, words));
}

milliseconds backoff(unsigned number) {
  constexpr milliseconds first{100};
  constexpr milliseconds most{5000};
  const milliseconds longest = std::min(most, first * (1 << std::min(number, 8u)));
  thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_int_distribution<int64_t> any(longest.count() / 2, longest.count());
  return milliseconds{any(random)};
}

std::optional<std::string> Delivery::deliver(Message& message, Clock::time_point deadline) {
  why_ = "another process is delivering";
  for (;;) {
    if (auto lock = FileLock::attempt(options_.lock_path, 0660)) {
      const bool gone = deliver_until_gone(message, deadline);
      if (!failed_.empty()) outbox_.record_failure(failed_, why_);
      return gone ? std::nullopt : std::optional(why_);
    }
    if (outbox_.state_of(message) != Outbox::State::waiting) return std::nullopt;
    if (left_until(deadline) <= milliseconds::zero()) return why_;
    options_.pause(std::min(poll_interval, left_until(deadline)));
  }
}

// True when the message is no longer waiting. Called with the lock held.
bool Delivery::deliver_until_gone(Message& message, Clock::time_point deadline) {
  unsigned attempt = 0;
  while (outbox_.state_of(message) == Outbox::State::waiting) {
    if (left_until(deadline) <= milliseconds::zero()) return false;
    switch (deliver_next(deadline)) {
      case Progress::done:
        attempt = 0;
        failed_.clear();
        continue;
      case Progress::stopped:
        return false;
      case Progress::failed:
        break;
    }
    const milliseconds time = std::max(retry_after_, backoff(attempt++));
    if (time + shortest_attempt >= left_until(deadline)) return false;
    options_.pause(time);
  }
  return true;
}

Delivery::Progress Delivery::deliver_next(Clock::time_point deadline) {
  const auto batch = outbox_.oldest(max_batch, max_batch_bytes);
  if (batch.empty()) return Progress::done;
  return send(batch, deadline);
}

Answer Delivery::post(const std::vector<Message>& batch, Clock::time_point deadline) {
  if (!transport_) transport_ = options_.connect();
  const std::string body = envelope(batch, options_.identity);
  const milliseconds timeout = left_until(deadline);
  if (timeout <= milliseconds::zero())
    throw Error(Errc::unavailable, "the server at " + options_.url + " did not answer in time");
  return transport_->exchange(
      {"POST", "/clusterlink/messages", "application/json", body, timeout, max_answer});
}

Delivery::Progress Delivery::send(const std::vector<Message>& batch, Clock::time_point deadline) {
  Answer answer;
  retry_after_ = milliseconds::zero();
  try {
    answer = post(batch, deadline);
  } catch (const Error& e) {
    return give_up(batch, e.code() == Errc::unavailable ? Progress::failed : Progress::stopped,
                   e.what());
  }
  const std::string what = describe(options_.url, answer);
  switch (judge(answer.status)) {
    case Verdict::accepted:
      outbox_.remove(batch);
      return Progress::done;
    case Verdict::stop:
      return give_up(batch, Progress::stopped, what + advice(answer.status));
    case Verdict::try_later:
      break;
    case Verdict::refused:
      if (batch.size() > 1) return send_halves(batch, deadline);
      outbox_.bury(batch.front(), what);
      options_.warn("message " + batch.front().id + " is kept as a dead letter: " + what);
      return Progress::done;
  }
  if (!answer.retry_after) return give_up(batch, Progress::failed, what);
  // No longer than a day, so that the sum below cannot overflow.
  retry_after_ = std::min<milliseconds>(*answer.retry_after, std::chrono::hours(24));
  return give_up(batch, Progress::failed, what + " and asks to wait " + seconds(retry_after_));
}

// Somewhere in the batch is what the server will not take; the rest must not wait for it.
Delivery::Progress Delivery::send_halves(const std::vector<Message>& batch,
                                         Clock::time_point deadline) {
  const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(batch.size() / 2);
  const Progress first = send({batch.begin(), middle}, deadline);
  return first == Progress::done ? send({middle, batch.end()}, deadline) : first;
}

Delivery::Progress Delivery::give_up(const std::vector<Message>& batch, Progress how,
                                     std::string why) {
  why_ = std::move(why);
  failed_ = batch;
  return how;
}

}  // namespace jetpack::session
