// jetpack/json_reader.hpp: how Json::parse reads. Part of jetpack/json.hpp; include that.
#pragma once

#include <jetpack/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jetpack::detail {

// Reads one document. For one thread.
class JsonReader {
 public:
  JsonReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  // Throws Errc::corrupt. [any-thread]
  Json read() {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    Json json = value(0);
    skip_blanks();
    if (at_ < text_.size()) fail("expected the end of the text");
    return json;
  }

 private:
  static constexpr int max_depth = 256;

  [[noreturn]] void fail(const std::string& expected) const {
    const std::string_view before = text_.substr(0, std::min(at_, text_.size()));
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const size_t start = before.rfind('\n') + 1;  // 0 when there is none
    throw Error(Errc::corrupt, name_ + ", line " + std::to_string(line) + ", column " +
                                   std::to_string(before.size() - start + 1) + ": " + expected);
  }

  void skip_blanks() noexcept {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }

  // Whether `c` comes next, which is then taken.
  bool take(char c) noexcept {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool take_word(std::string_view word) noexcept {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  Json value(int depth) {
    if (depth > max_depth) fail("nested more than 256 levels deep");
    if (take('{')) return object(depth);
    if (take('[')) return array(depth);
    if (take('"')) return string();
    if (take_word("true")) return true;
    if (take_word("false")) return false;
    if (take_word("null")) return {};
    return number();
  }

  Json object(int depth) {
    std::vector<Json::Member> members;
    if (take('}')) return Json::object();
    do {
      if (!take('"')) fail("expected the name of a member");
      std::string name = string();
      if (!take(':')) fail("expected ':'");
      members.emplace_back(std::move(name), value(depth + 1));
    } while (take(','));
    if (!take('}')) fail("expected ',' or '}'");
    return Json::of_members(without_repeated(std::move(members)));
  }

  // Of members with one name only the last, in its place. Sorted, because a document may have many.
  static std::vector<Json::Member> without_repeated(std::vector<Json::Member> members) {
    std::vector<size_t> order(members.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return members[a].first < members[b].first; });
    std::vector<bool> is_repeated(members.size());
    bool any = false;
    for (size_t i = 0; i + 1 < order.size(); ++i)
      if (members[order[i]].first == members[order[i + 1]].first)
        any = is_repeated[order[i]] = true;
    if (!any) return members;
    std::vector<Json::Member> kept;
    for (size_t i = 0; i < members.size(); ++i)
      if (!is_repeated[i]) kept.push_back(std::move(members[i]));
    return kept;
  }

  Json array(int depth) {
    Json json = Json::array();
    if (take(']')) return json;
    do json.add(value(depth + 1));
    while (take(','));
    if (!take(']')) fail("expected ',' or ']'");
    return json;
  }

  Json number() {
    const size_t start = at_;
    const auto digits = [&] {
      const size_t first = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      return at_ > first;
    };
    const auto sign = [&] {
      return at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-');
    };
    if (at_ < text_.size() && text_[at_] == '-') ++at_;
    const bool leading_zero = text_.substr(at_).starts_with('0');
    const size_t first = at_;
    if (!digits() || (leading_zero && at_ > first + 1)) {
      at_ = start;
      fail("expected a value");
    }
    bool is_whole = true;
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      is_whole = false;
      if (!digits()) fail("expected a digit");
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      is_whole = false;
      if (sign()) ++at_;
      if (!digits()) fail("expected a digit");
    }
    const std::string token(text_.substr(start, at_ - start));
    int64_t whole = 0;
    if (is_whole &&
        std::from_chars(token.data(), token.data() + token.size(), whole).ec == std::errc{})
      return whole;
    return std::strtod(token.c_str(), nullptr);
  }

  // What follows the opening quote, to the closing one.
  std::string string() {
    std::string text;
    while (true) {
      if (at_ >= text_.size()) fail("the text ends in a string");
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character in a string");
      if (c == '"') break;
      if (c == '\\') {
        ++at_;
        escape(text);
        continue;
      }
      const size_t length = utf8_length(text_.substr(at_));
      text += length == 0 ? replacement : text_.substr(at_, length);
      at_ += std::max<size_t>(length, 1);
    }
    ++at_;
    return text;
  }

  void escape(std::string& text) {
    constexpr std::string_view letters = "\"\\/bfnrt";
    constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
    const char letter = at_ < text_.size() ? text_[at_] : '\0';
    const size_t index = letters.find(letter);
    if (index != std::string_view::npos && letter != '\0') {
      text += meant[index];
      ++at_;
    } else if (letter == 'u') {
      ++at_;
      add_code_point(text, unicode());
    } else {
      fail("an unknown escape in a string");
    }
  }

  uint32_t hex4() {
    uint32_t unit = 0;
    const std::string_view digits = text_.substr(std::min(at_, text_.size()), 4);
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
    if (failure != std::errc{} || digits.size() != 4 || end != digits.data() + 4)
      fail("expected four hexadecimal digits");
    at_ += 4;
    return unit;
  }

  // Of a surrogate pair the code point; of half of one U+FFFD.
  uint32_t unicode() {
    constexpr uint32_t unknown = 0xFFFD;
    const uint32_t high = hex4();
    if (high < 0xD800 || high > 0xDFFF) return high;
    const size_t after = at_;
    if (high <= 0xDBFF && take_word("\\u")) {
      const uint32_t low = hex4();
      if (low >= 0xDC00 && low <= 0xDFFF)
        return 0x10000 + ((high - 0xD800) << 10U) + (low - 0xDC00);
    }
    at_ = after;
    return unknown;
  }

  static void add_code_point(std::string& text, uint32_t code) {
    const auto tail = [&](uint32_t shift) {
      text += static_cast<char>(0x80U | ((code >> shift) & 0x3FU));
    };
    if (code < 0x80) {
      text += static_cast<char>(code);
    } else if (code < 0x800) {
      text += static_cast<char>(0xC0U | (code >> 6U));
      tail(0);
    } else if (code < 0x10000) {
      text += static_cast<char>(0xE0U | (code >> 12U));
      tail(6);
      tail(0);
    } else {
      text += static_cast<char>(0xF0U | (code >> 18U));
      tail(12);
      tail(6);
      tail(0);
    }
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
};

}  // namespace jetpack::detail

namespace jetpack {

inline Json Json::parse(std::string_view text, const std::string& name) {
  return detail::JsonReader(text, name).read();
}

}  // namespace jetpack
