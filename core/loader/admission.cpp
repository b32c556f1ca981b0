// Decides whether a plugin may be loaded, and what it may do then.
#include "loader/admission.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include <jetpack/error.hpp>
#include "loader/audit.hpp"
#include "loader/elf_note.hpp"
#include "loader/manifest.hpp"
#include "loader/plugin_state.hpp"
#include "loader/policy.hpp"
#include "loader/refusal.hpp"
#include "support/encoding.hpp"
#include "support/sha256.hpp"
#include "support/text.hpp"
#include "support/trust.hpp"

namespace jetpack {

namespace {

constexpr uint64_t max_manifest = 16 << 20;
constexpr uint64_t max_signature = 4096;

// What holds where neither the policy nor the bundle says otherwise.
constexpr uint64_t default_memory = uint64_t{8} << 30;
constexpr uint64_t default_processes = 1024;

// A file of the bundle, which must not be a link.
support::TrustedFile open_in_bundle(const std::string& path) {
  support::TrustedFile file = support::open_trusted(path);
  if (file.path != path) throw Refusal(path + " is a symbolic link");
  if (file.links > 1) throw Refusal(path + " has several hard links");
  return file;
}

std::string read_in_bundle(const std::string& path, uint64_t max_bytes) {
  const auto file = open_in_bundle(path);
  auto text = support::read_bounded(file.fd.get(), max_bytes, path);
  if (!text) throw Refusal(path + " is larger than the limit of " + std::to_string(max_bytes));
  return *std::move(text);
}

// The whole of a file as it is now.
class Mapping {
 public:
  Mapping(const support::Fd& fd, uint64_t size) : size_(size) {
    if (size_ == 0) return;
    data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd.get(), 0);
    if (data_ == MAP_FAILED) throw Refusal("cannot be read: " + support::system_message(errno));
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (size_ > 0) ::munmap(data_, size_);
  }
  std::string_view text() const { return {static_cast<const char*>(data_), size_}; }

 private:
  uint64_t size_;
  void* data_ = nullptr;
};

void check_content(const support::TrustedFile& file, const BundleFile& expected) {
  if (file.size != expected.size)
    throw Refusal("it has " + std::to_string(file.size) + " bytes, its manifest says " +
                  std::to_string(expected.size) + "; install the bundle again");
  if (support::sha256_hex(Mapping(file.fd, file.size).text()) != expected.sha256)
    throw Refusal("its SHA-256 is not that of its manifest; install the bundle again");
}

// The library may have been replaced since its note was read for the command line.
void check_note(const support::TrustedFile& file, const Plugin& plugin) {
  if (read_note(FileReader(file.fd.get())).text != plugin.note->text())
    throw Refusal("it was replaced while it was looked at; try again");
}

// plugin.json.sig: "KEY_ID SIGNATURE PUBLIC_KEY".
std::string key_of(const std::string& bundle, const std::string& tree) {
  const std::string path = bundle + "/plugin.json.sig";
  if (::access(path.c_str(), F_OK) != 0) return {};
  const std::string record = read_in_bundle(path, max_signature);
  const std::string_view line = support::trimmed(record);
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    throw Refusal(path + " is damaged; install the bundle again");
  std::string key(line.substr(0, first));
  const auto raw = support::base64_decoded(line.substr(last + 1));
  constexpr size_t id_digits = 16;
  if (!raw || key.size() != id_digits || support::sha256_hex(*raw).substr(0, id_digits) != key)
    throw Refusal(path + " is damaged: the key's identifier is not that of its public key");
  try {
    support::open_trusted(tree + "/plugins/keys/" + key + ".pub");
  } catch (const Error& error) {
    if (error.code() != Errc::not_found) throw;
    throw Refusal("its key " + key + " is not among the trusted keys in " + tree +
                  "/plugins/keys; see 'jetpack plugin trust'");
  }
  return key;
}

std::optional<uint64_t> bounded(std::optional<uint64_t> asked, std::optional<uint64_t> most,
                                std::optional<uint64_t> usual = std::nullopt) {
  if (!asked) return most ? most : usual;
  return most ? std::min(*asked, *most) : asked;
}

Limits limits_for(const Limits& asked, const Limits& most) {
  return {bounded(asked.memory, most.memory, default_memory),
          bounded(asked.processes, most.processes, default_processes),
          bounded(asked.files, most.files), bounded(asked.cpu_ms, most.cpu_ms),
          bounded(asked.wall_ms, most.wall_ms)};
}

// Judges a bundle step by step; what is known so far is what a refusal is logged with.
class BundleJudge {
 public:
  explicit BundleJudge(const Plugin& plugin) : plugin_(plugin) {}

