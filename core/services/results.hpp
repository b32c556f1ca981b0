// How a service hands its results to its caller.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>

#include <jetpack/error.hpp>

namespace jetpack {

// Throws Errc::failed with `refusal` when the caller does not take the text.
inline void write_to(const jp_sink& sink, std::string_view text,
                     const char* refusal = "the caller did not take the result") {
  if (sink.write(sink.ctx, text.data(), text.size()) != 0) throw Error(Errc::failed, refusal);
}

// Fills a struct of the caller's, which may be of an older and shorter form, or not wanted.
template <class Struct>
void hand_out(Struct result, Struct* to) {
  if (to == nullptr) return;
  result.size = std::min<uint32_t>(to->size, sizeof result);
  std::memcpy(to, &result, result.size);
}

}  // namespace jetpack
