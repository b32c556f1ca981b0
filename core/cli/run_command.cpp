// Loads a plugin and runs one of its commands.
#include "cli/run_command.hpp"

#include <unistd.h>

#include <cerrno>

#include <jetpack/boundary.hpp>
#include "cli/report.hpp"
#include "cli/standard_streams.hpp"
#include "loader/admission.hpp"
#include "loader/audit.hpp"
#include "loader/isolation.hpp"
#include "loader/plugin_state.hpp"
#include "loader/refusal.hpp"
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
        admission != nullptr
            ? support::load_open_symbol(admission->library.get(), admission->path, JP_ENTRY)
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
  // What a process cannot end with is at least not a success.
  return exit_code >= 0 && exit_code <= 255 ? exit_code : exit_failed;
}

// Counts what a bundle does to itself; the third time disables it.
void remember_crash(const Admission& admission, const std::string& what) {
  try {
    const PluginState state = record_crash(admission.tree, admission.id, what);
    if (!state.disabled) return;
    tell("jetpack: plugin " + admission.id + " is now disabled, because it crashed " +
         std::to_string(state.crashes) + " times; enable it with 'jetpack plugin enable " +
         admission.id + "'");
    write_audit(admission.tree, {"disable", admission.id, "", "", true, what});
  } catch (const Error&) {
    // Who may not write the tree cannot disable a plugin for others.
  }
}

void log_fault(const HostServices& services, const std::string& name, const Ending& ending) {
  std::string text = "plugin " + name + ' ' + ending.fault;
  if (!ending.last_words.empty()) text += "; it wrote last:\n" + ending.last_words;
  const jp_log& log = services.log().table();
  log.write(log.self, JP_LEVEL_ERROR, boundary::borrow(text));
}

int run_apart(const Plugin& plugin, const Admission& admission, const CommandNote& command,
              const Values& values, HostServices& services) {
  Isolation isolation;
  isolation.name = plugin.note->id() + " in 'jetpack " + command.name + "'";
  isolation.limits = admission.limits;
  if (admission.is_bundle) isolation.granted = admission.capabilities;
  const Ending ending = run_isolated(isolation, [&] {
    if (admission.is_bundle) services.restrict_to(admission.services);
    return report_failure(command, plugin,
                          [&] { return run_here(plugin, &admission, command, values, services); });
  });
  if (!ending.fault.empty()) log_fault(services, isolation.name, ending);
  if (ending.crashed && admission.is_bundle)
    remember_crash(admission, "jetpack " + command.name + ' ' + ending.fault);
  return ending.code;
}

}  // namespace

int run_command(const Plugin& plugin, const CommandNote& command, const Values& values,
                HostServices& services) {
  services.begin_command(command.name);
  if (plugin.origin == Origin::builtin) return run_here(plugin, nullptr, command, values, services);
  return run_apart(plugin, admit(plugin, services.home().root()), command, values, services);
}

}  // namespace jetpack
