// Tests of what all checks share; each check is tested on recorded machines in tests/offers.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "checks/checks_of_machine.hpp"
#include "checks/findings.hpp"

namespace jetpack::checks {

namespace {

// A root directory that is removed at the end.
class Recorded {
 public:
  Recorded() {
    std::string name = std::filesystem::temp_directory_path() / "checks-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    root_ = name;
  }
  Recorded(const Recorded&) = delete;
  Recorded& operator=(const Recorded&) = delete;
  ~Recorded() { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& content) const {
    const auto file = std::filesystem::path(root_ + path);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content;
  }
  Machine machine() const { return Machine(root_); }

 private:
  std::string root_;
};

}  // namespace

TEST_CASE("the worst finding is the message, and all are details") {
  Findings findings;
  CHECK(findings.verdict("fine", true).message == "fine");
  findings.warn("hot");
  CHECK(findings.verdict("fine", true).health == Verdict::warning("").health);
  findings.fail("gone");
  const auto verdict = findings.verdict("fine", false);
  CHECK(verdict.health == Verdict::failed("").health);
  CHECK(verdict.message == "gone (and 1 more)");
  CHECK(verdict.details == "gone\nhot\n");
  CHECK(findings.verdict("fine", true).health == Verdict::unhealthy("").health);
}

TEST_CASE("kernel messages count for the window") {
  const Recorded recorded;
  recorded.write("/proc/uptime", "1000.00 1.00\n");
  recorded.write("/dev/kmsg",
                 "6,1,100000000,-;too old\n SUBSYSTEM=x\nbroken\n3,2,999000000,-;new; with a mark\n"
                 "3,3,1000000000,-,caller=T1;newest\n3,4,x,-;no time\n");
  const auto messages = kernel_messages(recorded.machine(), std::chrono::seconds(10));
  REQUIRE(messages);
  REQUIRE(messages->size() == 2);
  CHECK(messages->front().text == "new; with a mark");
  CHECK(messages->back().text == "newest");
  const Recorded without;
  CHECK_FALSE(kernel_messages(without.machine(), std::chrono::seconds(10)));
  CHECK(check_oom(without.machine(), {}).health == Verdict::unknown("").health);
}

TEST_CASE("numbers and fields of recorded files") {
  const Recorded recorded;
  recorded.write("/a", " 42 \n");
  recorded.write("/b", "42x\n");
  CHECK(recorded.machine().number("/a") == 42);
  CHECK_FALSE(recorded.machine().number("/b"));
  CHECK_FALSE(recorded.machine().number("/c"));
  CHECK(fields("  a\tb  c ") == std::vector<std::string_view>{"a", "b", "c"});
  CHECK(fields("").empty());
}

}  // namespace jetpack::checks
