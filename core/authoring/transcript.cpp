// Runs the commands of a transcript and compares what they print: how a plugin in any language is
// tested.
#include "authoring/transcript.hpp"

#include <fnmatch.h>

#include <algorithm>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/text.hpp"

namespace jetpack::authoring {

namespace {

constexpr std::string_view prompt = "$ ";
constexpr std::string_view glob_mark = " (glob)";
constexpr uint64_t max_output = 1 << 20;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string quoted(const std::string& text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + '\'';
}

std::string differences(const Step& step, const std::vector<std::string>& printed) {
  const size_t count = std::max(step.expected.size(), printed.size());
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    const bool has_both = i < step.expected.size() && i < printed.size();
    if (has_both && line_matches(step.expected[i], printed[i])) {
      text += "    " + support::one_line(printed[i]) + '\n';
      continue;
    }
    if (i < step.expected.size()) text += "  - " + support::one_line(step.expected[i]) + '\n';
    if (i < printed.size()) text += "  + " + support::one_line(printed[i]) + '\n';
  }
  return text;
}

// What a command printed, with how it ended where that is not 0.
std::vector<std::string> run_step(const Step& step, const TestBed& bed, const Process& process) {
  ProcessSpec spec;
  // One stream, so that the order of lines is that of writing.
  spec.argv = {"/bin/bash", "-c", "exec 2>&1; " + step.command};
  spec.env = {
      "JETPACK_HOME=" + bed.directory + "/home",
      "PATH=" + bed.directory + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "LC_ALL=C.UTF-8", "TERM=dumb"};
  spec.directory = bed.directory + "/work";
  spec.deadline = bed.deadline;
  spec.capture_bytes = max_output;
  const ProcessResult result = process.run(spec);
  auto printed = lines_of(result.out);
  if (result.timed_out)
    printed.push_back("[timed out after " + std::to_string(bed.deadline.count() / 1000) + " s]");
  else if (result.exit_code != 0)
    printed.push_back(result.exit_code > 0 ? "[exit " + std::to_string(result.exit_code) + ']'
                                           : "[signal " + std::to_string(result.signal) + ']');
  return printed;
}

bool all_match(const std::vector<std::string>& expected, const std::vector<std::string>& printed) {
  return std::equal(expected.begin(), expected.end(), printed.begin(), printed.end(),
                    [](const std::string& a, const std::string& b) { return line_matches(a, b); });
}

}  // namespace

std::vector<Step> read_transcript(std::string_view text) {
  std::vector<Step> steps;
  size_t number = 0;
  for (auto& line : lines_of(text)) {
    ++number;
    if (line.starts_with(prompt)) {
      steps.push_back({number, line.substr(prompt.size()), {}});
    } else if (!steps.empty()) {
      steps.back().expected.push_back(std::move(line));
    }
  }
  // An empty line before the next prompt is for the eye.
  for (auto& step : steps)
    while (!step.expected.empty() && step.expected.back().empty()) step.expected.pop_back();
  if (steps.empty()) throw Error(Errc::corrupt, "no line begins with '$ COMMAND'");
  return steps;
}

bool line_matches(std::string_view expected, std::string_view printed) {
  if (expected == printed) return true;
  if (!expected.ends_with(glob_mark)) return false;
  const std::string pattern(expected.substr(0, expected.size() - glob_mark.size()));
  return ::fnmatch(pattern.c_str(), std::string(printed).c_str(), FNM_NOESCAPE) == 0;
}

void prepare(const TestBed& bed) {
  for (const char* part : {"/home/config", "/home/logs", "/home/run", "/bin", "/work"})
    support::create_directories(bed.directory + part, 0755);
  const std::string script =
      "#!/bin/sh\nexec " + quoted(bed.host) + " --plugin-path " + quoted(bed.plugins) + " \"$@\"\n";
  support::write_durably(bed.directory + "/bin/jetpack", script, 0755);
}

std::string run_transcript(const std::vector<Step>& steps, const TestBed& bed,
                           const Process& process) {
  std::string failures;
  for (const auto& step : steps) {
    auto printed = run_step(step, bed, process);
    while (!printed.empty() && printed.back().empty()) printed.pop_back();
    if (all_match(step.expected, printed)) continue;
    failures += "  line " + std::to_string(step.line) + ": $ " + support::one_line(step.command) +
                '\n' + differences(step, printed);
  }
  return failures;
}

}  // namespace jetpack::authoring
