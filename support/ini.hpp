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
  // Throws Errc::corrupt with `name` and the line. As Python's configparser: keys are matched in
  // any case, the last of several wins, and a line that is indented continues the value before it.
  static Ini parse(std::string_view text, const std::string& name);

  // nullopt when there is no such file. At most 1 MiB is read.
  static std::optional<Ini> read(const std::string& path);

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
