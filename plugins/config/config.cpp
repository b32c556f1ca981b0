// `jetpack config` and `jetpack props`: print values of this node in the form scripts rely on.
#include <jetpack/plugin.hpp>
#include "support/files.hpp"
#include "support/node_json.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Config;
using jetpack::Errc;
using jetpack::Error;
using jetpack::Format;

constexpr uint64_t max_value = 1 << 20;  // the size limit of one message

// A tree of values: the configuration or the properties.
struct Values {
  std::optional<std::string> (Config::*get)(std::string_view, Format) const;
  std::string (Config::*require)(std::string_view, Format) const;
};

int print_all(const jetpack::Call& call, const Config& config, const Values& values) {
  const bool json = call.flag("json");
  const std::string text = (config.*values.require)("", json ? Format::json_pretty : Format::lines);
  call.print(json ? text + '\n' : text);
  return 0;
}

// The value as JSON: an object as it is, anything else under its full key.
std::string as_json(const Config& config, const Values& values, std::string_view key,
                    const std::optional<std::string_view>& fallback) {
  std::string json;
  if (!fallback) {
    json = (config.*values.require)(key, Format::json);
  } else {
    json = (config.*values.get)(key, Format::json).value_or(jetpack::json_string(*fallback));
  }
  if (json.starts_with('{')) return (config.*values.require)(key, Format::json_pretty);
  return '{' + jetpack::json_string(key) + ": " + json + '}';
}

std::string as_text(const Config& config, const Values& values, std::string_view key,
                    const std::optional<std::string_view>& fallback) {
  if (!fallback) return (config.*values.require)(key, Format::members);
  auto value = (config.*values.get)(key, Format::members);
  return value ? *std::move(value) : std::string(*fallback);
}

int print_value(const jetpack::Call& call, const Values& values) {
  const auto config = call.service<Config>();
  const auto key = call.text("KEY");
  if (!key) return print_all(call, config, values);
  if (key->empty()) throw Error(Errc::usage, "KEY is empty; omit it to print all values");
  const auto fallback = call.text("DEFAULT");
  const std::string text = call.flag("json") ? as_json(config, values, *key, fallback)
                                             : as_text(config, values, *key, fallback);
  call.print(text + '\n');
  return 0;
}

int config(const jetpack::Call& call) {
  return print_value(call, {&Config::get, &Config::require});
}

int props_get(const jetpack::Call& call) {
  return print_value(call, {&Config::property, &Config::require_property});
}

// A JSON object that holds the value under the dotted key.
std::string nested(std::string_view key, const std::string& json) {
  const size_t dot = key.find('.');
  const std::string value =
      dot == std::string_view::npos ? json : nested(key.substr(dot + 1), json);
  return '{' + jetpack::json_string(key.substr(0, dot)) + ':' + value + '}';
}

// The property is set in any case, and jetpackd tries again.
void merge_into_node_json(const jetpack::Call& call, const Config& config) {
  try {
    support::write_node_json(config);
  } catch (const Error& e) {
    call.report("jetpack props: config/node.json is not up to date: " + std::string(e.what()) +
                '\n');
  }
}

// Stores a property on this node and publishes it to the server. Where the node's disk fails, the
// server has it at least, and gives it back with the node's userdata.
int set_property(const jetpack::Call& call, std::string_view key, const std::string& json) {
  const auto config = call.service<Config>();
  const auto known = config.property(key, Format::json);
  if (known && known->starts_with('{') && !(call.declares("force") && call.flag("force")))
    throw Error(Errc::failed, "'" + std::string(key) +
                                  "' is an object, which would be lost; set one of its members, or "
                                  "use --force to replace it");
  std::string not_stored;
  try {
    config.set_property(key, json);
    merge_into_node_json(call, config);
  } catch (const Error& e) {
    if (e.code() != Errc::unavailable) throw;
    not_stored = e.what();
  }
  const std::string data = "{\"properties\":" + nested(key, json) + '}';
  try {
    const auto receipt = call.service<jetpack::Session>().publish("properties", data);
    if (!not_stored.empty())
      call.report("jetpack props: '" + std::string(key) +
                  "' is not stored on this node: " + not_stored + '\n');
    if (!receipt.delivered)
      call.report("jetpack props: queued for the server: " + receipt.note + '\n');
    else if (!receipt.note.empty())
      call.report("jetpack props: delivered directly, because it could not be queued: " +
                  receipt.note + '\n');
  } catch (const Error& e) {
    throw Error(e.code(), "'" + std::string(key) + "' is " +
                              (not_stored.empty() ? "set on this node, but could not be queued"
                                                  : "neither stored nor queued") +
                              " for the server: " + e.what());
  }
  return 0;
}

