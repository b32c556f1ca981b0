// Writes results as text, JSON and JUnit's XML.
#include "test/results.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "support/json_writer.hpp"
#include "support/text.hpp"

namespace jetpack::test {

namespace {

constexpr size_t shown_lines = 60;

std::string seconds(std::chrono::milliseconds time) {
  const std::string ms = std::to_string(time.count() % 1000);
  return std::to_string(time.count() / 1000) + '.' + std::string(3 - ms.size(), '0') + ms;
}

std::string short_seconds(std::chrono::milliseconds time) {
  const std::string text = seconds(time);
  return text.substr(0, text.size() - 2) + " s";
}

std::string name_of_file(const Result& result) {
  return result.project + '/' + result.spec + '/' + result.file;
}

// The last lines, each behind a bar.
std::string shown_output(const std::string& output) {
  std::vector<std::string> lines;
  const std::string text = support::printable(support::trimmed(output));
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  std::string shown;
  size_t first = 0;
  if (lines.size() > shown_lines) {
    first = lines.size() - shown_lines;
    shown = "    | [" + std::to_string(first) + " lines before]\n";
  }
  for (size_t i = first; i < lines.size(); ++i) shown += "    | " + lines[i] + '\n';
  return shown;
}

size_t count(const std::vector<Result>& all, bool (*is_one)(State)) {
  return static_cast<size_t>(std::count_if(
      all.begin(), all.end(), [&](const Result& result) { return is_one(result.state); }));
}

// XML 1.0 has no control characters, however they are written, nor U+FFFE and U+FFFF.
std::string escaped(std::string_view raw) {
  std::string text = support::printable(raw);
  for (const std::string_view invalid : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"})
    for (size_t at = 0; (at = text.find(invalid, at)) != std::string::npos;)
      text.replace(at, invalid.size(), "\xEF\xBF\xBD");
  std::string xml;
  for (const char c : text) {
    switch (c) {
      case '&':
        xml += "&amp;";
        break;
      case '<':
        xml += "&lt;";
        break;
      case '>':
        xml += "&gt;";
        break;
      case '"':
        xml += "&quot;";
        break;
      default:
        xml += c;
    }
  }
  return xml;
}

std::string attribute(const char* name, std::string_view value) {
  return ' ' + std::string(name) + "=\"" + escaped(support::one_line(value)) + '"';
}

// A failure is a test's own; an error is that it could not be run to its end.
bool is_error(State state) { return state == State::timed_out || state == State::invalid; }
bool is_own_failure(State state) { return state == State::failed; }
bool is_skipped(State state) { return state == State::skipped; }

std::string counts(const std::vector<Result>& all, std::chrono::milliseconds elapsed) {
  return attribute("tests", std::to_string(all.size())) +
         attribute("failures", std::to_string(count(all, is_own_failure))) +
         attribute("errors", std::to_string(count(all, is_error))) +
         attribute("skipped", std::to_string(count(all, is_skipped))) +
         attribute("time", seconds(elapsed));
}

std::string junit_case(const Result& result) {
  std::string xml = "    <testcase" + attribute("classname", result.project + '.' + result.spec) +
                    attribute("name", result.file) + attribute("time", seconds(result.elapsed)) +
                    ">\n";
  if (is_failure(result.state)) {
    const std::string element = is_error(result.state) ? "error" : "failure";
    xml += "      <" + element + attribute("message", result.message) +
           attribute("type", name_of(result.state)) + '>' + escaped(result.output) + "</" +
           element + ">\n";
  } else if (is_skipped(result.state)) {
    xml += "      <skipped" + attribute("message", result.message) + "/>\n";
  } else if (!result.output.empty()) {
    xml += "      <system-out>" + escaped(result.output) + "</system-out>\n";
  }
  return xml + "    </testcase>\n";
}

}  // namespace

size_t Results::failed() const { return count(all, is_failure); }
size_t Results::skipped() const { return count(all, is_skipped); }
size_t Results::passed() const { return all.size() - failed() - skipped(); }

std::string as_text(const Result& result) {
  constexpr std::array words{"PASSED ", "FAILED ", "TIMEOUT", "INVALID", "SKIPPED"};
  std::string text = words.at(static_cast<size_t>(result.state));
  text += ' ' + support::one_line(name_of_file(result));
  if (!result.message.empty()) text += ": " + support::one_line(result.message);
  if (result.state != State::skipped && result.state != State::invalid)
    text += " (" + short_seconds(result.elapsed) + ')';
  text += '\n';
  if (is_failure(result.state)) text += shown_output(result.output);
  return text;
}

std::string summary(const Results& results) {
  std::string text =
      std::to_string(results.passed()) + " passed, " + std::to_string(results.failed()) + " failed";
  if (results.skipped() > 0) text += ", " + std::to_string(results.skipped()) + " skipped";
  return text + " in " + short_seconds(results.elapsed);
}

std::string as_json(const Results& results) {
  const auto add = [](support::JsonWriter& writer, const Result& result) {
    support::Object json(writer);
    json.text("project", result.project).text("spec", result.spec).text("file", result.file);
    json.text("state", name_of(result.state)).number("exit_code", result.exit_code);
    json.text("message", result.message).number("elapsed_ms", result.elapsed.count());
    json.text("output", result.output);
  };
  return support::shown_json(support::json_object([&](support::Object& json) {
    json.number("passed", results.passed()).number("failed", results.failed());
    json.number("skipped", results.skipped()).number("elapsed_ms", results.elapsed.count());
    json.list("tests", results.all, add);
  }));
}

std::string as_junit(const Results& results) {
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" +
                    attribute("name", "jetpack test") + counts(results.all, results.elapsed) +
                    ">\n";
  for (size_t first = 0; first < results.all.size();) {
    const Result& head = results.all[first];
    std::vector<Result> suite;
    std::chrono::milliseconds elapsed{0};
    for (; first < results.all.size(); ++first) {
      const Result& result = results.all[first];
      if (result.project != head.project || result.spec != head.spec) break;
      suite.push_back(result);
      elapsed += result.elapsed;
    }
    xml += "  <testsuite" + attribute("name", suite[0].project + '/' + suite[0].spec) +
           counts(suite, elapsed) + ">\n";
    for (const auto& result : suite) xml += junit_case(result);
    xml += "  </testsuite>\n";
  }
  return xml + "</testsuites>\n";
}

}  // namespace jetpack::test
