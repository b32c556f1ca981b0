// jetpack/boundary.hpp: how C++ text, errors and functions cross the C boundary of <jetpack/abi.h>,
// in either direction. [thread-safe]
#pragma once

#include <jetpack/error.hpp>

#include <algorithm>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>

namespace jetpack::boundary {

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

// A service of the host: Config, Session, ... Throws when it is not available.
template <class Service>
Service find_service(const jp_host& host) {
  const void* table = nullptr;
  jp_error err{};
  check(host.service(host.self, borrow(Service::id), &table, &err), err);
  return Service(*static_cast<const typename Service::Table*>(table));
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

// A function of the caller while the other side uses it. What it throws is kept until the call
// has returned.
template <class Function>
class Borrowed {
 public:
  explicit Borrowed(const Function& function) noexcept : function_(&function) {}

  // What `use` makes of the function; `failed` when that throws.
  template <class Result, class Use>
  Result run(Result failed, Use use) noexcept {
    try {
      return use(*function_);
    } catch (...) {
      thrown_ = std::current_exception();
      return failed;
    }
  }

  bool has_thrown() const noexcept { return thrown_ != nullptr; }

  // Throws what the function threw, else what the call returned.
  void check(int32_t status, const jp_error& err) const {
    if (thrown_) std::rethrow_exception(thrown_);
    boundary::check(status, err);
  }

 private:
  const Function* function_;
  std::exception_ptr thrown_ = nullptr;
};

}  // namespace jetpack::boundary
