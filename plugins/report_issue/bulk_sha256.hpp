// SHA-256 of gigabytes: with OpenSSL, which has the processor's own instructions.
#pragma once

#include <memory>
#include <string_view>

#include "support/sha256.hpp"

struct evp_md_ctx_st;

namespace jetpack::report_issue {

using support::Sha256Digest;

class BulkSha256 {
 public:
  // Throws Errc::failed where the machine's policy forbids it.
  BulkSha256();

  void update(std::string_view data);
  // Of all since the last call; what follows begins anew.
  Sha256Digest finish();

 private:
  void begin();

  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

}  // namespace jetpack::report_issue
