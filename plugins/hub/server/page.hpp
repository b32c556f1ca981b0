// The files of the cluster page, read once from the bundle.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace jetpack::hub {

// A file that a browser may fetch.
struct PageFile {
  std::string content_type;
  std::string content;
};

class PageFiles {
 public:
  // Reads the files of `directory`: HTML, CSS, JavaScript and pictures. Throws when there is no page.
  explicit PageFiles(const std::filesystem::path& directory);

  // The file at a URL path, or nullptr. "/", "/clusters/NAME" and "/clusters/NAME/nodes/NAME" are
  // the page itself.
  const PageFile* find(std::string_view path) const;

 private:
  std::map<std::string, PageFile, std::less<>> files_;
};

// The directory "page" of the bundle that this library belongs to.
std::filesystem::path bundled_page_directory();

}  // namespace jetpack::hub
