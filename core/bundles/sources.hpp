// Where bundles and indexes come from: files, https, the locker.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <jetpack/plugin.hpp>

#include "support/files.hpp"

namespace jetpack::bundles {

// A directory for what is downloaded, removed at the end.
class Spool {
 public:
  Spool();
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  std::string file() const { return directory_ + "/file"; }

 private:
  std::string directory_;
};

// Fetches for one command.
class Fetcher {
 public:
  Fetcher(const Call& call, std::string home) : call_(call), home_(std::move(home)) {}

  // Whether the source is fetched over a network: https://..., locker:...
  static bool is_remote(const std::string& source);

  // Opens a source that is one file. What is remote is downloaded to `spool` first, `most` bytes at
  // most. Throws Errc::not_found when there is none.
  support::Fd open(const std::string& source, const Spool& spool, uint64_t most) const;
  // The same as a text.
  std::string text(const std::string& source, uint64_t most) const;

 private:
  void download(const std::string& url, const std::string& to, uint64_t most) const;
  std::string proxy_for(const std::string& url) const;

  const Call& call_;
  std::string home_;
};

}  // namespace jetpack::bundles
