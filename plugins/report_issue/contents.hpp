// Adds files and command output to the archive with secrets masked, and writes the manifest.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <jetpack/log.hpp>
#include "archive.hpp"
#include "collector.hpp"
#include "facts.hpp"
#include "support/json_writer.hpp"
#include "text_kind.hpp"

namespace jetpack::report_issue {

struct Totals {
  uint64_t files = 0;
  uint64_t left_out = 0;
  uint64_t bytes = 0;  // of the files in the archive, unpacked
  uint64_t redactions = 0;
};

class Contents {
 public:
  // Includes only the last `max_bytes` of a longer file; 0 means no limit.
  Contents(Archive::Writer& archive, jetpack::Redactor& redactor, uint64_t max_bytes);
  ~Contents();
  Contents(const Contents&) = delete;
  Contents& operator=(const Contents&) = delete;

  void add(const Found& file);
  void add(const Fact& fact);
  void skip(LeftOut what);
  // Writes the last file; `about` writes the first members of its JSON object.
  void add_manifest(const std::function<void(support::Object&)>& about);

  const Totals& totals() const { return totals_; }

 private:
  struct Entry;

  void end(Entry& entry);
  void pass(Entry& entry, std::string_view text);
  std::string masked_path(const std::string& path);
  std::string head_of(const Found& file, uint64_t from);
  uint64_t first_byte(const Found& file, Encoding encoding) const;
  std::string why_left_out(const Found& file, const std::string& head, bool is_packed);
  void copy(const Found& file, Decoder decoder, Entry& entry);
  void unpack(const Found& file, Decoder decoder, Entry& entry);
  uint64_t read(const Found& file, uint64_t from, Entry& entry,
                const std::function<bool(std::string_view)>& take);
  static void put(support::JsonWriter& json, const Entry& entry, const Sha256Digest& sha256);
  std::string name_for(const std::string& path);

  Archive::Writer& archive_;
  jetpack::Redactor& redactor_;
  uint64_t max_bytes_;
  std::vector<char> buffer_;
  Totals totals_;
  std::vector<Entry> entries_;
  std::vector<LeftOut> left_out_;
};

}  // namespace jetpack::report_issue
