// jetpack/plugin.hpp: write a jetpack plugin in C++20. Include this, declare commands, done:
//
//   #include <jetpack/plugin.hpp>
//
//   static int hello(const jetpack::Call& call) {
//     call.print("Hello, " + std::string(*call.text("NAME")) + "\n");
//     return 0;
//   }
//
//   JETPACK_PLUGIN("com.example.hello", "1.0.0",
//                  jetpack::command("hello", "Greet somebody", hello,
//                                   jetpack::argument("NAME", "Whom to greet")));
//
// Header-only: all of it is compiled into the plugin, so it may change freely between versions. The
// binary contract is <jetpack/abi.h> alone.
#pragma once

#include <jetpack/command.hpp>
#include <jetpack/conditions.hpp>
#include <jetpack/config.hpp>
#include <jetpack/detail/note.hpp>
#include <jetpack/json.hpp>
#include <jetpack/log.hpp>
#include <jetpack/messages.hpp>
#include <jetpack/offers.hpp>
#include <jetpack/process.hpp>
#include <jetpack/sender.hpp>
#include <jetpack/session.hpp>
#include <jetpack/storage.hpp>

namespace jetpack::detail {

struct Handler {
  std::string_view name;
  Run run;
};

// Only what is needed at run time, so that the texts stand in the file once: in the note.
template <const auto& P>
consteval auto handlers() {
  std::array<Handler, P.commands.size()> all{};
  for (size_t i = 0; i < all.size(); ++i)
    all[i] = {P.commands.items[i].name, P.commands.items[i].run};
  return all;
}

template <const auto& P>
struct Entry {
  static constexpr auto commands = handlers<P>();
  static constexpr auto offers = offer_handlers<P>();

  static int32_t open(const jp_host* host, void** self, jp_error* err) noexcept {
    return boundary::guard(err, [&] { *self = const_cast<jp_host*>(host); });
  }

  static int32_t run(void* self, const jp_call* call, int32_t* exit_code, jp_error* err) noexcept {
    return boundary::guard(err, [&] {
      const Call invocation(*static_cast<const jp_host*>(self), *call);
      for (const auto& command : commands) {
        if (command.name != invocation.command()) continue;
        *exit_code = command.run(invocation);
        return;
      }
      if (const auto code = run_offer(offers, invocation)) {
        *exit_code = *code;
        return;
      }
      throw Error(Errc::not_found, "no such command: " + std::string(invocation.command()));
    });
  }

  static void close(void*) noexcept {}
};

}  // namespace jetpack::detail

// Defines a plugin's entry point and its ELF note, once in each plugin:
//   JETPACK_PLUGIN(ID, VERSION, [jetpack::needs<jetpack::Session>(),] command, check, ...);
#define JETPACK_PLUGIN(...)                                                                    \
  namespace {                                                                                  \
  constexpr auto jp_declaration = ::jetpack::detail::plugin(__VA_ARGS__);                      \
  static_assert(::jetpack::detail::refuse_mistake<jp_declaration>());                          \
  __attribute__((section(JP_NOTE_SECTION), used, retain, aligned(4))) constexpr auto jp_note = \
      ::jetpack::detail::make_note<jp_declaration>();                                          \
  }                                                                                            \
  extern "C" JP_EXPORT constexpr jp_plugin jetpack_plugin_v1 = {                               \
      sizeof(jp_plugin),                                                                       \
      JP_ABI_MAJOR,                                                                            \
      JP_ABI_MINOR,                                                                            \
      &::jetpack::detail::Entry<jp_declaration>::open,                                         \
      &::jetpack::detail::Entry<jp_declaration>::run,                                          \
      &::jetpack::detail::Entry<jp_declaration>::close}
