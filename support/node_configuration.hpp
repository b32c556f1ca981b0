// A node's configuration, for all who bring it up to date: jetpackd, `initialize`, `converge`.
//
// In config/, lowest first:
//   attributes.json     what Chef or ohai found
//   facts.json          what the agent knows of its node: see node_facts.hpp
//   local.json          what an administrator wrote: also into node.json, before the agent ran
//   configuration.json  what the server says
//   properties.json     the node's properties
//   node.json           all of it merged; only written, never read, where there is a facts.json
//   auth.json           the users that the server wants on the node
//   userdata.json       which version of the server's part was applied, users and all
//   properties.base.json  the properties as the facts and the server last had them
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <jetpack/call.hpp>
#include <jetpack/config.hpp>
#include <jetpack/process.hpp>
#include <jetpack/session.hpp>
#include "support/log_file.hpp"
#include "support/userdata.hpp"

namespace jetpack::support {

// What the cloud's metadata service answered.
struct Metadata {
  std::string json;     // an object; empty when there was no usable answer
  std::string problem;  // then: why
};

// Asks the service; takes two seconds at most. May run in a thread of its own.
Metadata read_metadata(const Session& session);

// What this machine is, by the names of Ohai: some milliseconds, but seconds where name servers or
// file systems hang. May run in a thread of its own, too.
std::string read_machine(const LogFile& log);

// Writers of several processes wait for each other. All members throw as write_durably, and
// Errc::failed when another process is at it for too long.
class NodeConfiguration {
 public:
  // What is done, and what is wrong with a part of the configuration, goes to `log`.
  NodeConfiguration(const Call& call, const LogFile& log);

  // Brings facts.json, the properties that follow from it and node.json up to date: without
  // the server, at once. On another instance than the last time, what belonged to that one is
  // removed first, and true is returned: fetch() now. Without `metadata`, what was known of this
  // instance stays. `machine` is what read_machine() returned.
  bool update_facts(const Metadata& metadata, const std::string& machine);
  bool update_facts(const Metadata& metadata = {}) {
    return update_facts(metadata, read_machine(log_));
  }

  struct Fetched {
    std::string version;
    std::optional<Userdata> userdata;  // nullopt: nothing has changed since it was applied
    std::string rejection;  // not empty: the server knows or trusts this node not; what to do
  };

  // node.json alone, after another has changed one of the files that it is made of.
  void write_node() const;

  // Fetches the userdata and writes configuration.json, properties.json, auth.json and node.json.
  // The users are only written down: jetpackd creates them. Throws Errc::unavailable when there is
  // no answer, Errc::corrupt when it is not userdata; then nothing has changed. `interval`: until
  // the next fetch, for the server to know when the node is overdue; 0: nobody fetches regularly.
  Fetched fetch(std::chrono::seconds interval = {});

  // All of it, as a verb does it: facts with metadata, then fetch(). When fetch() throws, the facts
  // are there.
  Fetched refresh();

  // Writes attributes.json from ohai, where it is installed and cyclecloud.jetpack.ohai asks for
  // it: a verb may, whose caller waits, while a daemon has messages to deliver.
  void run_ohai();

  // Everything of this version is applied, users and all: until there is another, fetch() gets
  // nothing.
  void save_as_applied(const std::string& version);

 private:
  // config/properties.base.json: what was merged into properties.json last, what is about to be, and
  // the server's part of it.
  struct Base {
    rapidjson::Document merged, pending, sent;
  };

  bool write_facts(const Metadata& metadata, const std::string& machine);
  void report(uint32_t level, const std::string& problem);
  void keep_handwritten_node() const;
  void forget_other_instance() const;
  void write_properties(const rapidjson::Value& sent);
  rapidjson::Document read_object(const std::string& name, bool& exists) const;
  void apply(const Userdata& userdata);
  bool has_all_files() const;
  std::optional<rapidjson::Document> read_private(const char* name);
  std::string applied_version();
  void save_version(const std::string& version) const;
  Base load_base();
  void save_base(const Base& base) const;

  Session session_;
  Config config_;
  Process process_;
  const LogFile& log_;
  std::string version_;
  std::string unreadable_;  // why one of the last two could not be read
  std::string problem_;     // with the metadata or the connection's files, when reported last
};

}  // namespace jetpack::support
