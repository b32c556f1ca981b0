// throws.cpp: commands that throw what a careless author throws; the SDK must keep it inside.
#include <jetpack/plugin.hpp>

#include <new>
#include <stdexcept>
#include <string>

namespace {

int throw_error(const jetpack::Call&) {
  throw jetpack::Error(jetpack::Errc::unavailable, "cannot reach it: nobody answers");
}
int throw_usage(const jetpack::Call&) { throw jetpack::Error(jetpack::Errc::usage, "give less"); }
int throw_standard(const jetpack::Call&) { return static_cast<int>(std::string("short").at(100)); }
int throw_bad_alloc(const jetpack::Call&) { throw std::bad_alloc(); }
int throw_int(const jetpack::Call&) { throw 42; }
int ask_undeclared(const jetpack::Call& call) { return call.flag("undeclared") ? 1 : 0; }
int return_three(const jetpack::Call&) { return 3; }
int return_huge(const jetpack::Call&) { return 256; }
int return_negative(const jetpack::Call&) { return -1; }

}  // namespace

JETPACK_PLUGIN("test.throws", "1.0.0", jetpack::command("throw error", "An Error", throw_error),
               jetpack::command("throw usage", "A usage error", throw_usage),
               jetpack::command("throw standard", "A std::exception", throw_standard),
               jetpack::command("throw bad-alloc", "No memory", throw_bad_alloc),
               jetpack::command("throw int", "No exception class", throw_int),
               jetpack::command("throw undeclared", "Asks for an undeclared value", ask_undeclared),
               jetpack::command("throw three", "Returns 3", return_three),
               jetpack::command("throw huge", "Returns 256", return_huge),
               jetpack::command("throw negative", "Returns -1", return_negative));
