// What `jetpack plugin check` found of a plugin, and how it is shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jetpack::authoring {

enum class Level { ok, warning, error };

struct Finding {
  Level level;
  std::string_view check;  // what was examined: "exported symbols"
  std::string text;        // what was found, and for a problem what to do
};

// The findings of one plugin, in the order in which they were made.
class Findings {
 public:
  explicit Findings(std::string path) : path_(std::move(path)) {}

  void ok(std::string_view check, std::string text) { add(Level::ok, check, std::move(text)); }
  void warn(std::string_view check, std::string text) {
    add(Level::warning, check, std::move(text));
  }
  void fail(std::string_view check, std::string text) { add(Level::error, check, std::move(text)); }

  void identify(std::string id, std::string version) {
    id_ = std::move(id);
    version_ = std::move(version);
  }

  const std::string& path() const { return path_; }
  const std::string& id() const { return id_; }
  const std::string& version() const { return version_; }
  const std::vector<Finding>& all() const { return all_; }
  size_t count(Level level) const;

 private:
  void add(Level level, std::string_view check, std::string text) {
    all_.push_back({level, check, std::move(text)});
  }

  std::string path_, id_, version_;
  std::vector<Finding> all_;
};

std::string shown_findings(const std::vector<Findings>& plugins);
std::string findings_json(const std::vector<Findings>& plugins);

}  // namespace jetpack::authoring
