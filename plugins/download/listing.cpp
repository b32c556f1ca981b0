// What is below a prefix of a project.
#include "download/listing.hpp"

#include <string_view>

#include <jetpack/error.hpp>
#include "download/project.hpp"
#include "support/json.hpp"

namespace jetpack::download {

namespace {

// Each takes some hundred bytes of memory.
constexpr size_t most_listed = 250'000;

// Reads the line of a blob below `prefix` into the tree.
void add_line(std::string_view line, const std::string& prefix, Tree& found,
              std::vector<std::string>& empty_blobs) {
  const auto blob = support::parse_json(line, "the locker's list of blobs");
  const std::string full = support::text_or(blob, "name", "");
  if (!full.starts_with(prefix))
    throw Error(Errc::corrupt,
                "the locker listed " + in_quotes(full) + " below " + in_quotes(prefix));
  std::string name = full.substr(prefix.size());
  const auto* marker = support::find_member(blob, "directory");
  bool is_directory = marker != nullptr && marker->IsTrue();
  for (; name.ends_with('/'); name.pop_back()) is_directory = true;
  // The marker of the prefix itself.
  if (name.empty() && is_directory) return;
  if (support::number_or(blob, "bytes", 1) == 0) empty_blobs.push_back(name);
  auto& listed = found.try_emplace(std::move(name), Listed{full, std::string(line), is_directory})
                     .first->second;
  listed.is_directory = listed.is_directory || is_directory;
  if (found.size() > most_listed)
    throw Error(Errc::failed, "too many blobs below " + in_quotes(prefix) + ", the limit is " +
                                  std::to_string(most_listed));
}

}  // namespace

Tree blobs_below(const Storage& storage, const std::vector<std::string>& prefixes) {
  Tree found;
  std::vector<std::string> empty_blobs;
  for (const auto& prefix : prefixes)
    storage.list(prefix, [&](std::string_view line) {
      add_line(line, prefix, found, empty_blobs);
      return true;
    });
  for (const auto& name : empty_blobs) {
    const auto child = found.lower_bound(name + '/');
    if (child != found.end() && child->first.starts_with(name + '/'))
      found[name].is_directory = true;
  }
  return found;
}

}  // namespace jetpack::download
