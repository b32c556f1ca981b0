// plugins/audit.log: what was decided about plugins, when, and why.
#pragma once

#include <string>
#include <string_view>

namespace jetpack {

struct Decision {
  std::string_view verb;     // "install", "load"
  std::string_view id;       // of the plugin; empty where it is not known
  std::string_view version;  // the same
  std::string_view key;      // identifier of the key it is signed with; empty: none
  bool allowed = false;
  std::string_view reason;  // why it was refused, or what else there is to say
};

// Appends one line, a JSON object, to TREE/plugins/audit.log: "time", "verb", "id", "version",
// "key", "decision" ("allowed" or "refused"), "reason" and "user" (the real user id). A file of
// 8 MiB is renamed to audit.log.1, replacing the previous one. Nothing is written where plugins/
// is missing or the caller may not write; returns whether the line was. Any number of processes
// may call it.
bool write_audit(const std::string& tree, const Decision& decision);

}  // namespace jetpack
