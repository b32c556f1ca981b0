// Loads shared libraries that stay loaded until the process exits.
#pragma once

#include <string>

namespace jetpack::support {

// The object that the library at `path` exports as `symbol`; nullptr when it exports none. Loads
// with RTLD_NOW and RTLD_LOCAL and never unloads, because the library may have registered threads
// and exit handlers. Throws Errc::failed with the dynamic linker's message.
const void* load_symbol(const std::string& path, const char* symbol);

// Whether a library searches what it needs beside itself ($ORIGIN), and so must be loaded by its path.
bool searches_beside_itself(int fd);

// As load_symbol, but of an open file, whatever is at `path` by now; the descriptor must stay open as
// long as the process lives. The path is what debuggers and messages call the library. Where /proc is
// not mounted, it is loaded by its path.
const void* load_open_symbol(int fd, const std::string& path, const char* symbol);

template <class Object>
const Object* load_object(const std::string& path, const char* symbol) {
  return static_cast<const Object*>(load_symbol(path, symbol));
}

}  // namespace jetpack::support
