// Random bytes and ids, from the kernel.
#pragma once

#include <string>

namespace jetpack::support {

// `count` random bytes, suitable for secrets. Throws Errc::failed when the kernel provides none.
std::string random_bytes(size_t count);

// A random UUID (RFC 4122, version 4): "0b5c9e6e-....".
std::string random_uuid();

}  // namespace jetpack::support
