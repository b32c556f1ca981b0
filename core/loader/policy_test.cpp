// Tests of the policy for plugins and of the log of what it decided.
#include "loader/policy.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "loader/audit.hpp"
#include "support/files.hpp"
#include "support/json.hpp"

namespace jetpack {

namespace {

Policy parse(const std::string& text) { return Policy::parse(text, "plugins.ini"); }

std::string fault(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& error) {
    CHECK(error.code() == Errc::corrupt);
    return error.what();
  }
  return {};
}

// A tree with config/ and plugins/, removed at the end.
class Tree {
 public:
  Tree() {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
    support::create_directories(path_ + "/config", 0755);
    support::create_directories(path_ + "/plugins", 0755);
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() {
    for (const char* name : {"/config/plugins.ini", "/plugins/audit.log", "/plugins/audit.log.1"})
      ::unlink((path_ + name).c_str());
    for (const char* name : {"/config", "/plugins", ""}) ::rmdir((path_ + name).c_str());
  }
  const std::string& path() const { return path_; }
  std::string write(const std::string& name, const std::string& text) const {
    support::write_durably(path_ + name, text, 0644);
    return path_ + name;
  }

 private:
  std::string path_ = support::temporary_directory() + "/policy.XXXXXX";
};

}  // namespace

TEST_CASE("without a file, signatures are required and nothing is granted") {
  const Tree tree;
  const Policy policy = Policy::read(tree.path());
  CHECK(policy.signatures_required);
  CHECK(policy.allows_id("com.example.gpu"));
  for (const auto& capability : capabilities) CHECK_FALSE(policy.grants(capability.name));
  CHECK_FALSE(policy.revoked("com.example.gpu", "1.0.0", "0123456789abcdef"));
  CHECK_FALSE(policy.limits.memory);
  CHECK(policy.objection("com.example.gpu", "1.0.0", "").find("not signed") != std::string::npos);
  CHECK(policy.objection("com.example.gpu", "1.0.0", "0123456789abcdef").empty());
}

TEST_CASE("a policy is read") {
  const Policy policy = parse(
      "[trust]\nsignatures = optional\ndirectories = /opt/site/plugins, /srv/p\n"
      "[allow]\nids = com.example.*, org.site.disk\ncapabilities = mount bpf\n"
      "[revoked]\nkeys = 0123456789ABCDEF\nversions = com.example.gpu@1.0.0 com.example.bad@*\n"
      "[limits]\nmemory = 512M\nprocesses = 20\nfiles = unlimited\ncpu = 90\nwall = 250ms\n");
  CHECK_FALSE(policy.signatures_required);
  CHECK(policy.directories.size() == 2);
  CHECK(policy.allows_id("com.example.gpu"));
  CHECK(policy.allows_id("org.site.disk"));
  CHECK_FALSE(policy.allows_id("org.site.disk2"));
  CHECK_FALSE(policy.allows_id("com.examples"));
  CHECK(policy.grants("mount"));
  CHECK_FALSE(policy.grants("ptrace"));
  CHECK(policy.revoked("com.example.gpu", "1.0.0", ""));
  CHECK_FALSE(policy.revoked("com.example.gpu", "1.0.1", ""));
  CHECK(policy.revoked("com.example.bad", "7", ""));
  CHECK(policy.revoked("a.b", "1", "0123456789abcdef"));
  CHECK(policy.objection("a.b", "1", "").find("not among the ids") != std::string::npos);
  CHECK(policy.objection("com.example.x", "1", "").empty());
  CHECK(policy.limits.memory == 512U << 20);
  CHECK(policy.limits.processes == 20);
  CHECK(policy.limits.files == Limits::unlimited);
  CHECK(policy.limits.cpu_ms == 90'000);
  CHECK(policy.limits.wall_ms == 250);
}

TEST_CASE("an empty value is none") {
  const Policy policy = parse("[trust]\ndirectories =\n[allow]\nids =\n[limits]\nwall =\n");
  CHECK(policy.directories.empty());
  CHECK(policy.allows_id("com.example.gpu"));
  CHECK_FALSE(policy.limits.wall_ms);
}

TEST_CASE("what is not understood is a fault, not a default") {
  for (const char* text :
       {"[trust]\nsignatures = no\n", "[trust]\nsignature = required\n", "[trusted]\na = b\n",
        "[allow]\ncapabilities = fly\n", "[allow]\nids = com.*.x\n", "[revoked]\nkey = 1\n",
        "[revoked]\nversions = com.example.gpu\n", "[limits]\nmemory = much\n",
        "[limits]\nmemory = 0\n", "[limits]\nmemory = 99999999999T\n", "[limits]\ncpu = -1\n",
        "[limits]\nfiles = 12M\n", "[DEFAULT]\nsignatures = optional\n", "no section\n",
        "[trust]\ndirectories = here\n"}) {
    CAPTURE(text);
    CHECK(fault(text).find("plugins.ini") != std::string::npos);
  }
}

TEST_CASE("a policy that others can write is not read") {
  const Tree tree;
  const std::string path = tree.write("/config/plugins.ini", "[trust]\nsignatures = optional\n");
  CHECK_FALSE(Policy::read(tree.path()).signatures_required);
  ::chmod(path.c_str(), 0666);
  CHECK_THROWS_AS(Policy::read(tree.path()), Error);
  ::chmod(path.c_str(), 0644);
  ::chmod((tree.path() + "/config").c_str(), 0777);
  CHECK_THROWS_AS(Policy::read(tree.path()), Error);
}

TEST_CASE("decisions are logged, one on each line") {
  const Tree tree;
  const std::string log = tree.path() + "/plugins/audit.log";
  CHECK(write_audit(tree.path(), {"install", "a.b", "1.0", "0123456789abcdef", true, "new"}));
  CHECK(write_audit(tree.path(), {"load", "a.b", "1.0", "", false, "two\nlines \"quoted\""}));
  const std::string text = support::read_file(log, 1 << 20).value_or("");
  const size_t end = text.find('\n');
  CHECK(text.find('\n', end + 1) == text.size() - 1);
  const auto second = support::Json::parse(text.substr(end + 1), "line");
  CHECK(support::text_or(second.root(), "decision", "") == "refused");
  CHECK(support::text_or(second.root(), "reason", "") == "two\\nlines \"quoted\"");
  CHECK(support::text_or(second.root(), "verb", "") == "load");

  // One that is full begins again.
  REQUIRE(::truncate(log.c_str(), 8 << 20) == 0);
  CHECK(write_audit(tree.path(), {"load", "a.b", "1.0", "", true, ""}));
  CHECK(support::read_file(log, 4096).value_or("").ends_with("}\n"));
  struct stat info {};
  CHECK(::stat((log + ".1").c_str(), &info) == 0);
  // What is not a plain file is left alone.
  ::unlink(log.c_str());
  REQUIRE(::symlink("/etc/passwd", log.c_str()) == 0);
  CHECK_FALSE(write_audit(tree.path(), {"load", "", "", "", true, ""}));
}

TEST_CASE("without plugins/ nothing is logged") {
  CHECK_FALSE(write_audit("/nonexistent", {"load", "a.b", "1.0", "", false, "why"}));
}

}  // namespace jetpack
