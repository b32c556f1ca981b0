// The error responses of the blob store.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "common/disk_full.hpp"

namespace jetpack::hub {

// An error as Azure reports it: the HTTP status, the error code of its REST reference, and a
// message.
class BlobError : public std::runtime_error {
 public:
  BlobError(int status, std::string code, const std::string& text)
      : std::runtime_error(text), status_(status), code_(std::move(code)) {}
  int status() const noexcept { return status_; }
  const std::string& code() const noexcept { return code_; }

 private:
  int status_;
  std::string code_;
};

// The response for a failure that is not the client's.
inline BlobError internal_error(const std::exception& error) {
  const auto* full = dynamic_cast<const DiskFull*>(&error);
  if (full != nullptr) return {507, "InsufficientStorage", full->reason()};
  return {500, "InternalError", "internal error; see the hub's log"};
}

}  // namespace jetpack::hub
