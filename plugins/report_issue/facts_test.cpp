// Tests that the commands of a report run beside each other.
#include "facts.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include <jetpack/boundary.hpp>

namespace jetpack::report_issue {

namespace {

// Versions, configuration and properties come from no command.
size_t number_of_commands() { return planned_facts().size() - 3; }

// Programs of which none ends before all have started. df prints nothing, dmesg cannot be started.
class Gathering {
 public:
  Gathering() {
    table.size = sizeof table;
    table.self = this;
    table.start = [](void* self, const jp_process_spec* spec, void** process, jp_error* err) {
      auto& all = *static_cast<Gathering*>(self);
      return boundary::guard(err, [&] {
        const std::string name(boundary::view(spec->argv[0]));
        ++all.started;
        if (name == "dmesg") throw Error(Errc::not_found, "cannot run dmesg");
        *process = new Program{name, ::eventfd(1, EFD_CLOEXEC)};  // NOLINT: release deletes it
      });
    };
    table.poll = [](void*, void* process) { return static_cast<Program*>(process)->descriptor; };
    table.result = [](void* self, void* process, jp_process_result*, jp_sink out, jp_sink err_out,
                      jp_error* err) {
      const auto& all = *static_cast<Gathering*>(self);
      return boundary::guard(err, [&] {
        if (all.started < number_of_commands()) throw Error(Errc::failed, "was waited for alone");
        const bool is_silent = static_cast<Program*>(process)->name == "df";
        const std::string_view text = is_silent ? "not allowed\n" : "fine\n";
        const jp_sink& sink = is_silent ? err_out : out;
        sink.write(sink.ctx, text.data(), text.size());
      });
    };
    table.release = [](void*, void* process) {
      const std::unique_ptr<Program> program(static_cast<Program*>(process));
      ::close(program->descriptor);
    };
  }
  Gathering(const Gathering&) = delete;
  Gathering& operator=(const Gathering&) = delete;

  jp_process table{};
  size_t started = 0;

 private:
  struct Program {
    std::string name;
    int descriptor;
  };
};

}  // namespace

TEST_CASE("no command of a report waits for another one") {
  Gathering programs;
  const auto facts = run_commands(jetpack::Process(programs.table));
  REQUIRE(facts.size() == number_of_commands());
  REQUIRE(facts.size() > 2);
  for (const auto& fact : facts) {
    CAPTURE(fact.source);
    if (fact.source == "dmesg") {
      CHECK(fact.why == "cannot run dmesg");
    } else if (fact.source.starts_with("df ")) {
      CHECK(fact.why == "not allowed");
    } else {
      CHECK(fact.content == "fine\n");
      CHECK(fact.why == "");
    }
  }
}

TEST_CASE("the facts of commands have the order that was announced") {
  Gathering programs;
  const auto facts = run_commands(jetpack::Process(programs.table));
  const auto planned = planned_facts();
  for (size_t i = 0; i < facts.size(); ++i)
    CHECK(facts[i].name == planned[planned.size() - facts.size() + i].name);
}

}  // namespace jetpack::report_issue
