// SHA-256 of a stream.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace report_issue {

using Sha256Digest = std::array<unsigned char, 32>;

class Sha256 {
 public:
  // Throws Errc::failed where the machine's policy forbids it.
  Sha256();

  void update(std::string_view data);
  // Of all since the last call; what follows begins anew.
  Sha256Digest finish();

 private:
  void begin();

  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

std::string hex_of(const Sha256Digest& digest);

}  // namespace report_issue
