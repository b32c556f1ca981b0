// JSON read from files and peers: bounded in size and depth, and errors that say where.
#include "support/json_file.hpp"

#include <algorithm>
#include <cstring>

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack {

namespace {

constexpr unsigned parse_flags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                                 rapidjson::kParseFullPrecisionFlag;

// Passes what the reader finds on to the document, and stops it at the depth limit.
class DepthLimiter : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, DepthLimiter> {
 public:
  explicit DepthLimiter(rapidjson::Document& document) : document_(document) {}

  bool Null() { return document_.Null(); }
  bool Bool(bool b) { return document_.Bool(b); }
  bool Int(int i) { return document_.Int(i); }
  bool Uint(unsigned i) { return document_.Uint(i); }
  bool Int64(int64_t i) { return document_.Int64(i); }
  bool Uint64(uint64_t i) { return document_.Uint64(i); }
  bool Double(double d) { return document_.Double(d); }
  bool String(const char* text, rapidjson::SizeType size, bool copy) {
    return document_.String(text, size, copy);
  }
  bool Key(const char* text, rapidjson::SizeType size, bool copy) {
    return document_.Key(text, size, copy);
  }
  bool StartObject() { return ++depth_ <= max_json_depth && document_.StartObject(); }
  bool StartArray() { return ++depth_ <= max_json_depth && document_.StartArray(); }
  bool EndObject(rapidjson::SizeType count) {
    --depth_;
    return document_.EndObject(count);
  }
  bool EndArray(rapidjson::SizeType count) {
    --depth_;
    return document_.EndArray(count);
  }

 private:
  rapidjson::Document& document_;
  unsigned depth_ = 0;
};

// Where the first ill-formed byte stands, or npos. By the table of well-formed sequences in The
// Unicode Standard, chapter 3, table 3-7.
size_t find_ill_formed(std::string_view text) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  size_t i = 0;
  while (i < text.size()) {
    uint64_t block = 0;
    if (i + sizeof block <= text.size()) {
      std::memcpy(&block, bytes + i, sizeof block);
      if ((block & 0x8080808080808080u) == 0) {
        i += sizeof block;
        continue;
      }
    }
    const unsigned char lead = bytes[i];
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || i + length > text.size()) return i;
    const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (bytes[i + 1] < low || bytes[i + 1] > high) return i;
    for (size_t k = 2; k < length; ++k)
      if ((bytes[i + k] & 0xC0) != 0x80) return i;
    i += length;
  }
  return std::string_view::npos;
}

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
  constexpr char hex[] = "0123456789abcdef";
  return std::string("byte 0x") + hex[byte >> 4] + hex[byte & 15];
}

[[noreturn]] void fail(const std::string& name, std::string_view text, size_t offset,
                       const std::string& found, const std::string& what) {
  throw Error(Errc::corrupt, name + ", " + position(text, offset) + ": found " + found + ": " +
                                 what + "; mend the file or restore it");
}

}  // namespace

Json Json::parse(std::string_view text, const std::string& name) {
  if (const size_t bad = find_ill_formed(text); bad != std::string_view::npos)
    fail(name, text, bad, found_at(text, bad), "not valid UTF-8");

  if (text.empty()) throw Error(Errc::corrupt, name + " is empty; a JSON document was expected");
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos)
    fail(name, text, nul, "a NUL byte", "not JSON");

  // The reader writes into what it reads; the original stays to say where an error is.
  Json json;
  json.text_.reserve(text.size() + 1);
  json.text_.assign(text.begin(), text.end());
  json.text_.push_back('\0');
  rapidjson::Reader reader;
  rapidjson::ParseResult result;
  auto generate = [&](rapidjson::Document& document) {
    rapidjson::InsituStringStream stream(json.text_.data());
    DepthLimiter limiter(document);
    result = reader.Parse<parse_flags>(stream, limiter);
    return !result.IsError();
  };
  json.document_.Populate(generate);
  if (result.Code() == rapidjson::kParseErrorTermination)
    throw Error(Errc::corrupt, name + ", " + position(text, result.Offset()) +
                                   ": nested deeper than " + std::to_string(max_json_depth) +
                                   " levels");
  if (result.IsError())
    fail(name, text, result.Offset(), found_at(text, result.Offset()),
         rapidjson::GetParseError_En(result.Code()));
  return json;
}

std::optional<Json> Json::read(const std::string& path) {
  auto text = read_file(path, max_json_file);
  if (!text) return std::nullopt;
  return parse(*text, path);
}

const rapidjson::Value* find_member(const rapidjson::Value& value, std::string_view name) {
  if (!value.IsObject()) return nullptr;
  for (auto member = value.MemberEnd(); member != value.MemberBegin();)
    if (view((--member)->name) == name) return &member->value;
  return nullptr;
}

std::optional<std::string> find_string(const rapidjson::Value& value, std::string_view name) {
  const auto* member = find_member(value, name);
  if (member == nullptr || !member->IsString()) return std::nullopt;
  return std::string(view(*member));
}

std::string to_json(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

bool is_utf8(std::string_view text) { return find_ill_formed(text) == std::string_view::npos; }

}  // namespace jetpack
