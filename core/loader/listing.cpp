// What a listing of plugins needs of a note or a bundle's manifest, read without the rest.
#include "loader/listing.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include <jetpack/error.hpp>
#include "loader/refusal.hpp"
#include "support/json.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack {

namespace {

// Nothing but printable ASCII: mostly so, and seen in a few instructions for 16 bytes.
bool is_printable_ascii(std::string_view text) {
  bool other = false;
  for (const char c : text) other |= static_cast<unsigned char>(c - 0x20) > 0x7E - 0x20;
  return !other;
}

void add_abi(uint64_t number, Listing& listing) {
  if (listing.abi_count < listing.abi.size()) listing.abi.at(listing.abi_count) = number;
  ++listing.abi_count;
}

// Reads a listing in the form that most tools write: on one line, and strings of printable ASCII
// without escapes, which therefore need not be copied. A listing of plugins reads the notes of all of
// them, and must cost next to nothing.
class PlainReader {
 public:
  PlainReader(std::string_view text, std::string_view end) : text_(text), end_(end) {}

  // nullopt when it is in another form.
  std::optional<Listing> read() {
    Listing found;
    if (!take('{')) return std::nullopt;
    do {
      const auto key = string();
      if (!key || !take(':')) return std::nullopt;
      if (*key == end_) return found;
      if (!read_member(*key, found)) return std::nullopt;
    } while (take(','));
    if (!take('}') || at_ != text_.size()) return std::nullopt;
    return found;
  }

 private:
  bool read_member(std::string_view key, Listing& found) {
    if (key == "schema") return read_number([&](uint64_t n) { found.schema = n == 1 ? 1 : 0; });
    if (key == "abi") {
      return read_list([&] { return read_number([&](uint64_t n) { add_abi(n, found); }); });
    }
    if (key == "requires") return read_texts(found.needed);
    if (key == "libraries") return read_texts(found.libraries);
    if (key == "commands") {
      constexpr size_t usual = 16;
      found.commands.reserve(usual);
      return read_list([&] { return read_command(found.commands.emplace_back()); });
    }
    // Of a manifest, and not for a listing.
    if (key == "capabilities" || key == "platforms")
      return read_list([&] { return string().has_value(); });
    if (key == "limits") return pass_numbers();
    const auto value = string();
    if (value && key == "id") found.id = *value;
    if (value && key == "version") found.version = *value;
    if (value && key == "program") found.program = *value;
    return value.has_value();
  }

  bool read_command(Listing::Command& command) {
    if (read_usual_command(command)) return true;
    if (!take('{')) return false;
    do {
      const auto key = string();
      if (!key || !take(':')) return false;
      const auto value = string();
      if (!value) return false;
      if (*key == "name") command.name = *value;
      if (*key == "summary") command.summary = *value;
    } while (take(','));
    return take('}');
  }

  // {"name":"...","summary":"..."}, which is what notes have: found with two searches. Nothing is
  // read when it is in another form.
  bool read_usual_command(Listing::Command& command) {
    constexpr std::string_view start = R"({"name":")", middle = R"(","summary":")", close = "\"}";
    // Sizes that are known here are compared without a call.
    const auto has = [&](size_t at, const auto& expected) {
      return at <= text_.size() && text_.size() - at >= expected.size() &&
             std::memcmp(text_.data() + at, expected.data(), expected.size()) == 0;
    };
    if (!has(at_, start)) return false;
    const size_t name = at_ + start.size();
    const size_t name_end = text_.find('"', name);
    if (!has(name_end, middle)) return false;
    const size_t summary = name_end + middle.size();
    const size_t summary_end = text_.find('"', summary);
    if (!has(summary_end, close) || !is_plain_to(summary_end)) return false;
    command.name = text_.substr(name, name_end - name);
    command.summary = text_.substr(summary, summary_end - summary);
    at_ = summary_end + close.size();
    return true;
  }

  // An object whose values are numbers, one at least.
  bool pass_numbers() {
    if (!take('{')) return false;
    do {
      if (!string() || !take(':') || !read_number([](uint64_t) {})) return false;
    } while (take(','));
    return take('}');
  }

  template <class Text>
  bool read_texts(std::vector<Text>& texts) {
    constexpr size_t usual = 4;
    texts.reserve(usual);
    return read_list([&] {
      const auto text = string();
      if (text) texts.emplace_back(*text);
      return text.has_value();
    });
  }

  template <class Read>
  bool read_list(Read read_one) {
    if (!take('[')) return false;
    if (take(']')) return true;
    do {
      if (!read_one()) return false;
    } while (take(','));
    return take(']');
  }

  template <class Use>
  bool read_number(Use use) {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    uint64_t number = 0;
    const char* start = text_.data() + at_;
    const auto [rest, failure] = std::from_chars(start, text_.data() + text_.size(), number);
    if (failure != std::errc{}) return false;
    at_ += static_cast<size_t>(rest - start);
    use(number);
    return true;
  }

