// jetpack.self/1: the plugin that runs: its directories, and whether it should end.
#pragma once

#include <string>

#include <jetpack/abi.h>
#include "services/config/home.hpp"

namespace jetpack {

class SelfService {
 public:
  // `home` must outlive it.
  explicit SelfService(const Home& home);
  SelfService(const SelfService&) = delete;  // the table points here
  SelfService& operator=(const SelfService&) = delete;

  const jp_self& table() const { return table_; }

  // Names the plugin that is about to run.
  void begin(std::string id, std::string library);
  // Before a child is forked that will run it: so that end() removes what the child created, even
  // when the child was killed. Throws when there is no memory.
  void choose_temp_dir();
  // After it has ended: removes its temporary directory.
  void end() const noexcept;

 private:
  std::string plugin_dir() const;
  std::string state_dir() const;
  std::string temp_dir();

  const Home& home_;
  std::string id_;
  std::string library_;
  std::string temp_;
  // Whether it was created, by whichever process: in memory that our children share.
  volatile bool* has_temp_ = nullptr;
  jp_self table_;
};

}  // namespace jetpack
