// Shared libraries, loaded for the rest of the process's life.
#include "loader/library.hpp"

#include <dlfcn.h>

#include <jetpack/error.hpp>

namespace jetpack {

Library Library::load(const std::string& path) {
  // Boost hands the mode to dlopen as it is.
  const auto mode = static_cast<boost::dll::load_mode::type>(RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  Library library;
  boost::dll::fs::error_code failure;
  library.library_.load(path, failure, mode);
  if (!failure) return library;
  const char* words = ::dlerror();
  throw Error(Errc::failed, words == nullptr ? failure.message() : words);
}

}  // namespace jetpack
