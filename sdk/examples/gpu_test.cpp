// gpu_test.cpp: the commands of gpu.cpp on a node that the test makes up.
#include "gpu.cpp"

#include <cassert>
#include <jetpack/testing.hpp>

int main() {
  jetpack::testing::FakeHost h;
  h.process("nvidia-smi", {.out = "0, A100, 41, 0\n1, A100, 43, 2\n"});

  const auto listed = h.run("gpu list", {"--json"});
  assert(listed.code == 0);
  assert(jetpack::Json::parse(listed.out)[1]["temperature"].text_or("") == "43");

  const auto checked = h.run("gpu check", {"--deadline=5s"});
  assert(checked.code == 1);
  assert(checked.err == "jetpack gpu check: uncorrected memory errors on GPU 1\n");
  assert(h.processes().back().deadline == std::chrono::seconds(5));
  assert(h.conditions().at(0).health == jetpack::Health::error);

  assert(h.run("gpu list", {"--dedline=5s"}).code == 2);
}
