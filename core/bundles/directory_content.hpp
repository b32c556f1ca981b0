// A bundle that is unpacked in a directory.
#pragma once

#include <string>
#include <vector>

#include "bundles/content.hpp"
#include "support/files.hpp"

namespace jetpack::bundles {

class DirectoryContent final : public Content {
 public:
  // Lists the directory. Throws Refusal for what may not be in a bundle, Error when it cannot be
  // read.
  explicit DirectoryContent(const std::string& directory);

  const std::vector<Entry>& entries() const override { return entries_; }
  void read(size_t index, const Sink& sink) const override;

 private:
  void list(int directory, const std::string& below, unsigned depth);

  std::string path_;
  support::Fd root_;
  std::vector<Entry> entries_;
};

}  // namespace jetpack::bundles
