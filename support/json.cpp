// JSON read from files and peers: bounded in size and depth, and errors that say where.
#include "support/json.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include <rapidjson/error/en.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <jetpack/error.hpp>
#include "support/encoding.hpp"
#include "support/files.hpp"

namespace jetpack::support {

namespace {

// Not the iterative parser, which is slower: the depth limit bounds the recursion.
constexpr unsigned parse_flags = rapidjson::kParseInsituFlag | rapidjson::kParseFullPrecisionFlag;

// Passes what the reader finds on to a document, but only what a dotted key leads to, and stops the
// reader at the depth limit.
class Builder {
 public:
  Builder(rapidjson::Document& document, std::string_view key, bool has_surrogates)
      : document_(document), has_surrogates_(has_surrogates), next_{key, key.empty()} {}

  // What it stopped the reader for; empty: the depth limit.
  std::string_view objection() const { return objection_; }

  bool Null() { return skips() || document_.Null(); }
  bool Bool(bool b) { return skips() || document_.Bool(b); }
  bool Int(int i) { return skips() || document_.Int(i); }
  bool Uint(unsigned i) { return skips() || document_.Uint(i); }
  bool Int64(int64_t i) { return skips() || document_.Int64(i); }
  bool Uint64(uint64_t i) { return skips() || document_.Uint64(i); }
  bool Double(double d) {
    // The reader makes NaN of what is little more than the largest double.
    if (!std::isfinite(d)) objection_ = "a number that is too big";
    return objection_.empty() && (skips() || document_.Double(d));
  }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return false; }  // not asked for
  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (!is_sound({text, size})) return false;
    return skips() || document_.String(text, size, true);
  }

  bool Key(const char* text, rapidjson::SizeType size, bool) {
    if (!is_sound({text, size})) return false;
    if (skipped_levels_ > 0) return true;
    Level& level = levels_.back();
    next_ = level.all ? Level{{}, true} : level.below({text, size});
    skip_next_ = !level.all && !next_.leads;
    if (skip_next_) return true;
    ++level.kept;
    return document_.Key(text, size, true);
  }

  bool StartObject() {
    if (++depth_ > max_json_depth) return false;
    if (skips_container()) return true;
    levels_.push_back(next_);
    return document_.StartObject();
  }
  bool EndObject(rapidjson::SizeType count) {
    --depth_;
    if (ends_skipped()) return true;
    const Level level = levels_.back();
    levels_.pop_back();
    return document_.EndObject(level.all ? count : level.kept);
  }

  bool StartArray() {
    if (++depth_ > max_json_depth) return false;
    if (skips_container()) return true;
    if (next_.all) {
      levels_.push_back(next_);
      return document_.StartArray();
    }
    // No key leads into a list: what counts is that it is one.
    skipped_levels_ = 1;
    return document_.StartArray() && document_.EndArray(0);
  }
  bool EndArray(rapidjson::SizeType count) {
    --depth_;
    if (ends_skipped()) return true;
    levels_.pop_back();
    next_ = {{}, true};
    return document_.EndArray(count);
  }

 private:
  // An object or list that is kept, and what the key asks of it.
  struct Level {
    std::string_view rest;  // of the key
    bool all = false;       // everything below is kept
    bool leads = true;
    rapidjson::SizeType kept = 0;

    Level below(std::string_view name) const {
      if (rest == name) return {{}, true};
      if (rest.starts_with(name) && rest[name.size()] == '.')
        return {rest.substr(name.size() + 1), false};
      return {{}, false, false};
    }
  };

  // The reader turns a lone low surrogate, "\\udc00", into three bytes that are no UTF-8.
  bool is_sound(std::string_view text) {
    if (has_surrogates_ && !is_utf8(text)) objection_ = "half of a surrogate pair in a text";
    return objection_.empty();
  }

  bool skips() {
    if (skipped_levels_ > 0) return true;
    return std::exchange(skip_next_, false);
  }
  bool skips_container() {
    if (skipped_levels_ == 0 && !std::exchange(skip_next_, false)) return false;
    ++skipped_levels_;
    return true;
  }
  bool ends_skipped() {
    if (skipped_levels_ == 0) return false;
    --skipped_levels_;
    return true;
  }

  rapidjson::Document& document_;
  bool has_surrogates_;  // worth a look at each text
  std::string_view objection_;
  std::vector<Level> levels_;
  Level next_;  // of the value that comes next
  bool skip_next_ = false;
  unsigned skipped_levels_ = 0;
  unsigned depth_ = 0;
};

