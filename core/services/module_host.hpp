// The host as a service module sees it: other services, the node's settings, the log.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <jetpack/boundary.hpp>
#include <jetpack/config.hpp>
#include <jetpack/log.hpp>

namespace jetpack {

// For several threads: it sees to it that the host's tables get one call at a time.
class ModuleHost {
 public:
  explicit ModuleHost(const jp_host& host);

  // What `use` returns for a service, while nothing else is asked of the host.
  template <class Service, class Use>
  auto with(Use use) const {
    const std::lock_guard lock(mutex_);
    return use(service<Service>());
  }

  // The absolute path of a name below the home tree.
  std::string path(std::string_view name) const;

  // What the configuration says is a fallback: where it is empty, null or cannot be read, it says
  // nothing. That it is there and cannot be read is a warning, once and not for each key.
  std::optional<std::string> setting(std::string_view key) const;

  // A number of the table of settings; what is not valid is a warning, once, and the default.
  int64_t number(std::string_view key) const;

  void warn(const std::string& text) const;
  // The same, once for each text.
  void warn_once(const std::string& text) const;

 private:
  template <class Service>
  Service service() const {
    return boundary::find_service<Service>(*host_);
  }

  mutable std::mutex mutex_;
  mutable std::string unreadable_;  // why the configuration could not be read last
  mutable std::set<std::string> warned_;
  const jp_host* host_;
  Config config_;
  Log log_;
};

}  // namespace jetpack
