// Masks secrets in text that is about to be logged, shown or archived: the one redactor of jetpack.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "support/redact_candidates.hpp"
#include "support/redact_rules.hpp"

namespace jetpack::support {

// What stands in a secret's place.
constexpr std::string_view redaction = "[redacted]";

// Masks secrets in a stream of any length that comes in pieces: passwords, tokens, keys and
// signatures in JSON, INI, URLs, headers, connection strings and command lines, the user part of
// URLs, JSON web tokens, and the bodies of PEM private keys. Masks too much rather than too little.
// What comes out is the same wherever the pieces are split. Holds less than 2 KiB, however long a
// secret is.
class StreamRedactor {
 public:
  // Takes text that may be shown; it is valid for the call.
  using Out = std::function<void(std::string_view)>;

  explicit StreamRedactor(CandidateFinder find = candidate_finder()) : find_(find) {}

  void feed(std::string_view piece, const Out& out);
  // Ends the stream; another may begin. Returns how many secrets were masked in it.
  uint64_t finish(const Out& out);

 private:
  size_t advance(std::string_view text, size_t at, bool is_end, const Out& out);
  void keep(std::string_view text, size_t at);

  CandidateFinder find_;
  Masking masking_;
  std::string held_;     // what was passed on last, as context, and what cannot be judged yet
  size_t judged_ = 0;    // so much of held_ was passed on
  uint64_t offset_ = 0;  // where in the stream held_ begins
  uint64_t secrets_ = 0;
};

// The whole text, masked.
std::string redact(std::string_view text);

}  // namespace jetpack::support
