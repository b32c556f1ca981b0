// Loads a module of the session's own.
#include "services/session/module_file.hpp"

#include <dlfcn.h>

#include <jetpack/error.hpp>

namespace jetpack::session {

const void* load_table(const std::string& path, const char* symbol, uint32_t size) {
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw Error(Errc::unsupported, std::string("cannot load the transport: ") + ::dlerror() +
                                       "; install jetpack again");
  const void* table = ::dlsym(library, symbol);
  // Every table begins with its size.
  if (table == nullptr || *static_cast<const uint32_t*>(table) < size)
    throw Error(Errc::unsupported, "cannot load the transport: " + path +
                                       " is of another version; install jetpack again");
  return table;
}

}  // namespace jetpack::session
