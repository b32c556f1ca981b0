// What is in a bundle, wherever it comes from: a zip file or a directory.
#include "bundles/content.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "loader/refusal.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::bundles {

namespace {

constexpr size_t longest_path = 512, longest_name = 200, deepest = 16;

std::string quoted(std::string_view path) {
  constexpr size_t shown = 120;
  return "'" + support::one_line(path.substr(0, shown)) + "'";
}

[[noreturn]] void refuse(std::string_view path, const std::string& why) {
  throw Refusal("its file " + quoted(path) + " " + why);
}

// Bytes that a file system, a shell or a terminal could take for something else.
bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte != 0x7F && c != '\\' && c != ':' && c != '*' && c != '?' &&
         c != '"' && c != '<' && c != '>' && c != '|';
}

void check_segments(std::string_view path) {
  size_t depth = 0;
  for (size_t at = 0; at <= path.size(); ++depth) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view name = path.substr(at, end - at);
    if (name.empty() || name == "." || name == "..")
      refuse(path, "is not a path inside the bundle");
    if (name.size() > longest_name || depth >= deepest) refuse(path, "has too long a path");
    if (name.back() == '.' || name.back() == ' ' || name.front() == ' ' || name.front() == '-')
      refuse(path, "has a name that begins or ends with a character that is not allowed there");
    at = end + 1;
  }
}

}  // namespace

std::string path_below(const std::string& directory, std::string_view name) {
  std::string path = directory;
  path.append("/").append(name);
  return path;
}

void check_path(std::string_view path) {
  if (path.empty()) refuse(path, "has no name");
  if (path.size() > longest_path) refuse(path, "has too long a path");
  if (path.find('\\') != std::string_view::npos) refuse(path, "has a backslash in its path");
  if (path.front() == '/') refuse(path, "has an absolute path");
  if (!support::is_utf8(path)) refuse(path, "has a path that is not UTF-8");
  if (!std::all_of(path.begin(), path.end(), is_plain) || support::one_line(path) != path)
    refuse(path, "has a control or special character in its path");
  check_segments(path.ends_with('/') ? path.substr(0, path.size() - 1) : path);
  if (path == manifest_name || path == signature_name) return;
  if (!path.starts_with("lib/") && !path.starts_with("share/"))
    refuse(
        path,
        "is neither in lib/ nor in share/ (is everything in an extra top directory? pack it with "
        "'jetpack plugin pack')");
  if (path.ends_with('/')) refuse(path, "is a directory, which no bundle lists");
}

void check_mode(std::string_view path, uint32_t mode) {
  const uint32_t type = mode & S_IFMT;
  if (type == S_IFLNK) refuse(path, "is a symbolic link");
  if (type == S_IFDIR) refuse(path, "is a directory, which no bundle lists");
  if (type != 0 && type != S_IFREG) refuse(path, "is a device, pipe or socket");
  if ((mode & (S_ISUID | S_ISGID | S_ISVTX)) != 0) refuse(path, "has a set-user-ID or similar bit");
}

void check_entries(const std::vector<Entry>& entries) {
  if (entries.size() > max_entries)
    throw Refusal("it has " + std::to_string(entries.size()) + " files; the limit is " +
                  std::to_string(max_entries));
  uint64_t total = 0;
  std::set<std::string> seen, directories;
  for (const auto& [path, size, is_executable] : entries) {
    const std::string lower = support::lower_case(path);
    if (!seen.insert(lower).second)
      refuse(path, "is there twice, or differs from another only in case");
    for (size_t at = lower.find('/'); at != std::string::npos; at = lower.find('/', at + 1))
      directories.insert(lower.substr(0, at));
    if (size > max_content || (total += size) > max_content)
      throw Refusal("its files have more than " + std::to_string(max_content >> 20) +
                    " MiB, which is the limit");
  }
  for (const auto& directory : directories)
    if (seen.contains(directory)) refuse(directory, "is a file and a directory");
}

const Entry* Content::find(std::string_view path) const {
  const auto& all = entries();
  const auto at = std::lower_bound(
      all.begin(), all.end(), path,
      [](const Entry& entry, std::string_view wanted) { return entry.path < wanted; });
  return at != all.end() && at->path == path ? &*at : nullptr;
}

std::string Content::read_small(std::string_view path, uint64_t most) const {
  const Entry* entry = find(path);
  if (entry == nullptr) throw Refusal("it has no " + std::string(path));
  if (entry->size > most)
    throw Refusal("its " + std::string(path) + " has " + std::to_string(entry->size) +
                  " bytes; the limit is " + std::to_string(most));
  std::string text;
  read(static_cast<size_t>(entry - entries().data()),
       [&](std::string_view piece) { text += piece; });
  return text;
}

}  // namespace jetpack::bundles
