// Where the locker's description comes from: a file of the node, else its server; and from where a
// new one comes when a credential has ended.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "services/storage/description.hpp"

namespace jetpack::storage {

// May be used by several threads.
class LockerSource {
 public:
  struct Options {
    std::string file;                  // config/locker.json
    std::function<std::string()> ask;  // the server's description, JSON; throws Error
    std::function<void(const std::string& text)> warn;
  };
  using Known = std::shared_ptr<const Description>;

  // A description to use instead; or why there is none.
  struct Renewal {
    Known description;
    std::string why;
  };

  explicit LockerSource(Options options) : options_(std::move(options)) {}

  // The description, renewed when its credential is about to end. Throws Errc::not_found when
  // neither place has one, naming both, or Errc::corrupt.
  Known current();

  // To be asked when the locker has refused `refused`: what another process has put into the file
  // meanwhile, else what the server says now. A new one from the server is kept in the file.
  Renewal renew(const Known& refused);

 private:
  // Throws Error when a description is not wanted.
  using Check = std::function<void(const Description&)>;

  Known load();
  Known read_file_again(const Description& refused) const;
  Known from_server(const Check& check);
  Renewal renew_locked(const Known& refused);
  void store(const std::string& json) const;

  Options options_;
  std::mutex mutex_;
  Known known_;
  std::chrono::steady_clock::time_point next_renewal_{};
};

}  // namespace jetpack::storage
