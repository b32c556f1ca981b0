// Which blob names are valid.
#include "services/storage/names.hpp"

#include <algorithm>

#include <jetpack/error.hpp>
#include "support/json.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::storage {

namespace {

// Azure Storage takes no longer ones.
constexpr size_t longest_name = 1024;

// Says what is wrong with it, in words that follow "the blob's name"; empty: nothing.
std::string_view name_fault(std::string_view name) {
  if (name.size() > longest_name) return "is longer than 1024 bytes";
  if (name.find('\0') != std::string_view::npos) return "holds a NUL";
  if (!support::is_utf8(name)) return "is not UTF-8 text";
  if (name.starts_with('/')) return "begins with /";
  for (size_t start = 0; start <= name.size();) {
    const size_t end = std::min(name.find('/', start), name.size());
    const auto segment = name.substr(start, end - start);
    if (segment == "..") return "has a segment ..";
    if (segment == ".") return "has a segment .";
    start = end + 1;
  }
  return {};
}

}  // namespace

void check_prefix(std::string_view prefix) {
  const auto fault = name_fault(prefix);
  if (fault.empty()) return;
  throw Error(Errc::usage, "the blob's name " + quoted(prefix) + ' ' + std::string(fault) +
                               "; give its path in the locker, such as blobs/p/x.tgz");
}

void check_blob_name(std::string_view name) {
  if (name.empty()) throw Error(Errc::usage, "the blob's name is empty");
  check_prefix(name);
}

bool is_file_name(const std::string& name) {
  try {
    check_blob_name(name);
  } catch (const Error&) {
    return false;
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return name.find("//") == std::string::npos && !name.ends_with('/') &&
         std::none_of(name.begin(), name.end(), is_control);
}

std::string quoted(std::string_view name) {
  constexpr size_t longest_shown = 200;
  return '\'' + support::one_line(support::beginning_of(name, longest_shown)) + '\'';
}

}  // namespace jetpack::storage
