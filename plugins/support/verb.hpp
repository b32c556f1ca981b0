// What the verbs that tell the cluster something have in common: who we are, and what became of it.
#pragma once

#include <jetpack/plugin.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack::support {

// The option --wait of every verb that sends.
consteval jetpack::Parameter wait_option() {
  return jetpack::option("wait", "DURATION",
                         "fail unless it is delivered within this time (10, 90s, 5m)")
      .duration();
}

// The fact, or an error that says where to configure it.
std::string required_fact(const jetpack::Session& session, std::string_view fact);

// Sends what one run of a verb has to say, in order, within the time that --wait gives for all of
// it, and tells what became of it. Without --wait, once something could not be delivered the rest
// is only queued, so that a dead server is waited for once.
class Sender {
 public:
  explicit Sender(const jetpack::Call& call);

  // `what` is said when there are several: "node array 'execute'". Throws when it is refused.
  void publish(std::string_view type, std::string_view data, const std::string& what = {});
  void send(const jetpack::Letter& letter, const std::string& what = {});

  // Says on stderr, and with --json on stdout, what became of each; the exit code.
  int finish() const;

 private:
  struct Sent {
    std::string what;
    jetpack::Receipt receipt;
  };

  std::optional<std::chrono::milliseconds> time_left() const;
  void keep(const std::string& what, jetpack::Receipt receipt);
  void print_json() const;

  const jetpack::Call& call_;
  jetpack::Session session_;
  std::optional<std::chrono::milliseconds> wait_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::string queued_why_;
  std::vector<Sent> all_;
};

}  // namespace jetpack::support
