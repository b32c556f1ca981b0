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

// Unpacks one file, which may consist of several gzip streams (RFC 1952, 2.2).
class Inflater {
 public:
  // Receives unpacked bytes; returns false to stop.
  using Out = std::function<bool(std::string_view)>;

  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Returns false when `out` stopped it, or when the content is damaged or not gzip.
  bool feed(std::string_view packed, const Out& out);
  // Whether the content ended at the end of a stream.
  bool is_complete() const { return between_streams_; }

 private:
  bool begin_stream(std::string_view& packed);

  std::unique_ptr<inflate_state> state_;
  std::vector<char> buffer_;
  bool between_streams_ = true;
};

// Whether a file that starts with `head` is gzip.
bool is_gzip(std::string_view head);

}  // namespace jetpack::report_issue
