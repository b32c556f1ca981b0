// Adds files and command output to the archive with secrets masked, and writes the manifest.
#include "contents.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "inflater.hpp"
#include "support/encoding.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"
#include "support/times.hpp"
#include "support/utf8.hpp"

namespace jetpack::report_issue {

namespace {

using support::Object;

// Small enough for a piece to stay in the cache while it is processed.
constexpr size_t read_bytes = 64 << 10;
// Encodings have units of up to so many bytes.
constexpr uint64_t max_unit = 4;
// Read before the included part of a file, so that a secret that starts there is recognized.
constexpr uint64_t lead_bytes = 32 << 10;

// What a gzip file that starts with `packed` starts with when it is unpacked.
std::string unpacked_head(std::string_view packed) {
  std::string head;
  Inflater().feed(packed, [&](std::string_view text) {
    head += text.substr(0, read_bytes - head.size());
    return head.size() < read_bytes;
  });
  return head;
}

}  // namespace

// What the manifest says about a file in the archive, except its digest.
struct Contents::Entry {
  std::string name;
  std::string source;
  bool is_file = true;
  std::time_t modified = 0;
  uint64_t original = 0;  // the size of the file when it was opened
  uint64_t bytes = 0;
  uint64_t redactions = 0;
  uint64_t first = 0;  // offset of the included part
  bool is_truncated = false;
  bool is_unpacked = false;
  Encoding encoding = Encoding::utf8;
  std::string note = {};
};

Contents::Contents(Archive::Writer& archive, jetpack::Redactor& redactor, uint64_t max_bytes)
    : archive_(archive), redactor_(redactor), max_bytes_(max_bytes), buffer_(read_bytes) {}

Contents::~Contents() = default;

// Secrets are masked in each name of the path by itself, so that those below are kept.
std::string Contents::masked_path(const std::string& path) {
  std::string clean;
  const auto append = [&](std::string_view text) { clean += text; };
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    redactor_.feed(std::string_view(path).substr(at, end - at), append);
    totals_.redactions += redactor_.finish(append);
    if (end < path.size()) clean += '/';
    at = end + 1;
  }
  return clean;
}

// Below files/, so that no collected file can replace one of the report's own. A name with control
// characters, invalid UTF-8 or a secret is changed, and numbered to stay unique.
std::string Contents::name_for(const std::string& path) {
  const std::string plain = support::one_line(masked_path(path));
  const std::string name = "files" + plain;
  return plain == path ? name : name + '~' + std::to_string(totals_.files);
}

void Contents::pass(Entry& entry, std::string_view text) {
  entry.bytes += text.size();
  archive_.write(text);
}

void Contents::end(Entry& entry) {
  entry.redactions += redactor_.finish([&](std::string_view text) { pass(entry, text); });
  archive_.end();
  ++totals_.files;
  totals_.bytes += entry.bytes;
  totals_.redactions += entry.redactions;
}

// Reads up to the size that the file had when it was opened, since a growing file may never end.
uint64_t Contents::read(const Found& file, uint64_t from, Entry& entry,
                        const std::function<bool(std::string_view)>& take) {
  uint64_t at = from;
  while (at < file.bytes) {
    const size_t limit = std::min<uint64_t>(buffer_.size(), file.bytes - at);
    const ssize_t got = ::pread(file.fd.get(), buffer_.data(), limit, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      entry.is_truncated = true;
      entry.note =
          "read error at byte " + std::to_string(at) + ": " + support::system_message(errno);
      return at;
    }
    if (got == 0) {
      entry.is_truncated = true;
      entry.note = "shrank to " + std::to_string(at) + " bytes while being read";
      return at;
    }
    at += static_cast<uint64_t>(got);
    if (!take({buffer_.data(), static_cast<size_t>(got)})) return at;
  }
  struct stat now {};
  if (::fstat(file.fd.get(), &now) == 0 && static_cast<uint64_t>(now.st_size) > file.bytes)
    entry.note = "grew while being read";
  return at;
}

std::string Contents::head_of(const Found& file, uint64_t from) {
  std::string head(read_bytes, '\0');
  const ssize_t got = ::pread(file.fd.get(), head.data(), head.size(), static_cast<off_t>(from));
  head.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return head;
}

uint64_t Contents::first_byte(const Found& file, Encoding encoding) const {
  const uint64_t first = max_bytes_ > 0 && file.bytes > max_bytes_ ? file.bytes - max_bytes_ : 0;
  return encoding == Encoding::utf8 ? first : first / max_unit * max_unit;
}

std::string Contents::why_left_out(const Found& file, const std::string& head, bool is_packed) {
  if (auto why = why_opaque(head); !why.empty()) return is_packed ? "in gzip: " + why : why;
  const uint64_t first = first_byte(file, Encoding::utf8);
  if (is_packed || first == 0 || encoding_of(head) != Encoding::utf8) return {};
  return why_opaque(head_of(file, first));
}

