// Shared libraries, loaded for the rest of the process's life.
#pragma once

#include <string>

#include <boost/dll/shared_library.hpp>

namespace jetpack {

// A loaded library. What it registered (threads, exit handlers) must find it loaded at any later
// time, so it stays when this is destroyed.
class Library {
 public:
  // Binds all symbols now, visible to nobody else. Throws Error with the linker's own words.
  static Library load(const std::string& path);

  // The exported object `symbol`; nullptr when there is none.
  template <class Object>
  const Object* find(const char* symbol) const {
    return library_.has(symbol) ? &library_.get<const Object>(symbol) : nullptr;
  }

 private:
  boost::dll::shared_library library_;
};

}  // namespace jetpack
