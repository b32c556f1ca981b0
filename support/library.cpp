// Shared libraries, loaded for the rest of the process's life.
#include "support/library.hpp"

#include <dlfcn.h>

// Its own default, boost::filesystem, is a library more to link.
#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>

#include <jetpack/error.hpp>

namespace jetpack::support {

const void* load_symbol(const std::string& path, const char* symbol) {
  // Boost hands the mode to dlopen as it is.
  const auto mode = static_cast<boost::dll::load_mode::type>(RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  boost::dll::shared_library library;
  boost::dll::fs::error_code failure;
  library.load(path, failure, mode);
  if (!failure) return library.has(symbol) ? &library.get<const char>(symbol) : nullptr;
  const char* words = ::dlerror();
  throw Error(Errc::failed, words == nullptr ? failure.message() : words);
}

}  // namespace jetpack::support
