// Sends messages and letters to the cluster's server over HTTP, and says what its responses mean.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "services/session/https_module.hpp"
#include "services/session/transport.hpp"

namespace jetpack::session {

// What a response to messages means. Documented is 202; 200 and 204 will do with JSON or no body,
// because anything else that answers 200 is not the server: a login or maintenance page.
Verdict judge(const Response& response);

// What a response to a letter means: any 2xx but a web page is a success. What is about this
// request alone refuses the letter for good: else one letter to a wrong address would hold up
// everything behind it.
Verdict judge_letter(const Response& response);

// Of a 4xx that names one of `count` messages, {"message": N}, which one: then only that message is
// refused, whatever the status means for all the others.
std::optional<size_t> refused_message(const Response& response, size_t count);

// The server's own words: "error" of a JSON body, else its beginning; without control characters.
std::string words_of(const Response& response);

class ServerTransport : public Transport {
 public:
  using Connect = std::function<std::unique_ptr<HttpsClient>()>;

  // `url` is for error texts; `connect` is called when there is something to send.
  ServerTransport(std::string url, node::Identity identity, Connect connect);

  std::vector<Outcome> send(const std::vector<Batch>& batches, Clock::time_point deadline) override;

 private:
  Outcome send(const Batch& batch, Clock::time_point deadline);
  Response request(const Batch& batch, Clock::time_point deadline);

  std::string url_;
  node::Identity identity_;
  Connect connect_;
  std::unique_ptr<HttpsClient> client_;
};

}  // namespace jetpack::session
