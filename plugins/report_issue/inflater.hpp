// Unpacks gzip, so that secrets in rotated logs are masked too.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct inflate_state;

namespace jetpack::report_issue {

// Of one file, which may be several gzip streams one after the other (RFC 1952, 2.2).
class Inflater {
 public:
  // Takes unpacked bytes; returns false to stop.
  using Out = std::function<bool(std::string_view)>;

  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // False when it was stopped, when the content is damaged, or when only what is no gzip follows.
  bool feed(std::string_view packed, const Out& out);
  // Whether the content ended where a stream ended.
  bool is_whole() const { return between_streams_; }

 private:
  bool begin_stream(std::string_view& packed);

  std::unique_ptr<inflate_state> state_;
  std::vector<char> buffer_;
  bool between_streams_ = true;
};

// Whether a file that begins so is gzip.
bool is_gzip(std::string_view head);
// Why a file that begins so cannot be looked through for secrets; "" when it can.
std::string_view why_opaque(std::string_view head);

}  // namespace jetpack::report_issue
