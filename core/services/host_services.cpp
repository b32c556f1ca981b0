// The host as a plugin sees it: the table from which services are asked for.
#include "services/host_services.hpp"

#include <algorithm>

#include <jetpack/boundary.hpp>
#include "services/module.hpp"
#include "services/offered.hpp"
#include "services/process/process_service.hpp"
#include "support/library.hpp"
#include "support/trust.hpp"

namespace jetpack {

HostServices::HostServices(Home home, std::string module_directory)
    : home_(std::move(home)),
      module_directory_(std::move(module_directory)),
      config_(home_),
      log_(home_.root() + "/logs/jetpack.log",
           [this] { return support::origin_of_node(Config(config_.table()), verb_); }),
      conditions_(home_,
                  [this]() -> const jp_session& {
                    return *static_cast<const jp_session*>(find(JP_SESSION));
                  }),
      self_(home_),
      table_{sizeof(jp_host),
             JP_ABI_MAJOR,
             JP_ABI_MINOR,
             this,
             {JETPACK_VERSION, sizeof JETPACK_VERSION - 1},
             service},
      module_table_(table_) {
  module_table_.service = module_service;
}

void HostServices::begin_plugin(const std::string& id, const std::string& library,
                                bool is_builtin) {
  self_.begin(id, library);
  if (!is_builtin) log_.begin_lines_with(id + ": ");
}

int32_t HostServices::service(void* self, jp_str id, const void** table, jp_error* err) {
  return boundary::guard(err, [&] {
    auto& services = *static_cast<HostServices*>(self);
    services.check_allowed(boundary::view(id));
    *table = services.find(boundary::view(id));
  });
}

int32_t HostServices::module_service(void* self, jp_str id, const void** table, jp_error* err) {
  return boundary::guard(
      err, [&] { *table = static_cast<HostServices*>(self)->find(boundary::view(id)); });
}

void HostServices::check_allowed(std::string_view id) const {
  if (!allowed_ || std::find(allowed_->begin(), allowed_->end(), id) != allowed_->end()) return;
  throw Error(Errc::denied, "the plugin does not declare that it needs " + std::string(id) +
                                "; a bundle gets only the services that it declares");
}

const void* HostServices::find(std::string_view id) {
  if (id == JP_CONFIG) return &config_.table();
  if (id == JP_LOG) return &log_.table();
  if (id == JP_PROCESS) return &process_service();
  if (id == JP_CONDITIONS) return &conditions_.table();
  if (id == JP_SELF) return &self_.table();
  if (!is_offered(id))
    throw Error(Errc::unsupported, "this jetpack does not offer " + std::string(id));
  const auto loaded = modules_.find(id);
  return loaded != modules_.end() ? loaded->second : load_module(id);
}

// "jetpack.session/1" lives in session.so.
const void* HostServices::load_module(std::string_view id) {
  home_.check();
  const size_t dot = id.find('.') + 1;
  const std::string path =
      module_directory_ + '/' + std::string(id.substr(dot, id.find('/') - dot)) + ".so";
  const auto unusable = [&](const std::string& why) {
    return Error(Errc::unsupported,
                 "cannot load the service " + std::string(id) + ": " + why + "; reinstall jetpack");
  };
  const ServiceModule* module = nullptr;
  try {
    module =
        support::load_object<ServiceModule>(support::trusted_path(path), service_module_symbol);
  } catch (const Error& e) {
    throw unusable(e.what());
  }
  if (module == nullptr) throw unusable(path + " does not export " + service_module_symbol);
  const void* table = nullptr;
  jp_error err{};
  boundary::check(module->open(&module_table_, &table, &err), err);
  modules_.emplace(id, table);
  return table;
}

}  // namespace jetpack
