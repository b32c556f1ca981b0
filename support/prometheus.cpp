// Writes metrics in the text format of Prometheus.
#include "support/prometheus.hpp"

#include <dirent.h>
#include <unistd.h>

#include <charconv>

#include "support/files.hpp"
#include "support/text.hpp"

namespace jetpack::support {

namespace {

// 0 where /proc is not mounted.
uint64_t resident_bytes() {
  const std::string statm = read_file("/proc/self/statm", 4096).value_or("");
  const size_t second = statm.find(' ') + 1;
  uint64_t pages = 0;
  std::from_chars(statm.data() + second, statm.data() + statm.size(), pages);
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

uint64_t open_descriptors() {
  const Directory directory(::opendir("/proc/self/fd"));
  uint64_t count = 0;
  while (directory && ::readdir(directory.get()) != nullptr) ++count;
  constexpr uint64_t not_ours = 3;  // ".", ".." and the directory itself
  return count > not_ours ? count - not_ours : 0;
}

std::string quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : one_line(text)) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

Metrics& Metrics::metric(std::string_view type, std::string_view name, std::string_view help) {
  name_ = prefix_ + std::string(name);
  text_.append("# HELP ").append(name_).append(1, ' ').append(help);
  text_.append("\n# TYPE ").append(name_).append(1, ' ').append(type).append(1, '\n');
  return *this;
}

void Metrics::add_line(const std::string& value, const Labels& labels) {
  text_ += name_;
  char before = '{';
  for (const auto& [label, of] : labels) {
    text_.append(1, before).append(label).append(1, '=').append(quoted(of));
    before = ',';
  }
  text_.append(labels.size() > 0 ? "} " : " ").append(value).append(1, '\n');
}

Metrics& Metrics::sample(uint64_t value, const Labels& labels) {
  add_line(std::to_string(value), labels);
  return *this;
}

Metrics& Metrics::sample_seconds(double value, const Labels& labels) {
  add_line(std::to_string(value), labels);
  return *this;
}

Metrics& Metrics::add_process() {
  add("gauge", "resident_memory_bytes", "Resident memory.", resident_bytes());
  return add("gauge", "open_fds", "Open file descriptors.", open_descriptors());
}

}  // namespace jetpack::support
