// INI files such as config/jetpack.ini: sections, key = value, # and ; comments.
#include "support/ini.hpp"

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/text.hpp"

namespace jetpack::support {

namespace {

std::string slot(std::string_view section, std::string_view key) {
  return std::string(section) + '\n' + lower_case(key);
}

}  // namespace

Ini Ini::parse(std::string_view text, const std::string& name) {
  Ini ini;
  std::string section;
  std::string* last = nullptr;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    const std::string_view line = trimmed(raw);
    const auto fail = [&](const char* what) {
      throw Error(Errc::corrupt, name + ", line " + std::to_string(number) + ": found '" +
                                     std::string(line.substr(0, 60)) + "', " + what);
    };
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (raw.find_first_of(" \t") == 0 && last != nullptr) {
      *last += '\n' + std::string(line);
      continue;
    }
    if (line[0] == '[') {
      if (line.back() != ']') fail("expected a section such as [identity]");
      section = trimmed(line.substr(1, line.size() - 2));
      last = nullptr;
      continue;
    }
    const size_t mark = line.find_first_of("=:");
    if (mark == std::string_view::npos || mark == 0) fail("expected key = value");
    last = &ini.values_[slot(section, trimmed(line.substr(0, mark)))];
    *last = trimmed(line.substr(mark + 1));
  }
  return ini;
}

std::optional<Ini> Ini::read(const std::string& path) {
  const auto text = read_file(path, 1 << 20);
  if (!text) return std::nullopt;
  return parse(*text, path);
}

std::optional<std::string> Ini::get(std::string_view section, std::string_view key) const {
  const auto found = values_.find(slot(section, key));
  if (found == values_.end()) return std::nullopt;
  return found->second;
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
