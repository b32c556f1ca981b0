// The file comes before the server, and a credential that was refused is replaced by either.
#include "services/storage/locker_source.hpp"

#include <sys/stat.h>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

using jetpack::Errc;
using jetpack::Error;
using jetpack::storage::LockerSource;

namespace {

// A node with a file for its locker's description, and a server that gives what a test sets.
struct World {
  jetpack::support::TemporaryDirectory directory;
  std::string file = directory.path() + "/locker.json";
  std::string answer;  // empty: the server cannot be reached
  int asked = 0;
  std::vector<std::string> warnings;
  LockerSource source{{file,
                       [this] {
                         ++asked;
                         if (answer.empty()) throw Error(Errc::unavailable, "nobody is there");
                         return answer;
                       },
                       [this](const std::string& text) { warnings.push_back(text); }}};

  void write(const std::string& json) const { jetpack::support::write_durably(file, json, 0640); }
};

std::string with_sas(const std::string& sas) {
  return R"({"url": "az://acct/box", "sas": "sv=1&sig=)" + sas + "\"}";
}

}  // namespace

TEST_CASE("the file comes first, and the server is not asked") {
  World world;
  world.write(with_sas("one"));
  CHECK(world.source.current()->credential.secret == "sv=1&sig=one");
  CHECK(world.asked == 0);
}

TEST_CASE("what the server says is kept in the file, for the group to read") {
  World world;
  world.answer = with_sas("one");
  CHECK(world.source.current()->from_server);
  CHECK(world.source.current()->credential.secret == "sv=1&sig=one");
  CHECK(world.asked == 1);
  struct stat info {};
  REQUIRE(::stat(world.file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
  LockerSource next({world.file, [] { return std::string(); }, [](const std::string&) {}});
  CHECK(next.current()->from_server);
}

TEST_CASE("what everybody could read is closed before a secret of the server goes there") {
  World world;
  world.write(with_sas("one"));
  REQUIRE(::chmod(world.file.c_str(), 0664) == 0);
  world.answer = with_sas("two");
  CHECK(world.source.renew(world.source.current()).description != nullptr);
  struct stat info {};
  REQUIRE(::stat(world.file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0660);
}

TEST_CASE("without either, both places are named") {
  World world;
  try {
    world.source.current();
    FAIL("found");
  } catch (const Error& e) {
    CHECK(std::string(e.what()).find(world.file) != std::string::npos);
    CHECK(std::string(e.what()).find("nobody is there") != std::string::npos);
  }
}

TEST_CASE("a refused credential is replaced by what the file or the server has now") {
  World world;
  world.answer = with_sas("one");
  auto first = world.source.current();
  world.answer = with_sas("two");
  auto second = world.source.renew(first);
  REQUIRE(second.description);
  CHECK(second.description->credential.secret == "sv=1&sig=two");
  CHECK(world.asked == 2);
  // Another thread, whose request began with the first one.
  CHECK(world.source.renew(first).description == second.description);
  CHECK(world.asked == 2);
  world.write(with_sas("three"));
  CHECK(world.source.renew(second.description).description->credential.secret == "sv=1&sig=three");
  CHECK(world.asked == 2);
}

TEST_CASE("the same again is no renewal, and neither is no answer") {
  World world;
  world.answer = with_sas("one");
  const auto first = world.source.current();
  CHECK(world.source.renew(first).why.find("same again") != std::string::npos);
  world.answer.clear();
  CHECK(world.source.renew(first).why == "nobody is there");
  CHECK(world.source.current() == first);
}

TEST_CASE("a locker that a person wrote down is not replaced by another one") {
  World world;
  world.write(with_sas("one"));
  const auto first = world.source.current();
  world.answer = R"({"url": "az://other/box"})";
  CHECK(world.source.renew(first).why.find("az://other/box") != std::string::npos);
  world.answer = with_sas("two");
  CHECK(world.source.renew(first).description->credential.secret == "sv=1&sig=two");
}

TEST_CASE("a credential that ends is renewed before it is used, and asked for once a while") {
  World world;
  world.write(R"({"url": "az://acct/box", "sas": "sig=old", "expires": "2020-01-01T00:00:00Z"})");
  CHECK(world.source.current()->credential.secret == "sig=old");
  CHECK(world.source.current()->credential.secret == "sig=old");
  CHECK(world.asked == 1);
  CHECK(world.warnings.size() == 1);
  World other;
  other.write(R"({"url": "az://acct/box", "sas": "se=2020-01-01T00%3A00%3A00Z&sig=old"})");
  other.answer = with_sas("new");
  CHECK(other.source.current()->credential.secret == "sv=1&sig=new");
}
