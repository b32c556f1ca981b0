// How the host loads a service that lives in a shared library of its own: session, storage.
//
// A module is loaded at the first request for its service, so that a command which needs no network
// never maps a network library. It exports one symbol, data: jetpack_service_v1.
#pragma once

#include <memory>

#include <jetpack/abi.h>

namespace jetpack {

struct ServiceModule {
  uint32_t size;
  uint32_t reserved;
  // Makes the service, once in a process; `host` outlives it. Fills *table, which stays valid until
  // the process ends.
  int32_t (*open)(const jp_host* host, const void** table, jp_error* err);
};

// The table of the one service of a module. The service is never destroyed: when the process ends,
// the libraries that its connections need may be gone.
template <class Service>
const void* service_table(const jp_host& host) {
  static const Service& service = *std::make_unique<Service>(host).release();
  return &service.table();
}

inline constexpr const char* service_module_symbol = "jetpack_service_v1";

}  // namespace jetpack
