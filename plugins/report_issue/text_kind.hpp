// Tells text, which can be searched for secrets, from everything else, and reads it as UTF-8.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace jetpack::report_issue {

enum class Encoding : uint8_t { utf8, utf16_le, utf16_be, utf32_le, utf32_be };

// From a byte order mark, or from where the zeros are. UTF-8 stands for everything else.
Encoding encoding_of(std::string_view head);
std::string_view name_of(Encoding encoding);

// Why a file that starts with `head` cannot be searched for secrets; "" when it can. Formats are
// told by their first bytes; otherwise text has no zero in its first 4 KiB, and at most 1 % of the
// head are bytes that text has not.
std::string why_opaque(std::string_view head);

// Reads UTF-16 or UTF-32 in pieces; what is ill-formed becomes U+FFFD.
class Decoder {
 public:
  using Out = std::function<void(std::string_view)>;

  explicit Decoder(Encoding encoding) : encoding_(encoding) {}

  void feed(std::string_view piece, const Out& out);

 private:
  uint32_t unit_at(std::string_view bytes) const;

  Encoding encoding_;
  std::string held_;        // an incomplete unit
  uint32_t surrogate_ = 0;  // the first half of a pair
};

}  // namespace jetpack::report_issue
