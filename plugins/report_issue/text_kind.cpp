// Tells text, which can be searched for secrets, from everything else, and reads it as UTF-8.
#include "text_kind.hpp"

#include <algorithm>
#include <array>

namespace jetpack::report_issue {

namespace {

using namespace std::string_view_literals;

constexpr uint32_t replacement = 0xFFFD;

size_t unit_bytes(Encoding encoding) {
  switch (encoding) {
    case Encoding::utf8:
      return 1;
    case Encoding::utf16_le:
    case Encoding::utf16_be:
      return 2;
    case Encoding::utf32_le:
    case Encoding::utf32_be:
      return 4;
  }
  return 1;
}

void append_utf8(std::string& text, uint32_t c) {
  const auto put = [&](uint32_t byte) {
    text += static_cast<char>(static_cast<unsigned char>(byte));
  };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      put(0xE0 | c >> 12);
    } else {
      put(0xF0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3F));
    }
    put(0x80 | (c >> 6 & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

constexpr bool is_surrogate(uint32_t unit) { return unit >= 0xD800 && unit <= 0xDFFF; }

size_t expected_continuation(unsigned char lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return 1;
  if (lead >= 0xE0 && lead <= 0xEF) return 2;
  return lead >= 0xF0 && lead <= 0xF4 ? 3 : 0;
}

// Whether the block, at `text`, has only printable ASCII, line ends and tabs: most text has.
constexpr size_t block = 64;
bool is_plain(const char* text) {
  // Without a branch, for the compiler to take many bytes at once.
  unsigned char odd = 0;
  for (size_t i = 0; i < block; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_printable = static_cast<unsigned char>(byte - 0x20) < 0x5F;
    odd |= static_cast<unsigned char>(!(is_printable | (byte == '\n') | (byte == '\t')));
  }
  return odd == 0;
}

// Bytes that no text has: control characters and broken UTF-8. A single byte beyond ASCII between
// others may be a letter in Latin-1.
size_t foreign_bytes(std::string_view text) {
  const auto byte_at = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  size_t foreign = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    while (i + block < text.size() && is_plain(text.data() + i)) i += block;
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      const bool is_usual = byte >= 0x20
                                ? byte != 0x7F
                                : "\b\t\n\v\f\r\x1b"sv.find(text[i]) != std::string_view::npos;
      foreign += is_usual ? 0 : 1;
      continue;
    }
    const size_t more = expected_continuation(byte);
    size_t seen = 0;
    while (seen < more && (byte_at(i + seen + 1) & 0xC0) == 0x80) ++seen;
    const bool is_cut = i + more >= text.size();
    const bool is_latin = byte >= 0xA0 && byte_at(i + 1) < 0x80;
    if (more > 0 && (seen == more || is_cut)) {
      i += seen;
    } else if (!is_latin) {
      ++foreign;
    }
  }
  return foreign;
}

}  // namespace

Encoding encoding_of(std::string_view head) {
  if (head.starts_with("\xFF\xFE\0\0"sv)) return Encoding::utf32_le;
  if (head.starts_with("\0\0\xFE\xFF"sv)) return Encoding::utf32_be;
  if (head.starts_with("\xFF\xFE"sv)) return Encoding::utf16_le;
  if (head.starts_with("\xFE\xFF"sv)) return Encoding::utf16_be;
  constexpr size_t sample = 4096;
  const std::string_view start = head.substr(0, std::min(sample, head.size() / 4 * 4));
  if (start.find('\0') == std::string_view::npos) return Encoding::utf8;
  std::array<size_t, 4> zeros{};
  for (size_t i = 0; i < start.size(); ++i) zeros[i % 4] += start[i] == '\0' ? 1 : 0;
  const size_t most = start.size() / 4;
  if (most == 0) return Encoding::utf8;
  const auto mostly = [&](size_t place) { return zeros[place] * 10 >= most * 7; };
  const auto never = [&](size_t place) { return zeros[place] == 0; };
  if (never(0) && mostly(1) && mostly(2) && mostly(3)) return Encoding::utf32_le;
  if (mostly(0) && mostly(1) && mostly(2) && never(3)) return Encoding::utf32_be;
  if (never(0) && mostly(1) && never(2) && mostly(3)) return Encoding::utf16_le;
  if (mostly(0) && never(1) && mostly(2) && never(3)) return Encoding::utf16_be;
  return Encoding::utf8;
}

