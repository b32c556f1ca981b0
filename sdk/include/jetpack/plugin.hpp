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
#include <jetpack/config.hpp>
#include <jetpack/json.hpp>
#include <jetpack/log.hpp>
#include <jetpack/offers.hpp>
#include <jetpack/process.hpp>
#include <jetpack/sender.hpp>
#include <jetpack/session.hpp>
#include <jetpack/storage.hpp>

namespace jetpack::detail {

template <class... Part>
struct Plugin {
  std::string_view id;
  std::string_view version;
  Needs needed;
  OfferList<Command, Part...> commands;
  Offers<Part...> offers;

  constexpr void add(const Needs& needs) { needed = needs; }
  constexpr void add(const Command& command) { commands.add(command); }
  template <class Offer>
  requires is_offer<Offer>
  constexpr void add(const Offer& offer) { offers.add(offer); }

  // Whether it has anything that jetpack can run.
  constexpr bool declares_something() const {
    return commands.size() > 0 || offers.declares_something();
  }
};

template <class... Part>
consteval auto plugin(std::string_view id, std::string_view version, const Part&... parts) {
  require(!id.empty() && !version.empty(), "a plugin needs an id and a version");
  Plugin<Part...> p;
  p.id = id;
  p.version = version;
  (p.add(parts), ...);
  require(p.declares_something(), "a plugin declares nothing");
  check_offers(p.offers, p.commands);
  return p;
}

// Writes the note's JSON text through `put`, a character at a time. The form is defined in
// sdk/README.md; keys that have their default are left out. What a listing needs comes first, so
// that it need not read "details".
template <class Put>
class NoteWriter {
 public:
  constexpr explicit NoteWriter(Put put) : put_(put) {}

  template <class... Part>
  constexpr void write(const Plugin<Part...>& p) {
    raw("{\"schema\":1,\"id\":");
    text(p.id);
    raw(",\"version\":");
    text(p.version);
    raw(",\"abi\":[");
    number(JP_ABI_MAJOR);
    raw(",");
    number(JP_ABI_MINOR);
    raw("]");
    if (p.needed.count > 0) {
      raw(",\"requires\":[");
      for (size_t i = 0; i < p.needed.count; ++i) element(i, p.needed.ids[i]);
      raw("]");
    }
    raw(",\"commands\":[");
    for (size_t i = 0; i < p.commands.size(); ++i) {
      raw(i > 0 ? ",{\"name\":" : "{\"name\":");
      text(p.commands.items[i].name);
      member("summary", p.commands.items[i].summary);
      raw("}");
    }
    raw("],\"details\":[");
    for (size_t i = 0; i < p.commands.size(); ++i) {
      if (i > 0) raw(",");
      write_details(p.commands.items[i]);
    }
    raw("]");
    OfferWriter([this](std::string_view value) { raw(value); },
                [this](std::string_view value) { text(value); },
                [this](int64_t value) { number(value); })
        .write(p.offers);
    raw("}");
  }

 private:
  constexpr void write_details(const Command& c) {
    raw("{\"command\":");
    text(c.name);
    if (!c.description_text.empty()) member("description", c.description_text);
    write_parameters(c, "options", false);
    write_parameters(c, "arguments", true);
    if (c.example_count > 0) {
      raw(",\"examples\":[");
      for (size_t i = 0; i < c.example_count; ++i) {
        raw(i > 0 ? ",{\"line\":" : "{\"line\":");
        text(c.examples[i].line);
        member("help", c.examples[i].help);
        raw("}");
      }
      raw("]");
    }
    raw("}");
  }

  constexpr void write_parameters(const Command& c, std::string_view key, bool arguments) {
    bool any = false;
    for (size_t i = 0; i < c.parameter_count; ++i) {
      if (c.parameters[i].is_argument != arguments) continue;
      if (any) {
        raw(",");
      } else {
        raw(",\"");
        raw(key);
        raw("\":[");
        any = true;
      }
      write(c.parameters[i]);
    }
    if (any) raw("]");
  }

  constexpr void write(const Parameter& p) {
    raw("{\"name\":");
    text(p.name);
    if (p.letter != 0) member("letter", std::string_view(&p.letter, 1));
    if (p.type == JP_FLAG) member("type", "flag");
    if (p.type == JP_INTEGER) member("type", "integer");
    if (p.type == JP_DURATION) member("type", "duration");
    if (p.is_required) raw(",\"required\":true");
    if (p.is_repeated) raw(",\"repeated\":true");
    if (p.is_negatable) raw(",\"negatable\":true");
    if (p.has_fallback) member("default", p.fallback_text);
    if (p.choice_count > 0) {
      raw(",\"choices\":[");
      for (size_t i = 0; i < p.choice_count; ++i) element(i, p.choice_texts[i]);
      raw("]");
    }
    if (p.type == JP_INTEGER && p.min != INT64_MIN) member("min", p.min);
    if (p.type == JP_INTEGER && p.max != INT64_MAX) member("max", p.max);
    if (!p.is_argument && !p.metavar.empty()) member("metavar", p.metavar);
    if (!p.source.empty()) member("values_from", p.source);
    member("help", p.help);
    raw("}");
  }

  constexpr void member(std::string_view key, std::string_view value) {
    raw(",\"");
    raw(key);
    raw("\":");
    text(value);
  }

  constexpr void member(std::string_view key, int64_t value) {
    raw(",\"");
    raw(key);
    raw("\":");
    number(value);
  }

  constexpr void element(size_t index, std::string_view value) {
    if (index > 0) raw(",");
    text(value);
  }

  constexpr void number(int64_t value) {
    if (value < 0) put_('-');
    const auto magnitude =
        value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
    digits(magnitude);
  }

  constexpr void digits(uint64_t value) {
    if (value >= 10) digits(value / 10);
    put_(static_cast<char>('0' + value % 10));
  }

  constexpr void text(std::string_view value) {
    constexpr std::string_view hex = "0123456789abcdef";
    put_('"');
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        put_('\\');
        put_(c);
      } else if (byte < 0x20) {
        raw("\\u00");
        put_(hex[byte >> 4]);
        put_(hex[byte & 15]);
      } else {
        put_(c);
      }
    }
    put_('"');
  }

  constexpr void raw(std::string_view value) {
    for (const char c : value) put_(c);
  }

  Put put_;
};

template <size_t N>
struct Note {
  uint32_t name_size = sizeof JP_NOTE_OWNER;
  uint32_t descriptor_size = N;
  uint32_t type = JP_NOTE_TYPE;
  char name[8] = JP_NOTE_OWNER;
  char descriptor[(N + 3) / 4 * 4] = {};
};

template <const auto& P>
consteval size_t note_size() {
  size_t size = 0;
  auto count = [&size](char) { ++size; };
  NoteWriter writer(count);
  writer.write(P);
  require(size <= JP_NOTE_MAX, "the plugin's help texts exceed JP_NOTE_MAX");
  return size;
}

template <const auto& P>
consteval auto make_note() {
  Note<note_size<P>()> note;
  size_t size = 0;
  auto store = [&note, &size](char c) { note.descriptor[size++] = c; };
  NoteWriter writer(store);
  writer.write(P);
  return note;
}

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
