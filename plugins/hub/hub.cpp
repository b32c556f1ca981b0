// hub.cpp: declares the hub's commands.
#include "enroll.hpp"
#include "list.hpp"
#include "serve.hpp"

#include <jetpack/plugin.hpp>

namespace {

using jetpack::argument;
using jetpack::command;
using jetpack::description;
using jetpack::example;
using jetpack::flag;
using jetpack::option;

consteval jetpack::Parameter data() {
  return option("data", "DIR", "Where the hub keeps its data; by default hub in the home tree");
}

consteval jetpack::Parameter database() {
  return option("database", "URL",
                "postgresql://USER:PASSWORD@HOST:PORT/DATABASE; by default SQLite in --data");
}

consteval jetpack::Parameter list_action() {
  return argument("ACTION", "What to do").choices("list");
}

consteval jetpack::Parameter json() { return flag("json", "Print a JSON array"); }

consteval jetpack::Parameter limit() {
  return option("limit", 'n', "N", "How many, the newest").integer(1, 100'000).fallback("100");
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.hub", JETPACK_HUB_VERSION,
    command("hub serve", "Run an application server for clusters", hub::serve,
            description("Takes the messages of enrolled nodes over HTTPS, keeps them, and serves "
                        "the cluster page. Prints one JSON line when it is ready: the address, "
                        "the certificate of its authority, the process. Ends on SIGTERM."),
            data(), database(),
            option("listen", 'l', "HOST:PORT", "Address to listen on; port 0 takes a free one")
                .fallback("127.0.0.1:9443"),
            option("name", "NAME", "Host name or address for the certificate").repeated(),
            option("url", "URL", "Address that nodes are told; by default from --listen"),
            option("keep", "N", "Messages to keep; older ones go")
                .integer(1000, 1'000'000'000)
                .fallback("1000000"),
            example("jetpack hub serve --data /var/lib/hub --listen 0.0.0.0:9443 --name head",
                    "Serve a cluster whose nodes reach this machine as 'head'")),
    command("hub enroll", "Give a node an account and write its connection files", hub::enroll,
            description("Writes config/connection.json, config/jetpack.ini and config/ca.pem into "
                        "the node's home tree. Enrolling again gives a new password. The hub may "
                        "run meanwhile."),
            data(), database(), option("cluster", "NAME", "The node's cluster").required(),
            option("node", "NAME", "The node's name").required(),
            option("home", "HOME", "The node's home tree").required(),
            option("url", "URL", "Address of the hub; by default where it serves"),
            option("instance-id", "ID", "The machine's id; by default the known one, or a new one"),
            option("nodearray", "NAME", "The node array that it is of"),
            option("broker", "URL", "The node's broker: amqps://USER:PASSWORD@HOST:PORT/VHOST"),
            option("broker-ca", "FILE", "Certificates that the node trusts the broker by"),
            option("transport", "NAME", "How the node sends its messages").choices("https", "amqp"),
            example("jetpack hub enroll --cluster demo --node n1 --home /opt/cycle/jetpack",
                    "Make this machine node n1 of cluster demo")),
    command("hub admin", "Set an administrator's password for the cluster page", hub::admin,
            description("Makes the administrator if need be, and prints a new password, once."),
            data(), database(),
            option("name", "NAME", "The administrator's name").fallback("admin")),
    command("hub event", "List the events of this node's cluster", hub::list_events, list_action(),
            json(), limit(), flag("all", 'a', "Events of low priority too")),
    command("hub node", "List the nodes of this node's cluster", hub::list_nodes, list_action(),
            json()),
    command("hub message", "List the messages that the hub took", hub::list_messages, list_action(),
            json(), limit(), option("type", "TYPE", "Only messages of this type")));
