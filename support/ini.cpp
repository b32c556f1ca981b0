// INI files such as config/jetpack.ini: sections, key = value, # and ; comments.
#include "support/ini.hpp"

#include <algorithm>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/rewritten.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::support {

namespace {

constexpr uint64_t max_file = 1 << 20;

std::string slot(std::string_view section, std::string_view key) {
  return std::string(section) + '\n' + lower_case(key);
}

// Removes the first line from `text` and returns it; "\r\n" and "\r" end lines too.
std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find_first_of("\r\n"), text.size());
  const std::string_view line = text.substr(0, end);
  const bool has_pair = text.substr(end).starts_with("\r\n");
  text.remove_prefix(std::min(end + (has_pair ? 2 : 1), text.size()));
  return line;
}

// The rules are those of Python's configparser, whose _read() this follows.
class Parser {
 public:
  Parser(std::map<std::string, std::string>& values, const std::string& name)
      : values_(values), name_(name) {}

  void parse(std::string_view text) {
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    while (!text.empty()) {
      ++number_;
      const std::string_view raw = take_line(text);
      add(trimmed(raw), raw.find_first_not_of(blanks));
    }
    for (auto& [ignored, value] : values_) value.erase(value.find_last_not_of(" \t\n") + 1);
  }

 private:
  static constexpr std::string_view blanks = " \t\f\v";

  void add(std::string_view line, size_t indent) {
    if (line.starts_with('#') || line.starts_with(';')) return;
    if (line.empty()) {
      // Part of the value if the value continues after it.
      if (value_ != nullptr) *value_ += '\n';
      return;
    }
    if (value_ != nullptr && indent > key_indent_) {
      value_->append("\n").append(line);
      return;
    }
    key_indent_ = indent;
    const size_t close = line[0] == '[' ? line.rfind(']') : std::string_view::npos;
    if (close != std::string_view::npos && close > 1) {
      section_ = trimmed(line.substr(1, close - 1));
      value_ = nullptr;
      return;
    }
    const size_t mark = line.find_first_of("=:");
    if (mark == std::string_view::npos || mark == 0)
      fail(line, line[0] == '[' ? "expected a section such as [identity]" : "expected key = value");
    value_ = &values_[slot(section_, trimmed(line.substr(0, mark)))];
    *value_ = trimmed(line.substr(mark + 1));
  }

  [[noreturn]] void fail(std::string_view line, const char* what) const {
    throw Error(Errc::corrupt, name_ + ", line " + std::to_string(number_) + ": found '" +
                                   one_line(line.substr(0, 60)) + "', " + what);
  }

  std::map<std::string, std::string>& values_;
  const std::string& name_;
  size_t number_ = 0;
  std::string section_;
  std::string* value_ = nullptr;  // of the last key
  size_t key_indent_ = 0;         // of the last key or section
};

}  // namespace

Ini Ini::parse(std::string_view text, const std::string& name) {
  Ini ini;
  Parser(ini.values_, name).parse(text);
  return ini;
}

std::optional<Ini> Ini::read(const std::string& path) {
  return read_settled(path, [&](int fd) {
    const auto text = read_bounded(fd, max_file, path);
    if (text) return parse(*text, path);
    throw Error(Errc::failed, path + " is larger than the limit of 1 MiB");
  });
}

std::optional<std::string> Ini::get(std::string_view section, std::string_view key) const {
  // [DEFAULT] applies to every section.
  for (const std::string_view in : {section, std::string_view("DEFAULT")})
    if (const auto found = values_.find(slot(in, key)); found != values_.end())
      return found->second;
  return std::nullopt;
}

std::vector<Ini::Entry> Ini::entries() const {
  std::vector<Entry> all;
  for (const auto& [place, value] : values_) {
    const size_t middle = place.find('\n');
    all.push_back({place.substr(0, middle), place.substr(middle + 1), value});
  }
  return all;
}

}  // namespace jetpack::support
