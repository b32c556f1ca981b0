// Loads shared libraries that stay loaded until the process exits.
#include "support/library.hpp"

#include <dlfcn.h>

// The default, boost::filesystem, would be another library to link.
#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>

#include <jetpack/error.hpp>

namespace jetpack::support {

const void* load_symbol(const std::string& path, const char* symbol) {
  // Boost passes the mode to dlopen unchanged.
  const auto mode = static_cast<boost::dll::load_mode::type>(RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  boost::dll::shared_library library;
  boost::dll::fs::error_code failure;
  library.load(path, failure, mode);
  if (!failure) return library.has(symbol) ? &library.get<const char>(symbol) : nullptr;
  const char* message = ::dlerror();
  throw Error(Errc::failed, message == nullptr ? failure.message() : message);
}

}  // namespace jetpack::support
