// The outbox on a real disk: nothing lost, bounded, shared, and replaced when corrupt.
#include "services/session/outbox.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "support/json_file.hpp"
#include "temporary_folder.hpp"

using jetpack::Errc;
using jetpack::TemporaryFolder;
using jetpack::session::make_uuid;
using jetpack::session::Message;
using jetpack::session::Outbox;

namespace {

constexpr uint64_t mib = 1 << 20;

Outbox::Options options(const TemporaryFolder& folder, uint64_t cap = 64 * mib,
                        std::vector<std::string>* warnings = nullptr) {
  return {folder.path(), [cap] { return cap; },
          [warnings](const std::string& text) {
            if (warnings != nullptr) warnings->push_back(text);
          }};
}

Message message(const std::string& data = "{}") {
  Message m;
  m.id = make_uuid();
  m.type = "log";
  m.data = data;
  m.time = "2024-10-04T13:03:40.298Z";
  m.from.cluster = "demo";
  return m;
}

std::string big(size_t size) { return "{\"a\":\"" + std::string(size, 'x') + "\"}"; }

// Runs `work` in a child as another user, and returns its exit code.
template <class Work>
int as_user(uid_t user, gid_t group, Work&& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(group, group, group) != 0 ||
        ::setresuid(user, user, user) != 0)
      ::_exit(99);
    ::umask(077);
    int code = 98;
    try {
      code = work();
    } catch (const jetpack::Error& e) {
      code = 100 + static_cast<int>(e.code());
    }
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void overwrite(const std::string& path, off_t at, size_t size) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const std::string junk(size, '\x5a');
  CHECK(::pwrite(fd, junk.data(), junk.size(), at) == static_cast<ssize_t>(junk.size()));
  ::close(fd);
}

}  // namespace

TEST_CASE("ids are UUIDs of version 4, each another") {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(make_uuid());
  CHECK(ids.size() == 1000);
  const auto id = *ids.begin();
  CHECK(id.size() == 36);
  CHECK(id[14] == '4');
  CHECK(std::string("89ab").find(id[19]) != std::string::npos);
}

TEST_CASE("messages stay, in order, until they are removed") {
  const TemporaryFolder folder;
  std::vector<Message> added;
  {
    Outbox outbox(options(folder));
    for (int i = 0; i < 5; ++i)
      added.push_back(outbox.add(message("{\"n\":" + std::to_string(i) + "}")));
  }
  Outbox outbox(options(folder));
  const auto all = outbox.oldest(10, mib);
  REQUIRE(all.size() == 5);
  for (size_t i = 0; i < 5; ++i) {
    CHECK(all[i].id == added[i].id);
    CHECK(all[i].data == added[i].data);
    CHECK(all[i].from.cluster == "demo");
    CHECK(all[i].from.node.empty());
  }
  outbox.remove({all[0], all[1]});
  outbox.remove({all[0], all[1]});
  CHECK(outbox.state_of(added[0]) == Outbox::State::delivered);
  CHECK(outbox.state_of(added[2]) == Outbox::State::waiting);
  // A place in the order is never given twice.
  outbox.remove(outbox.oldest(10, mib));
  CHECK(outbox.add(message()).seq > added[4].seq);
}

TEST_CASE("a batch is bounded in number and in bytes, and never empty") {
  const TemporaryFolder folder;
  Outbox outbox(options(folder));
  for (int i = 0; i < 4; ++i) outbox.add(message(big(1000)));
  CHECK(outbox.oldest(3, mib).size() == 3);
  CHECK(outbox.oldest(10, 2500).size() == 2);
  CHECK(outbox.oldest(10, 1).size() == 1);
}

TEST_CASE("what is refused for good is kept apart, with the reason") {
  const TemporaryFolder folder;
  Outbox outbox(options(folder));
  auto bad = outbox.add(message());
  auto good = outbox.add(message());
  outbox.bury(bad, "the server answered 400");
  CHECK(outbox.state_of(bad) == Outbox::State::dead);
  CHECK(outbox.reason_of(bad) == "the server answered 400");
  CHECK(outbox.oldest(10, mib).size() == 1);
  outbox.record_failure({good}, "refused");
  const auto json = jetpack::Json::parse(outbox.describe(), "state");
  CHECK(json.root()["depth"].GetInt() == 1);
  CHECK(json.root()["bytes"].GetInt() == 2);
  CHECK(jetpack::find_string(json.root(), "oldest") == "2024-10-04T13:03:40.298Z");
  CHECK(json.root()["dead"].Size() == 1);
  CHECK(jetpack::find_string(json.root()["dead"][0], "id") == bad.id);
}

TEST_CASE("dead letters are bounded") {
  const TemporaryFolder folder;
  std::vector<std::string> warnings;
  Outbox outbox(options(folder, 8 * mib, &warnings));
  for (int i = 0; i < 6; ++i) outbox.bury(outbox.add(message(big(300000))), "no");
  CHECK(jetpack::Json::parse(outbox.describe(), "state").root()["dead"].Size() == 3);
  CHECK(warnings.size() == 3);
}

TEST_CASE("a full queue refuses what does not fit, and names cap, number and age") {
  const TemporaryFolder folder;
  Outbox outbox(options(folder, 8 * mib));
  std::string error;
  int taken = 0;
  for (; error.empty() && taken < 100; ++taken) {
    try {
      outbox.add(message(big(500000)));
    } catch (const jetpack::Error& e) {
      CHECK(e.code() == Errc::unavailable);
      error = e.what();
    }
  }
  CHECK(taken > 10);
  CHECK(taken < 18);
  CHECK(error.find("the cap is 8 MiB") != std::string::npos);
  CHECK(error.find(std::to_string(taken - 1) + " messages wait since 2024-10-04") !=
        std::string::npos);
  CHECK(error.find("cyclecloud.jetpack.outbox_max_mib") != std::string::npos);
  outbox.remove(outbox.oldest(2, mib));
  CHECK_NOTHROW(outbox.add(message(big(400000))));
}

