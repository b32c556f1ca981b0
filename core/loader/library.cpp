// Shared libraries, loaded for the rest of the process's life.
#include "loader/library.hpp"

#include <dlfcn.h>

#include <memory>

#include <boost/dll/shared_library.hpp>

#include <jetpack/error.hpp>

namespace jetpack {

namespace {

boost::dll::shared_library& library_of(void* handle) {
  return *static_cast<boost::dll::shared_library*>(handle);
}

}  // namespace

Library Library::load(const std::string& path) {
  auto library = std::make_unique<boost::dll::shared_library>();
  boost::dll::fs::error_code failure;
  library->load(path, failure, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  if (failure) {
    const char* words = ::dlerror();
    throw Error(Errc::failed, words == nullptr ? failure.message() : words);
  }
  return Library(library.release());
}

const void* Library::address(const char* symbol) const {
  const auto& library = library_of(handle_);
  return library.has(symbol) ? &library.get<const char>(symbol) : nullptr;
}

}  // namespace jetpack
