// What a hub offers to machines that it does not know: its authority, and to become a node.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace jetpack::joining {

// The SHA-256 of a certificate: 64 digits. Takes what people paste: "sha256:" in front, colons, upper
// case. Throws Errc::usage.
std::string parse_hash(std::string_view text);

// What a machine asks for that is to be a node.
struct Application {
  std::string token, node, password, instance_id;
};

// The node that it is now.
struct Membership {
  std::string cluster, node, username, userdata_id;
};

class HubDoor {
 public:
  // `url`: "https://head:9443"; `proxy` as in node/proxy.hpp. Tries for `patience` while the hub cannot
  // be reached.
  HubDoor(std::string url, std::string proxy, std::chrono::milliseconds patience)
      : url_(std::move(url)),
        proxy_(std::move(proxy)),
        give_up_(std::chrono::steady_clock::now() + patience) {}

  // The authority whose certificate has this hash, PEM: all further connections must be its. What
  // vouches for it is the hash alone. Throws Errc::denied when the hub has another one.
  const std::string& trust_authority(const std::string& hash);

  // Throws Errc::denied when the hub refuses, with its reason.
  Membership join(const Application& application);

 private:
  struct Answer {
    unsigned status = 0;
    std::string body;
  };
  Answer ask(const std::string& method, const std::string& path, const std::string& body);

  std::string url_, proxy_;
  std::string authority_;
  bool is_verified_ = true;  // the server's certificate
  std::chrono::steady_clock::time_point give_up_;
};

}  // namespace jetpack::joining