TEST_CASE("what is no database is moved aside, and work goes on") {
  const TemporaryFolder folder;
  std::vector<std::string> warnings;
  folder.write("outbox.db", std::string(10000, '#'));
  Outbox outbox(options(folder, 64 * mib, &warnings));
  outbox.add(message());
  CHECK(outbox.oldest(10, mib).size() == 1);
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].find("was corrupt; it was moved to") != std::string::npos);
  CHECK(warnings[1].starts_with("0 messages of "));
}

TEST_CASE("of a damaged database, what can be read is queued again") {
  const TemporaryFolder folder;
  std::vector<std::string> warnings;
  Message first;
  {
    Outbox outbox(options(folder));
    first = outbox.add(message(big(2000)));
    for (int i = 0; i < 2000; ++i) outbox.add(message(big(2000)));
  }
  // Pages near the end, of which some hold messages.
  overwrite(folder.file("outbox.db"), 3 * static_cast<off_t>(mib), mib / 2);
  Outbox outbox(options(folder, 64 * mib, &warnings));
  size_t seen = 0;
  for (auto batch = outbox.oldest(500, mib); !batch.empty(); batch = outbox.oldest(500, mib)) {
    if (seen == 0) CHECK(batch[0].id == first.id);
    seen += batch.size();
    outbox.remove(batch);
  }
  CHECK(warnings.size() == 2);
  CHECK(seen > 500);
  CHECK(seen < 2001);
  CHECK_NOTHROW(outbox.add(message()));
}

TEST_CASE("a message whose database is replaced is queued again") {
  const TemporaryFolder folder;
  Outbox mine(options(folder));
  auto waiting = mine.add(message());
  std::filesystem::rename(folder.file("outbox.db"), folder.file("gone"));
  std::filesystem::remove(folder.file("outbox.db-wal"));
  std::filesystem::remove(folder.file("outbox.db-shm"));
  CHECK(mine.state_of(waiting) == Outbox::State::waiting);
  Outbox other(options(folder));
  REQUIRE(other.oldest(10, mib).size() == 1);
  CHECK(other.oldest(10, mib)[0].id == waiting.id);
}

TEST_CASE("a database of a newer jetpack is left alone") {
  const TemporaryFolder folder;
  { Outbox outbox(options(folder)); }
  {
    jetpack::session::Database raw(std::filesystem::canonical(folder.file("outbox.db")),
                                   SQLITE_OPEN_READWRITE, std::chrono::seconds(1));
    raw.execute("PRAGMA user_version = 7");
  }
  try {
    Outbox outbox(options(folder));
    FAIL("it was opened");
  } catch (const jetpack::Error& e) {
    CHECK(e.code() == Errc::unsupported);
    CHECK(std::string(e.what()).find("version 7") != std::string::npos);
  }
}

TEST_CASE("many processes write and remove at once, and every message is seen once") {
  const TemporaryFolder folder;
  constexpr int writers = 4;
  constexpr int each = 50;
  std::vector<pid_t> children;
  for (int w = 0; w < writers; ++w) {
    const pid_t child = ::fork();
    if (child == 0) {
      int code = 0;
      try {
        Outbox outbox(options(folder));
        for (int i = 0; i < each; ++i) outbox.add(message());
      } catch (...) {
        code = 1;
      }
      ::_exit(code);
    }
    children.push_back(child);
  }
  std::set<std::string> seen;
  size_t count = 0;
  Outbox outbox(options(folder));
  const auto take = [&] {
    const auto batch = outbox.oldest(10, mib);
    for (const auto& m : batch) seen.insert(m.id);
    count += batch.size();
    outbox.remove(batch);
    return !batch.empty();
  };
  for (const pid_t child : children) {
    take();
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
  }
  while (take()) {
  }
  CHECK(seen.size() == writers * each);
  CHECK(count == writers * each);
}

TEST_CASE("members of the folder's group share it, whoever came first; others are told") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: needs root to act as other users");
    return;
  }
  constexpr gid_t group = 4242;
  const TemporaryFolder folder;
  REQUIRE(::chown(folder.path().c_str(), 0, group) == 0);
  REQUIRE(::chmod(folder.path().c_str(), 02770) == 0);
  const auto add_one = [&] {
    Outbox(options(folder)).add(message());
    return 0;
  };
  SUBCASE("root first") {
    const mode_t before = ::umask(077);
    add_one();
    ::umask(before);
    CHECK(as_user(65534, group, add_one) == 0);
  }
  SUBCASE("a member first") { CHECK(as_user(65534, group, add_one) == 0); }
  add_one();
  CHECK(as_user(65533, group, add_one) == 0);
  CHECK(as_user(65533, 65533, add_one) == 100 + static_cast<int>(Errc::denied));
}

TEST_CASE("a symbolic link in place of the database is not followed") {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  elsewhere.write("victim", "");
  std::filesystem::create_symlink(elsewhere.file("victim"), folder.file("outbox.db"));
  CHECK_THROWS_AS(Outbox{options(folder)}, jetpack::Error);
  CHECK(std::filesystem::file_size(elsewhere.file("victim")) == 0);
}

TEST_CASE("a missing folder is named") {
  const TemporaryFolder folder;
  auto wrong = options(folder);
  wrong.folder = folder.file("no/run");
  try {
    Outbox outbox(wrong);
    FAIL("it was opened");
  } catch (const jetpack::Error& e) {
    CHECK(e.code() == Errc::unavailable);
    CHECK(std::string(e.what()).find(wrong.folder) != std::string::npos);
  }
}
