// Masks secrets in text that is logged, shown or archived; the only redactor of jetpack.
#include "support/redact.hpp"

#include <algorithm>

namespace jetpack::support {

// Processes `text` from `at` on, and returns the first position that needs more context than there
// is.
size_t StreamRedactor::advance(std::string_view text, size_t at, bool is_end, const Out& out) {
  const auto pass = [&](size_t from, size_t to) {
    if (from < to) out(text.substr(from, to - from));
  };
  // At the start of the stream, a candidate may begin with the line end that is our own.
  size_t search = offset_ == 0 && at == 1 ? 0 : at;
  while (true) {
    if (masking_.is_on()) {
      const size_t end = masking_.skip(text, at);
      if (masking_.is_on()) return end;
      if (!masking_.left_over().empty()) out(masking_.left_over());
      at = search = end;
    }
    const size_t found = find_(text, search);
    if (found == text.size()) {
      const size_t unseen = is_end ? 0 : candidate_bytes - 1 + reach_back;
      const size_t end = std::max(at, text.size() - std::min(text.size(), unseen));
      pass(at, end);
      return end;
    }
    if (!is_end && text.size() - found < context_ahead) {
      const size_t end = std::max(at, found - std::min(found, reach_back));
      pass(at, end);
      return end;
    }
    const size_t behind = std::min(found, context_behind);
    const size_t first = found - behind;
    const Window window{text.substr(first, behind + context_ahead), behind};
    auto secret = secret_at(window);
    const size_t start = secret ? std::max(at, first + secret->start) : at;
    if (secret) secret->masking.shorten(start - first - secret->start);
    if (!secret || !secret->masking.is_on()) {
      search = found + 1;
      continue;
    }
    pass(at, start);
    out(redaction);
    ++secrets_;
    masking_ = std::move(secret->masking);
    at = start;
  }
}

// Holds the text behind `at`, and as much before it as the rules may need.
void StreamRedactor::hold(std::string_view text, size_t at) {
  judged_ = std::min(at, context_behind);
  const size_t first = at - judged_;
  offset_ += first;
  held_.assign(text.substr(first));
}

void StreamRedactor::feed(std::string_view piece, const Out& out) {
  constexpr size_t enough = context_behind + context_ahead + reach_back;
  const size_t before = held_.size();
  held_.append(piece.substr(0, enough));
  const size_t at = advance(held_, judged_, false, out);
  if (piece.size() <= enough) {
    const std::string text = std::move(held_);
    hold(text, at);
    return;
  }
  // It advanced so far into the piece that the piece alone has all the context.
  offset_ += before;
  const size_t end = advance(piece, at - before, false, out);
  hold(piece, end);
}

uint64_t StreamRedactor::finish(const Out& out) {
  advance(held_, judged_, true, out);
  const uint64_t secrets = secrets_;
  *this = StreamRedactor(find_);
  return secrets;
}

std::string redact(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  const StreamRedactor::Out append = [&](std::string_view part) { clean += part; };
  StreamRedactor redactor;
  redactor.feed(text, append);
  redactor.finish(append);
  return clean;
}

}  // namespace jetpack::support
