// Collects what a check finds, and makes the verdict of it.
#pragma once

#include <string>
#include <vector>

#include <jetpack/offers.hpp>

namespace jetpack::checks {

class Findings {
 public:
  // Something to look at; something that makes the node unfit for jobs.
  void warn(std::string text) { warnings_.push_back(std::move(text)); }
  void fail(std::string text) { failures_.push_back(std::move(text)); }

  // `fine` is the message when nothing was found.
  Verdict verdict(const std::string& fine, bool may_terminate) const {
    const auto& worst = failures_.empty() ? warnings_ : failures_;
    if (worst.empty()) return Verdict::healthy(fine);
    std::string message = worst.front();
    const size_t others = failures_.size() + warnings_.size() - 1;
    if (others > 0) message += " (and " + std::to_string(others) + " more)";
    std::string details;
    for (const auto* list : {&failures_, &warnings_})
      for (const auto& text : *list) details += text + '\n';
    if (failures_.empty()) return Verdict::warning(std::move(message), std::move(details));
    if (may_terminate) return Verdict::unhealthy(std::move(message), std::move(details));
    return Verdict::failed(std::move(message), std::move(details));
  }

 private:
  std::vector<std::string> warnings_, failures_;
};

}  // namespace jetpack::checks
