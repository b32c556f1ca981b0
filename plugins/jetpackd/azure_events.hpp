// The scheduled events of Azure's instance metadata service:
// https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
#pragma once

#include <jetpack/session.hpp>

#include <cstdint>
#include <optional>
#include <string>

#include "jetpackd/cloud_events.hpp"
#include "support/times.hpp"

namespace jetpack::jetpackd {

// The events for the machine `name` in a document, each once. `now` is by the service's clock;
// nullopt: it does not say. Throws Errc::corrupt for what is no such document.
std::vector<CloudEvent> azure_events_in(const std::string& document, const std::string& name,
                                        std::optional<support::SystemTime> now);

class AzureEvents : public CloudEvents {
 public:
  explicit AzureEvents(jetpack::Session session) : session_(session) {}

  std::vector<CloudEvent> poll(std::chrono::milliseconds timeout) override;
  void acknowledge(const std::string& id) override;

 private:
  jetpack::Reply ask(std::string_view method, std::string_view path, std::string_view body,
                     std::chrono::milliseconds timeout) const;

  jetpack::Session session_;
  std::string name_;  // of this machine; empty: not known yet
};

}  // namespace jetpack::jetpackd
