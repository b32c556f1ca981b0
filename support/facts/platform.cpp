// The distribution, by the names that Ohai gives: its rules for "platform" and its family.
#include <array>
#include <utility>

#include "support/facts/parts.hpp"
#include "support/text.hpp"

namespace jetpack::support::facts {

namespace {

using Pair = std::pair<std::string_view, std::string_view>;

// ID of /etc/os-release where Ohai's name is another.
constexpr std::array<Pair, 10> renamed{{{"alinux", "alibabalinux"},
                                        {"amzn", "amazon"},
                                        {"archarm", "arch"},
                                        {"cumulus-linux", "cumulus"},
                                        {"ol", "oracle"},
                                        {"opensuse-leap", "opensuseleap"},
                                        {"rhel", "redhat"},
                                        {"sles_sap", "suse"},
                                        {"sles", "suse"},
                                        {"xenenterprise", "xenserver"}}};

// The first part of a name that is found decides. Others, such as Azure Linux, have no family.
constexpr std::array<Pair, 33> families{{{"ubuntu", "debian"},
                                         {"debian", "debian"},
                                         {"linuxmint", "debian"},
                                         {"raspbian", "debian"},
                                         {"kali", "debian"},
                                         {"pop", "debian"},
                                         {"centos", "rhel"},
                                         {"redhat", "rhel"},
                                         {"oracle", "rhel"},
                                         {"almalinux", "rhel"},
                                         {"rocky", "rhel"},
                                         {"scientific", "rhel"},
                                         {"xenserver", "rhel"},
                                         {"xcp-ng", "rhel"},
                                         {"cloudlinux", "rhel"},
                                         {"alibabalinux", "rhel"},
                                         {"clearos", "rhel"},
                                         {"virtuozzo", "rhel"},
                                         {"amazon", "amazon"},
                                         {"suse", "suse"},
                                         {"sles", "suse"},
                                         {"sled", "suse"},
                                         {"sle-", "suse"},
                                         {"sle_", "suse"},
                                         {"fedora", "fedora"},
                                         {"arista_eos", "fedora"},
                                         {"gentoo", "gentoo"},
                                         {"arch", "arch"},
                                         {"manjaro", "arch"},
                                         {"alpine", "alpine"},
                                         {"clearlinux", "clearlinux"},
                                         {"slackware", "slackware"},
                                         {"exherbo", "exherbo"}}};

using Release = std::vector<std::pair<std::string, std::string>>;

std::string unquoted(std::string_view value) {
  value = trimmed(value);
  const bool is_quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
                         value.back() == value.front();
  std::string text;
  bool is_escaped = false;
  for (const char c : is_quoted ? value.substr(1, value.size() - 2) : value) {
    if (c == '\\' && !is_escaped && is_quoted && value.front() == '"') {
      is_escaped = true;
      continue;
    }
    is_escaped = false;
    text += c;
  }
  return text;
}

Release read_release(const Sources& sources) {
  std::string text = text_of_file(sources, "/etc/os-release");
  if (text.empty()) text = text_of_file(sources, "/usr/lib/os-release");
  Release release;
  each_line(text, [&](std::string_view line) {
    line = trimmed(line);
    const size_t equals = line.find('=');
    if (equals == 0 || equals == std::string_view::npos || line.front() == '#') return;
    release.emplace_back(line.substr(0, equals), unquoted(line.substr(equals + 1)));
  });
  return release;
}

std::string value_of(const Release& release, std::string_view name) {
  std::string value;
  for (const auto& [key, text] : release)
    if (key == name) value = text;
  return value;
}

// "7.9.2009" of "CentOS Linux release 7.9.2009 (Core)".
std::string version_in(const std::string& text) {
  for (size_t at = text.find(' '); at != std::string::npos; at = text.find(' ', at + 1)) {
    const size_t end = text.find_first_not_of("0123456789.", at + 1);
    std::string digits = text.substr(at + 1, end == std::string::npos ? end : end - at - 1);
    if (!digits.empty()) return digits;
  }
  return {};
}

std::string version_of(const Sources& sources, const Release& release, const std::string& id) {
  std::string version = value_of(release, "VERSION_ID");
  if (id == "centos") {
    // Only the major version is in os-release.
    std::string full = version_in(text_of_file(sources, "/etc/redhat-release"));
    if (!full.empty()) version = std::move(full);
  }
  // Debian's testing and unstable.
  if (version.empty() && id == "debian")
    version = trimmed(text_of_file(sources, "/etc/debian_version"));
  // What has no versions is as new as its kernel.
  if (version.empty()) version = trimmed(text_of_file(sources, "/proc/sys/kernel/osrelease"));
  return version;
}

}  // namespace

Platform platform_of(const Sources& sources) {
  const Release release = read_release(sources);
  const std::string id = lower_case(value_of(release, "ID"));
  Platform platform{id, version_of(sources, release, id), ""};
  for (const auto& [from, to] : renamed)
    if (id == from) platform.name = to;
  for (const auto& [part, family] : families) {
    if (platform.name.find(part) == std::string::npos) continue;
    platform.family = family;
    break;
  }
  return platform;
}

void add_platform(const Sources& sources, const Platform& platform, Object& facts) {
  facts.text("os", "linux");
  if (!platform.name.empty()) {
    facts.text("platform", platform.name).text("platform_version", platform.version);
    if (platform.family.empty()) {
      facts.null("platform_family");
    } else {
      facts.text("platform_family", platform.family);
    }
  }
  facts.object("os_release", [&](Object& json) {
    const Release release = read_release(sources);
    for (size_t i = 0; i < release.size(); ++i) {
      const auto& [key, value] = release[i];
      bool is_last = true;
      for (size_t later = i + 1; later < release.size(); ++later)
        is_last &= release[later].first != key;
      if (!is_last) continue;
      if (key == "ID_LIKE") {
        json.texts("id_like", words_of(value));
      } else {
        json.text(lower_case(key), value);
      }
    }
  });
}

}  // namespace jetpack::support::facts
