// Tests of entries in the journal: what its socket receives.
#include "support/journal.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include <jetpack/abi.h>
#include "support/files.hpp"
#include "support/log_file.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack::support {

namespace {

// A journal of the test's own, for the life of the object.
class Journal {
 public:
  explicit Journal(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof at.sun_path);
    std::memcpy(at.sun_path, path.data(), path.size());
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    ::setenv("JETPACK_JOURNAL_SOCKET", path.c_str(), 1);
  }
  ~Journal() { ::unsetenv("JETPACK_JOURNAL_SOCKET"); }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // "" when nothing has come.
  std::string entry() const {
    std::array<char, 4096> data{};
    const ssize_t size = ::recv(socket_.get(), data.data(), data.size(), 0);
    return size < 0 ? "" : std::string(data.data(), static_cast<size_t>(size));
  }

 private:
  Fd socket_;
};

}  // namespace

TEST_CASE("an entry has its fields, and the length of a text of several lines") {
  const TemporaryDirectory directory;
  const Journal journal(directory.file("socket"));
  write_to_journal(JP_LEVEL_WARNING, "one\ntwo", {"hub serve", "", "n-1"});
  CHECK(journal.entry() ==
        "SYSLOG_IDENTIFIER=jetpack\nPRIORITY=4\nJETPACK_VERB=hub serve\nJETPACK_NODE=n-1\n"
        "MESSAGE\n" +
            std::string("\7\0\0\0\0\0\0\0", 8) + "one\ntwo\n");
}

TEST_CASE("what a log file notes is in the journal without secrets, debug output is not") {
  const TemporaryDirectory directory;
  const Journal journal(directory.file("socket"));
  const LogFile log(directory.file("jetpack.log"), 1000, [] { return LogOrigin{"log"}; });
  log.write(JP_LEVEL_DEBUG, "detail");
  log.error("password=x");
  CHECK(journal.entry() ==
        "SYSLOG_IDENTIFIER=jetpack\nPRIORITY=3\nJETPACK_VERB=log\n"
        "MESSAGE=password=[redacted]\n");
  CHECK(journal.entry().empty());
  LogFile(directory.file("other.log")).error("of no origin");
  CHECK(journal.entry().empty());
}

TEST_CASE("a log that cannot be written still reaches the journal, whose absence is no error") {
  const TemporaryDirectory directory;
  const LogFile log("/no/such/directory/jetpack.log", 1000, [] { return LogOrigin{"log"}; });
  {
    const Journal journal(directory.file("socket"));
    log.info("here");
    CHECK(journal.entry().ends_with("MESSAGE=here\n"));
  }
  log.info("nobody listens");
  ::setenv("JETPACK_JOURNAL_SOCKET", "", 1);
  CHECK_FALSE(is_for_journal(JP_LEVEL_ERROR));
  ::unsetenv("JETPACK_JOURNAL_SOCKET");
}

TEST_CASE("a journal that takes nothing is not waited for") {
  const TemporaryDirectory directory;
  const Journal journal(directory.file("socket"));
  for (int i = 0; i < 2000; ++i) write_to_journal(JP_LEVEL_INFO, std::string(2000, 'x'), {});
  CHECK(journal.entry().ends_with("x\n"));
}

}  // namespace jetpack::support
