// Loads a plugin and runs one of its commands.
#include "cli/run_command.hpp"

#include <unistd.h>

#include <cerrno>

#include <jetpack/boundary.hpp>
#include "cli/report.hpp"
#include "cli/run_apart.hpp"
#include "cli/standard_streams.hpp"
#include "loader/admission.hpp"
#include "loader/refusal.hpp"
#include "services/self/cancellation.hpp"
#include "support/files.hpp"
#include "support/library.hpp"
#include "support/trust.hpp"

namespace jetpack {

namespace {

// Standard output, written at once, that remembers why it failed.
class Answer {
 public:
  jp_sink sink() noexcept {
    return {this, [](void* ctx, const char* data, size_t size) noexcept -> int32_t {
              return static_cast<Answer*>(ctx)->write(data, size) ? 0 : 1;
            }};
  }
  int error() const noexcept { return error_; }

 private:
  bool write(const char* data, size_t size) noexcept {
    while (size > 0) {
      const ssize_t written = ::write(STDOUT_FILENO, data, size);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        error_ = errno;
        return false;
      }
      data += written;
      size -= static_cast<size_t>(written);
    }
    return true;
  }

  int error_ = 0;
};

jp_sink person() noexcept {
  return {nullptr, [](void*, const char* data, size_t size) noexcept -> int32_t {
            write_to_person({data, size});
            return 0;
          }};
}

std::string trusted(const std::string& path) {
  try {
    return support::trusted_path(path);
  } catch (const Error& e) {
    throw Refusal(e.what());
  }
}

// Without an admission: a built-in.
const jp_plugin& load(const Plugin& plugin, const Admission* admission) {
  const jp_plugin* entry = nullptr;
  try {
    entry = static_cast<const jp_plugin*>(
        admission != nullptr ? load_entry(*admission)
                             : support::load_symbol(trusted(plugin.path), JP_ENTRY));
  } catch (const Error& e) {
    throw Refusal(std::string("it cannot be loaded: ") + e.what());
  }
  if (entry == nullptr) throw Refusal("it does not export " JP_ENTRY);
  const jp_plugin& table = *entry;
  if (table.size < sizeof(jp_plugin) || table.abi_major != JP_ABI_MAJOR ||
      table.abi_minor > JP_ABI_MINOR)
    throw Refusal("its entry disagrees with its note: ABI " + std::to_string(table.abi_major) +
                  "." + std::to_string(table.abi_minor) + ", " + std::to_string(table.size) +
                  " bytes");
  return table;
}

uint32_t terminals() {
  uint32_t flags = 0;
  if (::isatty(STDOUT_FILENO) != 0) flags |= JP_OUT_IS_TERMINAL;
  if (::isatty(STDERR_FILENO) != 0) flags |= JP_ERR_IS_TERMINAL;
  if (::isatty(STDIN_FILENO) != 0) flags |= JP_IN_IS_TERMINAL;
  return flags;
}

int run_here(const Plugin& plugin, const Admission* admission, const CommandNote& command,
             const Values& values, HostServices& services) {
  const jp_plugin& table = load(plugin, admission);
  void* self = nullptr;
  jp_error err{};
  boundary::check(table.open(&services.table(), &self, &err), err);

  Answer out;
  jp_call call{};
  call.size = sizeof call;
  call.terminal = terminals();
  call.command = boundary::borrow(command.name);
  call.values = values.raw().data();
  call.value_count = static_cast<uint32_t>(values.raw().size());
  call.out = out.sink();
  call.err = person();
  int32_t exit_code = 0;
  const int32_t status = table.run(self, &call, &exit_code, &err);
  table.close(self);
  if (out.error() != 0) fail_to_print(out.error());
  boundary::check(status, err);
  // A command that was cancelled and did not succeed ends as the signal would have ended it.
  if (exit_code != 0 && arrived_signal() != 0) return 128 + arrived_signal();
  if (exit_code < 0 || exit_code > 255)
    throw Error(Errc::internal, "the command returned " + std::to_string(exit_code) +
                                    "; an exit code is from 0 to 255");
  return exit_code;
}

// Whatever ends the command.
struct RemoveTempDir {
  const SelfService& self;
  ~RemoveTempDir() { self.end(); }
};

}  // namespace

int run_command(const Plugin& plugin, const CommandNote& command, const Values& values,
                HostServices& services) {
  services.begin_command(command.name);
  services.begin_plugin(plugin.note->id(), plugin.path, plugin.origin == Origin::builtin);
  const RemoveTempDir removal{services.self()};
  if (plugin.origin == Origin::builtin) return run_here(plugin, nullptr, command, values, services);
  services.self().choose_temp_dir();
  const Admission admission = admit(plugin, services.home().root());
  end_apart(services, run_apart(plugin, admission, command, services, false, [&] {
              if (admission.is_bundle) services.restrict_to(admission.services);
              return run_here(plugin, &admission, command, values, services);
            }));
}

}  // namespace jetpack
