// `jetpack join`: makes this machine a node of a hub's cluster.
#include <unistd.h>

#include <array>
#include <string>

#include <jetpack/plugin.hpp>
#include "joining/hub_door.hpp"
#include "services/node/node_settings.hpp"
#include "support/connection_files.hpp"
#include "support/encoding.hpp"
#include "support/enrollment.hpp"
#include "support/files.hpp"
#include "support/home_tree.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/random.hpp"
#include "support/text.hpp"
#include "support/url.hpp"

namespace jetpack::joining {

namespace {

constexpr uint64_t max_secret = 4096, max_pending = 64 << 10;
constexpr size_t password_bytes = 32;

// Takes "head:9443" too.
std::string hub_url(const Call& call) {
  std::string text(*call.text("URL"));
  if (text.find("://") == std::string::npos) text.insert(0, "https://");
  support::Url url;
  try {
    url = support::parse_url(text, "URL");
  } catch (const Error& error) {
    throw Error(Errc::usage, error.what());
  }
  if (url.scheme != "https") throw Error(Errc::usage, "URL must begin with https://");
  return url.text();
}

// A token on a command line can be read by everybody on the machine.
std::string token_option(const Call& call) {
  const std::string given(*call.text("token"));
  if (!given.starts_with('@') && given != "-") return std::string(support::trimmed(given));
  const std::string text = support::read_input(given == "-" ? given : given.substr(1), max_secret);
  return std::string(support::trimmed(text.substr(0, text.find('\n'))));
}

// The name of this machine, without its domain.
std::string node_option(const Call& call) {
  if (const auto given = call.text("node")) return std::string(*given);
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0')
    throw Error(Errc::failed, "failed to read this machine's name; give the node's with --node");
  const std::string whole = name.data();
  return whole.substr(0, whole.find('.'));
}

std::string proxy_for(const Call& call, const std::string& url) {
  const auto none = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  return node::NodeSettings(call.service<Config>().path("config"), none, [](const std::string&) {})
      .proxy(url);
}

// What this machine asks for, on disk before it asks: when it is killed before it has the answer, it
// asks for the same again, and the hub knows it by its password.
class Pending {
 public:
  Pending(const std::string& home, const std::string& url)
      : path_(home + "/config/join.json"), url_(url) {}

  Application prepare(Application application) const {
    if (const auto text = support::read_private_file(path_, max_pending)) {
      const auto json = support::Json::parse(*text, path_);
      const auto is = [&](const char* name, const std::string& value) {
        return support::text_or(json.root(), name, "") == value;
      };
      if (is("url", url_) && is("node", application.node)) {
        application.password = support::text_or(json.root(), "password", "");
        application.instance_id = support::text_or(json.root(), "instance_id", "");
        return application;
      }
    }
    application.password = support::hex(support::random_bytes(password_bytes));
    if (application.instance_id.empty()) application.instance_id = support::random_uuid();
    const std::string text = support::json_object([&](support::Object& object) {
      object.text("url", url_).text("node", application.node);
      object.text("password", application.password).text("instance_id", application.instance_id);
    });
    support::write_durably(path_, text + '\n', 0600);
    return application;
  }

  void remove() const { ::unlink(path_.c_str()); }

 private:
  std::string path_, url_;
};

int answer(const Call& call, const support::Enrollment& node, const std::string& home,
           bool is_new) {
  if (call.flag("json")) {
    call.print(support::shown_json(support::json_object([&](support::Object& object) {
      object.text("action", is_new ? "join" : "none").text("cluster", node.cluster);
      object.text("node", node.node).text("url", node.url).text("home", home);
    })));
    return 0;
  }
  const std::string who = "node " + support::one_line(node.node) + " of cluster " +
                          support::one_line(node.cluster) + " at " + node.url;
  call.print(is_new ? "Joined as " + who + "\n" : "This machine is already " + who + "\n");
  if (is_new) call.report("Next: jetpack initialize\n");
  return 0;
}

// Who this machine is already, at this hub; with another it is refused.
std::optional<support::Enrollment> known_node(const std::string& home, const std::string& url) {
  const auto files = support::ConnectionFiles::read(home + "/config");
  if (!files.url() || !files.password()) return std::nullopt;
  if (*files.url() != url)
    throw Error(Errc::failed, "this machine is a node of " + *files.url() +
                                  " already; give --force to join " + url + " instead");
  support::Enrollment node;
  node.url = url;
  node.cluster = files.cluster().value_or("");
  node.node = files.node().value_or("");
  return node;
}

int join(const Call& call) {
  const std::string url = hub_url(call), home = call.service<Config>().path("");
  const std::string root =
      home.size() > 1 && home.ends_with('/') ? home.substr(0, home.size() - 1) : home;
  if (!call.flag("force"))
    if (const auto node = known_node(root, url)) return answer(call, *node, root, false);
  const auto hash = call.text("ca-hash");
  const std::string wanted_hash = hash ? parse_hash(*hash) : "";
  Application application{token_option(call), node_option(call), "",
                          std::string(call.text("instance-id").value_or(""))};
  support::create_home_tree(root);
  HubDoor hub(url, proxy_for(call, url), *call.duration("retry-for"));
  support::Enrollment node;
  if (!wanted_hash.empty()) node.authority = hub.trust_authority(wanted_hash);
  const Pending pending(root, url);
  application = pending.prepare(std::move(application));
  const Membership membership = hub.join(application);
  node.url = url;
  node.cluster = membership.cluster;
  node.node = membership.node;
  node.username = membership.username;
  node.password = application.password;
  node.instance_id = application.instance_id;
  node.userdata_id = membership.userdata_id;
  support::write_enrollment(root, node);
  pending.remove();
  return answer(call, node, root, true);
}

}  // namespace

}  // namespace jetpack::joining

using jetpack::argument;
using jetpack::flag;
using jetpack::option;

JETPACK_PLUGIN(
    "jetpack.join", "1.0.0", jetpack::needs<jetpack::Config>(),
    jetpack::command(
        "join", "Make this machine a node of a hub's cluster", jetpack::joining::join,
        jetpack::description(
            "Asks the hub at URL for an account, with a token that 'jetpack hub join-token create' "
            "printed, and writes config/connection.json, config/jetpack.ini and config/ca.pem. A "
            "machine that has joined this hub is left as it is. The hub is known by the hash of "
            "its "
            "certificate authority; without --ca-hash its certificate must be one that this "
            "machine trusts."),
        argument("URL", "Address of the hub"),
        option("token", "TOKEN", "The join token; @FILE reads it from FILE, - from standard input")
            .required(),
        option("ca-hash", "HASH", "SHA-256 of the hub's certificate authority"),
        option("node", "NAME", "The node's name; by default this machine's"),
        option("instance-id", "ID", "The machine's id; by default a new one"),
        option("retry-for", "DURATION", "How long to try while the hub cannot be reached")
            .duration()
            .fallback("2m"),
        flag("force", "Join even if this machine is a node already"), flag("json", "Print JSON"),
        jetpack::example("jetpack join https://head:9443 --token @token --ca-hash sha256:1f...",
                         "Join, for instance from a cloud-init script"),
        jetpack::example("jetpack join head.example:9443 --token - --node gpu-7 < token",
                         "Join as gpu-7 a hub with a certificate that the system trusts")));
