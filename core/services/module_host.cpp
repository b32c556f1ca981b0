// The host as a service module sees it: other services, the node's settings, the log.
#include "services/module_host.hpp"

#include "support/settings.hpp"

namespace jetpack {

ModuleHost::ModuleHost(const jp_host& host)
    : host_(&host), config_(service<Config>()), log_(service<Log>()) {}

std::string ModuleHost::path(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return config_.path(name);
}

std::optional<std::string> ModuleHost::setting(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  try {
    auto text = config_.get(key);
    unreadable_.clear();
    // What a null is printed as.
    if (text && (text->empty() || *text == "None")) return std::nullopt;
    return text;
  } catch (const Error& e) {
    if (e.code() != Errc::unavailable && unreadable_ != e.what()) {
      unreadable_ = e.what();
      log_.warning(unreadable_);
    }
    return std::nullopt;
  }
}

int64_t ModuleHost::number(std::string_view key) const {
  return support::number_setting(key, setting(key),
                                 [this](const std::string& text) { warn_once(text); });
}

void ModuleHost::warn_once(const std::string& text) const {
  // Each text names one of a handful of settings; a value that keeps changing must not fill memory.
  constexpr size_t most = 100;
  const std::lock_guard lock(mutex_);
  if (warned_.size() < most && warned_.insert(text).second) log_.warning(text);
}

void ModuleHost::warn(const std::string& text) const {
  const std::lock_guard lock(mutex_);
  log_.warning(text);
}

}  // namespace jetpack
