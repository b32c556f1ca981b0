// Decides whether a plugin may be loaded, and what it may do then.
#include "loader/admission.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <jetpack/abi.h>
#include <jetpack/error.hpp>
#include "loader/audit.hpp"
#include "loader/elf_note.hpp"
#include "loader/manifest.hpp"
#include "loader/plugin_state.hpp"
#include "loader/policy.hpp"
#include "loader/refusal.hpp"
#include "support/encoding.hpp"
#include "support/library.hpp"
#include "support/sha256.hpp"
#include "support/text.hpp"
#include "support/trust.hpp"

namespace jetpack {

namespace {

constexpr uint64_t max_manifest = 16 << 20;
constexpr uint64_t max_signature = 4096;
constexpr std::string_view active = "/plugins/active/";

// What holds where neither the policy nor the bundle says otherwise.
constexpr uint64_t default_memory = uint64_t{8} << 30;
constexpr uint64_t default_processes = 1024;

std::string read_plain(support::TrustedTree& tree, const std::string& name, uint64_t max_bytes) {
  const auto file = tree.open(name);
  auto text = support::read_bounded(file.fd.get(), max_bytes, file.path);
  if (!text) throw Refusal(file.path + " is larger than the limit of " + std::to_string(max_bytes));
  return *std::move(text);
}

// "plugins/store/ID/VERSION", where the link plugins/active/NAME leads to.
std::string active_place(support::TrustedTree& tree, const std::string& name) {
  tree.judge_directory("plugins/active");
  const std::string link = tree.path() + "/plugins/active/" + name;
  std::array<char, 1024> target;
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  if (size < 0 && errno == EINVAL) return "plugins/active/" + name;
  const std::string_view text(target.data(), size < 0 ? 0 : static_cast<size_t>(size));
  constexpr std::string_view start = "../store/";
  if (!text.starts_with(start) || text.size() == target.size())
    throw Refusal(link + " is not a link to ../store/ID/VERSION");
  return "plugins/store/" + std::string(text.substr(start.size()));
}

std::string hash_of(const support::TrustedFile& file) {
  // So small that it stays in the cache, and that few pages are touched for the first time.
  std::array<char, 16 << 10> piece;
  support::Sha256 hash;
  for (uint64_t at = 0; at < file.size;) {
    const ssize_t size =
        ::pread(file.fd.get(), piece.data(), std::min<uint64_t>(piece.size(), file.size - at),
                static_cast<off_t>(at));
    if (size < 0) throw Refusal("cannot be read: " + support::system_message(errno));
    if (size == 0) break;
    hash.update({piece.data(), static_cast<size_t>(size)});
    at += static_cast<uint64_t>(size);
  }
  return support::hex(hash.finish());
}

void check_content(const support::TrustedFile& file, const BundleFile& expected) {
  if (file.size != expected.size)
    throw Refusal("it has " + std::to_string(file.size) + " bytes, its manifest says " +
                  std::to_string(expected.size) + "; install the bundle again");
  if (hash_of(file) != expected.sha256)
    throw Refusal("its SHA-256 is not that of its manifest; install the bundle again");
}

// What has the note: the library, or the file beside a program. It may have been replaced since the
// note was read for the command line.
void check_note(const support::TrustedFile& file, const Plugin& plugin) {
  const bool is_same =
      plugin.program.empty()
          ? read_note(FileReader(file.fd.get())).text == plugin.note->text()
          : support::read_bounded(file.fd.get(), JP_NOTE_MAX, file.path) == plugin.note->text();
  if (!is_same) throw Refusal("it was replaced while it was looked at; try again");
}

// plugin.json.sig: "KEY_ID SIGNATURE PUBLIC_KEY".
std::string key_of(support::TrustedTree& tree, const std::string& place) {
  const std::string path = place + "/plugin.json.sig";
  std::string record;
  try {
    record = read_plain(tree, path, max_signature);
  } catch (const Error& error) {
    if (error.code() == Errc::not_found) return {};
    throw;
  }
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
    tree.open("plugins/keys/" + key + ".pub");
  } catch (const Error& error) {
    if (error.code() != Errc::not_found) throw;
    throw Refusal("its key " + key + " is not among the trusted keys in " + tree.path() +
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
  // `at` is where the path of the bundle goes on with /plugins/active/.
  BundleJudge(const Plugin& plugin, size_t at)
      : plugin_(plugin),
        tree_(plugin.path.substr(0, at)),
        place_(active_place(tree_, plugin.bundle().substr(at + active.size()))) {}

  Admission judge() {
    const std::string name = place_ + "/plugin.json";
    const Manifest manifest =
        Manifest::parse(read_plain(tree_, name, max_manifest), tree_.path() + '/' + name);
    id_ = manifest.id();
    version_ = manifest.version();
    const Policy policy = Policy::read(tree_.path());
    judge_policy(policy);
    judge_state();
    return open(manifest, policy);
  }

  void log(const std::string& reason) const {
    write_audit(tree_.path(), {"load", id_, version_, key_, false, reason});
  }

 private:
  void judge_policy(const Policy& policy) {
    std::string fault;
    try {
      key_ = key_of(tree_, place_);
    } catch (const Refusal& refusal) {
      if (policy.signatures_required) fault = refusal.what();
    }
    const std::string objection = policy.objection(id_, version_, key_);
    // That it is not signed is a consequence of what is wrong with its signature.
    if (!fault.empty()) throw Refusal(fault);
    if (!objection.empty()) throw Refusal(objection);
  }

  void judge_state() const {
    const PluginState state = PluginState::read(tree_.path(), id_);
    if (!state.disabled) return;
    throw Refusal("it is disabled" + (state.reason.empty() ? "" : " (" + state.reason + ")") +
                  "; enable it with 'jetpack plugin enable " + id_ + "'");
  }

  // A file of the bundle that is what the manifest says.
  support::TrustedFile open_listed(const Manifest& manifest, const std::string& path) {
    const std::string name = path.substr(plugin_.bundle_size + 1);
    support::TrustedFile file = tree_.open(place_ + '/' + name);
    const auto expected = manifest.file(name);
    if (!expected) throw Refusal("its manifest does not list " + name);
    check_content(file, *expected);
    return file;
  }

  Admission open(const Manifest& manifest, const Policy& policy) {
    support::TrustedFile file = open_listed(manifest, plugin_.path);
    check_note(file, plugin_);
    if (const auto what = manifest.disagreement(*plugin_.note); !what.empty()) throw Refusal(what);
    if (!plugin_.program.empty()) file = open_listed(manifest, plugin_.program);
    Admission admission;
    admission.library = std::move(file.fd);
    admission.path = std::move(file.path);
    admission.is_bundle = true;
    admission.tree = tree_.path();
    admission.id = id_;
    for (const auto service : plugin_.note->needed_services())
      admission.services.emplace_back(service);
    for (const auto& capability : manifest.capabilities())
      if (policy.grants(capability)) admission.capabilities.push_back(capability);
    admission.limits = limits_for(manifest.limits(), policy.limits);
    return admission;
  }

  const Plugin& plugin_;
  support::TrustedTree tree_;
  std::string place_;  // of the bundle in the tree
  std::string id_, version_, key_;
};

Admission admit_bundle(const Plugin& plugin) {
  const size_t at = plugin.bundle().rfind(active);
  if (at == std::string::npos) throw Refusal(plugin.bundle() + " is not in plugins/active");
  // Until the tree has been judged, nothing is written to it.
  BundleJudge judge(plugin, at);
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
  if (!plugin.program.empty()) file = support::open_trusted(plugin.program, file);
  Admission admission;
  admission.library = std::move(file.fd);
  admission.path = std::move(file.path);
  admission.limits = policy.limits;
  return admission;
}

}  // namespace

Admission admit(const Plugin& plugin, const std::string& home) {
  try {
    Admission admission =
        plugin.origin == Origin::bundle ? admit_bundle(plugin) : admit_from_directory(plugin, home);
    if (plugin.program.empty())
      admission.is_loaded_by_path = support::searches_beside_itself(admission.library.get());
    return admission;
  } catch (const Error& error) {
    throw Refusal(error.what());
  }
}

const void* load_entry(const Admission& admission) {
  if (admission.is_loaded_by_path) return support::load_symbol(admission.path, JP_ENTRY);
  return support::load_open_symbol(admission.library.get(), admission.path, JP_ENTRY);
}

}  // namespace jetpack
