// `jetpack autoscale`: requests cores or nodes from the cluster.
#include <algorithm>
#include <array>
#include <set>

#include <jetpack/plugin.hpp>
#include "support/encoding.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Errc;
using jetpack::Error;
using rapidjson::Value;

constexpr int64_t max_count = 1'000'000;
constexpr size_t max_name = 255;
constexpr uint64_t max_file = 1 << 20;  // the size limit of one message
constexpr std::string_view expected_form =
    R"(expected a list of node arrays such as [{"Name": "execute", "TargetCoreCount": 100}])";
// Members that are counts, from the public documentation of the autoscale API.
constexpr std::array count_names{"TargetCoreCount", "TargetCount", "TargetGroupCount",
                                 "GroupCoreCount", "GroupInstanceCount"};

// The target of one node array, which has its own address.
struct Target {
  std::string name;
  bool is_cores = true;
  int64_t count = 0;
};

void check_name(std::string_view name) {
  if (name.empty() || name.size() > max_name || support::one_line(name) != name)
    throw Error(Errc::usage, "'" + support::one_line(name.substr(0, 80)) +
                                 "' is not a valid node array name; expected 1 to " +
                                 std::to_string(max_name) + " printable bytes");
}

void scale(jetpack::Sender& sender, const std::string& cluster, const Target& target) {
  const std::string path = "/clusters/" + support::percent_encoded(cluster) + "/scale/" +
                           support::percent_encoded(target.name) +
                           (target.is_cores ? "?totalCoreCount=" : "?totalNodeCount=") +
                           std::to_string(target.count);
  jetpack::Letter letter;
  letter.address = path;
  sender.send(letter, "node array '" + target.name + "'");
}

// Reads one definition at a time; errors give its position in the list.
class DefinitionReader {
 public:
  DefinitionReader(std::string file, std::string cluster)
      : file_(std::move(file)), cluster_(std::move(cluster)) {}

  // The target when the definition contains nothing else; nullopt when it does. Counts that are
  // written as text or with a fraction of zero become whole numbers.
  std::optional<Target> read(Value& definition, size_t place) {
    place_ = place;
    if (!definition.IsObject()) fail("not an object; " + std::string(expected_form));
    Target target;
    target.name = read_name(definition);
    check_cluster(definition);
    for (const char* name : count_names) read_count(definition, name);
    const Value* cores = support::find_member(definition, "TargetCoreCount");
    const Value* nodes = support::find_member(definition, "TargetCount");
    const rapidjson::SizeType plain_members =
        2 + (support::find_member(definition, "ClusterName") != nullptr ? 1 : 0);
    if ((cores == nullptr) == (nodes == nullptr) || definition.MemberCount() != plain_members)
      return std::nullopt;
    target.is_cores = cores != nullptr;
    target.count = (target.is_cores ? cores : nodes)->GetInt64();
    return target;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Errc::corrupt, file_ + ", node array " + std::to_string(place_) + ": " + what);
  }

  std::string read_name(const Value& definition) {
    const Value* name = support::find_member(definition, "Name");
    if (name == nullptr) fail("missing \"Name\"; " + std::string(expected_form));
    if (!support::is_string(*name)) fail("\"Name\" is not a string; " + std::string(expected_form));
    check_name(support::text_of(*name));
    if (!names_.emplace(support::text_of(*name)).second)
      fail("duplicate name '" + std::string(support::text_of(*name)) + "'; remove one of them");
    return std::string(support::text_of(*name));
  }

  void check_cluster(const Value& definition) const {
    const Value* cluster = support::find_member(definition, "ClusterName");
    if (cluster == nullptr) return;
    if (!support::is_string(*cluster) || support::text_of(*cluster) != cluster_)
      fail("\"ClusterName\" is not this node's cluster, '" + cluster_ + "'; remove it");
  }

  void read_count(Value& definition, const char* name) const {
    if (!definition.HasMember(name)) return;
    Value& count = definition[name];
    const uint64_t number = support::number_or(definition, name, max_count + 1);
    if (number > max_count)
      fail('"' + std::string(name) + "\" is " + support::to_json(count).substr(0, 80) +
           "; expected a whole number from 0 to " + std::to_string(max_count));
    count.SetUint64(number);
  }

  std::string file_;
  std::string cluster_;
  size_t place_ = 0;
  std::set<std::string, std::less<>> names_;
};

// The data of a message of type autoscale.
std::string to_data(const Value& definitions, const std::string& cluster,
                    std::string_view request_set, std::chrono::milliseconds expires) {
  const auto add_definition = [&](support::JsonWriter& json, const Value& definition) {
    support::Object object(json);
    object.text("ClusterName", cluster);
    for (const auto& [name, value] : definition.GetObject())
      if (support::text_of(name) != "ClusterName")
        object.json(support::text_of(name), support::to_json(value));
  };
  return support::json_object([&](support::Object& data) {
    data.text("request_set", request_set)
        .number("expiration_interval", std::chrono::ceil<std::chrono::seconds>(expires).count())
        .list("definitions", definitions.GetArray(), add_definition);
  });
}

