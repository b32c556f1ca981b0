// jetpack/log.hpp: the agent's own log, logs/jetpack.log, and how it masks secrets. [any-thread]
#pragma once

#include <jetpack/boundary.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace jetpack {

// Masks the secrets in a stream as logs/jetpack.log does, in bounded memory. What comes out is the
// same wherever the stream is split. Used by one thread at a time; valid until the process ends.
class Redactor {
 public:
  // Takes text that may be shown. May throw, which feed and finish then do too.
  using Out = std::function<void(std::string_view)>;

  explicit Redactor(const jp_log& table) : table_(&table) {
    if (!JP_HAS(table_, redactor_close))
      throw Error(Errc::unsupported, "this jetpack cannot mask secrets in streams; update jetpack");
    jp_error err{};
    boundary::check(table_->redactor_open(table_->self, &handle_, &err), err);
  }
  ~Redactor() { table_->redactor_close(table_->self, handle_); }
  Redactor(const Redactor&) = delete;
  Redactor& operator=(const Redactor&) = delete;

  void feed(std::string_view piece, const Out& out) {
    boundary::Borrowed<Out> borrowed(out);
    jp_error err{};
    borrowed.check(table_->redactor_feed(table_->self, handle_, boundary::borrow(piece),
                                         {&borrowed, write}, &err),
                   err);
  }

  // The rest, and how many secrets were masked; then another stream may start.
  uint64_t finish(const Out& out) {
    boundary::Borrowed<Out> borrowed(out);
    uint64_t secrets = 0;
    jp_error err{};
    borrowed.check(
        table_->redactor_finish(table_->self, handle_, {&borrowed, write}, &secrets, &err), err);
    return secrets;
  }

 private:
  static int32_t write(void* ctx, const char* data, size_t size) noexcept {
    return static_cast<boundary::Borrowed<Out>*>(ctx)->run(1, [&](const Out& out) {
      out({data, size});
      return 0;
    });
  }

  const jp_log* table_;
  void* handle_ = nullptr;
};

// Never fails; secrets are masked.
class Log {
 public:
  static constexpr std::string_view id = JP_LOG;
  using Table = jp_log;

  explicit Log(const Table& table) noexcept : table_(&table) {}

  void debug(std::string_view message) const { write(JP_LEVEL_DEBUG, message); }
  void info(std::string_view message) const { write(JP_LEVEL_INFO, message); }
  void warning(std::string_view message) const { write(JP_LEVEL_WARNING, message); }
  void error(std::string_view message) const { write(JP_LEVEL_ERROR, message); }

  Redactor redactor() const { return Redactor(*table_); }

 private:
  void write(uint32_t level, std::string_view message) const {
    table_->write(table_->self, level, boundary::borrow(message));
  }

  const Table* table_;
};

}  // namespace jetpack
