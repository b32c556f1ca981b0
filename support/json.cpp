// JSON read from files and peers: the documents, and what is found in them.
#include "support/json.hpp"

#include <charconv>
#include <vector>

#include "support/json_input.hpp"
#include "support/json_reader.hpp"
#include "support/json_writer.hpp"
#include "support/rewritten.hpp"
#include "support/text.hpp"

namespace jetpack::support {

namespace {

using rapidjson::SizeType;
using rapidjson::Value;

// For each member, the position of the first one of its name.
std::vector<SizeType> first_places(const Value& object) {
  std::unordered_map<std::string_view, SizeType> places;
  places.reserve(object.MemberCount());
  std::vector<SizeType> first;
  first.reserve(object.MemberCount());
  for (const auto& member : object.GetObject())
    first.push_back(places.try_emplace(text_of(member.name), static_cast<SizeType>(first.size()))
                        .first->second);
  return first;
}

bool has_repeated_name(const Value& object) {
  constexpr SizeType few = 16;
  if (object.MemberCount() > few) return true;  // it may have
  const auto members = object.MemberBegin();
  for (SizeType i = 1; i < object.MemberCount(); ++i)
    for (SizeType before = 0; before < i; ++before)
      if (text_of((members + i)->name) == text_of((members + before)->name)) return true;
  return false;
}

// The last value of a name wins, at the position of the first, as in Python.
void drop_repeated(Value& object) {
  const auto members = object.MemberBegin();
  const auto first = first_places(object);
  std::vector<SizeType> place(first.size());
  SizeType kept = 0;
  for (SizeType i = 0; i < first.size(); ++i) {
    auto& member = *(members + i);
    if (first[i] != i) {
      (members + place[first[i]])->value = member.value;
      continue;
    }
    place[i] = kept++;
    if (place[i] == i) continue;
    (members + place[i])->name = member.name;
    (members + place[i])->value = member.value;
  }
  object.EraseMember(members + kept, object.MemberEnd());
}

void drop_all_repeated(Value& value) {
  if (value.IsArray())
    for (auto& element : value.GetArray()) drop_all_repeated(element);
  if (!value.IsObject()) return;
  if (has_repeated_name(value)) drop_repeated(value);
  // Counted: RapidJSON's mutable iterators have an operator != that is ambiguous in C++20.
  for (SizeType i = 0; i < value.MemberCount(); ++i)
    drop_all_repeated((value.MemberBegin() + i)->value);
}

void read_into(rapidjson::Document& document, JsonInput input, std::string_view key,
               JsonRules rules) {
  auto read = [&](rapidjson::Document& target) {
    JsonReader(input, target, rules).read(key);
    return true;
  };
  document.Populate(read);
  drop_all_repeated(document);
}

}  // namespace

Json Json::parse(std::string_view text, const std::string& name, std::string_view key,
                 JsonRules rules) {
  Json json;
  read_into(json.document_, JsonInput(text, name), key, rules);
  return json;
}

std::optional<Json> Json::read(const std::string& path, std::string_view key, JsonRules rules) {
  return read_settled(path, [&](int fd) {
    Json json;
    read_into(json.document_, JsonInput(fd, path), key, rules);
    return json;
  });
}

bool is_unquoted_number(std::string_view text) {
  if (text == "NaN" || text == "Infinity" || text == "-Infinity") return true;
  const size_t sign = text.starts_with('-') ? 1 : 0;
  return text.size() > sign && text[sign] >= '0' && text[sign] <= '9' && text.back() >= '0' &&
         text.back() <= '9' && text.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
}

const rapidjson::Value* find_member(const rapidjson::Value& value, std::string_view name) {
  if (!value.IsObject()) return nullptr;
  for (auto member = value.MemberEnd(); member != value.MemberBegin();)
    if (text_of((--member)->name) == name) return &member->value;
  return nullptr;
}

const rapidjson::Value* find_value(const rapidjson::Value& value, std::string_view name) {
  const auto* member = find_member(value, name);
  return member == nullptr || member->IsNull() ? nullptr : member;
}

MemberIndex::MemberIndex(const rapidjson::Value* object) {
  if (object == nullptr || !object->IsObject()) return;
  members_.reserve(object->MemberCount());
  for (const auto& member : object->GetObject()) members_[text_of(member.name)] = &member.value;
}

const rapidjson::Value* MemberIndex::find(std::string_view name) const {
  const auto found = members_.find(name);
  return found == members_.end() ? nullptr : found->second;
}

std::optional<std::string> find_string(const rapidjson::Value& value, std::string_view name) {
  const auto* member = find_member(value, name);
  if (member == nullptr || !is_string(*member)) return std::nullopt;
  return std::string(text_of(*member));
}

std::string text_or(const rapidjson::Value& value, std::string_view name,
                    std::string_view fallback) {
  return find_string(value, name).value_or(std::string(fallback));
}

uint64_t number_or(const rapidjson::Value& value, std::string_view name, uint64_t fallback) {
  constexpr double beyond = 18446744073709551616.0;  // 2^64
  const auto* member = find_member(value, name);
  if (member == nullptr) return fallback;
  if (member->IsUint64()) return member->GetUint64();
  if (member->IsDouble()) {
    const double number = member->GetDouble();
    const bool fits = number >= 0 && number < beyond;
    const uint64_t whole = fits ? static_cast<uint64_t>(number) : 0;
    return fits && static_cast<double>(whole) == number ? whole : fallback;
  }
  if (!is_string(*member)) return fallback;
  const std::string_view text = trimmed(text_of(*member));
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : fallback;
}

rapidjson::Document parse_json(std::string_view text, const std::string& name, JsonRules rules) {
  return std::move(Json::parse(text, name, {}, rules).document());
}

namespace {

template <class Writer>
std::string written(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

std::string to_json(const rapidjson::Value& value) { return written<JsonWriter>(value); }

std::string to_pretty_json(const rapidjson::Value& value) {
  return written<PrettyJsonWriter>(value);
}

std::string shown_json(std::string_view text) {
  return to_pretty_json(parse_json(text, "the output")) + '\n';
}

}  // namespace jetpack::support
