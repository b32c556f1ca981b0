// jetpack/call.hpp: one invocation of a command: its checked values, its output, and the services.
// [any-thread]
#pragma once

#include <jetpack/boundary.hpp>
#include <jetpack/self.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack {

// Valid while the command runs. Values are asked for by the name they were declared with, and as what
// they were declared; anything else is Errc::internal.
class Call {
 public:
  Call(const jp_host& host, const jp_call& call) noexcept : host_(&host), call_(&call) {}

  // The command's name: "condition set".
  std::string_view command() const noexcept { return boundary::view(call_->command); }

  // Whether the command declares a parameter of this name.
  bool declares(std::string_view name) const noexcept { return find(name) != nullptr; }

  // Whether the value was written on the command line.
  bool given(std::string_view name) const { return value(name).given != 0; }

  bool flag(std::string_view name) const {
    const auto& v = value_of(JP_FLAG, name);
    return v.count > 0 && v.numbers[v.count - 1] != 0;
  }

  // The value as written, whatever it was declared as; its default, or nullopt. Of several the last.
  std::optional<std::string_view> text(std::string_view name) const {
    const auto& v = text_value(name);
    if (v.count == 0) return std::nullopt;
    return boundary::view(v.texts[v.count - 1]);
  }

  // The same, where the command cannot go on without: Errc::usage when there is none.
  std::string_view need(std::string_view name) const {
    if (const auto found = text(name)) return *found;
    throw Error(Errc::usage, "missing '" + std::string(name) + "'");
  }

  // The same, or `otherwise`, which must live as long as what is made of it.
  std::string_view text_or(std::string_view name, std::string_view otherwise) const {
    return text(name).value_or(otherwise);
  }

  // All of a repeated one.
  std::vector<std::string_view> texts(std::string_view name) const {
    const auto& v = text_value(name);
    std::vector<std::string_view> all;
    all.reserve(v.count);
    for (uint32_t i = 0; i < v.count; ++i) all.push_back(boundary::view(v.texts[i]));
    return all;
  }

  // Of what was declared with integer().
  std::optional<int64_t> integer(std::string_view name) const {
    return last_number(JP_INTEGER, name);
  }
  std::vector<int64_t> integers(std::string_view name) const {
    const auto& v = value_of(JP_INTEGER, name);
    return std::vector<int64_t>(v.numbers, v.numbers + v.count);
  }

  // Of what was declared with duration().
  std::optional<std::chrono::milliseconds> duration(std::string_view name) const {
    const auto ms = last_number(JP_DURATION, name);
    if (!ms) return std::nullopt;
    return std::chrono::milliseconds{*ms};
  }
  std::vector<std::chrono::milliseconds> durations(std::string_view name) const {
    const auto& v = value_of(JP_DURATION, name);
    std::vector<std::chrono::milliseconds> all;
    all.reserve(v.count);
    for (uint32_t i = 0; i < v.count; ++i) all.emplace_back(v.numbers[i]);
    return all;
  }

  // Standard output: the answer, and nothing else.
  void print(std::string_view text) const {
    if (call_->out.write(call_->out.ctx, text.data(), text.size()) != 0)
      throw Error(Errc::failed, "cannot write to standard output");
  }

  // Standard error: everything for a person. Whether it can be written changes nothing.
  void report(std::string_view text) const {
    call_->err.write(call_->err.ctx, text.data(), text.size());
  }

  bool in_is_terminal() const noexcept { return (call_->terminal & JP_IN_IS_TERMINAL) != 0; }
  bool out_is_terminal() const noexcept { return (call_->terminal & JP_OUT_IS_TERMINAL) != 0; }
  bool err_is_terminal() const noexcept { return (call_->terminal & JP_ERR_IS_TERMINAL) != 0; }

  // A service: Config, Session, Storage, Process or Log. Throws when it is not available.
  template <class Service>
  Service service() const {
    return boundary::find_service<Service>(*host_);
  }

  // Whether the command should end: SIGINT or SIGTERM has arrived; see Self::cancelled.
  bool cancelled() const { return service<Self>().cancelled(); }
  // Directories of the plugin; see Self.
  std::string state_dir() const { return service<Self>().state_dir(); }
  std::string plugin_dir() const { return service<Self>().plugin_dir(); }
  std::string temp_dir() const { return service<Self>().temp_dir(); }

  // This jetpack's version: "8.10.0-100".
  std::string_view host_version() const noexcept { return boundary::view(host_->version); }

 private:
  const jp_value* find(std::string_view name) const noexcept {
    for (uint32_t i = 0; i < call_->value_count; ++i)
      if (boundary::view(call_->values[i]->name) == name) return call_->values[i];
    return nullptr;
  }

  const jp_value& value(std::string_view name) const {
    if (const jp_value* found = find(name)) return *found;
    throw Error(Errc::internal, "command '" + std::string(command()) + "' asks for '" +
                                    std::string(name) + "', which it does not declare");
  }

  // Of the type that was declared, so that numbers are there to be read.
  const jp_value& value_of(uint32_t type, std::string_view name) const {
    const auto& v = value(name);
    if (v.type == type && (v.count == 0 || v.numbers != nullptr)) return v;
    throw wrong_type(v, type_name(type));
  }

  const jp_value& text_value(std::string_view name) const {
    const auto& v = value(name);
    if (v.type == JP_FLAG) throw wrong_type(v, "a text");
    return v;
  }

  std::optional<int64_t> last_number(uint32_t type, std::string_view name) const {
    const auto& v = value_of(type, name);
    if (v.count == 0) return std::nullopt;
    return v.numbers[v.count - 1];
  }

  Error wrong_type(const jp_value& v, const char* asked) const {
    return {Errc::internal, "command '" + std::string(command()) + "' asks for '" +
                                std::string(boundary::view(v.name)) + "' as " + asked +
                                "; it is declared as " + type_name(v.type)};
  }

  static const char* type_name(uint32_t type) noexcept {
    switch (type) {
      case JP_FLAG:
        return "a flag";
      case JP_INTEGER:
        return "an integer";
      case JP_DURATION:
        return "a duration";
      default:
        return "a text";
    }
  }

  const jp_host* host_;
  const jp_call* call_;
};

}  // namespace jetpack
