// What is in a bundle, wherever it comes from: a zip file or a directory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack::bundles {

inline constexpr std::string_view manifest_name = "plugin.json";
inline constexpr std::string_view signature_name = "plugin.json.sig";

// Bounds on what is read, so that no bundle can exhaust memory or disk.
inline constexpr size_t max_entries = 10'000;
inline constexpr uint64_t max_manifest = 4 << 20;
inline constexpr uint64_t max_signature = 4096;
inline constexpr uint64_t max_content = uint64_t{1} << 30;  // of all files together
inline constexpr uint64_t max_ratio = 200;                  // of a file that is larger than 1 MiB

// Takes a file's bytes in pieces. What it throws ends the reading.
using Sink = std::function<void(std::string_view piece)>;

// A regular file of a bundle.
struct Entry {
  std::string path;
  uint64_t size = 0;
  bool is_executable = false;
};

class Content {
 public:
  Content() = default;
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;
  virtual ~Content() = default;

  // All of them, sorted by path; the paths are valid and each is there once.
  virtual const std::vector<Entry>& entries() const = 0;
  // Throws Refusal when there are not exactly as many bytes as the entry says.
  virtual void read(size_t index, const Sink& sink) const = 0;

  // The place in entries(); nullptr when there is no such file.
  const Entry* find(std::string_view path) const;
  // A small file as a whole. Throws Refusal when it is missing, or larger than `most`.
  std::string read_small(std::string_view path, uint64_t most) const;
};

// "DIRECTORY/NAME".
std::string path_below(const std::string& directory, std::string_view name);

// Throws Refusal unless the path may be in a bundle: plugin.json, plugin.json.sig, or a file below
// lib/ or share/, in UTF-8, without anything that a file system, shell or terminal could take for
// something else.
void check_path(std::string_view path);

// The same for all of a bundle together, which must be sorted: each once, also where case is not
// distinguished, none the directory of another, and not too many or too large. Throws Refusal.
void check_entries(const std::vector<Entry>& entries);

// Throws Refusal unless the st_mode is that of a regular file without special bits.
void check_mode(std::string_view path, uint32_t mode);

}  // namespace jetpack::bundles
