// jetpack/testing.hpp: runs the commands of a plugin in a unit test, against a node that the test
// makes up. The test is a program that includes the plugin's source, or links its object file:
//
//   #include "gpu.cpp"
//   #include <jetpack/testing.hpp>
//
//   jetpack::testing::FakeHost h;
//   h.config("gpu.count", 8).process("nvidia-smi", {.out = "0, A100\n"});
//   const auto r = h.run("gpu list", {"-i", "0"});
//   assert(r.code == 0 && r.out == "...");
//
// Nothing of it is needed when the plugin runs, and no test framework by it. All is for one thread,
// the one that runs the tests: [main-thread].
#pragma once

#include <jetpack/testing/command_line.hpp>
#include <jetpack/testing/config.hpp>
#include <jetpack/testing/node.hpp>
#include <jetpack/testing/note.hpp>
#include <jetpack/testing/process.hpp>
#include <jetpack/testing/session.hpp>
#include <jetpack/testing/storage.hpp>

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jetpack::testing {

// What a run of a command came to.
struct Result {
  int code = 0;     // the exit code: 2 for a wrong command line, 127 for an unknown command
  std::string out;  // standard output
  std::string err;  // standard error, with the line that jetpack prints of an error
};

namespace detail {

// A directory that is removed with its owner.
class Directory {
 public:
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "jetpack-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw Error(Errc::unavailable, "cannot create a directory in " +
                                         std::filesystem::temp_directory_path().string());
    path = pattern;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

// Standard input with a content, until destroyed.
class Input {
 public:
  explicit Input(const std::string& content) : before_(::dup(STDIN_FILENO)) {
    const int file = ::memfd_create("input", MFD_CLOEXEC);
    if (::write(file, content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
        ::lseek(file, 0, SEEK_SET) != 0 || ::dup2(file, STDIN_FILENO) < 0)
      throw Error(Errc::unavailable, "cannot replace standard input");
    ::close(file);
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input() {
    if (before_ < 0) return;
    ::dup2(before_, STDIN_FILENO);
    ::close(before_);
  }

 private:
  int before_;
};

// The plugin in a library. It is never unloaded, as jetpack does it.
inline const jp_plugin& plugin_in(const std::string& library) {
  void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  const void* entry = handle != nullptr ? ::dlsym(handle, JP_ENTRY) : nullptr;
  if (entry == nullptr) throw Error(Errc::not_found, "cannot load a plugin from " + library);
  return *static_cast<const jp_plugin*>(entry);
}

}  // namespace detail

// A node, and jetpack on it. What a test sets holds for all runs that follow; what is recorded is
// kept until the end.
class FakeHost {
 public:
  // For the plugin in this program. Throws Errc::not_found when there is none.
  FakeHost() : FakeHost(jetpack_plugin_v1) {}
  // For the plugin in a library: "build/gpu.so".
  explicit FakeHost(const std::string& library) : FakeHost(detail::plugin_in(library)) {}
  explicit FakeHost(const jp_plugin& plugin)
      : plugin_(plugin),
        note_(detail::note_of(&plugin)),
        config_(directory_.path + "/home"),
        storage_(directory_.path + "/locker"),
        conditions_(session_),
        self_(std::string(note_["id"].text_or("")), directory_.path) {
    for (const char* name : {"/home/config", "/home/logs", "/home/run", "/plugin"})
      std::filesystem::create_directories(directory_.path + name);
    host_.size = sizeof host_;
    host_.abi_major = JP_ABI_MAJOR;
    host_.abi_minor = JP_ABI_MINOR;
    host_.self = this;
    host_.version = boundary::borrow("0.0.0-test");
    host_.service = [](void* self, jp_str id, const void** table, jp_error* err) {
      return boundary::guard(
          err, [&] { *table = static_cast<FakeHost*>(self)->find(boundary::view(id)); });
    };
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  // Runs a command as `jetpack COMMAND WORDS...` does, but in this process: what crashes, crashes the
  // test. `--help` is jetpack's, and not known here.
  Result run(std::string_view command, const std::vector<std::string>& words = {}) {
    Result result;
    const std::string name(command);
    const Json* declaration = find_command(name);
    if (declaration == nullptr) {
      result.code = 127;
      result.err = "jetpack: there is no command '" + name + "'\n";
      return result;
    }
    try {
      result.code = run_declared(name, *declaration, words, result);
    } catch (const Error& e) {
      result.code = e.code() == Errc::usage ? 2 : 1;
      result.err += "jetpack " + name + ": " +
                    (e.code() == Errc::internal ? "internal error: " : "") + e.what() + '\n';
    }
    self_.end();
    return result;
  }

  // A value of the configuration, or a property, at a dotted key; the managed users.
  FakeHost& config(std::string_view key, Json value) {
    config_.configuration.set_path(key, std::move(value));
    return *this;
  }
  FakeHost& property(std::string_view key, Json value) {
    config_.properties.set_path(key, std::move(value));
    return *this;
  }
  FakeHost& users(Json list) {
    config_.users = std::move(list);
    return *this;
  }
  // All properties, with those that the plugin has set.
  const Json& properties() const { return config_.properties; }

  // A fact of who this node is: "cluster", "node"; see jp_session.identity.
  FakeHost& identity(const std::string& fact, std::string value) {
    session_.identity[fact] = std::move(value);
    return *this;
  }
  // What the server answers to "GET /clusters/demo"; with a query or for all of them. Anything else is
  // answered by 404. Requests to the metadata service are answered in the same way.
  FakeHost& reply(const std::string& request, uint32_t status, std::string body = {}) {
    session_.replies[request] = {status, std::move(body)};
    return *this;
  }
  // From now on messages are only queued, and requests fail.
  FakeHost& offline(std::string why = "the server refused the connection") {
    session_.offline = std::move(why);
    return *this;
  }
  const std::vector<Published>& published() const { return session_.published; }
  const std::vector<SentLetter>& letters() const { return session_.letters; }
  const std::vector<Requested>& requests() const { return session_.requests; }

  // What a program does that is started by this name, or with a command line that begins so; the
  // longest that fits counts. A program that is not scripted is not found.
  FakeHost& process(std::string program, Script script) {
    processes_.scripts.emplace_back(std::move(program), std::move(script));
    return *this;
  }
  const std::vector<Started>& processes() const { return processes_.started; }

  // The directory whose files are the blobs of the locker; the home; the plugin's own files.
  const std::string& locker() const { return storage_.root; }
  const std::string& home() const { return config_.home; }
  std::string plugin_dir() const { return directory_.path + "/plugin"; }

  const std::vector<LogLine>& log() const { return log_.lines; }
  std::vector<Condition> conditions() const { return Conditions(conditions_.table).list(); }

  // Standard input of the commands; with terminal() the answers to their questions.
  FakeHost& input(std::string text) {
    input_ = std::move(text);
    return *this;
  }
  // Whether the standard streams are a terminal; at first they are not.
  FakeHost& terminal(bool is_one = true) {
    terminal_ = is_one ? JP_IN_IS_TERMINAL | JP_OUT_IS_TERMINAL | JP_ERR_IS_TERMINAL : 0;
    return *this;
  }
  // Call::cancelled() says no so often, and then yes.
  FakeHost& cancel(int64_t after = 0) {
    self_.asked_before_cancelled = after;
    return *this;
  }
  // A service that this jetpack does not offer: JP_STORAGE.
  FakeHost& without(std::string service) {
    missing_.insert(std::move(service));
    return *this;
  }

 private:
  const Json* find_command(const std::string& name) const {
    bool is_known = false;
    for (const Json& entry : note_["commands"].elements())
      is_known |= entry["name"].text_or("") == name;
    static const Json without_parameters = Json::object();
    for (const Json& entry : note_["details"].elements())
      if (entry["command"].text_or("") == name) return &entry;
    return is_known ? &without_parameters : nullptr;
  }

  int run_declared(const std::string& name, const Json& declaration,
                   const std::vector<std::string>& words, Result& result) {
    for (const Json& needed : note_["requires"].elements()) find(needed.text_or(""));
    const detail::CommandLine line(
        declaration, words, [this](std::string_view key) -> std::optional<std::string> {
          const Json* value = config_.find(JP_TREE_CONFIG, key);
          return value == nullptr ? std::nullopt : std::optional(detail::plain(*value));
        });
    jp_call call{};
    call.size = sizeof call;
    call.terminal = terminal_;
    call.command = boundary::borrow(name);
    call.values = line.raw().data();
    call.value_count = static_cast<uint32_t>(line.raw().size());
    call.out = boundary::append_to(result.out);
    call.err = boundary::append_to(result.err);
    const detail::Input input(input_);
    void* self = nullptr;
    jp_error err{};
    boundary::check(plugin_.open(&host_, &self, &err), err);
    int32_t code = 0;
    const int32_t status = plugin_.run(self, &call, &code, &err);
    plugin_.close(self);
    boundary::check(status, err);
    if (code < 0 || code > 255)
      throw Error(Errc::internal, "the command returned " + std::to_string(code) +
                                      "; an exit code is from 0 to 255");
    return code;
  }

  const void* find(std::string_view id) {
    const std::pair<std::string_view, const void*> offered[] = {
        {JP_CONFIG, &config_.table},   {JP_SESSION, &session_.table},
        {JP_STORAGE, &storage_.table}, {JP_PROCESS, &processes_.table},
        {JP_LOG, &log_.table},         {JP_CONDITIONS, &conditions_.table},
        {JP_SELF, &self_.table}};
    for (const auto& [name, table] : offered)
      if (name == id && !missing_.contains(id)) return table;
    throw Error(Errc::unsupported, "this jetpack does not offer " + std::string(id));
  }

  detail::Directory directory_;
  const jp_plugin& plugin_;
  Json note_;
  detail::FakeConfig config_;
  detail::FakeSession session_;
  detail::FakeStorage storage_;
  detail::FakeProcess processes_;
  detail::FakeLog log_;
  detail::FakeConditions conditions_;
  detail::FakeSelf self_;
  std::set<std::string, std::less<>> missing_;
  std::string input_;
  uint32_t terminal_ = 0;
  jp_host host_{};
};

}  // namespace jetpack::testing
