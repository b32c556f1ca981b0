// The conditions of this node: run/conditions.json, and the messages that report them.
#pragma once

#include <functional>
#include <map>
#include <string>

#include <jetpack/config.hpp>
#include "support/file_lock.hpp"

namespace jetpack::support {

inline constexpr size_t max_condition_text = 64 << 10;

// The texts of a condition, by member of the message, and `since`.
using Condition = std::map<std::string, std::string>;
using Conditions = std::map<std::string, Condition>;

// The file's content; empty when it does not exist. Throws Errc::corrupt.
Conditions read_conditions(const std::string& path);

// The data of the message `condition`. Texts are cut where they would not fit.
std::string condition_message(const std::string& name, const Condition& condition);

// The conditions while they are changed, with a lock that serializes changes. A file that cannot be
// read is moved aside, and one that cannot be written is not: `report` is called, because that the
// cluster hears of a condition matters more than that this node remembers it.
class ConditionFile {
 public:
  using Report = std::function<void(const std::string& text)>;

  ConditionFile(const Config& config, Report report);

  const Conditions& all() const { return all_; }
  // Throws Errc::failed when there are too many.
  void set(const std::string& name, Condition condition);
  void remove(const std::string& name);

 private:
  void save() const;

  Report report_;
  std::string path_;
  FileLock lock_;
  Conditions all_;
};

}  // namespace jetpack::support
