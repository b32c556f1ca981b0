// SHA-256 of large data with OpenSSL, which uses the processor's SHA instructions.
#pragma once

#include <memory>
#include <string_view>

#include "support/sha256.hpp"

struct evp_md_ctx_st;

namespace jetpack::report_issue {

using support::Sha256Digest;

class BulkSha256 {
 public:
  // Throws Errc::failed when the system's crypto policy forbids SHA-256.
  BulkSha256();

  void update(std::string_view data);
  // The digest of all data since the last call; starts again.
  Sha256Digest finish();

 private:
  void begin();

  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

}  // namespace jetpack::report_issue
