// config/plugins.ini: which plugins an administrator trusts, and what they may do.
#include "loader/policy.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/ini.hpp"
#include "support/text.hpp"

namespace jetpack {

namespace {

constexpr uint64_t max_policy = 1 << 20;

using Unit = std::pair<std::string_view, uint64_t>;
constexpr std::array byte_units{Unit{"", 1}, Unit{"k", 1 << 10}, Unit{"m", 1 << 20},
                                Unit{"g", 1 << 30}, Unit{"t", uint64_t{1} << 40}};
constexpr std::array time_units{Unit{"", 1000},    Unit{"ms", 1},        Unit{"s", 1000},
                                Unit{"m", 60'000}, Unit{"h", 3'600'000}, Unit{"d", 86'400'000}};
constexpr std::array no_unit{Unit{"", 1}};

// Where the text of a value is, for messages.
struct Place {
  const std::string& name;
  const support::Ini::Entry& entry;

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Errc::corrupt, name + ": [" + support::one_line(entry.section) + "] " +
                                   support::one_line(entry.key) + ": " + what +
                                   "; until it is fixed, no bundle is used");
  }
  [[noreturn]] void fail_on_value(const char* expected) const {
    fail("found '" + support::one_line(entry.value.substr(0, 60)) + "', expected " + expected);
  }
};

// Separated by blanks, commas or line ends.
std::vector<std::string> words(std::string_view text) {
  constexpr std::string_view separators = " \t\r\n,";
  std::vector<std::string> found;
  for (size_t at = text.find_first_not_of(separators); at != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_of(separators, at), text.size());
    found.emplace_back(text.substr(at, end - at));
    at = text.find_first_not_of(separators, end);
  }
  return found;
}

template <size_t count>
std::optional<uint64_t> amount(const Place& place, const std::array<Unit, count>& units,
                               const char* expected) {
  const std::string text = support::lower_case(place.entry.value);
  if (text.empty()) return std::nullopt;
  if (text == "unlimited") return Limits::unlimited;
  uint64_t number = 0;
  uint64_t total = 0;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  const std::string_view suffix(rest, static_cast<size_t>(end - rest));
  const auto unit = std::find_if(units.begin(), units.end(),
                                 [&](const Unit& known) { return known.first == suffix; });
  if (failure != std::errc{} || unit == units.end() || number == 0 ||
      __builtin_mul_overflow(number, unit->second, &total))
    place.fail_on_value(expected);
  return total;
}

bool matches(std::string_view pattern, std::string_view text) {
  if (!pattern.ends_with('*')) return pattern == text;
  return text.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool has_match(const std::vector<std::string>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return matches(pattern, text); });
}

std::vector<std::string> patterns(const Place& place) {
  auto list = words(place.entry.value);
  for (const auto& pattern : list)
    if (pattern.find('*') < pattern.size() - 1)
      place.fail("'" + support::one_line(pattern) + "' has a * that is not at its end");
  return list;
}

void read_trust(const Place& place, Policy& policy) {
  const auto& [section, key, value] = place.entry;
  if (key == "signatures") {
    if (value != "required" && value != "optional") place.fail_on_value("'required' or 'optional'");
    policy.signatures_required = value == "required";
  } else if (key == "directories") {
    policy.directories = words(value);
    for (const auto& directory : policy.directories)
      if (!directory.starts_with('/'))
        place.fail("'" + support::one_line(directory) + "' is not an absolute path");
  } else {
    place.fail("unknown key");
  }
}

void read_allow(const Place& place, Policy& policy) {
  if (place.entry.key == "ids") {
    policy.ids = patterns(place);
  } else if (place.entry.key == "capabilities") {
    policy.capabilities = words(place.entry.value);
    for (const auto& name : policy.capabilities)
      if (!is_capability(name))
        place.fail("unknown capability '" + support::one_line(name) + "'; known are " +
                   "ptrace, mount, kexec, modules and bpf");
  } else {
    place.fail("unknown key");
  }
}