  std::optional<std::string_view> string() {
    if (!take('"')) return std::nullopt;
    const size_t end = text_.find('"', at_);
    if (end == std::string_view::npos || !is_plain_to(end)) return std::nullopt;
    const auto content = text_.substr(at_, end - at_);
    at_ = end + 1;
    return content;
  }

  bool take(char c) {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // Whether the text is printable ASCII without escapes as far as there. It is looked at in blocks,
  // each of which takes a few vector instructions.
  bool is_plain_to(size_t end) {
    for (; plain_ < end; plain_ += block) {
      std::array<char, block> chars;  // not cleared
      const size_t size = std::min(block, text_.size() - plain_);
      if (size < block) chars.fill(' ');
      std::memcpy(chars.data(), text_.data() + plain_, size);
      if (is_plain(chars)) continue;
      // The rest of the block may be beyond what is read.
      chars.fill(' ');
      std::memcpy(chars.data(), text_.data() + plain_, std::min(block, end - plain_));
      return end - plain_ <= block && is_plain(chars);
    }
    return true;
  }

  static constexpr size_t block = 64;

  static bool is_plain(const std::array<char, block>& chars) {
    unsigned char other = 0;
    for (const char c : chars) {
      // Bitwise, so that it can be done for many at once.
      const unsigned char odd = static_cast<unsigned char>(c - 0x20) > 0x7E - 0x20 ? 1 : 0;
      other |= static_cast<unsigned char>(odd | (c == '\\' ? 1 : 0));
    }
    return other == 0;
  }

  std::string_view text_;
  std::string_view end_;
  size_t at_ = 0;
  size_t plain_ = 0;
};

// Calls `use` for each element of an array; nothing when there is none.
template <class Use>
void each_of(const rapidjson::Value& object, const char* name, Use use) {
  const auto* member = support::find_member(object, name);
  if (member == nullptr) return;
  if (!member->IsArray()) throw Refusal(std::string("'") + name + "' is not a list");
  for (const auto& element : member->GetArray()) use(element);
}

std::string_view text_in(const rapidjson::Value* value, const char* what) {
  if (value == nullptr) return {};
  if (!support::is_string(*value)) throw Refusal(std::string("'") + what + "' is not a string");
  return checked_text(support::text_of(*value), what);
}

// Any other form. The texts of commands are kept in `copy`, which they fit into: decoded text is
// never longer.
Listing read_any(std::string_view text, std::vector<char>& copy) {
  const auto json = support::Json::parse(text, "its JSON", {}, support::JsonRules::strict);
  const rapidjson::Value& root = json.root();
  if (!root.IsObject()) throw Refusal("not the JSON that is expected: no object");
  copy.reserve(text.size());
  const auto kept = [&](std::string_view content) {
    const size_t start = copy.size();
    copy.insert(copy.end(), content.begin(), content.end());
    return std::string_view(copy.data() + start, content.size());
  };
  const auto texts_of = [&](const char* name, auto& texts) {
    each_of(root, name, [&](const rapidjson::Value& value) {
      texts.emplace_back(kept(text_in(&value, name)));
    });
  };
  Listing found;
  const auto* schema = support::find_member(root, "schema");
  found.schema = schema != nullptr && schema->IsInt() && schema->GetInt() == 1 ? 1 : 0;
  found.id = text_in(support::find_member(root, "id"), "id");
  found.version = text_in(support::find_member(root, "version"), "version");
  found.program = kept(text_in(support::find_member(root, "program"), "program"));
  each_of(root, "abi", [&](const rapidjson::Value& number) {
    if (!number.IsUint64()) throw Refusal("'abi' is not [MAJOR, MINOR]");
    add_abi(number.GetUint64(), found);
  });
  texts_of("requires", found.needed);
  texts_of("libraries", found.libraries);
  each_of(root, "commands", [&](const rapidjson::Value& command) {
    if (!command.IsObject()) throw Refusal("a command is not an object");
    found.commands.push_back({kept(text_in(support::find_member(command, "name"), "commands")),
                              kept(text_in(support::find_member(command, "summary"), "commands"))});
  });
  return found;
}

}  // namespace

std::string_view checked_text(std::string_view text, const char* what) {
  if (is_printable_ascii(text)) return text;
  if (!support::is_utf8(text)) throw Refusal(std::string("'") + what + "' is not UTF-8");
  if (support::printable(text) != text || text.find('\t') != std::string_view::npos)
    throw Refusal(std::string("'") + what + "' has a control character");
  return text;
}

Listing read_listing(std::string_view text, std::string_view end, std::vector<char>& copy) {
  if (auto found = PlainReader(text, end).read()) return *std::move(found);
  try {
    return read_any(text, copy);
  } catch (const Error& error) {
    throw Refusal(std::string("not the JSON that is expected: ") + error.what());
  }
}

}  // namespace jetpack
