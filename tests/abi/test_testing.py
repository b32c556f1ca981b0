"""The test host of `jetpack/testing.hpp` takes a command line as jetpack itself does."""

import json
import shlex
import subprocess

import pytest

PLUGIN = r"""#include <jetpack/plugin.hpp>
static int run(const jetpack::Call& call) {
  jetpack::Json all = jetpack::Json::object();
  for (const char* name : {"level", "count", "wait", "tag", "A", "REST"}) {
    jetpack::Json texts = jetpack::Json::array();
    for (const auto text : call.texts(name)) texts.add(text);
    all.set(name, texts).set(std::string("given ") + name, call.given(name));
  }
  all.set("force", call.flag("force")).set("quick", call.flag("quick"));
  all.set("integer", call.integer("count").value_or(-1));
  all.set("ms", call.duration("wait") ? call.duration("wait")->count() : -1);
  call.print(all.dump() + "\n");
  return 0;
}
using namespace jetpack;
JETPACK_PLUGIN("com.example.take", "1",
  command("take", "Take values", run, option("level", 'l', "L", "h").choices("Low", "High").fallback("Low"),
          option("count", 'c', "N", "h").integer(-5, 50), option("wait", 'w', "T", "h").duration(),
          option("tag", 't', "TAG", "h").repeated(), flag("force", 'f', "h").negatable(), flag("quick", 'q', "h"),
          argument("A", "h"), argument("REST", "h").repeated().optional()));
"""

TEST = r"""#include "take.cpp"
#include <jetpack/testing.hpp>
#include <cstdio>
int main(int argc, char** argv) {
  jetpack::testing::FakeHost h;
  const auto r = h.run("take", std::vector<std::string>(argv + 1, argv + argc));
  std::fputs(r.out.c_str(), stdout);
  std::fputs(r.err.c_str(), stderr);
  return r.code;
}
"""

LINES = [
    "a", "", "a b c", "-- a -b", "a -- --level", "-", "a -", "-l high a", "-lhigh a", "-l=high a", "--level high a",
    "--level=HIGH a", "--lev low a", "--le=low a", "a -l mid", "a --level", "a -l", "a --level=", "-fq a", "-fc3 a",
    "-fqc 3 a", "-fx a", "-x a", "--nosuch a", "--nosuch=1 a", "--f a", "--force --no-force a", "--no-force --force a",
    "--no-f a", "--no-quick a", "--force=1 a", "--quick= a", "-c 5 a", "-c -5 a", "-c -6 a", "-c 51 a", "-c 1.5 a",
    "-c '' a", "-c 99999999999999999999 a", "--count=3 --count=4 a", "-w 90 a", "-w 90s a", "-w 250ms a", "-w 2d a",
    "-w 1w a", "-w -1 a", "-w soon a", "-w 9223372036854775807d a", "-t x -t y --tag=z a", "a -5", "-5", "-1.5 a",
    "'- x y' a", "'-x y' a", "'--x y' a", "a '-l high'", "-l -- a", "-t --force a", "a b -f c", "--", "-q- a",
    "a --tag a=b", "a -t=", "-tq a",
]


@pytest.fixture(scope="module")
def built(sdk, tmp_path_factory):
    directory = tmp_path_factory.mktemp("take")
    (directory / "take.cpp").write_text(PLUGIN)
    (directory / "test.cpp").write_text(TEST)
    sdk.run("g++", "-std=c++20", f"-I{sdk.include}", "test.cpp", "-o", "test", cwd=directory)
    sdk.build(directory / "take.cpp", directory / "p/take.so")
    return directory


@pytest.mark.parametrize("line", LINES)
def test_the_same_as_the_host(built, jetpack, home, line):
    home.node({})
    words = shlex.split(line)
    real = jetpack("--plugin-path", built / "p", "take", *words)
    fake = subprocess.run([built / "test", *words], capture_output=True, text=True, timeout=60)
    assert fake.returncode == real.returncode, (real, fake)
    if real.returncode == 0:
        assert json.loads(fake.stdout) == json.loads(real.stdout)
    else:
        # The host adds what was meant, and the usage.
        assert real.stderr.splitlines()[0].startswith(fake.stderr.splitlines()[0].split(":", 2)[0])
        assert real.stderr.split(";")[0].splitlines()[0] == fake.stderr.split(";")[0].splitlines()[0]


def test_a_plugin_that_is_a_library(built, sdk):
    (built / "library.cpp").write_text(r"""#include <jetpack/testing.hpp>
#include <cstdio>
int main(int, char** argv) {
  jetpack::testing::FakeHost h{std::string(argv[1])};
  std::fputs(h.run("take", {"x"}).out.c_str(), stdout);
}
""")
    sdk.run("g++", "-std=c++20", f"-I{sdk.include}", "library.cpp", "-o", "library", cwd=built)
    assert '"A":["x"]' in sdk.run(built / "library", built / "p/take.so")


def test_a_plugin_in_c(repository, sdk, tmp_path):
    """Its object file is linked, and its note is written by hand."""
    sdk.run("gcc", "-std=c11", f"-I{sdk.include}", "-c", repository / "subprojects/hello-c/hello_c.c", "-o", tmp_path / "c.o")
    (tmp_path / "test.cpp").write_text(r"""#include <jetpack/testing.hpp>
#include <cstdio>
int main() {
  jetpack::testing::FakeHost h;
  h.config("cyclecloud.node.name", "n1");
  const auto r = h.run("hello_c", {"--greeting=Hi", "Ada"});
  std::printf("%d %s%s", r.code, r.out.c_str(), r.err.c_str());
}
""")
    sdk.run("g++", "-std=c++20", f"-I{sdk.include}", "test.cpp", "c.o", "-o", "test", cwd=tmp_path)
    assert sdk.run(tmp_path / "test") == "0 Hi, Ada.\n"
