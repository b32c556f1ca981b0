// Brings messages and letters to the cluster's server over HTTP, and what its answers mean.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "services/session/carrier.hpp"
#include "services/session/transport.hpp"

namespace jetpack::session {

// What a server's answer to messages means.
Verdict judge(uint32_t http_status);

// What its answer to a letter means. What is about this request alone refuses the letter for good:
// else one letter to a wrong address would hold up everything behind it.
Verdict judge_letter(uint32_t http_status);

// The server's own words: "error" of a JSON body, else its beginning; without control characters.
std::string words_of(const Answer& answer);

class ServerCarrier : public Carrier {
 public:
  using Connect = std::function<std::unique_ptr<Transport>()>;

  // `url` is for texts to people; `connect` is called when there is something to send.
  ServerCarrier(std::string url, Identity identity, Connect connect);

  std::vector<Outcome> bring(const std::vector<Parcel>& parcels,
                             Clock::time_point deadline) override;

 private:
  Outcome bring(const Parcel& parcel, Clock::time_point deadline);
  Answer exchange(const Parcel& parcel, Clock::time_point deadline);

  std::string url_;
  Identity identity_;
  Connect connect_;
  std::unique_ptr<Transport> transport_;
};

}  // namespace jetpack::session
