// The files of the cluster page, read once from the bundle.
#include "server/page.hpp"

#include <dlfcn.h>

#include <jetpack/error.hpp>
#include "common/text.hpp"
#include "support/files.hpp"

namespace jetpack::hub {

namespace fs = std::filesystem;

namespace {

constexpr size_t max_page_file = 1 << 20;

struct Known {
  const char* path;
  const char* file;
  const char* type;
};
constexpr const char* javascript = "text/javascript; charset=utf-8";
constexpr Known known_files[] = {
    {"/", "index.html", "text/html; charset=utf-8"},
    {"/sign-in", "sign-in.html", "text/html; charset=utf-8"},
    {"/sign-in/sign-in.css", "sign-in.css", "text/css; charset=utf-8"},
    {"/sign-in/sign-in.js", "sign-in.js", javascript},
    {"/sign-in/icon.svg", "icon.svg", "image/svg+xml"},
    {"/page/account.js", "account.js", javascript},
    {"/page/page.css", "page.css", "text/css; charset=utf-8"},
    {"/page/icon.svg", "icon.svg", "image/svg+xml"},
    {"/page/appearance.js", "appearance.js", javascript},
    {"/page/chart.js", "chart.js", javascript},
    {"/page/converge.js", "converge.js", javascript},
    {"/page/dom.js", "dom.js", javascript},
    {"/page/events.js", "events.js", javascript},
    {"/page/hub.js", "hub.js", javascript},
    {"/page/node-data.js", "node-data.js", javascript},
    {"/page/node-row.js", "node-row.js", javascript},
    {"/page/node.js", "node.js", javascript},
    {"/page/nodes.js", "nodes.js", javascript},
    {"/page/page.js", "page.js", javascript},
    {"/page/summary.js", "summary.js", javascript},
    {"/page/actions.js", "actions.js", javascript},
    {"/page/filter.js", "filter.js", javascript},
    {"/page/columns.js", "columns.js", javascript},
    {"/page/history.js", "history.js", javascript},
    {"/page/memory.js", "memory.js", javascript},
    {"/page/operations.js", "operations.js", javascript},
    {"/page/nodeset.js", "nodeset.js", javascript},
    {"/page/outage.js", "outage.js", javascript},
    {"/page/problems.js", "problems.js", javascript},
    {"/page/times.js", "times.js", javascript},
};

// Whether it is the path of a cluster, /clusters/NAME, or of a node, /clusters/NAME/nodes/NAME.
bool is_view(std::string_view path) {
  constexpr std::string_view clusters = "/clusters/";
  constexpr std::string_view nodes = "/nodes/";
  if (!path.starts_with(clusters)) return false;
  path.remove_prefix(clusters.size());
  const auto slash = path.find('/');
  if (slash == std::string_view::npos) return is_name(path);
  const auto rest = path.substr(slash);
  return is_name(path.substr(0, slash)) && rest.starts_with(nodes) &&
         is_name(rest.substr(nodes.size()));
}

}  // namespace

PageFiles::PageFiles(const fs::path& directory) {
  for (const auto& known : known_files) {
    auto content = support::read_file(directory / known.file, max_page_file);
    if (!content)
      throw Error(Errc::not_found,
                  "failed to read the cluster page: " + (directory / known.file).string() +
                      " not found\nReinstall the bundle jetpack.hub.");
    files_[known.path] = {known.type, *std::move(content)};
  }
}

const PageFile* PageFiles::find(std::string_view path) const {
  if (is_view(path)) path = "/";  // one page; its script reads the address
  const auto found = files_.find(path);
  return found == files_.end() ? nullptr : &found->second;
}

fs::path bundled_page_directory() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&bundled_page_directory), &info) == 0 ||
      info.dli_fname == nullptr)
    throw Error(Errc::internal, "failed to locate the hub's own file");
  return fs::weakly_canonical(info.dli_fname).parent_path().parent_path() / "share/page";
}

}  // namespace jetpack::hub
