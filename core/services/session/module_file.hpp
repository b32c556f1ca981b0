// Loads a module of the session's own: a library beside it that exports one table.
#pragma once

#include <cstdint>
#include <string>

namespace jetpack::session {

// The symbol of the library at `path`, which is never closed: a library with threads of its own
// cannot be unloaded safely. Throws Errc::unsupported when the table there is smaller than `size`.
const void* load_table(const std::string& path, const char* symbol, uint32_t size);

template <class Table>
const Table& load_module(const std::string& path, const char* symbol) {
  return *static_cast<const Table*>(load_table(path, symbol, sizeof(Table)));
}

}  // namespace jetpack::session