void read_revoked(const Place& place, Policy& policy) {
  if (place.entry.key == "keys") {
    policy.revoked_keys = words(place.entry.value);
  } else if (place.entry.key == "versions") {
    policy.revoked_versions = patterns(place);
    for (const auto& version : policy.revoked_versions)
      if (version.find('@') == std::string::npos)
        place.fail("found '" + support::one_line(version) + "', expected ID@VERSION");
  } else {
    place.fail("unknown key");
  }
}

void read_limits(const Place& place, Policy& policy) {
  const std::string& key = place.entry.key;
  constexpr auto bytes = "a size such as 512M, 8G or unlimited";
  constexpr auto number = "a whole number from 1 or unlimited";
  constexpr auto span = "a duration such as 90 (seconds), 10m, 6h or unlimited";
  if (key == "memory") {
    policy.limits.memory = amount(place, byte_units, bytes);
  } else if (key == "processes") {
    policy.limits.processes = amount(place, no_unit, number);
  } else if (key == "files") {
    policy.limits.files = amount(place, no_unit, number);
  } else if (key == "cpu") {
    policy.limits.cpu_ms = amount(place, time_units, span);
  } else if (key == "wall") {
    policy.limits.wall_ms = amount(place, time_units, span);
  } else {
    place.fail("unknown key");
  }
}

}  // namespace

bool is_capability(std::string_view name) {
  return std::any_of(std::begin(capabilities), std::end(capabilities),
                     [&](const Capability& known) { return known.name == name; });
}

Policy Policy::parse(std::string_view text, const std::string& name) {
  Policy policy;
  for (const auto& entry : support::Ini::parse(text, name).entries()) {
    const Place place{name, entry};
    if (entry.section == "trust") {
      read_trust(place, policy);
    } else if (entry.section == "allow") {
      read_allow(place, policy);
    } else if (entry.section == "revoked") {
      read_revoked(place, policy);
    } else if (entry.section == "limits") {
      read_limits(place, policy);
    } else if (entry.section != "index") {  // is read by bundles/index.cpp
      place.fail("unknown section");
    }
  }
  return policy;
}

Policy Policy::read(const std::string& tree) {
  const std::string path = tree + "/config/plugins.ini";
  const auto text = support::read_private_file(path, max_policy);
  return text ? parse(*text, path) : Policy{};
}

bool Policy::allows_id(std::string_view id) const { return ids.empty() || has_match(ids, id); }

bool Policy::grants(std::string_view capability) const {
  return std::find(capabilities.begin(), capabilities.end(), capability) != capabilities.end();
}

bool Policy::is_revoked_version(std::string_view id, std::string_view version) const {
  return has_match(revoked_versions, std::string(id) + '@' + std::string(version));
}

bool Policy::is_revoked_key(std::string_view key) const {
  return !key.empty() &&
         std::any_of(revoked_keys.begin(), revoked_keys.end(), [&](const std::string& revoked) {
           return support::lower_case(revoked) == support::lower_case(key);
         });
}

bool Policy::revoked(std::string_view id, std::string_view version, std::string_view key) const {
  return is_revoked_version(id, version) || is_revoked_key(key);
}

std::string Policy::objection(std::string_view id, std::string_view version,
                              std::string_view key) const {
  const std::string name = support::one_line(id);
  if (!allows_id(id)) return name + " is not among the ids that config/plugins.ini allows";
  if (is_revoked_version(id, version))
    return "version " + support::one_line(version) + " of " + name +
           " is revoked in config/plugins.ini; install another version";
  if (is_revoked_key(key))
    return "its key " + support::one_line(key) + " is revoked in config/plugins.ini";
  if (key.empty() && signatures_required)
    return "it is not signed, and config/plugins.ini requires signatures";
  return {};
}

}  // namespace jetpack
