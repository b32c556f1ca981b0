// The mounted file systems and how full they are, as Ohai lists them from df, mount and lsblk.
#include <dirent.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>

#include "support/encoding.hpp"
#include "support/facts/parts.hpp"
#include "support/files.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::support::facts {

namespace {

// A machine with containers has thousands of mounts, and no caller reads them.
constexpr size_t most_mounts = 2000;
constexpr uint64_t kibi = 1024;

// Those that answer for themselves. Any other (nfs, cifs, lustre, fuse ...) may ask a server that
// does not answer.
constexpr std::array<std::string_view, 23> local_types{
    "bcachefs", "btrfs",    "devtmpfs",  "efivarfs", "erofs", "exfat", "ext2",  "ext3",
    "ext4",     "f2fs",     "hugetlbfs", "iso9660",  "jfs",   "msdos", "ntfs3", "overlay",
    "ramfs",    "reiserfs", "squashfs",  "tmpfs",    "udf",   "vfat",  "xfs"};
// df leaves these out.
constexpr std::array<std::string_view, 11> dummy_types{"autofs", "proc",    "subfs",  "debugfs",
                                                       "devpts", "fusectl", "mqueue", "rpc_pipefs",
                                                       "sysfs",  "none",    "ignore"};

using Values = std::vector<std::pair<const char*, std::string>>;

struct Mount {
  std::string device, place, type;
  std::string raw_place;  // for the kernel
  std::vector<std::string> options;
  Values usage;
  std::string uuid, label;
};

template <size_t size>
bool is_among(const std::array<std::string_view, size>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Undoes "\040" of /proc/mounts.
std::string unescaped(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](size_t at) {
      return i + at < text.size() && text[i + at] >= '0' && text[i + at] <= '7';
    };
    if (text[i] == '\\' && digit(1) && digit(2) && digit(3)) {
      result += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                  (text[i + 3] - '0'));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    if (end > at) parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// Of mounts of one device at one place, the last is what is seen.
std::vector<Mount> read_mounts(const Sources& sources) {
  std::vector<Mount> mounts;
  std::map<std::string, size_t> known;
  std::string text = text_of_file(sources, "/proc/self/mounts");
  if (text.empty()) text = text_of_file(sources, "/proc/mounts");
  each_line(text, [&](std::string_view line) {
    const auto fields = words_of(line);
    if (fields.size() < 4) return;
    Mount mount;
    mount.device = well_formed(unescaped(fields[0]));
    mount.raw_place = unescaped(fields[1]);
    mount.place = well_formed(mount.raw_place);
    mount.type = fields[2];
    mount.options = split_at_commas(well_formed(unescaped(fields[3])));
    const auto [entry, is_new] = known.emplace(mount.device + ',' + mount.place, mounts.size());
    if (!is_new) {
      mounts[entry->second] = std::move(mount);
    } else if (mounts.size() < most_mounts) {
      mounts.push_back(std::move(mount));
    }
  });
  if (known.size() > mounts.size() && sources.warn)
    sources.warn("only the first " + std::to_string(most_mounts) + " of " +
                 std::to_string(known.size()) + " mounts are listed");
  return mounts;
}

// What the kernel says of one mount; 0 where it says nothing.
struct Usage {
  uint64_t index = 0, device = 0, unit = 0, blocks = 0, free = 0, available = 0;
  uint64_t inodes = 0, inodes_free = 0;
};
static_assert(std::is_trivially_copyable_v<Usage>);

std::vector<Usage> ask_for_usage(const Sources& sources, const std::vector<Mount>& mounts) {
  const auto answer = ask_in_child(sources.disk_deadline, [&] {
    std::string all;
    for (size_t i = 0; i < mounts.size(); ++i) {
      struct statvfs space {};
      struct stat place {};
      if (!is_among(local_types, mounts[i].type) ||
          ::statvfs(mounts[i].raw_place.c_str(), &space) != 0 ||
          ::stat(mounts[i].raw_place.c_str(), &place) != 0)
        continue;
      const Usage usage{i,
                        place.st_dev,
                        space.f_frsize,
                        space.f_blocks,
                        space.f_bfree,
                        space.f_bavail,
                        space.f_files,
                        space.f_ffree};
      std::array<char, sizeof usage> bytes{};
      std::memcpy(bytes.data(), &usage, sizeof usage);
      all.append(bytes.data(), bytes.size());
    }
    return all;
  });
  if (!answer && sources.warn)
    sources.warn("the local file systems did not say how full they are within " +
                 std::to_string(sources.disk_deadline.count()) + " ms");
  std::vector<Usage> usages(answer ? answer->size() / sizeof(Usage) : 0);
  if (!usages.empty()) std::memcpy(usages.data(), answer->data(), usages.size() * sizeof(Usage));
  return usages;
}

// Of several mounts of one file system df lists that nearest the root.
std::vector<Usage> listed_by_df(const std::vector<Usage>& all, const std::vector<Mount>& mounts) {
  std::vector<Usage> listed;
  for (const auto& usage : all) {
    const Mount& mount = mounts[usage.index];
    if (usage.blocks == 0 || is_among(dummy_types, mount.type)) continue;
    const auto same = std::find_if(listed.begin(), listed.end(), [&](const Usage& other) {
      return other.device == usage.device;
    });
    if (same == listed.end()) {
      listed.push_back(usage);
      continue;
    }
    const Mount& other = mounts[same->index];
    const bool is_real = mount.device.find('/') != std::string::npos;
    const bool is_other_real = other.device.find('/') != std::string::npos;
    const bool is_nearer = other.place.size() > mount.place.size();
    if ((is_real && !is_other_real) || is_nearer ||
        (other.device != mount.device && other.place == mount.place))
      *same = usage;
  }
  return listed;
}

// Rounded up, as df does.
std::string percent(uint64_t used, uint64_t available) {
  const uint64_t all = used + available;
  return std::to_string(used / all * 100 + (used % all * 100 + all - 1) / all) + '%';
}

Values values_of(const Usage& usage) {
  const auto in_kib = [&](uint64_t blocks) {
    return std::to_string((blocks * usage.unit + kibi - 1) / kibi);
  };
  Values values;
  const uint64_t used = usage.blocks - usage.free;
  if (used + usage.available > 0) {
    values = {{"kb_size", in_kib(usage.blocks)},
              {"kb_used", in_kib(used)},
              {"kb_available", in_kib(usage.available)},
              {"percent_used", percent(used, usage.available)}};
  }
  if (usage.inodes == 0) return values;
  const uint64_t inodes_used = usage.inodes - std::min(usage.inodes, usage.inodes_free);
  values.insert(values.end(), {{"total_inodes", std::to_string(usage.inodes)},
                               {"inodes_used", std::to_string(inodes_used)},
                               {"inodes_available", std::to_string(usage.inodes_free)},
                               {"inodes_percent_used", percent(inodes_used, usage.inodes_free)}});
  return values;
}

// Undoes "\x20" of udev.
std::string plain_name(const std::string& name) {
  std::string text;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool is_escape = name.compare(i, 2, "\\x") == 0 && i + 3 < name.size() &&
                           hex_digit_value(name[i + 2]) >= 0 && hex_digit_value(name[i + 3]) >= 0;
    if (is_escape) {
      text += static_cast<char>(hex_digit_value(name[i + 2]) * 16 + hex_digit_value(name[i + 3]));
      i += 3;
    } else {
      text += name[i];
    }
  }
  return well_formed(text);
}

// By device: the names of the links that udev keeps below /dev/disk.
std::map<std::string, std::string> disk_names(const Sources& sources, const std::string& kind) {
  std::map<std::string, std::string> names;
  const std::string path = sources.root + "/dev/disk/" + kind;
  const Directory entries(::opendir(path.c_str()));
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
    std::array<char, 1024> target{};
    const ssize_t size =
        ::readlinkat(::dirfd(entries.get()), entry->d_name, target.data(), target.size());
    if (size <= 0) continue;
    std::string device(target.data(), static_cast<size_t>(size));
    device = device.substr(device.rfind('/') + 1);
    // Mounts name a volume by its name.
    const std::string volume(trimmed(text_of_file(sources, "/sys/block/" + device + "/dm/name")));
    names[volume.empty() ? "/dev/" + device : "/dev/mapper/" + volume] = plain_name(entry->d_name);
  }
  return names;
}

