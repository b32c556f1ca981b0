// Shared libraries, loaded for the rest of the process's life.
#pragma once

#include <string>

namespace jetpack {

// A loaded library. What it registered (threads, exit handlers) must find it loaded at any later
// time, so it is never unloaded.
class Library {
 public:
  // Binds all symbols now, visible to nobody else. Throws Error with the linker's own words.
  static Library load(const std::string& path);

  // The exported object `symbol`; nullptr when there is none.
  template <class Object>
  const Object* find(const char* symbol) const {
    return static_cast<const Object*>(address(symbol));
  }

 private:
  explicit Library(void* handle) noexcept : handle_(handle) {}
  const void* address(const char* symbol) const;

  void* handle_;
};

}  // namespace jetpack
