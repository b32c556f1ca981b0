// Makes RapidJSON's assertions throw. The build includes this first in every file that uses
// RapidJSON, because all of a program must have the same definition.
#pragma once

#ifdef __cplusplus
#include <stdexcept>
#define RAPIDJSON_ASSERT(x) \
  (static_cast<bool>(x) ? static_cast<void>(0) : throw std::logic_error("RapidJSON: " #x))
#endif
