// Masks secrets in text that is logged, shown or archived; the only redactor of jetpack.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "support/redact_candidates.hpp"
#include "support/redact_rules.hpp"

namespace jetpack::support {

// Replaces a secret.
constexpr std::string_view redaction = "[redacted]";

// Masks secrets in a stream of any length, fed in pieces. Three layers find them: names whose last
// word tells it (password, token, key ...) in JSON, YAML, INI, XML, URLs, headers, connection
// strings and command lines; what tells itself (prefixed tokens, hashes, private keys); and the
// options of commands that take a secret. In doubt it masks. The output does not depend on where
// the pieces are split. Holds less than 2 KiB, however long a secret is.
class StreamRedactor {
 public:
  // Receives masked text, which is valid during the call.
  using Out = std::function<void(std::string_view)>;

  explicit StreamRedactor(CandidateFinder find = candidate_finder()) : find_(find) {}

  void feed(std::string_view piece, const Out& out);
  // Ends the stream, so that another can start. Returns the number of secrets masked in it.
  uint64_t finish(const Out& out);

 private:
  size_t advance(std::string_view text, size_t at, bool is_end, const Out& out);
  void hold(std::string_view text, size_t at);

  CandidateFinder find_;
  Masking masking_;
  // Context that was passed on, and text that cannot be decided yet. A stream starts with a line.
  std::string held_ = "\n";
  size_t judged_ = 1;    // bytes of held_ that were passed on
  uint64_t offset_ = 0;  // position of held_ in the stream
  uint64_t secrets_ = 0;
};

// The whole text, masked.
std::string redact(std::string_view text);

}  // namespace jetpack::support
