// Files that root and the group share: how they appear.
#include "services/session/shared_file.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "support/testing/temporary_directory.hpp"

// The check of the home tree takes a file with two links for one that others have put there.
TEST_CASE("a new file never has two links") {
  const jetpack::support::TemporaryDirectory directory;
  const std::string path = directory.file("outbox.lock");
  std::atomic<bool> has_ended = false;
  std::atomic<nlink_t> most = 0;
  std::thread watcher([&] {
    while (!has_ended) {
      struct stat info {};
      if (::lstat(path.c_str(), &info) == 0 && info.st_nlink > most) most = info.st_nlink;
    }
  });
  for (int i = 0; i < 500; ++i) {
    CHECK(jetpack::session::shared_file(directory.path(), "outbox.lock") == path);
    struct stat info {};
    CHECK((::stat(path.c_str(), &info) == 0 && (info.st_mode & 07777) == 0660));
    ::unlink(path.c_str());
  }
  has_ended = true;
  watcher.join();
  CHECK(most < 2);  // 0 where the watcher did not get to run
}
