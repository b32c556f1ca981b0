// The host as a plugin sees it: the table from which services are asked for.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <jetpack/abi.h>
#include "services/conditions/conditions_service.hpp"
#include "services/config/config_service.hpp"
#include "services/config/home.hpp"
#include "services/log/agent_log.hpp"
#include "services/self/self_service.hpp"

namespace jetpack {

// Services start when they are first asked for, in the process that asks: a plugin that runs in a
// child of ours has its own. Not movable: the tables point here.
class HostServices {
 public:
  // `module_directory` holds the services that are shared libraries of their own.
  HostServices(Home home, std::string module_directory);
  HostServices(const HostServices&) = delete;
  HostServices& operator=(const HostServices&) = delete;

  const jp_host& table() const { return table_; }
  const AgentLog& log() const { return log_; }
  const Home& home() const { return home_; }
  // From now on, only these services are given.
  void restrict_to(std::vector<std::string> services) { allowed_ = std::move(services); }
  // Whose entries follow in the log.
  void begin_command(std::string name) { verb_ = std::move(name); }
  // Which plugin runs; lines of others than built-ins have its name in the log.
  void begin_plugin(const std::string& id, const std::string& library, bool is_builtin);
  SelfService& self() { return self_; }

 private:
  static int32_t service(void* self, jp_str id, const void** table, jp_error* err);
  static int32_t module_service(void* self, jp_str id, const void** table, jp_error* err);
  void check_allowed(std::string_view id) const;
  const void* find(std::string_view id);
  const void* load_module(std::string_view id);

  Home home_;
  std::string module_directory_;
  ConfigService config_;
  std::string verb_;
  AgentLog log_;
  ConditionsService conditions_;
  SelfService self_;
  std::map<std::string, const void*, std::less<>> modules_;
  std::optional<std::vector<std::string>> allowed_;  // unset: all
  jp_host table_;
  jp_host module_table_;  // what a service that is a module needs is not the plugin's affair
};

}  // namespace jetpack
