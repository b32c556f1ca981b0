// The outbox on a real disk: nothing lost, bounded, shared, and replaced when corrupt.
#include "services/session/outbox.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <set>

#include "services/session/checks.hpp"
#include "support/json.hpp"
#include "support/random.hpp"
#include "support/testing/temporary_directory.hpp"

using jetpack::Errc;
using jetpack::session::Kind;
using jetpack::session::Kinds;
using jetpack::session::Message;
using jetpack::session::Outbox;
using jetpack::support::random_uuid;
using jetpack::support::TemporaryDirectory;

namespace {

constexpr uint64_t mib = 1 << 20;
const Kinds all{Kind::message, Kind::letter_to_server, Kind::letter_to_broker};

Outbox::Options options(const TemporaryDirectory& directory, uint64_t cap = 64 * mib,
                        std::vector<std::string>* warnings = nullptr) {
  return {directory.path(), [cap] { return cap; },
          [warnings](const std::string& text) {
            if (warnings != nullptr) warnings->push_back(text);
          }};
}

Message message(const std::string& data = "{}") {
  Message m;
  m.id = random_uuid();
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
  for (int i = 0; i < 1000; ++i) ids.insert(random_uuid());
  CHECK(ids.size() == 1000);
  const auto id = *ids.begin();
  CHECK(id.size() == 36);
  CHECK(id[14] == '4');
  CHECK(std::string("89ab").find(id[19]) != std::string::npos);
}

TEST_CASE("messages stay, in order, until they are removed") {
  const TemporaryDirectory directory;
  std::vector<Message> added;
  {
    Outbox outbox(options(directory));
    for (int i = 0; i < 5; ++i)
      added.push_back(outbox.add(message("{\"n\":" + std::to_string(i) + "}")));
  }
  Outbox outbox(options(directory));
  const auto stored = outbox.oldest(all, 10, mib);
  REQUIRE(stored.size() == 5);
  for (size_t i = 0; i < 5; ++i) {
    CHECK(stored[i].id == added[i].id);
    CHECK(stored[i].data == added[i].data);
    CHECK(stored[i].from.cluster == "demo");
    CHECK(stored[i].from.node.empty());
  }
  outbox.remove({stored[0], stored[1]});
  outbox.remove({stored[0], stored[1]});
  CHECK(outbox.state_of(added[0]) == Outbox::State::delivered);
  CHECK(outbox.state_of(added[2]) == Outbox::State::waiting);
  // A place in the order is never given twice.
  outbox.remove(outbox.oldest(all, 10, mib));
  CHECK(outbox.add(message()).seq > added[4].seq);
}

TEST_CASE("a batch is bounded in number and in bytes, and never empty") {
  const TemporaryDirectory directory;
  Outbox outbox(options(directory));
  for (int i = 0; i < 4; ++i) outbox.add(message(big(1000)));
  CHECK(outbox.oldest(all, 3, mib).size() == 3);
  CHECK(outbox.oldest(all, 10, 2500).size() == 2);
  CHECK(outbox.oldest(all, 10, 1).size() == 1);
}

TEST_CASE("what is refused for good is kept apart, with the reason") {
  const TemporaryDirectory directory;
  Outbox outbox(options(directory));
  auto bad = outbox.add(message());
  outbox.add(message());
  outbox.move_to_dead_letters(bad, "the server answered 400");
  CHECK(outbox.state_of(bad) == Outbox::State::dead);
  CHECK(outbox.reason_of(bad) == "the server answered 400");
  CHECK(outbox.oldest(all, 10, mib).size() == 1);
  const auto json = jetpack::support::Json::parse(outbox.describe(), "state");
  CHECK(json.root()["depth"].GetInt() == 1);
  CHECK(json.root()["bytes"].GetInt() == 2);
  CHECK(jetpack::support::find_string(json.root(), "oldest") == "2024-10-04T13:03:40.298Z");
  CHECK(json.root()["dead"].Size() == 1);
  CHECK(jetpack::support::find_string(json.root()["dead"][0], "id") == bad.id);
}

TEST_CASE("dead letters are bounded") {
  const TemporaryDirectory directory;
  std::vector<std::string> warnings;
  Outbox outbox(options(directory, 8 * mib, &warnings));
  for (int i = 0; i < 6; ++i) outbox.move_to_dead_letters(outbox.add(message(big(300000))), "no");
  CHECK(jetpack::support::Json::parse(outbox.describe(), "state").root()["dead"].Size() == 3);
  CHECK(warnings.size() == 3);
}

TEST_CASE("a full queue refuses what does not fit, and names cap, number and age") {
  const TemporaryDirectory directory;
  Outbox outbox(options(directory, 8 * mib));
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
  outbox.remove(outbox.oldest(all, 2, mib));
  CHECK_NOTHROW(outbox.add(message(big(400000))));
}

TEST_CASE("what is no database is moved aside, and work goes on") {
  const TemporaryDirectory directory;
  std::vector<std::string> warnings;
  directory.write("outbox.db", std::string(10000, '#'));
  Outbox outbox(options(directory, 64 * mib, &warnings));
  outbox.add(message());
  CHECK(outbox.oldest(all, 10, mib).size() == 1);
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].find("was corrupt; it was moved to") != std::string::npos);
  CHECK(warnings[1].starts_with("0 messages of "));
}

