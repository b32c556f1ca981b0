// Declares the hub's commands.

#include <jetpack/config.hpp>
#include <jetpack/plugin.hpp>
#include <jetpack/process.hpp>
#include <jetpack/session.hpp>
#include "commands/commands.hpp"
#include "commands/parameters.hpp"

namespace {

namespace hub = jetpack::hub;
using jetpack::argument;
using jetpack::command;
using jetpack::description;
using jetpack::example;
using jetpack::flag;
using jetpack::option;
using namespace jetpack::hub::declared;  // NOLINT(google-build-using-namespace): a file of words

}  // namespace

JETPACK_PLUGIN(
    "jetpack.hub", JETPACK_HUB_VERSION,
    jetpack::needs<jetpack::Config, jetpack::Process, jetpack::Session>(),
    command("hub serve", "Run an application server for clusters", hub::serve,
            description("Receives the messages of enrolled nodes over HTTPS, stores them, and "
                        "serves the cluster page. Prints one JSON line when it is ready: the "
                        "address, the certificate of its authority, the process id. Stops on "
                        "SIGTERM."),
            data(), database(),
            option("broker", "URL",
                   "Also consume messages from RabbitMQ: amqps://USER:PASSWORD@HOST:PORT/VHOST"),
            option("broker-ca", "PEM", "File of certificates to verify the broker with"),
            option("listen", 'l', "HOST:PORT", "Address to listen on; port 0 picks a free one")
                .fallback("127.0.0.1:9443"),
            option("name", 'n', "NAME", "Host name or address for the certificate").repeated(),
            option("url", "URL", "Address to give to nodes; by default from --listen"),
            option("cert", "PEM",
                   "File of the certificate to serve with; by default of the hub's own authority"),
            option("key", "PEM", "File of its key; by default the same"),
            option("keep", "N", "Keep N messages, of each node the newest")
                .integer(1000, 1'000'000'000)
                .fallback("1000000"),
            option("blob-port", "PORT", "Port of the blob store; 0 picks a free one")
                .integer(0, 65535)
                .fallback("0"),
            option("client-limit", "NAME=VALUE", "Change a limit on clients; see the hub's README")
                .repeated(),
            option("quota", "NAME=VALUE", "Change what nodes may store; see the hub's README")
                .repeated(),
            flag("no-blobs", "Serve no blobs; the nodes' locker is elsewhere"),
            flag("simulate-azure",
                 "Also simulate Azure's metadata service, in plain HTTP on 127.0.0.1"),
            option("metadata-port", "PORT", "Port of that service; 0 picks a free one")
                .integer(0, 65535)
                .fallback("0"),
            example("jetpack hub serve --data /var/lib/hub --listen 0.0.0.0:9443 --name head",
                    "Serve a cluster whose nodes reach this machine as 'head'")),
    command("hub enroll", "Create a node's account and write its connection files", hub::enroll,
            description("Writes config/connection.json, config/jetpack.ini and config/ca.pem into "
                        "the node's home tree. Enrolling again sets a new password. The hub may "
                        "be running."),
            json(), data(), database(),
            option("cluster", 'c', "NAME", "The node's cluster").required(),
            option("node", "NAME", "The node's name").required(),
            option("home", "HOME", "The node's home tree").required(),
            option("url", "URL", "Address of the hub; by default where it serves"),
            option("instance-id", "ID", "The machine's id; by default the known one, or a new one"),
            option("nodearray", "NAME", "The node's node array"), scheduler(),
            option("broker", "URL", "The node's broker: amqps://USER:PASSWORD@HOST:PORT/VHOST"),
            option("broker-ca", "PEM",
                   "File of certificates for the node to verify the broker with"),
            option("transport", "NAME", "How the node sends its messages").choices("https", "amqp"),
            example("jetpack hub enroll --cluster demo --node n1 --home /opt/cycle/jetpack",
                    "Make this machine node n1 of cluster demo")),
    command("hub admin", "Set an administrator's password for the cluster page", hub::admin,
            description("Creates the account if there is none of this name, prints a new password, "
                        "once, and ends the sessions of who signed in with the old one. A viewer "
                        "sees the page and changes nothing. A monitor gets a token, which reads "
                        "/metrics and nothing else."),
            json(), data(), database(),
            option("name", 'n', "NAME", "The account's name").fallback("admin"),
            option("role", "ROLE", "What the account may do")
                .choices("administrator", "viewer", "monitor")
                .fallback("administrator"),
            flag("revoke", "Remove the account instead"),
            example("jetpack hub admin --data /var/lib/hub",
                    "Set the password of 'admin', and print it"),
            example("jetpack hub admin --name wall --role viewer",
                    "Create an account for a screen on the wall"),
            example("jetpack hub admin --name prometheus --role monitor",
                    "Create a token for Prometheus")),

    command("hub backup", "Copy everything that the hub knows into a new directory", hub::backup,
            description("Works while the hub runs: the database, the certificates and their keys, "
                        "and the blobs. Whoever can read the copy can pose as the hub. A database "
                        "in PostgreSQL is dumped with pg_dump."),
            argument("DIR", "The directory, which is created"), json(), data(), database(),
            example("jetpack hub backup /backup/hub-$(date +%F) --data /var/lib/jetpack-hub",
                    "Make a backup with today's date")),
    command("hub restore", "Make a data directory out of a backup", hub::restore,
            description("Every file is compared with its SHA-256 of when the backup was made. A "
                        "backup from PostgreSQL needs an empty database, and pg_restore."),
            argument("DIR", "The backup"), json(), data(), database(),
            example("jetpack hub restore /backup/hub-2026-11-29 --data /var/lib/jetpack-hub",
                    "Restore a hub on a new machine")),

    command(
        "hub join-token create", "Create a token with which machines become nodes",
        hub::join_token_create,
        description("Works as the hub's administrator, directly on its database. Prints the "
                    "command to run on each machine, once."),
        json(), cluster(), data(), database(),
        option("ttl", "DURATION", "How long it is valid").duration().fallback("24h"),
        option("uses", "N", "How many nodes may join; by default any number").integer(1, 1'000'000),
        option("nodearray", "NAME", "The node's node array"),
        flag("replace", "Let nodes join that exist, as reimaged machines do"),
        option("url", "URL", "Address of the hub; by default where it serves"),
        example("jetpack hub join-token create -c demo --ttl 1h --data /var/lib/jetpack-hub",
                "Let machines join cluster demo for an hour")),
    command("hub join-token list", "List the join tokens that are valid", hub::join_token_list,
            works_on_database(), json(), cluster(), times(), data(), database(),
            example("jetpack hub join-token list -c demo", "Print which tokens there are")),
    command("hub join-token remove", "Remove a join token", hub::join_token_remove,
            works_on_database(), argument("ID", "The token, or its part before the dot"), json(),
            cluster(), data(), database(),
            example("jetpack hub join-token remove 5b1c02aa -c demo",
                    "Let nobody join with it any more")),

    command("hub event list", "List the events of a cluster", hub::event_list, queries_hub(),
            json(), limit(), any_cluster(), times(), data(), database(),
            option("node", "NAME", "Print only events of this node")
                .values_from("hub node list --names"),
            option("min-level", "LEVEL", "Print only events of this level or a worse one")
                .choices("info", "warn", "error")
                .fallback("info"),
            option("since", "DURATION", "Print only events of the last DURATION, such as 2h")
                .duration(),
            flag("follow", "Print events as they arrive, until interrupted"),
            flag("all", 'a', "Print events of low priority too"),
            example("jetpack hub event list --min-level error --since 2h",
                    "Print the errors of the last two hours")),
    command("hub message list", "List the messages that the hub received", hub::message_list,
            queries_hub(), json(), limit(), any_cluster(), times(), data(), database(),
            option("type", "TYPE", "Print only messages of this type"),
            example("jetpack hub message list --type autoscale --json",
                    "Print what nodes asked for")),

    command("hub node list", "List nodes with their phases and conditions", hub::node_list,
            queries_hub(), json(), any_cluster(), times(), data(), database(),
            option("phase", "PHASE", "List only nodes in this phase, such as Ready or Failed"),
            flag("silent", "List only nodes that missed three polls"),
            option("condition", "NAME", "List only nodes on which this condition is not OK")
                .values_from("condition list --names"),
            option("sort", "KEY", "Sort the nodes: by contact, the longest silent come first")
                .choices("name", "phase", "contact")
                .fallback("name"),
            names(),
            example("jetpack hub node list --condition gpu --names | xargs -n1 ssh",
                    "Work on the nodes with a bad GPU")),
    command("hub node show", "Show a node with its conditions, properties and events",
            hub::node_show, queries_hub(), node(), json(), cluster(), data(), database(),
            example("jetpack hub node show n1", "Print everything about node n1, as JSON")),
    command("hub node add", "Create accounts for new nodes", hub::node_add,
            description("Works as the hub's administrator, directly on its database. Prints the "
                        "nodes' passwords, once, for machines that write their own connection "
                        "files; 'jetpack hub enroll' writes them."),
            nodes(), json(), cluster(), data(), database(),
            option("count", "N", "Add N nodes: NAME1 to NAMEN").integer(1, 100'000), scheduler(),
            example("jetpack hub node add exec- --count 16 -c demo --json",
                    "Add exec-1 to exec-16")),
    command("hub node configure", "Set the configuration of one node", hub::node_configure,
            description("Works as the hub's administrator, directly on its database. The JSON "
                        "object is merged over the configuration of the node's cluster and node "
                        "array. The specs in cyclecloud.cluster_init_specs are added to theirs."),
            node(), json(), cluster(), data(), database(), file(), scheduler().negatable(),
            example("jetpack hub node configure n1 -c demo --file n1.json",
                    "Give n1 a configuration of its own")),
    command("hub node remove", "Remove nodes and their accounts", hub::node_remove,
            works_on_database(), nodes(), json(), cluster(), data(), database(),
            example("jetpack hub node remove n1 n2 -c demo", "Remove two nodes")),
    command("hub node terminate", "Request the termination of nodes", hub::node_terminate,
            records_operation(), nodes(), reason(), json(), cluster(), data(), database(),
            example("jetpack hub node terminate -c demo n1 n2 --reason 'bad fans'",
                    "Ask two nodes to terminate")),
    command("hub node deallocate", "Request the deallocation of nodes", hub::node_deallocate,
            records_operation(), nodes(), reason(), json(), cluster(), data(), database(),
            example("jetpack hub node deallocate -c demo n1", "Ask a node to deallocate")),
    command("hub node shutdown", "Request the shutdown of nodes", hub::node_shutdown,
            records_operation(), nodes(), reason(), json(), cluster(), data(), database(),
            example("jetpack hub node shutdown -c demo n1", "Ask a node to shut down")),
    command("hub node start", "Request the start of nodes", hub::node_start, records_operation(),
            nodes(), reason(), json(), cluster(), data(), database(),
            example("jetpack hub node start -c demo n1", "Ask for a node that is off")),
    command("hub node restart", "Request the restart of nodes", hub::node_restart,
            records_operation(), nodes(), reason(), json(), cluster(), data(), database(),
            example("jetpack hub node restart -c demo n1", "Ask a node to restart")),
    command("hub node keepalive", "Keep nodes from being stopped when idle", hub::node_keepalive,
            description("Works as the hub's administrator, directly on its database, whether the "
                        "hub runs or not. Schedulers see it; the health checks of a node follow "
                        "'jetpack keepalive' on the node alone."),
            nodes(),
            option("for", "DURATION",
                   "Until DURATION has passed, such as 6h; by default until canceled")
                .duration(),
            flag("cancel", "End it now"), reason(), json(), cluster(), data(), database(),
            example("jetpack hub node keepalive -c demo n1 --for 6h", "Keep a node for six hours")),
    command("hub node reimage", "Request a new image for nodes", hub::node_reimage,
            records_operation(), nodes(), reason(), json(), cluster(), data(), database(),
            example("jetpack hub node reimage -c demo n1", "Ask for a fresh disk for a node")),

    command("hub cluster list", "List clusters", hub::cluster_list, queries_hub(), json(), names(),
            data(), database(),
            example("jetpack hub cluster list --json", "Print the clusters for a script")),
    command("hub cluster create", "Create a cluster", hub::cluster_create, works_on_database(),
            argument("NAME", "The cluster"), json(), data(), database(),
            example("jetpack hub cluster create demo", "Create cluster demo")),
    command("hub cluster show", "Show a cluster with its nodes and node arrays", hub::cluster_show,
            queries_hub(), own_or_named_cluster(), json(), data(), database(),
            example("jetpack hub cluster show demo", "Print cluster demo with its nodes")),
    command("hub cluster configure", "Set the configuration of all nodes of a cluster",
            hub::cluster_configure, works_on_database(), own_or_named_cluster(), json(), data(),
            database(), file().required(),
            example("jetpack hub cluster configure demo --file demo.json",
                    "Give all nodes of demo a configuration")),

    command("hub user list", "List the users of a cluster", hub::user_list, works_on_database(),
            json(), names(), cluster(), data(), database(),
            example("jetpack hub user list -c demo", "Print who may log in to demo's nodes")),
    command("hub user add", "Add or replace a user of a cluster's nodes", hub::user_add,
            description("Works as the hub's administrator, directly on its database. Nodes pick "
                        "it up at their next poll."),
            user(), json(), cluster(), data(), database(),
            option("uid", "N", "The user's UID; by default the next free one from 20000")
                .integer(1, 2'000'000'000),
            option("full-name", "TEXT", "The user's full name"),
            option("key", "FILE", "Read public keys from FILE; - is standard input").repeated(),
            flag("admin", "Allow the user to become root on the nodes"),
            flag("owner", "Make the user the owner of the cluster"),
            example("jetpack hub user add ann -c demo --key ann.pub --admin --data /var/lib/hub",
                    "Let ann in, with sudo")),
    command("hub user remove", "Remove a user from a cluster's nodes", hub::user_remove,
            works_on_database(), user(), json(), cluster(), data(), database(),
            example("jetpack hub user remove ann -c demo", "Take ann's access away")),

    command("hub nodearray list", "List node arrays and their targets", hub::nodearray_list,
            queries_hub(), json(), names(), cluster(), times(), data(), database(),
            example("jetpack hub nodearray list -c demo", "Print demo's node arrays")),
    command("hub nodearray add", "Add or replace a node array", hub::nodearray_add,
            description("Works as the hub's administrator, directly on its database, whether the "
                        "hub runs or not. The JSON object is the array's definition; its "
                        "Configuration is merged over that of the cluster for the array's nodes."),
            nodearray(), json(), cluster(), data(), database(), file(), scheduler(),
            example("jetpack hub nodearray add gpu -c demo --file gpu.json",
                    "Define node array gpu")),
    command("hub nodearray remove", "Remove a node array", hub::nodearray_remove,
            works_on_database(), nodearray(), json(), cluster(), data(), database(),
            example("jetpack hub nodearray remove gpu -c demo", "Remove node array gpu")),

    command("hub blob list", "List the blobs of the hub's locker", hub::blob_list, works_on_blobs(),
            argument("PREFIX", "List only blobs whose names begin so").optional(), json(),
            cluster(), times(), data(), container(),
            example("jetpack hub blob list projects/", "Print what projects have")),
    command("hub blob put", "Store a file as a blob", hub::blob_put,
            description("Works as the hub's administrator, directly on its data directory, whether "
                        "the hub runs or not. 'jetpack download' on a node looks for "
                        "blobs/PROJECT/BLOB, then for projects/PROJECT/blobs/BLOB."),
            argument("NAME", "The blob"),
            argument("FILE", "The file; by default named like the blob; - is standard input")
                .optional(),
            json(), cluster(), data(), container(),
            example("jetpack hub blob put blobs/demo/tool.tgz tool.tgz --data /var/lib/hub",
                    "Offer a file to 'jetpack download --project demo tool.tgz'")),
    command("hub blob get", "Write a blob to a file", hub::blob_get, works_on_blobs(),
            argument("NAME", "The blob"),
            argument("FILE", "The file; by default named like the blob; - is standard output")
                .optional(),
            json(), cluster(), data(), container(),
            example("jetpack hub blob get blobs/demo/tool.tgz -",
                    "Write a blob to standard output")),
    command("hub blob remove", "Remove a blob", hub::blob_remove, works_on_blobs(),
            argument("NAME", "The blob"), json(), cluster(), data(), container(),
            example("jetpack hub blob remove blobs/demo/tool.tgz", "Remove a blob")),

    command("hub simulate event", "Schedule an event in the simulated Azure", hub::simulate_event,
            works_on_simulation(), nodes(), json(), data(),
            option("type", "TYPE", "What happens to the nodes")
                .choices("Freeze", "Preempt", "Reboot", "Redeploy", "Terminate")
                .required(),
            option("in", "DURATION", "How soon; by default after Azure's usual notice").duration(),
            option("lasts", "DURATION", "How long it stays Started; by default 10s").duration(),
            option("description", 'd', "TEXT", "Why, as the event says it"),
            option("source", "SOURCE", "Who caused it")
                .choices("Platform", "User")
                .fallback("Platform"),
            example("jetpack hub simulate event execute-1 --type Preempt --in 30s",
                    "Take a node back in half a minute")),
    command("hub simulate cancel", "Remove an event from the simulated Azure", hub::simulate_cancel,
            works_on_simulation(), argument("EVENT", "The event's id"), json(), data(),
            example("jetpack hub simulate cancel EVENT", "Take an event back before it starts")),
    command(
        "hub simulate fault", "Make the simulated metadata service fail", hub::simulate_fault,
        works_on_simulation(),
        argument("KIND", "What goes wrong")
            .choices("slow", "404", "410", "429", "500", "garbage", "truncated", "stale",
                     "duplicate", "refuse"),
        json(), data(),
        option("on", "WHAT", "Only requests for WHAT")
            .choices("all", "instance", "identity", "scheduledevents", "startrequests")
            .fallback("all"),
        option("for", "DURATION", "Until DURATION has passed").duration(),
        option("count", "N", "For the next N requests; by default 1, with --for all")
            .integer(1, 1'000'000),
        option("delay", "DURATION", "Wait before the response; by default 5s for slow").duration(),
        example("jetpack hub simulate fault 429 --on scheduledevents --for 1m",
                "Throttle the polling of events for a minute")),
    command("hub simulate clear", "Remove all faults of the simulated metadata service",
            hub::simulate_clear, works_on_simulation(), json(), data(),
            example("jetpack hub simulate clear", "End all faults")),
    command("hub simulate list", "List events and faults of the simulated Azure",
            hub::simulate_list, works_on_simulation(), json(), times(), data(),
            example("jetpack hub simulate list --json", "Print what is scheduled")));