void add_disk_names(const Sources& sources, std::vector<Mount>& mounts) {
  const auto uuids = disk_names(sources, "by-uuid"), labels = disk_names(sources, "by-label");
  for (auto& mount : mounts) {
    const auto uuid = uuids.find(mount.device), label = labels.find(mount.device);
    if (uuid != uuids.end()) mount.uuid = uuid->second;
    if (label != labels.end()) mount.label = label->second;
  }
}

void add_entry(const Mount& mount, const Values& usage, Object& json) {
  for (const auto& [name, value] : usage) json.text(name, value);
  json.text("fs_type", mount.type).texts("mount_options", mount.options);
  if (!mount.uuid.empty()) json.text("uuid", mount.uuid);
  if (!mount.label.empty()) json.text("label", mount.label);
}

// The mounts joined by device or by place: of each value the last counts.
struct Group {
  std::string name;
  const Mount* last = nullptr;
  Values usage;
  std::vector<std::string> members;
};

std::vector<Group> grouped(const std::vector<Mount>& mounts, std::string Mount::*name,
                           std::string Mount::*member) {
  std::vector<Group> groups;
  std::map<std::string, size_t> known;
  for (const auto& mount : mounts) {
    const auto [entry, is_new] = known.emplace(mount.*name, groups.size());
    if (is_new) groups.push_back({mount.*name, nullptr, {}, {}});
    Group& group = groups[entry->second];
    group.last = &mount;
    group.members.push_back(mount.*member);
    for (const auto& value : mount.usage) {
      std::erase_if(group.usage,
                    [&](const auto& old) { return std::strcmp(old.first, value.first) == 0; });
      group.usage.push_back(value);
    }
  }
  return groups;
}

