// `jetpack run_on_shutdown`: registers scripts to run before this node is terminated.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>

#include <jetpack/plugin.hpp>
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/shutdown_scripts.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Call;
using jetpack::Errc;
using jetpack::Error;
using Scripts = std::vector<support::ShutdownScript>;

constexpr size_t max_scripts = 256;

std::string config_directory(const Call& call) {
  return call.service<jetpack::Config>().path("config");
}

// Why it would not be run; empty when it would.
std::string problem_of(const support::ShutdownScript& script) {
  try {
    const std::string real = support::runnable_script(script.path);
    return real == script.path ? "" : "a symbolic link now leads to " + real;
  } catch (const Error& e) {
    return e.what();
  }
}

int list_scripts(const Call& call) {
  const Scripts scripts = support::read_shutdown_scripts(config_directory(call));
  if (call.flag("json")) {
    const auto add = [](support::JsonWriter& json, const support::ShutdownScript& script) {
      support::Object object(json);
      object.text("path", script.path).text("registered", script.registered);
      const std::string problem = problem_of(script);
      if (!problem.empty()) object.text("problem", problem);
    };
    call.print(support::shown_json(support::json_array(scripts, add)));
    return 0;
  }
  if (scripts.empty()) call.report("No scripts are registered.\n");
  if (!scripts.empty()) call.print("REGISTERED                STATE    SCRIPT\n");
  for (const auto& script : scripts) {
    const std::string problem = problem_of(script);
    call.print(support::padded(support::one_line(script.registered), 24) +
               (problem.empty() ? "  ok       " : "  refused  ") + support::one_line(script.path) +
               '\n');
    if (!problem.empty()) call.report("jetpack run_on_shutdown: " + problem + '\n');
  }
  return 0;
}

// The registered scripts, with the lock that serializes changes.
class Registry {
 public:
  explicit Registry(const Call& call)
      : directory_(config_directory(call)),
        lock_(support::FileLock::wait(directory_ + "/.run_on_shutdown.lock", 0600)) {
    try {
      scripts_ = support::read_shutdown_scripts(directory_);
    } catch (const Error& e) {
      if (e.code() != Errc::corrupt) throw;
      call.report("jetpack run_on_shutdown: " + std::string(e.what()) + "; moved to " +
                  support::move_aside(support::shutdown_scripts_file(directory_)) +
                  "; starting with an empty list\n");
    }
  }

  // False when it is registered already.
  bool add(const std::string& path) {
    const auto is_same = [&](const auto& script) { return script.path == path; };
    if (std::any_of(scripts_.begin(), scripts_.end(), is_same)) return false;
    if (scripts_.size() >= max_scripts)
      throw Error(Errc::failed, "cannot register " + path + ": the limit is " +
                                    std::to_string(max_scripts) + " scripts; --remove some");
    scripts_.push_back({path, support::iso_8601(std::chrono::system_clock::now())});
    support::write_shutdown_scripts(directory_, scripts_);
    return true;
  }

  bool remove(std::string_view path) {
    const auto is_same = [&](const auto& script) { return script.path == path; };
    if (std::erase_if(scripts_, is_same) == 0) return false;
    support::write_shutdown_scripts(directory_, scripts_);
    return true;
  }

 private:
  std::string directory_;
  support::FileLock lock_;
  Scripts scripts_;
};

void report_change(const Call& call, const std::string& path, bool is_done, const char* done,
                   const char* instead) {
  if (is_done)
    call.service<jetpack::Log>().info("run_on_shutdown: " + support::one_line(path) + ' ' + done);
  if (call.flag("json"))
    call.print(support::shown_json(support::json_object(
        [&](support::Object& json) { json.text("path", path).boolean(done, is_done); })));
  else
    call.report("jetpack run_on_shutdown: " + support::one_line(path) + ": " +
                (is_done ? done : instead) + '\n');
}

int add_script(const Call& call, const std::string& path) {
  const std::string real = support::runnable_script(path);
  report_change(call, real, Registry(call).add(real), "registered", "already registered");
  return 0;
}

// By the path that --list shows, or, while it still leads there, the one that was given.
int remove_script(const Call& call, const std::string& path) {
  Registry registry(call);
  std::string removed = path;
  bool is_removed = registry.remove(path);
  if (!is_removed) {
    std::array<char, PATH_MAX> real{};
    if (::realpath(path.c_str(), real.data()) != nullptr) {
      removed = real.data();
      is_removed = registry.remove(removed);
    }
  }
  if (!is_removed)
    throw Error(Errc::not_found, "'" + support::one_line(path) +
                                     "' is not registered; 'jetpack run_on_shutdown --list' shows "
                                     "what is");
  report_change(call, removed, true, "removed", "");
  return 0;
}

// Root runs what is registered, so nobody else may register: neither a member of the group nor, where
// the tree is a user's own, another user.
void require_owner(const std::string& directory) {
  struct stat info {};
  const bool is_owner = ::stat(directory.c_str(), &info) == 0 && info.st_uid == ::geteuid();
  if (::geteuid() != 0 && !is_owner)
    throw Error(Errc::denied, "only root can change what runs before the node is terminated");
}

int run_on_shutdown(const Call& call) {
  const auto script = call.text("SCRIPT"), removed = call.text("remove");
  if ((script ? 1 : 0) + (removed ? 1 : 0) + (call.flag("list") ? 1 : 0) != 1)
    throw Error(Errc::usage, "specify SCRIPT, --remove PATH or --list");
  if (call.flag("list")) return list_scripts(call);
  require_owner(config_directory(call));
  return script ? add_script(call, std::string(*script))
                : remove_script(call, std::string(*removed));
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.run_on_shutdown", "1.0.0", jetpack::needs<jetpack::Config, jetpack::Log>(),
    jetpack::command(
        "run_on_shutdown", "Register a script to run before this node is terminated",
        run_on_shutdown,
        jetpack::argument("SCRIPT", "Absolute path of an executable file").optional(),
        jetpack::flag("list", "List the registered scripts in the order in which they run"),
        jetpack::option("remove", "PATH", "Remove a script from the list; the file stays"),
        jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "When the cloud gives notice that it terminates this node, jetpackd runs the "
            "registered scripts as root, in the order in which they were registered. "
            "Registering a script again changes nothing. A symbolic link is resolved when it is "
            "registered.\n\n"
            "Only root can register a script. It must be an executable file that, with every "
            "directory above it, belongs to root and can be written by nobody else; this is "
            "checked again before it runs, and --list shows what would be refused and why."),
        jetpack::example("jetpack run_on_shutdown /opt/site/drain.sh", "Register a script"),
        jetpack::example("jetpack run_on_shutdown --list", "List the scripts")));
