// Unpacks gzip, so that secrets in rotated logs are masked too.
#include "inflater.hpp"

#include <algorithm>

#include <isa-l/igzip_lib.h>

namespace jetpack::report_issue {

namespace {

constexpr size_t buffer_bytes = 256 << 10;

}  // namespace

Inflater::Inflater() : state_(std::make_unique<inflate_state>()), buffer_(buffer_bytes) {}
Inflater::~Inflater() = default;

bool Inflater::begin_stream(std::string_view& packed) {
  // Padding with zeros, as on tapes and block devices, is ignored like gzip does.
  packed.remove_prefix(std::min(packed.find_first_not_of('\0'), packed.size()));
  if (packed.empty()) return true;
  if (packed.front() != '\x1f') return false;
  isal_inflate_init(state_.get());
  state_->crc_flag = ISAL_GZIP;
  between_streams_ = false;
  return true;
}

bool Inflater::feed(std::string_view packed, const Out& out) {
  while (true) {
    if (between_streams_ && !begin_stream(packed)) return false;
    if (between_streams_) return true;
    state_->next_in = const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(packed.data()));
    state_->avail_in = static_cast<uint32_t>(packed.size());
    state_->next_out = reinterpret_cast<uint8_t*>(buffer_.data());
    state_->avail_out = static_cast<uint32_t>(buffer_.size());
    if (isal_inflate(state_.get()) != ISAL_DECOMP_OK) return false;
    const size_t made = buffer_.size() - state_->avail_out;
    if (made > 0 && !out({buffer_.data(), made})) return false;
    packed.remove_prefix(packed.size() - state_->avail_in);
    between_streams_ = state_->block_state == ISAL_BLOCK_FINISH;
    if (!between_streams_ && packed.empty() && state_->avail_out > 0) return true;
  }
}

bool is_gzip(std::string_view head) {
  return head.starts_with(std::string_view("\x1f\x8b\x08", 3));
}

}  // namespace jetpack::report_issue