int scale_by_file(const jetpack::Call& call, const std::string& given) {
  const std::string file = support::name_of_input(given);
  for (const char* other : {"corecount", "instancecount", "name"})
    if (call.given(other))
      throw Error(Errc::usage, "--file cannot be combined with --" + std::string(other));
  const std::string cluster = call.service<jetpack::Session>().require("cluster");
  auto document =
      support::parse_json(support::read_input(given, max_file), file, support::JsonRules::strict);
  // A list of one, without its brackets.
  if (document.IsObject()) {
    Value list(rapidjson::kArrayType);
    list.PushBack(static_cast<Value&>(document).Move(), document.GetAllocator());
    static_cast<Value&>(document) = list;
  }
  if (!document.IsArray())
    throw Error(Errc::corrupt, file + ", line 1, column 1: " + std::string(expected_form));

  std::vector<Target> targets;
  DefinitionReader reader(file, cluster);
  for (rapidjson::SizeType i = 0; i < document.Size(); ++i)
    if (auto target = reader.read(document[i], i + 1)) targets.push_back(*std::move(target));

  // Only a message can carry a request set or an expiry. It is the complete demand of its set:
  // whatever it omits is no longer requested, so a list is never split.
  const bool has_only_targets = !targets.empty() && targets.size() == document.Size() &&
                                !call.given("request-set") && !call.given("expires");
  jetpack::Sender sender(call);
  if (has_only_targets) {
    for (const auto& target : targets) scale(sender, cluster, target);
  } else {
    sender.publish("autoscale", to_data(document, cluster, *call.text("request-set"),
                                        *call.duration("expires")));
  }
  return sender.finish();
}

int autoscale(const jetpack::Call& call) {
  if (const auto file = call.text("file")) return scale_by_file(call, std::string(*file));
  const auto cores = call.integer("corecount");
  const auto nodes = call.integer("instancecount");
  if (cores && nodes)
    throw Error(Errc::usage, "--corecount cannot be combined with --instancecount");
  if (!cores && !nodes)
    throw Error(Errc::usage, "specify --corecount N, --instancecount N or --file FILE");
  for (const char* other : {"request-set", "expires"})
    if (call.given(other)) throw Error(Errc::usage, "--" + std::string(other) + " requires --file");
  const std::string name(*call.text("name"));
  check_name(name);
  const std::string cluster = call.service<jetpack::Session>().require("cluster");
  jetpack::Sender sender(call);
  scale(sender, cluster, {name, cores.has_value(), cores ? *cores : *nodes});
  return sender.finish();
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.autoscale", "1.0.0", jetpack::needs<jetpack::Session>(),
    jetpack::command(
        "autoscale", "Autoscale the cluster that this node belongs to", autoscale,
        jetpack::option("corecount", "N", "Request N cores").integer(0, max_count),
        jetpack::option("instancecount", "N", "Request N nodes").integer(0, max_count),
        jetpack::option("name", 'n', "NAME", "Name of the node array to scale").fallback("execute"),
        jetpack::option(
            "file", 'f', "FILE",
            "Read a JSON list of node array definitions from FILE; - is standard input"),
        jetpack::option("request-set", "NAME",
                        "With --file: the name of this demand; a later request with the same name "
                        "replaces it")
            .fallback("standard"),
        jetpack::option("expires", "DURATION", "With --file: when the demand expires")
            .duration()
            .fallback("5m"),
        jetpack::wait_option(), jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "Sets targets; the server starts the missing nodes. A target is queued durably and "
            "delivered in order: exit code 0 means delivered or safely queued, and standard error "
            "says which.\n\n"
            "A definition in a file has a Name and a TargetCoreCount or TargetCount, and may have "
            "any other attribute of a node array, such as MachineType, Configuration, Extends, "
            "Dynamic, TargetGroupCount with GroupCoreCount or GroupInstanceCount. ClusterName is "
            "added. Counts range from 0 to 1000000. A list that contains only targets is sent as "
            "with --corecount, one node array at a time, unless --request-set or --expires is "
            "given; any other list is sent as one request and replaces the earlier demand of its "
            "request set."),
        jetpack::example("jetpack autoscale --corecount=100",
                         "Request 100 cores of node array execute"),
        jetpack::example("jetpack autoscale --instancecount 5 --name=gpu",
                         "Request 5 nodes of gpu"),
        jetpack::example("jetpack autoscale --file=custom-autoscale.json",
                         "Request the definitions in a file")));
