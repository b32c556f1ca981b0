// hub.cpp: declares the hub's commands.
#include <jetpack/plugin.hpp>
#include "commands/administer.hpp"
#include "commands/blobs.hpp"
#include "commands/enroll.hpp"
#include "commands/list.hpp"
#include "commands/serve.hpp"

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

consteval jetpack::Parameter json() { return flag("json", "Print JSON"); }

consteval jetpack::Parameter cluster() {
  return option("cluster", 'c', "NAME", "The cluster; by default the node's own, or all");
}

consteval jetpack::Parameter limit() {
  return option("limit", 'n', "N", "How many, the newest").integer(1, 100'000).fallback("100");
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.hub", JETPACK_HUB_VERSION,
    command("hub serve", "Run an application server for clusters", jetpack::hub::serve,
            description("Takes the messages of enrolled nodes over HTTPS, keeps them, and serves "
                        "the cluster page. Prints one JSON line when it is ready: the address, "
                        "the certificate of its authority, the process. Ends on SIGTERM."),
            data(), database(),
            option("broker", "URL",
                   "Take messages from RabbitMQ too: amqps://USER:PASSWORD@HOST:PORT/VHOST"),
            option("broker-ca", "FILE", "Certificates to trust the broker by"),
            option("listen", 'l', "HOST:PORT", "Address to listen on; port 0 takes a free one")
                .fallback("127.0.0.1:9443"),
            option("name", "NAME", "Host name or address for the certificate").repeated(),
            option("url", "URL", "Address that nodes are told; by default from --listen"),
            option("keep", "N", "Messages to keep; older ones go")
                .integer(1000, 1'000'000'000)
                .fallback("1000000"),
            option("blob-port", "PORT", "Port of the blob store; 0 takes a free one")
                .integer(0, 65535)
                .fallback("0"),
            flag("no-blobs", "Serve no blobs; the nodes' locker is elsewhere"),
            flag("locker-key", "Give nodes the blob account's key, so that they can sign URLs"),
            example("jetpack hub serve --data /var/lib/hub --listen 0.0.0.0:9443 --name head",
                    "Serve a cluster whose nodes reach this machine as 'head'")),
    command("hub enroll", "Give a node an account and write its connection files", jetpack::hub::enroll,
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
    command("hub admin", "Set an administrator's password for the cluster page", jetpack::hub::admin,
            description("Makes the administrator if need be, and prints a new password, once."),
            data(), database(),
            option("name", "NAME", "The administrator's name").fallback("admin")),
    command("hub event", "List the events of a cluster", jetpack::hub::list_events,
            description("As this node, of its own cluster; with --data or --database as the hub's "
                        "keeper, of any."),
            list_action(), json(), limit(), cluster(), data(), database(),
            option("node", "NAME", "Only events of this node"),
            flag("all", 'a', "Events of low priority too")),
    command("hub message", "List the messages that the hub took", jetpack::hub::list_messages,
            description("As this node, of its own cluster; with --data or --database as the hub's "
                        "keeper, of any."),
            list_action(), json(), limit(), cluster(), data(), database(),
            option("type", "TYPE", "Only messages of this type")),
    command("hub node", "List nodes, or do something with them", jetpack::hub::administer_node,
            description("'list' and 'show' ask the hub as this node; with --data or --database, "
                        "and for all else, they work as the hub's keeper on its database, whether "
                        "it runs or not. 'add' gives new nodes an account each and shows their "
                        "passwords, once, for machines that write their own files; 'remove' "
                        "forgets the node and its account; 'configure' gives it the JSON object in "
                        "--file as configuration of its own."),
            argument("ACTION", "What to do")
                .choices("list", "show", "add", "terminate", "deallocate", "shutdown", "start",
                         "restart", "reimage", "remove", "configure"),
            argument("NAME", "The nodes").optional().repeated(), json(), cluster(), data(),
            database(), option("file", 'f', "FILE", "A JSON object"),
            option("count", "N", "Add N nodes: NAME1 to NAMEN").integer(1, 100'000),
            example("jetpack hub node terminate -c demo n1 n2 --data /var/lib/hub",
                    "Ask two nodes to end")),
    command("hub cluster", "List, make and show clusters", jetpack::hub::administer_cluster,
            description("'configure' gives all nodes of the cluster the JSON object in --file as "
                        "configuration."),
            argument("ACTION", "What to do").choices("list", "create", "show", "configure"),
            argument("NAME", "The cluster").optional(), json(), data(), database(),
            option("file", 'f', "FILE", "A JSON object")),
    command("hub user", "List, add and remove the users that a cluster's nodes let in",
            jetpack::hub::administer_user,
            description("'add' replaces a user who is there. Nodes follow within their time of "
                        "asking."),
            argument("ACTION", "What to do").choices("list", "add", "remove"),
            argument("NAME", "The user").optional(), json(), cluster(), data(), database(),
            option("uid", "N", "The user's number; by default the next free one from 20000")
                .integer(1, 2'000'000'000),
            option("full-name", "TEXT", "The user's full name"),
            option("key", "FILE", "A file of public keys").repeated(),
            flag("admin", "May become root on the nodes"), flag("owner", "Owns the cluster"),
            example("jetpack hub user add ann -c demo --key ann.pub --admin --data /var/lib/hub",
                    "Let ann in, with sudo")),
    command("hub nodearray", "List, add and remove node arrays", jetpack::hub::administer_nodearray,
            argument("ACTION", "What to do").choices("list", "add", "remove"),
            argument("NAME", "The node array").optional(), json(), cluster(), data(), database(),
            option("file", 'f', "FILE", "Its definition, a JSON object")),
    command("hub blob", "List, put, get and remove blobs of the hub's locker",
            jetpack::hub::administer_blobs,
            description("Works as the hub's keeper on its data folder, whether the hub runs or "
                        "not. 'jetpack download' on a node looks for blobs/PROJECT/BLOB, then for "
                        "projects/PROJECT/blobs/BLOB."),
            argument("ACTION", "What to do").choices("list", "put", "get", "remove"),
            argument("NAME", "The blob, or with 'list' how names begin").optional(),
            argument("FILE", "The file to put, or to get it to; by default of the blob's name")
                .optional(),
            json(), data(), option("container", "NAME", "The container").fallback("locker"),
            example("jetpack hub blob put blobs/demo/tool.tgz tool.tgz --data /var/lib/hub",
                    "Offer a file to 'jetpack download --project demo tool.tgz'")));
