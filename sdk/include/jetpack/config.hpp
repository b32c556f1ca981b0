// jetpack/config.hpp: what this node was told: configuration, properties, managed users, paths.
#pragma once

#include <jetpack/boundary.hpp>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace jetpack {

enum class Format : uint32_t {
  json = JP_JSON,
  json_pretty = JP_JSON_PRETTY,
  plain = JP_PLAIN,
  lines = JP_LINES,
  members = JP_MEMBERS,
};

// Reads are from the files as they are at the call: an edit is seen by the next one. Every member
// throws Error; Errc::corrupt names file, line and column. [any-thread]
class Config {
 public:
  static constexpr std::string_view id = JP_CONFIG;
  using Table = jp_config;

  explicit Config(const Table& table) noexcept : table_(&table) {}

  // The value at a dotted key, or nullopt when there is none. "" is the whole tree.
  std::optional<std::string> get(std::string_view key, Format format = Format::plain) const {
    return from(JP_TREE_CONFIG, key, format);
  }

  std::optional<std::string> property(std::string_view key, Format format = Format::plain) const {
    return from(JP_TREE_PROPERTIES, key, format);
  }

  // The same, but a value that is missing is Errc::not_found, with a text that says how far the key
  // leads.
  std::string require(std::string_view key, Format format = Format::plain) const {
    return read(JP_TREE_CONFIG, key, format);
  }
  std::string require_property(std::string_view key, Format format = Format::plain) const {
    return read(JP_TREE_PROPERTIES, key, format);
  }

  // The managed users as a JSON array, as the server sent them.
  std::string users(Format format = Format::json) const { return read(JP_TREE_USERS, "", format); }

  // The *_or functions give `fallback` for a value that is missing, also on a node that has no
  // configuration yet.
  std::string get_or(std::string_view key, std::string_view fallback) const {
    auto value = get_if_configured(key);
    return value ? *std::move(value) : std::string(fallback);
  }

  // A boolean, or a string that reads as one (true, yes, on, 1; in any case). Null is as if there
  // were none.
  bool flag_or(std::string_view key, bool fallback) const {
    auto value = get_if_configured(key);
    if (!value || *value == null_text) return fallback;
    for (char& c : *value) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return *value == "true" || *value == "yes" || *value == "on" || *value == "1";
  }

  // A whole number, or a string that reads as one; anything else is Errc::corrupt. Null is as if
  // there were none.
  int64_t integer_or(std::string_view key, int64_t fallback) const {
    auto value = get_if_configured(key);
    if (!value || *value == null_text) return fallback;
    int64_t number = 0;
    const char* end = value->data() + value->size();
    auto [rest, failure] = std::from_chars(value->data(), end, number);
    if (failure != std::errc{} || rest != end)
      throw Error(Errc::corrupt,
                  "configuration key '" + std::string(key) + "' is not a whole number: " + *value);
    return number;
  }

  // Sets a property durably. `json` is one JSON value: "\"rhel\"", "3", "true".
  void set_property(std::string_view key, std::string_view json) const {
    jp_error err{};
    boundary::check(
        table_->set_property(table_->self, boundary::borrow(key), boundary::borrow(json), &err),
        err);
  }

  // The absolute path of a name below the home tree; "" is the home itself.
  std::string path(std::string_view name) const {
    std::string path;
    jp_error err{};
    boundary::check(
        table_->path(table_->self, boundary::borrow(name), boundary::append_to(path), &err), err);
    return path;
  }

 private:
  std::optional<std::string> get_if_configured(std::string_view key) const {
    try {
      return get(key);
    } catch (const Error& error) {
      if (error.code() != Errc::unavailable) throw;
      return std::nullopt;
    }
  }

  static constexpr std::string_view null_text = "None";  // in Format::plain

  int32_t fetch(std::string_view tree, std::string_view key, Format format, jp_sink to,
                jp_error& err) const {
    return table_->get(table_->self, boundary::borrow(tree), boundary::borrow(key),
                       static_cast<uint32_t>(format), to, &err);
  }

  std::string read(std::string_view tree, std::string_view key, Format format) const {
    std::string value;
    jp_error err{};
    boundary::check(fetch(tree, key, format, boundary::append_to(value), err), err);
    return value;
  }

  std::optional<std::string> from(std::string_view tree, std::string_view key,
                                  Format format) const {
    std::string value;
    jp_error err{};
    const int32_t status = fetch(tree, key, format, boundary::append_to(value), err);
    if (status == JP_NOT_FOUND) return std::nullopt;
    boundary::check(status, err);
    return value;
  }

  const Table* table_;
};

}  // namespace jetpack