TEST_CASE("of a damaged database, what can be read is queued again") {
  const TemporaryDirectory directory;
  std::vector<std::string> warnings;
  Message first;
  {
    Outbox outbox(options(directory));
    first = outbox.add(message(big(2000)));
    for (int i = 0; i < 2000; ++i) outbox.add(message(big(2000)));
  }
  // Pages near the end, of which some hold messages.
  overwrite(directory.file("outbox.db"), 3 * static_cast<off_t>(mib), mib / 2);
  Outbox outbox(options(directory, 64 * mib, &warnings));
  size_t seen = 0;
  for (auto batch = outbox.oldest(all, 500, mib); !batch.empty();
       batch = outbox.oldest(all, 500, mib)) {
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
  const TemporaryDirectory directory;
  Outbox mine(options(directory));
  auto waiting = mine.add(message());
  std::filesystem::rename(directory.file("outbox.db"), directory.file("gone"));
  std::filesystem::remove(directory.file("outbox.db-wal"));
  std::filesystem::remove(directory.file("outbox.db-shm"));
  CHECK(mine.state_of(waiting) == Outbox::State::waiting);
  Outbox other(options(directory));
  REQUIRE(other.oldest(all, 10, mib).size() == 1);
  CHECK(other.oldest(all, 10, mib)[0].id == waiting.id);
}

TEST_CASE("a database of a newer jetpack is left alone") {
  const TemporaryDirectory directory;
  { Outbox outbox(options(directory)); }
  {
    jetpack::session::Database raw(std::filesystem::canonical(directory.file("outbox.db")),
                                   SQLITE_OPEN_READWRITE, std::chrono::seconds(1));
    raw.execute("PRAGMA user_version = 7");
  }
  try {
    Outbox outbox(options(directory));
    FAIL("it was opened");
  } catch (const jetpack::Error& e) {
    CHECK(e.code() == Errc::unsupported);
    CHECK(std::string(e.what()).find("version 7") != std::string::npos);
  }
}

namespace {

Message letter(Kind kind, const std::string& body) {
  Message m = message(body);
  m.kind = kind;
  m.type = "letter";
  m.letter = {"POST", "/clusters/x", "exchange", "text/plain", {{"k", "v"}, {"l", ""}}, false};
  return m;
}

}  // namespace

TEST_CASE("a letter comes out as it went in, whatever bytes it holds") {
  const TemporaryDirectory directory;
  Outbox outbox(options(directory));
  std::string body;
  for (int i = 0; i < 512; ++i) body += static_cast<char>(i);
  const auto added = outbox.add(letter(Kind::letter_to_broker, body));
  outbox.add(letter(Kind::letter_to_server, ""));
  const auto both = outbox.oldest(all, 10, mib);
  REQUIRE(both.size() == 2);
  CHECK(both[0].id == added.id);
  CHECK(both[0].kind == Kind::letter_to_broker);
  CHECK(both[0].data == body);
  CHECK(both[0].letter.method == "POST");
  CHECK(both[0].letter.address == "/clusters/x");
  CHECK(both[0].letter.exchange == "exchange");
  CHECK(both[0].letter.content_type == "text/plain");
  CHECK(both[0].letter.headers == added.letter.headers);
  CHECK_FALSE(both[0].letter.persistent);
  CHECK(both[1].data.empty());
  CHECK(jetpack::support::Json::parse(outbox.describe(), "state").root()["bytes"].GetInt() == 512);
}

TEST_CASE("the kinds are apart, each in its order") {
  const TemporaryDirectory directory;
  Outbox outbox(options(directory));
  const auto first = outbox.add(letter(Kind::letter_to_broker, "1"));
  const auto second = outbox.add(message());
  const auto third = outbox.add(letter(Kind::letter_to_server, "2"));
  const auto fourth = outbox.add(letter(Kind::letter_to_broker, "3"));
  const auto to_broker = outbox.oldest({Kind::letter_to_broker}, 10, mib);
  REQUIRE(to_broker.size() == 2);
  CHECK(to_broker[0].id == first.id);
  CHECK(to_broker[1].id == fourth.id);
  const auto to_server = outbox.oldest({Kind::message, Kind::letter_to_server}, 10, mib);
  REQUIRE(to_server.size() == 2);
  CHECK(to_server[0].id == second.id);
  CHECK(to_server[1].id == third.id);
  outbox.remove(to_broker);
  CHECK_FALSE(outbox.has({Kind::letter_to_broker}));
  CHECK(outbox.has({Kind::letter_to_server}));
  outbox.move_to_dead_letters(third, "no such node array");
  const auto state = jetpack::support::Json::parse(outbox.describe(), "state");
  CHECK(state.root()["depth"].GetInt() == 1);
  CHECK(jetpack::support::find_string(state.root()["dead"][0], "to") == "POST /clusters/x");
}

TEST_CASE("a letter above the usual size is taken within the cap") {
  const TemporaryDirectory directory;
  Outbox outbox(options(directory));
  const std::string body(16 * mib, '\xff');
  const auto added = outbox.add(letter(Kind::letter_to_broker, body));
  CHECK(outbox.oldest(all, 10, mib).at(0).data == body);
  outbox.move_to_dead_letters(added, "no");
  CHECK(outbox.reason_of(added) == "no");
  const TemporaryDirectory other;
  Outbox small(options(other, 8 * mib));
  CHECK_THROWS_AS(small.add(letter(Kind::letter_to_broker, body)), jetpack::Error);
}

TEST_CASE("an outbox of the first version is taken over with all that waits in it") {
  const TemporaryDirectory directory;
  {
    directory.write("outbox.db", "");
    jetpack::session::Database raw(std::filesystem::canonical(directory.file("outbox.db")),
                                   SQLITE_OPEN_READWRITE, std::chrono::seconds(1));
    raw.execute(R"(
      PRAGMA journal_mode = WAL;
      CREATE TABLE outbox(
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, type TEXT NOT NULL,
        data TEXT NOT NULL, time TEXT NOT NULL, cluster TEXT, node TEXT, instance TEXT,
        session TEXT, hostname TEXT, attempts INTEGER NOT NULL DEFAULT 0, error TEXT);
      CREATE TABLE dead(
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL,
        time TEXT NOT NULL, cluster TEXT, node TEXT, instance TEXT, session TEXT, hostname TEXT,
        reason TEXT NOT NULL);
      INSERT INTO outbox(id, type, data, time, cluster) VALUES('a', 'log', '{"n":1}', 't', 'demo');
      INSERT INTO outbox(id, type, data, time) VALUES('b', 'log', '{"n":2}', 't');
      INSERT INTO dead(seq, id, type, data, time, reason) VALUES(9, 'c', 'log', '{}', 't', 'no');
      PRAGMA user_version = 1;)");
  }
  Outbox outbox(options(directory));
  const auto waiting = outbox.oldest(all, 10, mib);
  REQUIRE(waiting.size() == 2);
  CHECK(waiting[0].id == "a");
  CHECK(waiting[0].kind == Kind::message);
  CHECK(waiting[0].from.cluster == "demo");
  CHECK(waiting[1].data == "{\"n\":2}");
  outbox.add(letter(Kind::letter_to_server, "x"));
  CHECK(outbox.oldest(all, 10, mib).size() == 3);
  CHECK(jetpack::support::Json::parse(outbox.describe(), "state").root()["dead"].Size() == 1);
}

TEST_CASE("letters of a damaged database are queued again") {
  const TemporaryDirectory directory;
  {
    Outbox outbox(options(directory));
    outbox.add(letter(Kind::letter_to_broker, std::string("a\0b", 3)));
    for (int i = 0; i < 2000; ++i) outbox.add(message(big(2000)));
  }
  overwrite(directory.file("outbox.db"), 3 * static_cast<off_t>(mib), mib / 2);
  Outbox outbox(options(directory));
  const auto letters = outbox.oldest({Kind::letter_to_broker}, 10, mib);
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].data == std::string("a\0b", 3));
  CHECK(letters[0].letter.headers.size() == 2);
}

