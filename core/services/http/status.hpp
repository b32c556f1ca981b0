// What an HTTP status means, in one table for all that this node sends and fetches.
#pragma once

#include <string_view>

namespace jetpack::http {

// What became of a request, or of a message on any transport.
enum class Verdict {
  accepted,  // done; its content may be forgotten
  refused,   // this content will never be accepted
  retry,     // nothing is wrong with the content; the same again may succeed
  stop,      // an administrator has to change something first
};

struct StatusMeaning {
  Verdict verdict = Verdict::stop;
  std::string_view advice = {};  // what it says and what to do; may be empty
};

StatusMeaning meaning_of(unsigned status);

// Whether the same request may succeed later.
inline bool is_retryable(unsigned status) { return meaning_of(status).verdict == Verdict::retry; }

}  // namespace jetpack::http
