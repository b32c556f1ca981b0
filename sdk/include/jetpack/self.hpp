// jetpack/self.hpp: the plugin that runs: its id, its directories, and whether it should end.
#pragma once

#include <jetpack/boundary.hpp>

#include <string>
#include <string_view>

namespace jetpack {

// See jp_self. Members but cancelled() throw Error. [any-thread]
class Self {
 public:
  static constexpr std::string_view id = JP_SELF;
  using Table = jp_self;

  explicit Self(const Table& table) noexcept : table_(&table) {}

  // The id that the plugin declares: "com.example.gpu".
  std::string plugin_id() const { return ask(table_->id); }

  // Where the plugin's own files are, to be read: of a bundle its root, which has share/; else the
  // directory of the library.
  std::string plugin_dir() const { return ask(table_->plugin_dir); }

  // For what the plugin keeps from run to run: var/plugins/ID of the home, with mode 0700. Created by
  // the first call. Errc::denied when another user owns it, Errc::unavailable when it cannot be
  // created.
  std::string state_dir() const { return ask(table_->state_dir); }

  // Empty at first, and removed when the command ends, whatever ends it. The same for each call.
  std::string temp_dir() const { return ask(table_->temp_dir); }

  // Whether SIGINT or SIGTERM has arrived. From the first call on, the first signal is only
  // remembered, so that the command can end in its own way; a second one ends the process. Call it
  // before what must not be cut off, then wherever the command can stop. [thread-safe]
  bool cancelled() const noexcept { return table_->cancelled(table_->self) != 0; }

 private:
  std::string ask(decltype(Table::id) function) const {
    std::string text;
    jp_error err{};
    boundary::check(function(table_->self, boundary::append_to(text), &err), err);
    return text;
  }

  const Table* table_;
};

}  // namespace jetpack
