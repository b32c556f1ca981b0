// Shared libraries, loaded for the rest of the process's life.
#pragma once

#include <string>

namespace jetpack::support {

// The object that the library at `path` exports as `symbol`; nullptr when it exports none. All
// symbols of the library are bound now and visible to nobody else, and it stays loaded: what it
// registered (threads, exit handlers) must find it at any later time. Throws Errc::failed with the
// linker's own words when it cannot be loaded.
const void* load_symbol(const std::string& path, const char* symbol);

template <class Object>
const Object* load_object(const std::string& path, const char* symbol) {
  return static_cast<const Object*>(load_symbol(path, symbol));
}

}  // namespace jetpack::support
