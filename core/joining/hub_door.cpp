// What a hub offers to machines that it does not know: its authority, and to become a node.
#include "joining/hub_door.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include <jetpack/error.hpp>
#include "services/http/client.hpp"
#include "services/http/status.hpp"
#include "support/backoff.hpp"
#include "support/encoding.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/sha256.hpp"
#include "support/text.hpp"

namespace jetpack::joining {

namespace {

using std::chrono::milliseconds;

constexpr size_t hash_digits = 64;
constexpr uint64_t max_answer = 64 << 10;
constexpr std::string_view begin_mark = "-----BEGIN CERTIFICATE-----",
                           end_mark = "-----END CERTIFICATE-----";

// The certificate of the hash in a PEM text, with its marks; "" when it is not there. `found` gets
// the hash of another one.
std::string certificate_in(std::string_view pem, const std::string& hash, std::string& found) {
  for (size_t begin = pem.find(begin_mark); begin != std::string_view::npos;
       begin = pem.find(begin_mark, begin + 1)) {
    const size_t end = pem.find(end_mark, begin);
    if (end == std::string_view::npos) break;
    std::string encoded(pem.substr(begin + begin_mark.size(), end - begin - begin_mark.size()));
    std::erase_if(encoded, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
    const auto bytes = support::base64_decoded(encoded);
    if (!bytes) continue;
    found = support::sha256_hex(*bytes);
    if (found == hash) return std::string(pem.substr(begin, end + end_mark.size() - begin)) + '\n';
  }
  return {};
}

// The content as a file that can be opened while the descriptor is.
support::Fd unnamed_file(const std::string& content) {
  support::Fd fd(::memfd_create("jetpack-ca", MFD_CLOEXEC));
  if (!fd || support::write_all(fd.get(), content) != 0)
    throw Error(Errc::unavailable,
                "failed to keep a certificate: " + support::system_message(errno));
  return fd;
}

std::string text_of(const support::Json& answer, const char* name, const std::string& url) {
  auto text = support::find_string(answer.root(), name);
  if (!text || text->empty())
    throw Error(Errc::corrupt, url + " is not a hub that nodes can join: its answer has no '" +
                                   std::string(name) + "'");
  return *std::move(text);
}

// The reason that an answer gives, for people.
std::string reason_in(const std::string& body, unsigned status) {
  try {
    const auto answer = support::Json::parse(body, "answer");
    if (const auto error = support::find_string(answer.root(), "error"))
      return support::one_line(*error);
  } catch (const Error&) {
    // Not of a hub.
  }
  return "it answered " + std::to_string(status);
}

}  // namespace

std::string parse_hash(std::string_view text) {
  std::string hash = support::lower_case(support::trimmed(text));
  if (hash.starts_with("sha256:")) hash.erase(0, std::string_view("sha256:").size());
  std::erase(hash, ':');
  const bool is_hex = std::all_of(hash.begin(), hash.end(),
                                  [](char c) { return support::hex_digit_value(c) >= 0; });
  if (hash.size() != hash_digits || !is_hex)
    throw Error(Errc::usage,
                "--ca-hash is not a SHA-256: expected sha256: and 64 hexadecimal digits, as "
                "'jetpack hub join-token create' prints them");
  return hash;
}

const std::string& HubDoor::trust_authority(const std::string& hash) {
  is_verified_ = false;
  const Answer answer = ask("GET", "/clusterlink/ca", "");
  is_verified_ = true;
  if (answer.status != 200)
    throw Error(Errc::failed, "failed to fetch the certificate authority of " + url_ + ": " +
                                  reason_in(answer.body, answer.status));
  std::string found;
  authority_ = certificate_in(answer.body, hash, found);
  if (authority_.empty())
    throw Error(Errc::denied,
                url_ + " is not the hub that --ca-hash stands for: its certificate authority has " +
                    (found.empty() ? "no certificate" : "the hash sha256:" + found) +
                    "; check the address, and the hash with 'jetpack hub join-token create'");
  return authority_;
}

Membership HubDoor::join(const Application& application) {
  const std::string body = support::json_object([&](support::Object& object) {
    object.text("token", application.token).text("node", application.node);
    object.text("password", application.password).text("instance_id", application.instance_id);
  });
  const Answer answer = ask("POST", "/clusterlink/join", body);
  if (answer.status != 200)
    throw Error(
        answer.status == 403 ? Errc::denied : Errc::failed,
        url_ + " refused to let this machine join: " + reason_in(answer.body, answer.status));
  const auto json = support::Json::parse(answer.body, "the answer of " + url_);
  return {text_of(json, "cluster", url_), text_of(json, "node", url_),
          text_of(json, "username", url_), text_of(json, "userdata_id", url_)};
}

// A hub that starts at the same time as its nodes may not serve yet.
HubDoor::Answer HubDoor::ask(const std::string& method, const std::string& path,
                             const std::string& body) {
  http::Halt halt;
  http::Client client(halt);
  http::Settings settings;
  settings.verify = is_verified_;
  settings.proxy = proxy_;
  support::Fd authority;
  if (!authority_.empty()) {
    authority = unnamed_file(authority_);
    settings.ca_file = "/proc/self/fd/" + std::to_string(authority.get());
  }
  settings.ca_advice = "give its hash with --ca-hash";
  settings.longest = milliseconds(30'000);
  const http::Request request{method, url_ + path, {{"content-type", "application/json"}}, body};
  support::Backoff pauses(milliseconds(200), milliseconds(5000), std::random_device()());
  for (;;) {
    try {
      const auto response = client.perform(settings, request, max_answer);
      if (!http::is_retryable(response.status)) return {response.status, response.body};
      throw http::Retryable(url_ + " answered " + std::to_string(response.status));
    } catch (const http::Retryable&) {
      const auto pause = pauses.pause();
      if (std::chrono::steady_clock::now() + pause >= give_up_) throw;
      halt.wait(pause);
    }
  }
}

}  // namespace jetpack::joining
