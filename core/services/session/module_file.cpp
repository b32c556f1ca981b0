// Loads a module of the session's own.
#include "services/session/module_file.hpp"

#include <jetpack/error.hpp>
#include "support/library.hpp"
#include "support/trust.hpp"

namespace jetpack::session {

const void* load_table(const std::string& path, const char* symbol, uint32_t size) {
  const auto unusable = [](const std::string& why) {
    return Error(Errc::unsupported, "cannot load the transport: " + why + "; reinstall jetpack");
  };
  const uint32_t* table_size = nullptr;
  try {
    // Every table begins with its size.
    table_size = support::load_object<uint32_t>(support::trusted_path(path), symbol);
  } catch (const Error& e) {
    throw unusable(e.what());
  }
  if (table_size == nullptr || *table_size < size) throw unusable(path + " is of another version");
  return table_size;
}

}  // namespace jetpack::session
