// jetpack/table.hpp: a table as commands print it: a heading, and columns as wide as their texts.
//
//   jetpack::Table table({"GPU", "NAME", {"MEMORY", jetpack::Align::right}});
//   table.row({"0", "A100", "80 GiB"});
//   call.print(table.text());
#pragma once

#include <jetpack/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jetpack {

enum class Align { left, right };

// [thread-safe]
struct Column {
  std::string heading;  // by custom in capitals
  Align align = Align::left;

  Column(const char* text) : heading(text) {}  // NOLINT: {"NAME", "AGE"}
  Column(std::string text, Align side = Align::left) : heading(std::move(text)), align(side) {}
};

// For one thread. Nothing in it fails, but for want of memory. [thread-safe]
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {
    for (const Column& column : columns_) widths_.push_back(width_of(column.heading));
  }

  // Adds a row. Texts that are missing are empty, and those beyond the last column are left out.
  // Control characters, line breaks, characters that change the direction of text and bytes that are
  // not UTF-8 are shown as "?": a text from elsewhere cannot steer the terminal.
  void row(std::vector<std::string> texts) {
    texts.resize(columns_.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      texts[i] = harmless(texts[i]);
      widths_[i] = std::max(widths_[i], width_of(texts[i]));
    }
    rows_.push_back(std::move(texts));
  }

  bool empty() const noexcept { return rows_.empty(); }
  size_t size() const noexcept { return rows_.size(); }

  // The heading and the rows, each a line; two blanks between columns, none at the end of a line.
  std::string text() const {
    std::vector<std::string> headings;
    for (const Column& column : columns_) headings.push_back(column.heading);
    std::string lines = line(headings);
    for (const auto& texts : rows_) lines += line(texts);
    return lines;
  }

 private:
  static bool steers(std::string_view sequence) {
    if (sequence.empty()) return true;
    uint32_t bytes = 0;  // the sequence as one number: in UTF-8 it orders as the code points do
    for (const char byte : sequence) bytes = bytes << 8 | static_cast<unsigned char>(byte);
    const auto within = [bytes](uint32_t first, uint32_t last) {
      return bytes >= first && bytes <= last;
    };
    return within(0, 0x1F) || within(0x7F, 0x7F) ||  // U+0000 to U+001F, U+007F
           within(0xC280, 0xC29F) ||                 // U+0080 to U+009F
           within(0xD89C, 0xD89C) ||                 // U+061C
           within(0xE2808E, 0xE2808F) ||             // U+200E, U+200F
           within(0xE280A8, 0xE280AE) ||             // U+2028 to U+202E
           within(0xE281A6, 0xE281A9);               // U+2066 to U+2069
  }

  static std::string harmless(std::string_view text) {
    std::string shown;
    while (!text.empty()) {
      const std::string_view sequence = text.substr(0, detail::utf8_length(text));
      shown += steers(sequence) ? "?" : sequence;
      text.remove_prefix(std::max<size_t>(sequence.size(), 1));
    }
    return shown;
  }

  // In code points, which is what most terminals show one column wide.
  static size_t width_of(std::string_view text) {
    return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
  }

  std::string line(const std::vector<std::string>& texts) const {
    std::string line;
    for (size_t i = 0; i < texts.size(); ++i) {
      if (i > 0) line += "  ";
      const std::string blanks(widths_[i] - width_of(texts[i]), ' ');
      line += columns_[i].align == Align::right ? blanks + texts[i] : texts[i] + blanks;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return line + '\n';
  }

  std::vector<Column> columns_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace jetpack
