// The host as a service module sees it: other services, the node's settings, the log.
#pragma once

#include <algorithm>
#include <charconv>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include <jetpack/config.hpp>
#include <jetpack/error.hpp>
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

  // A setting that is a whole number, within these bounds; `fallback` when it is none.
  template <class Number>
  Number number(std::string_view key, Number fallback, std::type_identity_t<Number> least,
                std::type_identity_t<Number> most) const {
    const std::string text = setting(key).value_or("");
    Number value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size()) value = fallback;
    return std::clamp(value, least, most);
  }

  void warn(const std::string& text) const;

 private:
  template <class Service>
  Service service() const {
    const void* table = nullptr;
    jp_error err{};
    detail::check(host_->service(host_->self, detail::borrow(Service::id), &table, &err), err);
    return Service(*static_cast<const typename Service::Table*>(table));
  }

  mutable std::mutex mutex_;
  mutable std::string unreadable_;  // why the configuration could not be read last
  const jp_host* host_;
  Config config_;
  Log log_;
};

}  // namespace jetpack