std::string_view name_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::utf8:
      break;
    case Encoding::utf16_le:
      return "UTF-16LE";
    case Encoding::utf16_be:
      return "UTF-16BE";
    case Encoding::utf32_le:
      return "UTF-32LE";
    case Encoding::utf32_be:
      return "UTF-32BE";
  }
  return "UTF-8";
}

std::string why_opaque(std::string_view head) {
  struct Format {
    std::string_view magic;
    std::string_view what;
  };
  constexpr auto formats = std::to_array<Format>({{"LPKSHHRH"sv, "a systemd journal"},
                                                  {"\xFD\x37zXZ\0"sv, "compressed"},
                                                  {"BZh"sv, "compressed"},
                                                  {"\x28\xB5\x2F\xFD"sv, "compressed"},
                                                  {"\x04\x22\x4D\x18"sv, "compressed"},
                                                  {"\x1F\x9D"sv, "compressed"},
                                                  {"\x1F\xA0"sv, "compressed"},
                                                  {"\x1F\x1E"sv, "compressed"},
                                                  {"\x1F\x8B"sv, "compressed"},
                                                  {"LZIP"sv, "compressed"},
                                                  {"\x89LZO"sv, "compressed"},
                                                  {"PK\x03\x04"sv, "an archive"},
                                                  {"7z\xBC\xAF\x27"sv, "an archive"},
                                                  {"Rar!\x1A\x07"sv, "an archive"},
                                                  {"MSCF"sv, "an archive"},
                                                  {"\xED\xAB\xEE\xDB"sv, "an RPM package"},
                                                  {"!<arch>\n"sv, "an archive"},
                                                  {"070701"sv, "an archive"},
                                                  {"%PDF-"sv, "a PDF document"},
                                                  {"\x7F"
                                                   "ELF"sv,
                                                   "a program or a core dump"},
                                                  {"SQLite format 3\0"sv, "an SQLite database"}});
  constexpr size_t tar_magic = 257;
  constexpr size_t no_zero = 4096;
  constexpr size_t percent = 100;
  const auto because = [](std::string_view what) {
    return std::string(what) + "; secrets in it cannot be masked";
  };
  for (const auto& format : formats)
    if (head.starts_with(format.magic)) return because(format.what);
  if (head.size() > tar_magic && head.substr(tar_magic).starts_with("ustar"))
    return because("an archive");
  const Encoding encoding = encoding_of(head);
  std::string decoded;
  if (encoding != Encoding::utf8) {
    Decoder(encoding).feed(head, [&](std::string_view text) { decoded += text; });
    head = decoded;
  }
  if (head.substr(0, no_zero).find('\0') != std::string_view::npos ||
      foreign_bytes(head) * percent > head.size())
    return because("not text");
  return {};
}

uint32_t Decoder::unit_at(std::string_view bytes) const {
  const bool is_big = encoding_ == Encoding::utf16_be || encoding_ == Encoding::utf32_be;
  uint32_t unit = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    unit = unit << 8 | static_cast<unsigned char>(bytes[is_big ? i : bytes.size() - 1 - i]);
  return unit;
}

void Decoder::feed(std::string_view piece, const Out& out) {
  if (encoding_ == Encoding::utf8) return out(piece);
  held_ += piece;
  const size_t width = unit_bytes(encoding_);
  std::string text;
  size_t at = 0;
  for (; at + width <= held_.size(); at += width) {
    const uint32_t unit = unit_at(std::string_view(held_).substr(at, width));
    const bool is_second = unit >= 0xDC00 && unit <= 0xDFFF;
    if (surrogate_ != 0 && is_second) {
      append_utf8(text, 0x10000 + ((surrogate_ - 0xD800) << 10) + (unit - 0xDC00));
      surrogate_ = 0;
      continue;
    }
    if (surrogate_ != 0) append_utf8(text, replacement);
    surrogate_ = width == 2 && is_surrogate(unit) && !is_second ? unit : 0;
    if (surrogate_ == 0)
      append_utf8(text, is_surrogate(unit) || unit > 0x10FFFF ? replacement : unit);
  }
  held_.erase(0, at);
  if (!text.empty()) out(text);
}

}  // namespace jetpack::report_issue