void add_view(const std::vector<Group>& groups, const char* view, const char* members,
              Object& json) {
  json.object(view, [&](Object& all) {
    for (const auto& group : groups)
      all.object(group.name, [&](Object& entry) {
        add_entry(*group.last, group.usage, entry);
        entry.texts(members, group.members);
      });
  });
}

}  // namespace

void add_filesystem(const Sources& sources, Object& facts) {
  std::vector<Mount> mounts = read_mounts(sources);
  std::vector<size_t> order;
  if (sources.root.empty()) {
    for (const auto& usage : listed_by_df(ask_for_usage(sources, mounts), mounts)) {
      mounts[usage.index].usage = values_of(usage);
      order.push_back(usage.index);
    }
  }
  add_disk_names(sources, mounts);
  // As Ohai reads them: first what df lists, then the others.
  for (size_t i = 0; i < mounts.size(); ++i)
    if (std::find(order.begin(), order.end(), i) == order.end()) order.push_back(i);
  std::vector<Mount> sorted;
  sorted.reserve(order.size());
  for (const size_t index : order) sorted.push_back(mounts[index]);
  facts.object("filesystem", [&](Object& json) {
    add_view(grouped(sorted, &Mount::device, &Mount::place), "by_device", "mounts", json);
    add_view(grouped(sorted, &Mount::place, &Mount::device), "by_mountpoint", "devices", json);
    json.object("by_pair", [&](Object& pairs) {
      for (const auto& mount : sorted)
        pairs.object(mount.device + ',' + mount.place, [&](Object& entry) {
          entry.text("device", mount.device).text("mount", mount.place);
          add_entry(mount, mount.usage, entry);
        });
    });
  });
}

}  // namespace jetpack::support::facts
