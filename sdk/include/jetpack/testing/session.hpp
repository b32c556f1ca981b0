// jetpack/testing/session.hpp: a session that keeps what is sent, and answers as a test says.
// Part of jetpack/testing.hpp; include that.
#pragma once

#include <jetpack/session.hpp>
#include <jetpack/testing/config.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jetpack::testing {

// A message that was published.
struct Published {
  std::string type;
  Json data;
  int64_t wait_ms = JP_WAIT_DEFAULT;
};

// A letter that was sent; see jp_letter.
struct SentLetter {
  jp_channel channel = JP_TO_SERVER;
  std::string method, address, exchange, content_type, body;
  std::vector<std::pair<std::string, std::string>> headers;
  int64_t wait_ms = JP_WAIT_DEFAULT;
};

// A request to the server or to the metadata service.
struct Requested {
  std::string method, path, body;
  std::chrono::milliseconds timeout{0};
};

namespace detail {

// jetpack.session/1.
class FakeSession {
 public:
  FakeSession() {
    table.size = sizeof table;
    table.self = this;
    add_sending();
    add_requests();
    add_outbox();
  }
  FakeSession(const FakeSession&) = delete;
  FakeSession& operator=(const FakeSession&) = delete;

  // Keeps a message; throws Errc::corrupt when its data is not an object.
  void publish(std::string_view type, std::string_view text, int64_t wait_ms, jp_receipt* receipt) {
    Json data = Json::parse(text, "the message's data");
    if (!data.is_object()) throw Error(Errc::corrupt, "the message's data is not a JSON object");
    published.push_back({std::string(type), std::move(data), wait_ms});
    fill(receipt);
  }

  jp_session table{};
  std::map<std::string, std::string, std::less<>> identity;
  std::map<std::string, std::pair<uint32_t, std::string>, std::less<>> replies;
  std::string offline;  // why nothing is delivered
  std::vector<Published> published;
  std::vector<SentLetter> letters;
  std::vector<Requested> requests;

 private:
  static FakeSession& of(void* self) { return *static_cast<FakeSession*>(self); }

  void fill(jp_receipt* receipt) {
    ++sent_;
    if (receipt == nullptr) return;
    receipt->delivery = offline.empty() ? JP_DELIVERED : JP_QUEUED;
    receipt->note_size = boundary::copy_text(receipt->note, sizeof receipt->note, offline);
    std::snprintf(receipt->id, sizeof receipt->id, "00000000-0000-4000-8000-%012u", sent_);
  }

  void answer(const jp_request& request, jp_reply* reply, const jp_sink& body) {
    const std::string method(boundary::view(request.method));
    const std::string path(boundary::view(request.path));
    requests.push_back({method, path, std::string(boundary::view(request.body)),
                        std::chrono::milliseconds(request.timeout_ms)});
    if (!offline.empty()) throw Error(Errc::unavailable, offline);
    auto found = replies.find(method + ' ' + path);
    if (found == replies.end()) found = replies.find(method + ' ' + path.substr(0, path.find('?')));
    const bool is_known = found != replies.end();
    if (reply != nullptr) reply->http_status = is_known ? found->second.first : 404;
    if (is_known) write_to(body, found->second.second);
  }

  void add_sending() {
    table.identity = [](void* self, jp_str fact, jp_sink out, jp_error* err) {
      return boundary::guard(err, [&] {
        const auto known = of(self).identity.find(boundary::view(fact));
        if (known == of(self).identity.end())
          throw Error(Errc::not_found,
                      "this node's " + std::string(boundary::view(fact)) + " is not configured");
        write_to(out, known->second);
      });
    };
    table.publish = [](void* self, const jp_message* message, jp_receipt* receipt, jp_error* err) {
      return boundary::guard(err, [&] {
        of(self).publish(boundary::view(message->type), boundary::view(message->data),
                         message->wait_ms, receipt);
      });
    };
    table.send = [](void* self, const jp_letter* letter, jp_receipt* receipt, jp_error* err) {
      return boundary::guard(err, [&] {
        const auto text = [](jp_str borrowed) { return std::string(boundary::view(borrowed)); };
        SentLetter sent{static_cast<jp_channel>(letter->channel),
                        text(letter->method),
                        text(letter->address),
                        text(letter->exchange),
                        text(letter->content_type),
                        text(letter->body),
                        {},
                        letter->wait_ms};
        for (uint32_t i = 0; i < letter->header_count; ++i)
          sent.headers.emplace_back(text(letter->headers[i].name), text(letter->headers[i].value));
        of(self).letters.push_back(std::move(sent));
        of(self).fill(receipt);
      });
    };
    table.deliver = [](void*, int64_t, jp_delivered* result, jp_error*) -> int32_t {
      if (result != nullptr) result->outcome = JP_DRAINED;
      return JP_OK;
    };
  }

  void add_requests() {
    const auto answer = [](void* self, const jp_request* request, jp_reply* reply, jp_sink body,
                           jp_error* err) {
      return boundary::guard(err, [&] { of(self).answer(*request, reply, body); });
    };
    table.request = answer;
    table.metadata = answer;
    table.probe = [](void*, uint32_t, int64_t, jp_sink, jp_error* err) {
      return boundary::fill(err, JP_NOT_FOUND, "the test configures no such address");
    };
  }

  void add_outbox() {
    table.outbox = [](void* self, jp_sink json, jp_error* err) {
      return boundary::guard(err, [&] {
        const size_t waiting = of(self).offline.empty() ? 0 : of(self).sent_;
        write_to(json, R"({"depth":)" + std::to_string(waiting) +
                           R"(,"bytes":0,"oldest":null,"dead":[]})");
      });
    };
    table.outbox_list = [](void*, jp_str, jp_sink json, jp_error* err) {
      return boundary::guard(err, [&] { write_to(json, "[]"); });
    };
    table.outbox_change = [](void*, uint32_t, jp_str, uint64_t* count, jp_error*) -> int32_t {
      *count = 0;
      return JP_OK;
    };
  }

  unsigned sent_ = 0;
};

}  // namespace detail
}  // namespace jetpack::testing