  Admission judge() {
    const support::TrustedFile seen = support::open_trusted(plugin_.bundle + "/plugin.json");
    bundle_ = support::parent_directory(seen.path);
    tree_ = plugin_.bundle.substr(0, plugin_.bundle.rfind("/plugins/active/"));
    // From here on, nobody else can write the tree: what is decided can be logged in it.
    is_logged_ = true;
    const Manifest manifest = Manifest::parse(
        read_in_bundle(bundle_ + "/plugin.json", max_manifest), bundle_ + "/plugin.json");
    id_ = manifest.id();
    version_ = manifest.version();
    const Policy policy = Policy::read(tree_);
    judge_policy(policy);
    judge_state();
    return open(manifest, policy);
  }

  void log(const std::string& reason) const {
    if (is_logged_) write_audit(tree_, {"load", id_, version_, key_, false, reason});
  }

 private:
  void judge_policy(const Policy& policy) {
    std::string fault;
    try {
      key_ = key_of(bundle_, tree_);
    } catch (const Refusal& refusal) {
      if (policy.signatures_required) fault = refusal.what();
    }
    const std::string objection = policy.objection(id_, version_, key_);
    // That it is not signed is a consequence of what is wrong with its signature.
    if (!fault.empty()) throw Refusal(fault);
    if (!objection.empty()) throw Refusal(objection);
  }

  void judge_state() const {
    const PluginState state = PluginState::read(tree_, id_);
    if (!state.disabled) return;
    throw Refusal("it is disabled" + (state.reason.empty() ? "" : " (" + state.reason + ")") +
                  "; enable it with 'jetpack plugin enable " + id_ + "'");
  }

  Admission open(const Manifest& manifest, const Policy& policy) const {
    const std::string library = plugin_.path.substr(plugin_.bundle.size() + 1);
    support::TrustedFile file = open_in_bundle(bundle_ + '/' + library);
    const auto expected = manifest.file(library);
    if (!expected) throw Refusal("its manifest does not list " + library);
    check_content(file, *expected);
    check_note(file, plugin_);
    Admission admission;
    admission.library = std::move(file.fd);
    admission.path = std::move(file.path);
    admission.is_bundle = true;
    admission.tree = tree_;
    admission.id = id_;
    admission.services = plugin_.note->needed_services();
    for (const auto& capability : manifest.capabilities())
      if (policy.grants(capability)) admission.capabilities.push_back(capability);
    admission.limits = limits_for(manifest.limits(), policy.limits);
    return admission;
  }

  const Plugin& plugin_;
  bool is_logged_ = false;
  std::string bundle_;  // without symbolic links
  std::string tree_;
  std::string id_, version_, key_;
};

Admission admit_bundle(const Plugin& plugin) {
  BundleJudge judge(plugin);
  try {
    return judge.judge();
  } catch (const std::runtime_error& error) {
    judge.log(error.what());
    throw Refusal(error.what());
  }
}

bool is_below(const std::string& path, const std::string& directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         (directory.ends_with('/') || path[directory.size()] == '/');
}

Admission admit_from_directory(const Plugin& plugin, const std::string& home) {
  support::TrustedFile file = support::open_trusted(plugin.path);
  const Policy policy = Policy::read(home);
  const bool is_named =
      plugin.is_named ||
      std::any_of(policy.directories.begin(), policy.directories.end(),
                  [&](const std::string& directory) { return is_below(plugin.path, directory); });
  if (::geteuid() == 0 && policy.signatures_required && !is_named)
    throw Refusal(
        "it is not signed; for root, name its directory with --plugin-path, or as "
        "'directories' in section [trust] of " +
        home + "/config/plugins.ini");
  check_note(file, plugin);
  Admission admission;
  admission.library = std::move(file.fd);
  admission.path = std::move(file.path);
  admission.limits = policy.limits;
  return admission;
}

}  // namespace

Admission admit(const Plugin& plugin, const std::string& home) {
  if (plugin.origin == Origin::bundle) return admit_bundle(plugin);
  try {
    return admit_from_directory(plugin, home);
  } catch (const Error& error) {
    throw Refusal(error.what());
  }
}

}  // namespace jetpack
