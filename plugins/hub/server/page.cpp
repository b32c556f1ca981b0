// The files of the cluster page, read once from the bundle.
#include "server/page.hpp"

#include <dlfcn.h>

#include <optional>
#include <system_error>

#include <jetpack/error.hpp>
#include "common/text.hpp"
#include "support/files.hpp"

namespace jetpack::hub {

namespace fs = std::filesystem;

namespace {

constexpr size_t max_page_file = 1 << 20;

// The content type of a file by its ending; null for what is not served.
const char* type_of(const fs::path& file) {
  const std::string ending = file.extension();
  return ending == ".html"  ? "text/html; charset=utf-8"
         : ending == ".css" ? "text/css; charset=utf-8"
         : ending == ".js"  ? "text/javascript; charset=utf-8"
         : ending == ".svg" ? "image/svg+xml"
                            : nullptr;
}

// Where a file is served. What nobody needs to have signed in for is below /sign-in.
std::string path_of(const std::string& file) {
  if (file == "index.html") return "/";
  if (file == "sign-in.html") return "/sign-in";
  return (file.starts_with("sign-in.") ? "/sign-in/" : "/page/") + file;
}

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
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(directory, failure)) {
    const char* const type = type_of(entry.path());
    auto content = type == nullptr ? std::nullopt : support::read_file(entry.path(), max_page_file);
    if (content) files_[path_of(entry.path().filename())] = {type, *std::move(content)};
  }
  const auto icon = files_.find("/page/icon.svg");
  if (icon == files_.end() || !files_.contains("/") || !files_.contains("/sign-in"))
    throw Error(Errc::not_found, "failed to read the cluster page in " + directory.string() +
                                     "\nReinstall the bundle jetpack.hub.");
  files_["/sign-in/icon.svg"] = icon->second;
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
