// Tests that an archive can be read in pieces of any size, and ends cleanly on failure.
#include "archive.hpp"
#include "deflater.hpp"

#include <initializer_list>

#include <doctest/doctest.h>

#include <stdexcept>

namespace jetpack::report_issue {

namespace {

void fill_some(Archive::Writer& writer) {
  for (int i = 0; i < 40; ++i) {
    writer.begin("file" + std::to_string(i), 1'000'000'000);
    for (int j = 0; j < i * 50; ++j)
      writer.write("it went well, and so did this " + std::to_string(j));
    writer.end();
  }
}

std::string read_all(Archive& archive, size_t capacity) {
  std::string all;
  std::string buffer(capacity, '\0');
  while (const size_t size = archive.read(buffer.data(), capacity)) all.append(buffer, 0, size);
  return all;
}

}  // namespace

TEST_CASE("the content does not depend on piece size or number of threads") {
  Archive first(1, fast_automatic_level, fill_some);
  const std::string whole = read_all(first, 1 << 20);
  CHECK(whole.size() == first.bytes());
  CHECK(whole.starts_with("PK\x03\x04"));
  for (const size_t capacity : std::initializer_list<size_t>{1, 7, 4096}) {
    Archive archive(4, fast_automatic_level, fill_some);
    CHECK(read_all(archive, capacity) == whole);
    CHECK(archive.read().empty());
  }
}

TEST_CASE("the reader gets the exception of the filling thread") {
  Archive archive(2, fast_automatic_level, [](Archive::Writer& writer) {
    fill_some(writer);
    throw std::runtime_error("no more");
  });
  CHECK_THROWS_WITH(read_all(archive, 4096), "no more");
}

TEST_CASE("an archive that is not read to its end stops its threads") {
  bool went_on = false;
  {
    Archive archive(2, fast_automatic_level, [&](Archive::Writer& writer) {
      while (true) fill_some(writer);
      went_on = true;
    });
    std::string buffer(100, '\0');
    CHECK(archive.read(buffer.data(), buffer.size()) == buffer.size());
  }
  CHECK_FALSE(went_on);
}

}  // namespace jetpack::report_issue