int props_set(const jetpack::Call& call) {
  std::string value(*call.text("VALUE"));
  if (value == "-") value = support::read_input("-", max_value);
  return set_property(call, *call.text("KEY"),
                      call.flag("json") ? value : jetpack::json_string(value));
}

int props(const jetpack::Call& call) {
  std::string_view key = *call.text("set");
  auto value = call.text("VALUE");
  if (!value) {
    const size_t mark = key.find('=');
    if (mark == std::string_view::npos)
      throw Error(Errc::usage, "--set needs KEY=VALUE, or KEY and VALUE");
    value = key.substr(mark + 1);
    key = key.substr(0, mark);
  }
  return set_property(call, key, jetpack::json_string(*value));
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.config", "1.0.0", jetpack::needs<jetpack::Config>(),
    jetpack::command(
        "config", "Print a configuration value", config,
        jetpack::argument("KEY", "Dotted path of the value, such as cyclecloud.cluster.name")
            .values_from("config")
            .optional(),
        jetpack::argument("DEFAULT", "Print this when the key is not found").optional(),
        jetpack::flag("json", "Print JSON: an object as it is, any other value under its key"),
        jetpack::description(
            "Prints a value of this node's configuration: what the agent knows of the node, "
            "overlaid "
            "with config/configuration.json and config/properties.json. Booleans print as True and "
            "False, null as None, lists in Python syntax, and an object with a line for each "
            "of its members. Without KEY, all values are printed, one per line.\n\n"
            "When the key is not found and no DEFAULT is given, nothing is printed on standard "
            "output and the exit code is 1. A file that cannot be read is an error even with a "
            "DEFAULT."),
        jetpack::example("jetpack config cyclecloud.cluster.name", "Print the cluster's name"),
        jetpack::example("jetpack config slurm.autoscale False",
                         "Print False unless the key is set"),
        jetpack::example("jetpack config cyclecloud --json", "Print an object for jq")),
    jetpack::command(
        "props get", "Print a property of this node", props_get,
        jetpack::argument("KEY", "Dotted path of the property, such as os.version")
            .values_from("props get")
            .optional(),
        jetpack::argument("DEFAULT", "Print this when the property is not found").optional(),
        jetpack::flag("json", "Print JSON: an object as it is, any other value under its key"),
        jetpack::example("jetpack props get os.id_like rhel",
                         "Print rhel unless the property is set"),
        jetpack::example("jetpack props get --json", "Print all properties")),
    jetpack::command(
        "props set", "Set a property of this node", props_set,
        jetpack::argument("KEY", "Dotted path of the property").values_from("props get"),
        jetpack::argument(
            "VALUE", "Value of the property, a string unless --json is given; - is standard input"),
        jetpack::flag("json", "VALUE is JSON, such as true, 3 or [\"a\"]"),
        jetpack::flag("force", "Replace an object with all of its members"),
        jetpack::description(
            "Stores the property in config/properties.json and queues it for the server. Where "
            "the disk is full or read-only, it is sent to the server alone."),
        jetpack::example("jetpack props set rack.name r12", "Set a string"),
        jetpack::example("jetpack props set rack.gpus 8 --json", "Set a number")),
    jetpack::command(
        "props", "Set a property of this node: props --set KEY=VALUE", props,
        jetpack::option("set", "KEY[=VALUE]", "Property to set").required(),
        jetpack::argument("VALUE", "Value of the property, when --set has only the key").optional(),
        jetpack::example("jetpack props --set rack.name=r12", "Set a string")));
