// What was found: passed checks, problems, and what --fix did about them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>

#include "support/diagnosis.hpp"

namespace jetpack::doctor {

struct Finding {
  const support::Diagnosis* what = nullptr;
  std::string evidence;
  std::string fix;        // "chmod 2770 /opt/cycle/jetpack/run"; empty: nothing safe is known
  std::string fix_error;  // why that failed
  bool is_fixed = false;
};

// A way to fix a problem: its description and the deed, which may throw.
struct Fix {
  std::string description;
  std::function<void()> apply;
};

// Of one area.
class Report {
 public:
  // Fixes are applied when `is_fixing`.
  Report(std::string_view area, bool is_fixing) : area_(area), is_fixing_(is_fixing) {}

  const std::string& area() const { return area_; }

  void passed(std::string check) { passed_.push_back(std::move(check)); }
  // A check that could not be done, and why.
  void skipped(std::string why) { skipped_.push_back(std::move(why)); }
  void found(std::string_view id, std::string evidence);
  void found(std::string_view id, std::string evidence, const Fix& fix);

  const std::vector<std::string>& passed() const { return passed_; }
  const std::vector<std::string>& skipped() const { return skipped_; }
  const std::vector<Finding>& findings() const { return findings_; }
  // Whether an error is left.
  bool has_error() const;

  // The report as JSON, and back: areas that may hang are examined by a process of their own.
  std::string to_json() const;
  void add(const rapidjson::Value& json);

 private:
  std::string area_;
  bool is_fixing_;
  std::vector<std::string> passed_, skipped_;
  std::vector<Finding> findings_;
};

}  // namespace jetpack::doctor
