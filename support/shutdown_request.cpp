// Composes shutdown requests.
#include "support/shutdown_request.hpp"

#include <unistd.h>

#include <array>
#include <chrono>

#include <jetpack/error.hpp>
#include "support/encoding.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/program.hpp"
#include "support/random.hpp"
#include "support/times.hpp"

namespace jetpack::support {

std::string shutdown_path(std::string_view cluster, std::string_view action) {
  return "/clusters/" + percent_encoded(cluster) + "/nodes/" + std::string(action);
}

std::string shutdown_body(std::string_view node, std::string_view reason) {
  return json_object([&](Object& body) {
    body.text("requestId", random_uuid()).texts("names", std::array{node});
    if (!reason.empty()) body.text("reason", reason);
  });
}

void note_shutdown(const Config& config, std::string_view action, std::string_view reason) {
  const std::string note = json_object([&](Object& json) {
    json.text("action", action)
        .text("reason", reason)
        .text("requested", iso_8601(std::chrono::system_clock::now()))
        .text("boot", boot_id());
  });
  try {
    write_durably(config.path("run/shutdown.json"), note, 0660);
  } catch (const Error&) {
    // As on a full disk.
  }
}

void forget_shutdown(const Config& config, std::string_view reason) {
  constexpr uint64_t max_note = 1 << 20;
  const std::string path = config.path("run/shutdown.json");
  try {
    const auto note = read_file(path, max_note, Sharing::shared);
    if (note && text_or(parse_json(*note, path), "reason", "") == reason) ::unlink(path.c_str());
  } catch (const Error&) {
    // Nor is it read by others, then.
  }
}

}  // namespace jetpack::support
