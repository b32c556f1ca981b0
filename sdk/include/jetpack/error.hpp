// jetpack/error.hpp: errors as C++ exceptions on the plugin's side of the boundary, and how they
// cross it as a jp_error.
#pragma once

#include <jetpack/abi.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

namespace jetpack {

enum class Errc : int32_t {
  failed = JP_FAILED,
  usage = JP_USAGE,
  not_found = JP_NOT_FOUND,
  corrupt = JP_CORRUPT,
  denied = JP_DENIED,
  unavailable = JP_UNAVAILABLE,
  unsupported = JP_UNSUPPORTED,
  internal = JP_INTERNAL,
};

// Thrown by every service call that fails, and by a command to fail with a message. The first line
// of the text stands alone: what was being done, to what, what was found, what to do next. Further
// lines are details.
class Error : public std::runtime_error {
 public:
  Error(Errc code, const std::string& text) : std::runtime_error(text), code_(code) {}

  Errc code() const noexcept { return code_; }

 private:
  Errc code_;
};

namespace detail {

inline jp_str borrow(std::string_view text) noexcept { return {text.data(), text.size()}; }
inline std::string_view view(jp_str text) noexcept { return {text.data, text.size}; }

// Copies as much of `text` as fits `capacity`, in whole code points; returns the bytes copied.
inline uint32_t copy_text(char* to, size_t capacity, std::string_view text) noexcept {
  size_t size = std::min(text.size(), capacity);
  while (size > 0 && size < text.size() && (text[size] & 0xC0) == 0x80) --size;
  if (size > 0) std::memcpy(to, text.data(), size);
  return static_cast<uint32_t>(size);
}

inline int32_t fill(jp_error* err, int32_t code, std::string_view text) noexcept {
  if (err != nullptr) {
    err->code = code;
    err->size = copy_text(err->text, sizeof err->text, text);
  }
  return code;
}

// Runs `body` and turns whatever it throws into a jp_error.
template <class Body>
int32_t guard(jp_error* err, Body&& body) noexcept {
  try {
    body();
    return JP_OK;
  } catch (const Error& e) {
    return fill(err, static_cast<int32_t>(e.code()), e.what());
  } catch (const std::exception& e) {
    return fill(err, JP_INTERNAL, e.what());
  } catch (...) {
    return fill(err, JP_INTERNAL, "an exception that is not a std::exception");
  }
}

// Throws what a call over the boundary answered, unless it was JP_OK.
inline void check(int32_t status, const jp_error& err) {
  if (status == JP_OK) return;
  const size_t size = std::min<size_t>(err.size, sizeof err.text);
  throw Error(static_cast<Errc>(status), std::string(err.text, size));
}

// A sink that appends to `text`, which must outlive the call.
inline jp_sink append_to(std::string& text) noexcept {
  return {&text, [](void* ctx, const char* data, size_t size) noexcept -> int32_t {
            try {
              static_cast<std::string*>(ctx)->append(data, size);
              return 0;
            } catch (...) {
              return 1;
            }
          }};
}

}  // namespace detail
}  // namespace jetpack
