// INI files such as config/jetpack.ini: sections, key = value, # and ; comments.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack::support {

class Ini {
 public:
  // Throws Errc::corrupt with `name` and the line. As Python's configparser reads it: keys are
  // matched in any case, the last of several wins, and a line that is indented deeper than the key
  // before it continues that key's value. A byte order mark is skipped.
  static Ini parse(std::string_view text, const std::string& name);

  // nullopt when the file does not exist. The limit is 1 MiB. A file that is being rewritten in
  // place is read again for some milliseconds.
  static std::optional<Ini> read(const std::string& path);

  // The key in the section, else in [DEFAULT].
  std::optional<std::string> get(std::string_view section, std::string_view key) const;

  struct Entry {
    std::string section;
    std::string key;  // lower case
    std::string value;
  };
  std::vector<Entry> entries() const;

 private:
  std::map<std::string, std::string> values_;  // "section\nkey"
};

}  // namespace jetpack::support