namespace {

// A small file system at the directory; nullopt where there can be none.
class SmallDisk {
 public:
  explicit SmallDisk(const char* size) {
    is_there_ = ::geteuid() == 0 && ::mount("tmpfs", directory_.path().c_str(), "tmpfs", 0,
                                            (std::string("size=") + size).c_str()) == 0;
    if (!is_there_) MESSAGE("skipped: cannot mount a small file system here");
  }
  ~SmallDisk() {
    if (is_there_) ::umount2(directory_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  explicit operator bool() const { return is_there_; }
  const TemporaryDirectory& directory() const { return directory_; }

  void fill() const {
    const int filler =
        ::open(directory_.file("filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string block(4096, 'x');
    while (::write(filler, block.data(), block.size()) > 0) {
    }
    ::close(filler);
  }

 private:
  TemporaryDirectory directory_;
  bool is_there_ = false;
};

// Takes all that waits, as its delivery does; returns the ids.
std::set<std::string> take_all(Outbox& outbox) {
  std::set<std::string> ids;
  for (auto batch = outbox.oldest(all, 5, mib); !batch.empty();
       batch = outbox.oldest(all, 5, mib)) {
    for (const auto& m : batch) CHECK(ids.insert(m.id).second);
    outbox.remove(batch);
    CHECK(outbox.state_of(batch[0]) == Outbox::State::delivered);
  }
  return ids;
}

}  // namespace

TEST_CASE("on a full disk what was delivered is remembered, and removed when there is space") {
  // Too small for ballast.
  const SmallDisk disk("1m");
  if (!disk) return;
  {
    Outbox outbox(options(disk.directory()));
    for (int i = 0; i < 100; ++i) outbox.add(message());
    // The log as a new one is, without room.
    jetpack::session::Database raw(std::filesystem::canonical(disk.directory().file("outbox.db")),
                                   SQLITE_OPEN_READWRITE, std::chrono::seconds(10));
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    std::filesystem::resize_file(disk.directory().file("outbox.db-wal"), 0);
    disk.fill();
    CHECK(take_all(outbox).size() == 100);
    CHECK(outbox.remove_remembered().has_value());
    CHECK_THROWS_AS(outbox.add(message(big(100000))), jetpack::Error);
    CHECK(jetpack::support::Json::parse(outbox.describe(), "state").root()["depth"].GetInt() == 0);
  }
  // Another process knows it too.
  Outbox outbox(options(disk.directory()));
  CHECK(outbox.oldest(all, 10, mib).empty());
  std::filesystem::remove(disk.directory().file("filler"));
  CHECK_FALSE(outbox.remove_remembered().has_value());
  CHECK_NOTHROW(outbox.add(message(big(100000))));
  CHECK(Outbox(options(disk.directory())).oldest(all, 10, mib).size() == 1);
}

TEST_CASE("on a full disk the log's own room is enough to remove what was delivered") {
  const SmallDisk disk("1m");
  if (!disk) return;
  Outbox outbox(options(disk.directory()));
  for (int i = 0; i < 100; ++i) outbox.add(message());
  disk.fill();
  CHECK(take_all(outbox).size() == 100);
  CHECK_FALSE(outbox.remove_remembered().has_value());
  CHECK_NOTHROW(outbox.add(message()));
}

TEST_CASE("a disk that the queue has filled recovers by itself") {
  const SmallDisk disk("6m");
  if (!disk) return;
  Outbox outbox(options(disk.directory()));
  size_t taken = 0;
  try {
    for (; taken < 1000; ++taken) outbox.add(message(big(20000)));
  } catch (const jetpack::Error&) {
  }
  disk.fill();
  CHECK(taken > 100);
  CHECK(take_all(outbox).size() == taken);
  CHECK_FALSE(outbox.remove_remembered().has_value());
  outbox.give_back_space();
  CHECK(std::filesystem::file_size(disk.directory().file("outbox.db")) < mib);
  CHECK_NOTHROW(outbox.add(message(big(20000))));
  CHECK(Outbox(options(disk.directory())).oldest(all, 10, mib).size() == 1);
}

namespace {

// Delivers all that waits, as Delivery does; whether this message was among it.
bool drained(Outbox& outbox, const std::string& id) {
  bool found = false;
  for (int round = 0; round < 100; ++round) {
    const auto batch = outbox.oldest(all, 100, mib);
    if (batch.empty()) return found;
    std::vector<Message> whole;
    for (const auto& m : batch) {
      found = found || m.id == id;
      const std::string why = jetpack::session::damage_of(m);
      if (why.empty()) {
        whole.push_back(m);
      } else {
        outbox.move_to_dead_letters(m, why);
      }
    }
    outbox.remove(whole);
  }
  FAIL("it is never empty");
  return found;
}

}  // namespace

TEST_CASE("a damaged row holds up nothing, whatever byte is damaged") {
  const TemporaryDirectory directory;
  Outbox outbox(options(directory));
  jetpack::session::Database raw(std::filesystem::canonical(directory.file("outbox.db")),
                                 SQLITE_OPEN_READWRITE, std::chrono::seconds(10));
  const auto damage = [&](const char* table, const char* column, const Message& m, size_t at,
                          char byte) {
    jetpack::session::Statement read(
        raw, "SELECT CAST(" + std::string(column) + " AS BLOB) FROM " + table + " WHERE seq = ?");
    read.bind(m.seq).step();
    std::string value = read.text(0);
    if (value.empty()) return;
    value[at % value.size()] = byte;
    jetpack::session::Statement(
        raw, "UPDATE " + std::string(table) + " SET " + column + " = CAST(? AS TEXT) WHERE seq = ?")
        .bind_blob(value)
        .bind(m.seq)
        .run();
  };
  for (const char byte : {'\0', '"', '\\', '\xff'}) {
    for (const char* column : {"id", "type", "data", "time", "cluster"})
      for (size_t at = 0; at < 36; at += 5)
        damage("outbox", column, outbox.add(message(R"({"message":"a text"})")), at, byte);
    for (const char* column : {"method", "address", "content_type", "headers", "body"})
      for (size_t at = 0; at < 24; at += 3)
        damage("letter", column, outbox.add(letter(Kind::letter_to_server, "body")), at, byte);
  }
  for (const char* change : {"kind = 77", "id = 5", "type = ''", "data = x'00ff'"}) {
    const auto m = outbox.add(message());
    raw.execute(
        ("UPDATE outbox SET " + std::string(change) + " WHERE seq = " + std::to_string(m.seq))
            .c_str());
  }
  const auto orphan = outbox.add(letter(Kind::letter_to_server, "x"));
  raw.execute(("DELETE FROM letter WHERE seq = " + std::to_string(orphan.seq)).c_str());
  const auto last = outbox.add(message());
  CHECK(drained(outbox, last.id));
  CHECK(jetpack::support::Json::parse(outbox.list(), "list").root().Size() > 100);
  CHECK_NOTHROW(jetpack::support::Json::parse(outbox.list(), "list"));
}

TEST_CASE("whatever bytes of the file are damaged, what is queued next is delivered") {
  const TemporaryDirectory origin;
  {
    Outbox outbox(options(origin));
    for (size_t i = 0; i < 12; ++i) outbox.add(message(big(30 * i)));
    outbox.add(letter(Kind::letter_to_server, "body"));
    jetpack::session::Database raw(std::filesystem::canonical(origin.file("outbox.db")),
                                   SQLITE_OPEN_READWRITE, std::chrono::seconds(10));
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  const char* set = std::getenv("JETPACK_MUTATIONS");
  const size_t count = set == nullptr ? 200 : std::strtoul(set, nullptr, 10);
  std::minstd_rand random(7);
  const auto below = [&](size_t limit) { return random() % limit; };
  for (size_t n = 0; n < count; ++n) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("outbox.db");
    std::filesystem::copy_file(origin.file("outbox.db"), path);
    const size_t size = std::filesystem::file_size(path);
    const size_t at = below(size);
    const size_t length = std::min<size_t>(size - at, below(2) == 0 ? 1 : 100);
    std::string junk;
    while (junk.size() < length) junk += "\0\"\\\xff"[below(4)];
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    CHECK(::pwrite(fd, junk.data(), junk.size(), static_cast<off_t>(at)) > 0);
    ::close(fd);
    CAPTURE(at);
    CAPTURE(length);
    std::optional<Outbox> opened;
    try {
      opened.emplace(options(directory));
    } catch (const jetpack::Error& e) {
      // Its version is damaged: it looks like a newer jetpack's, which is left alone.
      CHECK(e.code() == Errc::unsupported);
      continue;
    }
    Outbox& outbox = *opened;
    auto next = outbox.add(message());
    CHECK(outbox.state_of(next) == Outbox::State::waiting);
    if (drained(outbox, next.id)) continue;
    // It went with a file that was replaced.
    CHECK(outbox.state_of(next) == Outbox::State::waiting);
    CHECK(drained(outbox, next.id));
  }
}

TEST_CASE("dead letters are listed, queued again and dropped") {
  const TemporaryDirectory directory;
  Outbox outbox(options(directory));
  const auto dead = outbox.add(letter(Kind::letter_to_broker, std::string("a\0b", 3)));
  const auto other = outbox.add(message("{\"n\":1}"));
  const auto waiting = outbox.add(message("{\"n\":2}"));
  outbox.move_to_dead_letters(dead, "no route");
  outbox.move_to_dead_letters(other, "answered 422");
  const auto rows = jetpack::support::Json::parse(outbox.list(), "list");
  REQUIRE(rows.root().Size() == 3);
  using jetpack::support::text_or;
  CHECK(text_or(rows.root()[0], "to", "") == "exchange 'exchange', routing key '/clusters/x'");
  CHECK(text_or(rows.root()[0], "reason", "") == "no route");
  CHECK(text_or(rows.root()[2], "state", "") == "queued");
  const auto shown = jetpack::support::Json::parse(outbox.list(other.id.substr(0, 9)), "list");
  REQUIRE(shown.root().Size() == 1);
  CHECK(shown.root()[0]["data"]["n"].GetInt() == 1);

  CHECK(outbox.retry(dead.id) == 1);
  const auto again = outbox.oldest({Kind::letter_to_broker}, 10, mib);
  REQUIRE(again.size() == 1);
  CHECK(again[0].id == dead.id);
  CHECK(again[0].data == dead.data);
  CHECK(again[0].letter.headers == dead.letter.headers);
  CHECK(again[0].letter.exchange == "exchange");
  CHECK(again[0].seq > waiting.seq);
  CHECK_THROWS_AS(outbox.retry(waiting.id), jetpack::Error);
  CHECK_THROWS_AS(outbox.list("no such id"), jetpack::Error);
  CHECK(outbox.retry() == 1);
  CHECK(outbox.retry() == 0);
  CHECK(outbox.drop() == 0);
  CHECK(outbox.drop(waiting.id) == 1);
  CHECK(outbox.oldest(all, 10, mib).size() == 2);
}

TEST_CASE("many processes write and remove at once, and every message is seen once") {
  const TemporaryDirectory directory;
  constexpr int writers = 4;
  constexpr int each = 50;
  std::vector<pid_t> children;
  for (int w = 0; w < writers; ++w) {
    const pid_t child = ::fork();
    if (child == 0) {
      int code = 0;
      try {
        Outbox outbox(options(directory));
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
  Outbox outbox(options(directory));
  const auto take = [&] {
    const auto batch = outbox.oldest(all, 10, mib);
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

TEST_CASE(
    "members of the directory's group share it, no matter who was first; others get an error") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: needs root to act as other users");
    return;
  }
  constexpr gid_t group = 4242;
  const TemporaryDirectory directory;
  REQUIRE(::chown(directory.path().c_str(), 0, group) == 0);
  REQUIRE(::chmod(directory.path().c_str(), 02770) == 0);
  const auto add_one = [&] {
    Outbox(options(directory)).add(message());
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
  const TemporaryDirectory directory;
  const TemporaryDirectory elsewhere;
  elsewhere.write("victim", "");
  std::filesystem::create_symlink(elsewhere.file("victim"), directory.file("outbox.db"));
  CHECK_THROWS_AS(Outbox{options(directory)}, jetpack::Error);
  CHECK(std::filesystem::file_size(elsewhere.file("victim")) == 0);
}

TEST_CASE("a missing directory is named") {
  const TemporaryDirectory directory;
  auto wrong = options(directory);
  wrong.directory = directory.file("no/run");
  try {
    Outbox outbox(wrong);
    FAIL("it was opened");
  } catch (const jetpack::Error& e) {
    CHECK(e.code() == Errc::unavailable);
    CHECK(std::string(e.what()).find(wrong.directory) != std::string::npos);
  }
}
