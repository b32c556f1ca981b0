// @NAME@_test.cpp: the command on a node that the test makes up, without jetpack.
#include "@NAME@.cpp"

#include <cstdio>
#include <jetpack/testing.hpp>

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "failed: %s\n", what);
  ++failures;
}

}  // namespace

int main() {
  jetpack::testing::FakeHost host;
  expect(host.run("@NAME@").out == "@NAME@ runs on a node without a name\n", "no configuration");
  host.config("cyclecloud.node.name", "n1");
  expect(host.run("@NAME@").out == "@NAME@ runs on n1\n", "a configured name");
  expect(host.run("@NAME@", {"--json"}).out == "{\"node\":\"n1\"}\n", "JSON");
  expect(host.run("@NAME@", {"--unknown"}).code == 2, "an unknown option");
  return failures == 0 ? 0 : 1;
}
