// jetpack/detail/note.hpp: writes a plugin's declaration as its ELF note, at compile time.
// Part of jetpack/plugin.hpp.
#pragma once

#include <jetpack/detail/plugin.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace jetpack::detail {

// Writes the note's JSON text through `put`, a character at a time. The form is defined in
// sdk/README.md; keys that have their default are left out. What a listing needs comes first, so
// that it need not read "details".
template <class Put>
class NoteWriter {
 public:
  constexpr explicit NoteWriter(Put put) : put_(put) {}

  template <class... Part>
  constexpr void write(const Plugin<Part...>& p) {
    of_ = p.id;
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
      text(p.commands[i].name);
      member("summary", p.commands[i].summary);
      raw("}");
    }
    raw("],\"details\":[");
    for (size_t i = 0; i < p.commands.size(); ++i) {
      if (i > 0) raw(",");
      write_details(p.commands[i]);
    }
    raw("]");
    of_ = p.id;
    OfferWriter([this](std::string_view value) { raw(value); },
                [this](std::string_view value) { text(value); },
                [this](int64_t value) { number(value); })
        .write(p.offers);
    raw("}");
  }

  // The command, or plugin, of a text with a control character, which no note may have; "" when all
  // texts are right.
  constexpr std::string_view garbled() const { return garbled_; }

 private:
  constexpr void write_details(const Command& c) {
    of_ = c.name;
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
    if (p.is_from_config) member("from_config", p.config_key);
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
    put_('"');
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '\n') {
        raw("\\n");
        continue;
      }
      if (byte < 0x20 || byte == 0x7F) garbled_ = of_;
      if (c == '"' || c == '\\') put_('\\');
      put_(c);
    }
    put_('"');
  }

  constexpr void raw(std::string_view value) {
    for (const char c : value) put_(c);
  }

  Put put_;
  std::string_view of_;  // which command or plugin is written
  std::string_view garbled_;
};

template <size_t N>
struct Note {
  uint32_t name_size = sizeof JP_NOTE_OWNER;
  uint32_t descriptor_size = N;
  uint32_t type = JP_NOTE_TYPE;
  char name[8] = JP_NOTE_OWNER;
  char descriptor[(N + 3) / 4 * 4] = {};
};

// The note's size, and the first mistake in the declaration.
struct Measured {
  size_t size = 1;
  Finding finding;
};

template <const auto& P>
consteval Measured measure() {
  Measured measured{1, finding_in(P)};
  if (measured.finding.mistake != Mistake::none) return measured;
  size_t size = 0;
  auto count = [&size](char) { ++size; };
  NoteWriter writer(count);
  writer.write(P);
  if (size > JP_NOTE_MAX) measured.finding.mistake = Mistake::too_long;
  if (!writer.garbled().empty()) measured.finding.mistake = Mistake::control_character;
  measured.finding.place.add(writer.garbled());
  if (measured.finding.mistake == Mistake::none) measured.size = size;
  return measured;
}

template <const auto& P>
inline constexpr Measured measured = measure<P>();

// Stops the compiler with the text of the first mistake, and shows its place.
template <const auto& P>
constexpr bool refuse_mistake() {
  constexpr Finding found = measured<P>.finding;
  if constexpr (found.mistake == Mistake::none) {
    return true;
  } else {
    return []<size_t... I>(std::index_sequence<I...>) {
      return declared<measured<P>.finding.mistake, measured<P>.finding.place.text[I]...>();
    }
    (std::make_index_sequence<found.place.size>());
  }
}

template <const auto& P>
consteval auto make_note() {
  Note<measured<P>.size> note;
  if (measured<P>.finding.mistake != Mistake::none) return note;
  size_t size = 0;
  auto store = [&note, &size](char c) { note.descriptor[size++] = c; };
  NoteWriter writer(store);
  writer.write(P);
  return note;
}

}  // namespace jetpack::detail