std::string position(std::string_view text, size_t offset) {
  offset = std::min(offset, text.size());
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  return "line " + std::to_string(line) + ", column " + std::to_string(offset - start + 1);
}

std::string found_at(std::string_view text, size_t offset) {
  if (offset >= text.size()) return "the end of the file";
  const auto byte = static_cast<unsigned char>(text[offset]);
  if (byte > 0x20 && byte < 0x7F) return std::string("'") + text[offset] + "'";
  return "byte 0x" + hex_byte(byte);
}

[[noreturn]] void fail(const std::string& name, std::string_view text, size_t offset,
                       const std::string& found, const std::string& what) {
  throw Error(Errc::corrupt, name + ", " + position(text, offset) + ": found " + found + ": " +
                                 what + "; mend the file or restore it");
}

struct Outcome {
  rapidjson::ParseResult result;
  std::string_view objection;
};

// Reads `text` in place, which destroys it: that is faster than copying each of its strings.
Outcome parse_in_place(std::string& text, std::string_view key, rapidjson::Document& document) {
  Outcome outcome;
  const bool has_surrogates =
      text.find("\\ud") != std::string::npos || text.find("\\uD") != std::string::npos;
  auto generate = [&](rapidjson::Document& target) {
    rapidjson::InsituStringStream stream(text.data());
    Builder builder(target, key, has_surrogates);
    rapidjson::Reader reader;
    outcome.result = reader.Parse<parse_flags>(stream, builder);
    outcome.objection = builder.objection();
    return !outcome.result.IsError();
  };
  document.Populate(generate);
  return outcome;
}

// Whether the reader can be trusted with it: it stops at a NUL byte and does not check UTF-8.
bool is_readable(std::string_view text) {
  return is_utf8(text) && text.find('\0') == std::string_view::npos;
}

}  // namespace

Json Json::parse(std::string_view text, const std::string& name, std::string_view key) {
  if (const size_t bad = find_ill_formed(text); bad != std::string_view::npos)
    fail(name, text, bad, found_at(text, bad), "not valid UTF-8");
  if (text.empty()) throw Error(Errc::corrupt, name + " is empty; a JSON document was expected");
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos)
    fail(name, text, nul, "a NUL byte", "not JSON");

  Json json;
  std::string copy(text);
  const auto [result, objection] = parse_in_place(copy, key, json.document_);
  if (!objection.empty())
    throw Error(Errc::corrupt, name + ", " + position(text, result.Offset()) + ": found " +
                                   std::string(objection) + "; mend the file or restore it");
  if (result.Code() == rapidjson::kParseErrorTermination)
    throw Error(Errc::corrupt, name + ", " + position(text, result.Offset()) +
                                   ": nested deeper than " + std::to_string(max_json_depth) +
                                   " levels");
  if (result.IsError())
    fail(name, text, result.Offset(), found_at(text, result.Offset()),
         rapidjson::GetParseError_En(result.Code()));
  return json;
}

std::optional<Json> Json::read(const std::string& path, std::string_view key) {
  auto text = read_file(path, max_json_file);
  if (!text) return std::nullopt;
  Json json;
  if (is_readable(*text) && !parse_in_place(*text, key, json.document_).result.IsError())
    return json;
  // What is wrong with it must be told from the text as it was.
  text = read_file(path, max_json_file);
  if (!text) return std::nullopt;
  return parse(*text, path, key);
}

const rapidjson::Value* find_member(const rapidjson::Value& value, std::string_view name) {
  if (!value.IsObject()) return nullptr;
  for (auto member = value.MemberEnd(); member != value.MemberBegin();)
    if (text_of((--member)->name) == name) return &member->value;
  return nullptr;
}

std::optional<std::string> find_string(const rapidjson::Value& value, std::string_view name) {
  const auto* member = find_member(value, name);
  if (member == nullptr || !member->IsString()) return std::nullopt;
  return std::string(text_of(*member));
}

std::string text_or(const rapidjson::Value& value, std::string_view name,
                    std::string_view fallback) {
  return find_string(value, name).value_or(std::string(fallback));
}

uint64_t number_or(const rapidjson::Value& value, std::string_view name, uint64_t fallback) {
  const auto* member = find_member(value, name);
  return member != nullptr && member->IsUint64() ? member->GetUint64() : fallback;
}

rapidjson::Document parse_json(std::string_view text, const std::string& name) {
  return std::move(Json::parse(text, name).document());
}

std::string to_json(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string to_pretty_json(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace jetpack::support
