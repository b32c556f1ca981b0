// What a converge did, step by step, and how its failure is worded.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <jetpack/error.hpp>
#include "support/json_writer.hpp"
#include "support/script_environment.hpp"

namespace jetpack::converge {

// What takes longer is reported to the cluster while it is being done.
inline constexpr std::chrono::milliseconds announced_after{2000};

// One thing that was, or would be, done.
struct Step {
  std::string action;  // "fetch", "chef", "script"
  std::string status;  // "ran", "skipped", "failed"; of a dry run "would run", "would skip", ...
  std::string name;    // "10-install.sh"
  std::string project, spec, stage;
  std::string path, log;
  std::string why;
  std::optional<int64_t> code;
  int64_t elapsed_ms = 0;
};

void write_step(support::JsonWriter& json, const Step& step);

// How the server and its page show it.
struct Failure {
  std::string description;
  std::string recommendation;
  std::string detail;
  // Of a script.
  std::string script, project, spec;
  std::optional<int64_t> code;
};

class Failed : public Error {
 public:
  explicit Failed(Failure failure);
  const Failure& failure() const { return failure_; }

 private:
  Failure failure_;
};

// As it is printed: the description, the recommendation, the detail.
std::string text_of(const Failure& failure);

// Any error as a failure of the converge. What follows the last "; " of its text says what to do.
Failure failure_of(const Error& error);

// A script that did not end with 0.
Failure script_failure(const support::Spec& spec, const std::string& path, int code,
                       const std::string& tail);
// One that could not be run at all.
Failure start_failure(const support::Spec& spec, const std::string& path, const std::string& why);

// The data of the message "installation". Its text is also in one piece, for servers that know no
// other.
std::string installation_data(const Failure& failure);

void write_failure(support::Object& object, const Failure& failure);

// "slurm v3.0.1"
std::string with_version(const support::Spec& spec);

}  // namespace jetpack::converge
