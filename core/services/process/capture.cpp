// Output of unknown length, kept within a bound: its head and its tail.
#include "services/process/capture.hpp"

#include <algorithm>

namespace jetpack {

void Capture::append(std::string_view piece) {
  total_ += piece.size();
  const size_t to_head = std::min(piece.size(), half_ - head_.size());
  head_ += piece.substr(0, to_head);
  piece.remove_prefix(to_head);
  if (piece.empty() || half_ == 0) return;
  if (piece.size() >= half_) {
    tail_ = piece.substr(piece.size() - half_);
    tail_start_ = 0;
    return;
  }
  const size_t to_grow = std::min(piece.size(), half_ - tail_.size());
  tail_ += piece.substr(0, to_grow);
  for (const char c : piece.substr(to_grow)) {
    tail_[tail_start_] = c;
    tail_start_ = (tail_start_ + 1) % half_;
  }
}

std::string Capture::text() const {
  const uint64_t kept = head_.size() + tail_.size();
  std::string text = head_;
  if (total_ > kept) {
    if (!text.empty() && text.back() != '\n') text += '\n';
    text += "[... " + std::to_string(total_ - kept) + " bytes left out ...]\n";
  }
  text += tail_.substr(tail_start_);
  text += tail_.substr(0, tail_start_);
  return text;
}

}  // namespace jetpack