void Contents::copy(const Found& file, Decoder decoder, Entry& entry) {
  entry.first = first_byte(file, entry.encoding);
  entry.is_truncated = entry.first > 0;
  const jetpack::Redactor::Out out = [&](std::string_view text) { pass(entry, text); };
  uint64_t lead = std::min(entry.first, lead_bytes);
  read(file, entry.first - lead, entry, [&](std::string_view piece) {
    const auto before = static_cast<size_t>(std::min<uint64_t>(lead, piece.size()));
    const auto feed = [&](std::string_view part, const jetpack::Redactor::Out& to) {
      if (!part.empty())
        decoder.feed(part, [&](std::string_view text) { redactor_.feed(text, to); });
    };
    feed(piece.substr(0, before), [](std::string_view) {});
    lead -= before;
    feed(piece.substr(before), out);
    return true;
  });
}

void Contents::unpack(const Found& file, Decoder decoder, Entry& entry) {
  entry.is_unpacked = true;
  Inflater inflater;
  uint64_t unpacked = 0;
  const jetpack::Redactor::Out out = [&](std::string_view text) { pass(entry, text); };
  const auto take = [&](std::string_view text) {
    const uint64_t room = max_bytes_ > 0 ? max_bytes_ - unpacked : text.size();
    text = text.substr(0, room);
    unpacked += text.size();
    decoder.feed(text, [&](std::string_view plain) { redactor_.feed(plain, out); });
    return max_bytes_ == 0 || unpacked < max_bytes_;
  };
  bool is_valid = true;
  read(file, 0, entry, [&](std::string_view packed) {
    is_valid = inflater.feed(packed, take);
    return is_valid;
  });
  if (is_valid && inflater.is_complete()) return;
  const bool is_full = max_bytes_ > 0 && unpacked >= max_bytes_;
  entry.is_truncated = true;
  if (entry.note.empty())
    entry.note = is_full ? "truncated at --max-size" : "the gzip content is damaged";
}

void Contents::add(const Found& file) {
  std::string head = head_of(file, 0);
  const bool is_packed = is_gzip(head);
  if (is_packed) head = unpacked_head(head);
  if (auto why = why_left_out(file, head, is_packed); !why.empty())
    return skip({file.path, std::move(why)});
  Entry entry{name_for(file.path), masked_path(file.path)};
  entry.modified = file.modified;
  entry.original = file.bytes;
  entry.encoding = encoding_of(head);
  if (is_packed) entry.name += ".unpacked";
  archive_.begin(entry.name, entry.modified);
  if (is_packed) {
    unpack(file, Decoder(entry.encoding), entry);
  } else {
    copy(file, Decoder(entry.encoding), entry);
  }
  end(entry);
  entries_.push_back(std::move(entry));
}

void Contents::add(const Fact& fact) {
  if (!fact.why.empty()) return skip({fact.source, fact.why});
  Entry entry{fact.name, fact.source, false, ::time(nullptr)};
  entry.redactions = fact.masked;
  archive_.begin(entry.name, entry.modified);
  redactor_.feed(fact.content, [&](std::string_view text) { pass(entry, text); });
  end(entry);
  entries_.push_back(std::move(entry));
}

void Contents::skip(LeftOut what) {
  ++totals_.left_out;
  what.path = masked_path(what.path);
  left_out_.push_back(std::move(what));
}

void Contents::put(support::JsonWriter& json, const Entry& entry, const Sha256Digest& sha256) {
  using std::chrono::system_clock;
  Object object(json);
  object.text("name", entry.name)
      .text(entry.is_file ? "path" : "source", support::well_formed(entry.source));
  if (entry.is_file)
    object.text("modified", support::iso_8601_seconds(system_clock::from_time_t(entry.modified)));
  object.number("bytes", entry.bytes)
      .text("sha256", support::hex(sha256))
      .number("redactions", entry.redactions)
      .boolean("truncated", entry.is_truncated);
  if (entry.is_file) object.number("original_bytes", entry.original);
  if (entry.first > 0) object.number("first_byte", entry.first);
  if (entry.is_unpacked) object.text("unpacked_from", "gzip");
  if (entry.encoding != Encoding::utf8)
    object.text("decoded_from", std::string(name_of(entry.encoding)));
  if (!entry.note.empty()) object.text("note", entry.note);
}

void Contents::add_manifest(const std::function<void(Object&)>& about) {
  const std::vector<Sha256Digest> digests = archive_.digests();
  Entry entry{"manifest.json", "", false, ::time(nullptr)};
  archive_.begin(entry.name, entry.modified);
  rapidjson::StringBuffer text;
  support::JsonWriter json(text);
  const auto flush = [&] {
    redactor_.feed({text.GetString(), text.GetSize()},
                   [&](std::string_view clean) { pass(entry, clean); });
    text.Clear();
  };
  size_t number = 0;
  {
    Object manifest(json);
    about(manifest);
    manifest.number("redactions", totals_.redactions);
    manifest.list("files", entries_, [&](support::JsonWriter&, const Entry& file) {
      put(json, file, digests[number++]);
      flush();
    });
    manifest.list("left_out", left_out_, [&](support::JsonWriter&, const LeftOut& what) {
      Object(json)
          .text("path", support::well_formed(what.path))
          .text("why", support::well_formed(what.why));
      flush();
    });
  }
  text.Put('\n');
  flush();
  end(entry);
}

}  // namespace jetpack::report_issue
