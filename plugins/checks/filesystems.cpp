// File systems that are full, read-only or missing.
#include <algorithm>
#include <map>
#include <set>

#include "checks/checks_of_machine.hpp"
#include "checks/findings.hpp"

namespace jetpack::checks {

namespace {

struct Mount {
  std::string source;
  std::string type;
  bool is_read_only = false;
};

// An entry of fstab(5).
struct Wanted {
  std::string mount_point;
  bool is_read_only = false;
  bool may_be_missing = false;  // noauto
  bool may_fail = false;        // nofail
};

template <class Use>
void for_each_line(const std::string& text, Use use) {
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    use(fields(std::string_view(text).substr(start, end - start)));
    start = end + 1;
  }
}

bool has_option(std::string_view options, std::string_view option) {
  while (!options.empty()) {
    const auto one = options.substr(0, options.find(','));
    if (one == option) return true;
    options.remove_prefix(std::min(options.size(), one.size() + 1));
  }
  return false;
}

// "\040" for a blank, as fstab and mountinfo write it.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto is_octal = [&](size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '7';
    };
    if (text[i] == '\\' && is_octal(i + 1) && is_octal(i + 2) && is_octal(i + 3)) {
      plain +=
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// By mount point; of several mounted on one, the last is the one that is seen. See proc(5).
std::map<std::string, Mount> mounts_of(const Machine& machine) {
  std::map<std::string, Mount> mounts;
  for_each_line(machine.text("/proc/self/mountinfo").value_or(""), [&](const auto& parts) {
    const auto dash = std::find(parts.begin(), parts.end(), "-");
    if (parts.size() < 7 || parts.end() - dash < 4) return;
    mounts[unescaped(parts[4])] = {unescaped(dash[2]), std::string(dash[1]),
                                   has_option(parts[5], "ro") || has_option(dash[3], "ro")};
  });
  return mounts;
}

std::vector<Wanted> wanted_mounts(const Machine& machine) {
  std::vector<Wanted> wanted;
  for_each_line(machine.text("/etc/fstab").value_or(""), [&](const auto& parts) {
    if (parts.size() < 3 || parts[0].starts_with('#') || !parts[1].starts_with('/') ||
        parts[2] == "swap")
      return;
    const std::string_view options = parts.size() > 3 ? parts[3] : "defaults";
    wanted.push_back({unescaped(parts[1]), has_option(options, "ro"), has_option(options, "noauto"),
                      has_option(options, "nofail")});
  });
  return wanted;
}

// Those that are files of their own, such as images of snaps, are full and read-only by nature.
bool is_disk(const Mount& mount) {
  static const std::set<std::string> read_only_types{"squashfs", "iso9660", "erofs", "udf",
                                                     "cramfs"};
  return mount.source.starts_with("/dev/") && !mount.source.starts_with("/dev/loop") &&
         !read_only_types.contains(mount.type);
}

int64_t percent(uint64_t part, uint64_t whole) {
  return whole == 0
             ? 100
             : static_cast<int64_t>(static_cast<double>(part) * 100 / static_cast<double>(whole));
}

void examine_space(const Machine& machine, const std::string& mount_point, const Limits& limits,
                   Findings& findings) {
  const auto usage = machine.usage(mount_point);
  if (!usage || usage->blocks == 0) return;
  if (usage->free_blocks == 0) return findings.fail(mount_point + " is full");
  const auto warn = [&](uint64_t free, uint64_t whole, const char* what) {
    const int64_t left = percent(free, whole);
    if (left < limits.disk_free)
      findings.warn(mount_point + ": " + std::to_string(left) + " % of its " + what + " left");
  };
  warn(usage->free_blocks, usage->blocks, "space");
  // 0 files: the file system creates them as it goes.
  warn(usage->free_files, usage->files, "inodes");
}

}  // namespace

Verdict check_filesystems(const Machine& machine, const Limits& limits) {
  const auto mounts = mounts_of(machine);
  if (mounts.empty()) return Verdict::unknown("cannot read /proc/self/mountinfo");
  Findings findings;
  std::set<std::string> read_only;
  for (const auto& wanted : wanted_mounts(machine)) {
    const auto mount = mounts.find(wanted.mount_point);
    if (wanted.is_read_only) read_only.insert(wanted.mount_point);
    if (mount != mounts.end() || wanted.may_be_missing) continue;
    const std::string text = wanted.mount_point + " is in /etc/fstab and not mounted";
    if (wanted.may_fail)
      findings.warn(text);
    else
      findings.fail(text);
  }
  size_t count = 0;
  for (const auto& [mount_point, mount] : mounts) {
    if (!is_disk(mount)) continue;
    ++count;
    if (mount.is_read_only && !read_only.contains(mount_point)) {
      findings.fail(mount_point + " (" + mount.source +
                    ") is read-only; the kernel's log says why");
    } else if (!mount.is_read_only) {
      examine_space(machine, mount_point, limits, findings);
    }
  }
  return findings.verdict(std::to_string(count) + " file systems are mounted, with space left",
                          limits.may_terminate);
}

}  // namespace jetpack::checks
