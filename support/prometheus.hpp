// Writes metrics in the text format of Prometheus, version 0.0.4:
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace jetpack::support {

class Metrics {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // `prefix` begins all names: "jetpackd_".
  explicit Metrics(std::string prefix) : prefix_(std::move(prefix)) {}

  // Begins a metric; `type` is "gauge" or "counter". Its samples follow.
  Metrics& metric(std::string_view type, std::string_view name, std::string_view help);
  Metrics& sample(uint64_t value, const Labels& labels = {});
  // With six decimals.
  Metrics& sample_seconds(double value, const Labels& labels = {});

  // A metric with one sample.
  Metrics& add(std::string_view type, std::string_view name, std::string_view help, uint64_t value,
               const Labels& labels = {}) {
    return metric(type, name, help).sample(value, labels);
  }
  // resident_memory_bytes and open_fds of this process.
  Metrics& add_process();

  std::string take() { return std::move(text_); }

 private:
  void add_line(const std::string& value, const Labels& labels);

  std::string prefix_;
  std::string name_;  // of the metric
  std::string text_;
};

}  // namespace jetpack::support
