#include <doctest/doctest.h>
#include <sys/stat.h>

#include "support/testing/temporary_directory.hpp"
#include "test/files.hpp"
#include "test/results.hpp"

namespace jetpack::test {

namespace {

std::string names_of(const std::vector<TestFile>& files) {
  std::string names;
  for (const auto& file : files) names += file.name + (file.problem.empty() ? " " : "! ");
  return names;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Result result_of(const char* spec, const char* file, State state) {
  Result result;
  result.project = "p";
  result.spec = spec;
  result.file = file;
  result.state = state;
  return result;
}

}  // namespace

TEST_CASE("what is a test: by name, extension, permission and content") {
  const support::TemporaryDirectory directory;
  const auto program = [&](const char* name, const char* content) {
    ::chmod(directory.write(name, content).c_str(), 0755);
  };
  directory.write("test_a.py", "");
  directory.write("b_test.py", "x = (\n");
  directory.write("helper.py", "import os\nos.abort()\n");
  directory.write("suite.py", "class T:\n  def test_x(self): pass\n");
  directory.write("conftest.py", "def test_x(): pass\n");
  directory.write("sub/deep/check.sh", "true\n");
  directory.write("crlf.sh", "#!/bin/bash\r\ntrue\r\n");
  directory.write("README.txt", "def test\n");
  directory.write("old.sh~", "");
  directory.write(".hidden/x.sh", "");
  program("program", "#!/bin/sh\n");
  program("notes.txt", "text\n");
  program("lost", "#!/no/such/interpreter\n");
  std::filesystem::create_directory_symlink("..", directory.file("sub/up"));
  std::filesystem::create_symlink("nowhere", directory.file("dangling.sh"));
  std::filesystem::create_symlink("program", directory.file("linked.sh"));
  std::filesystem::create_directory(directory.file("directory.sh"));
  CHECK(names_of(find_tests(directory.path())) ==
        "b_test.py crlf.sh! linked.sh lost! program sub/deep/check.sh suite.py test_a.py ");
  CHECK(find_tests(directory.file("none")).empty());
}

TEST_CASE("a file that others can write is not run") {
  const support::TemporaryDirectory directory;
  ::chmod(directory.write("a.sh", "true\n").c_str(), 0666);
  const auto files = find_tests(directory.path());
  REQUIRE(files.size() == 1);
  CHECK_FALSE(files[0].problem.empty());
}

TEST_CASE("JUnit XML has no character that XML has not") {
  Results results;
  results.all.push_back(result_of("s", "a\"<&>.sh", State::failed));
  results.all.back().output = "\x1b[31mred\x1b[0m ]]> \xEF\xBF\xBF \x01 caf\xC3\xA9\n<b>\n";
  results.all.back().message = "exited with 1:\nline";
  results.all.push_back(result_of("s", "b.sh", State::timed_out));
  results.all.push_back(result_of("other", "c.py", State::skipped));
  results.all.push_back(result_of("other", "d.py", State::passed));
  results.all.back().elapsed = std::chrono::milliseconds(1042);
  const std::string xml = as_junit(results);
  CHECK(holds(xml, R"(tests="4" failures="1" errors="1" skipped="1")"));
  CHECK(holds(xml, R"(<testsuite name="p/s" tests="2" failures="1" errors="1" skipped="0")"));
  CHECK(holds(xml, R"(name="a&quot;&lt;&amp;&gt;.sh")"));
  CHECK(holds(xml, "]]&gt;"));
  CHECK(holds(xml, R"(time="1.042")"));
  for (const char c : xml) CHECK((static_cast<unsigned char>(c) >= ' ' || c == '\n'));
  CHECK_FALSE(holds(xml, "\xEF\xBF\xBF"));
  CHECK(holds(xml, "caf\xC3\xA9"));
}

TEST_CASE("the end of a long output is shown") {
  Result result = result_of("s", "a.sh", State::failed);
  for (int i = 0; i < 100; ++i) result.output += std::to_string(i) + '\n';
  const std::string text = as_text(result);
  CHECK(holds(text, "[40 lines before]"));
  CHECK(holds(text, "    | 99\n"));
  CHECK_FALSE(holds(text, "    | 39\n"));
}

}  // namespace jetpack::test
