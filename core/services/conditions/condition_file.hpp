// The conditions of this node: run/conditions.json, and the messages that report them.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "support/file_lock.hpp"

namespace jetpack {

// The texts of a condition, by member of the message, and `since`.
using ConditionTexts = std::map<std::string, std::string>;
using NodeConditions = std::map<std::string, ConditionTexts>;

// Of one text, in bytes.
inline constexpr size_t max_condition_text = 64 << 10;

// The file's content; empty when it does not exist. Throws Errc::corrupt.
NodeConditions read_conditions(const std::string& path);

// The data of the message `condition`. Texts are cut where they would not fit.
std::string condition_message(const std::string& name, const ConditionTexts& texts);

// The conditions while they are changed, with a lock that serializes changes. A file that cannot be
// read is moved aside, and one that cannot be written is not: `warn` is called, because that the
// cluster hears of a condition matters more than that this node remembers it.
class ConditionFile {
 public:
  using Warn = std::function<void(const std::string& text)>;

  // `run` is the directory of the file.
  ConditionFile(const std::string& run, Warn warn);

  const NodeConditions& all() const { return all_; }
  // Throws Errc::failed when there are too many.
  void set(const std::string& name, ConditionTexts texts);
  void remove(const std::string& name);

 private:
  void save() const;

  Warn warn_;
  std::string path_;
  support::FileLock lock_;
  NodeConditions all_;
};

}  // namespace jetpack
