// The table of all settings of jetpack, and how their values are checked.
#include "support/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <jetpack/error.hpp>
#include "support/json.hpp"
#include "support/suggest.hpp"
#include "support/text.hpp"

namespace jetpack::support {

namespace {

using Type = Setting::Type;

constexpr std::string_view own_prefix = "cyclecloud.jetpack.";

constexpr Setting text(std::string_view key, std::string_view help,
                       std::string_view fallback = {}) {
  return {key, Type::text, fallback, 0, 0, help};
}
constexpr Setting number(std::string_view key, std::string_view fallback, int64_t least,
                         int64_t most, std::string_view help) {
  return {key, Type::number, fallback, least, most, help};
}
constexpr Setting flag(std::string_view key, std::string_view help,
                       std::string_view fallback = "false") {
  return {key, Type::flag, fallback, 0, 0, help};
}
constexpr Setting choice(std::string_view key, std::string_view choices, std::string_view fallback,
                         std::string_view help) {
  return {key, Type::choice, fallback, 0, 0, help, choices};
}

constexpr std::array table{
    number("cyclecloud.jetpack.http_port", "9080", 0, 65535,
           "Port on 127.0.0.1 where jetpackd serves its status; 0 serves nothing"),
    number("cyclecloud.jetpack.userdata_interval", "60", 1, 86400,
           "Seconds between two fetches of the node's configuration and users"),
    number("cyclecloud.jetpack.outbox_max_mib", "64", 4, 1 << 20,
           "Size limit of the queue of unsent messages, in MiB"),
    number("cyclecloud.jetpack.send_max_mib", "16", 1, 64, "Size limit of one message, in MiB"),
    choice("cyclecloud.jetpack.transport", "https amqp", "https",
           "How messages reach the cluster, where [cycle_server] transport does not say"),
    number("cyclecloud.jetpack.storage_connections", "4", 1, 32,
           "Ranges or blocks of a blob transferred at the same time"),
    number("cyclecloud.jetpack.storage_tries", "8", 1, 100,
           "Attempts of one storage request before it fails"),
    number("cyclecloud.jetpack.storage_stall", "30", 1, 3600,
           "Seconds without data after which a storage connection is given up"),
    number(
        "cyclecloud.jetpack.healthcheck_interval", "600", 10, 86400,
        "Seconds between two runs of the health checks, where INTERVAL in the unit does not say"),
    number("cyclecloud.jetpack.healthcheck_timeout", "60", 1, 3600,
           "Seconds after which a health check is killed"),
    number("cyclecloud.jetpack.healthcheck_strikes", "1", 1, 1000,
           "How often a check exits with 254 before the cluster is asked to terminate the node"),
    number("cyclecloud.jetpack.healthcheck_recovery", "1", 1, 1000,
           "How often in a row a check passes before it has recovered"),
    text("cyclecloud.jetpack.chef_client",
         "Path of chef-client, cinc-client, chef-solo or cinc-solo, where they are not found"),
    flag("cyclecloud.jetpack.rerun_edited_scripts",
         "Run cluster-init scripts that have succeeded again when they were edited since"),
    number("cyclecloud.keepalive.timeout", "14400", 0, 31536000,
           "Seconds from a node's start to its configuration, after which it is unhealthy; 0: any"),
    text("cyclecloud.jetpack.metadata_url", "Address of the cloud's metadata service",
         "http://169.254.169.254"),
    flag("cyclecloud.monitor_scheduled_events",
         "Run scripts/on{Preempt,Terminate,Reboot,Redeploy,Freeze}.sh when the cloud gives notice",
         "true"),
    flag("cyclecloud.monitor_spot_eviction",
         "The same, where cyclecloud.monitor_scheduled_events is not set", "true"),
    number("cyclecloud.jetpack.events_interval", "1", 1, 60,
           "Seconds between two looks for scheduled events of the cloud"),
    number("cyclecloud.jetpack.events_margin", "3", 0, 300,
           "Seconds between the end of an event's scripts and the time the cloud has announced"),
    text("cyclecloud.jetpack.cluster_init_dir",
         "Directory of the projects' scripts, files and tests", "/mnt/cluster-init"),
    number("cyclecloud.jetpack.test_timeout", "600", 1, 86400,
           "Seconds after which a file of tests is killed"),
    flag("cyclecloud.jetpack.ohai", "Collect facts with ohai too, where it is installed"),
    number("cyclecloud.jetpack.ohai_timeout", "60", 1, 3600, "Seconds after which ohai is killed"),
    flag("cyclecloud.skip_ssl_validation",
         "Accept any certificate of the server and the broker: for tests alone"),
    text("[cycle_server] webserver", "Address of the server, https://HOST[:PORT][/PATH]"),
    text("[cycle_server] api_username", "User name at the server"),
    text("[cycle_server] api_password", "Password at the server"),
    text("[cycle_server] ca_file",
         "Certificates to trust beside the system's: a PEM file, below config/ unless absolute",
         "ca.pem, if it exists"),
    flag("[cycle_server] skip_ssl_validation",
         "Accept any certificate of the server: for tests alone"),
    flag("[cycle_server] allow_http", "Allow http to other hosts than this one"),
    text("[cycle_server] proxy",
         "Proxy on the way to the server, [http://][USER:PASSWORD@]HOST:PORT"),
    choice("[cycle_server] transport", "https amqp", "https", "How messages reach the cluster"),
    text("[identity] cluster_name", "Name of the cluster"),
    text("[identity] node_name", "Name of this node"),
    text("[identity] instance_id", "Id of this virtual machine"),
    text("[identity] cluster_session_id", "Id of the cluster's current session"),
    text("[identity] userdata_id", "Id of this node's userdata: 32 hexadecimal digits"),
    text("[broker] url", "Address of the broker, amqps://USER:PASSWORD@HOST[:PORT][/VHOST]"),
    text("[broker] exchange", "Exchange that messages are published to", "jetpack"),
    text("[broker] ca_file", "As [cycle_server] ca_file, for the broker", "ca.pem, if it exists"),
    flag("[broker] skip_ssl_validation", "Accept any certificate of the broker: for tests alone"),
    flag("[broker] allow_plain", "Allow amqp without TLS to other hosts than this one"),
    text("[plugins] path", "More directories with plugins: absolute, separated by ':'"),
};

std::optional<int64_t> parse_number(std::string_view text) {
  int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> parse_flag(std::string_view text) {
  const std::string word = lower_case(text);
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  return std::nullopt;
}

std::string invalid(const Setting& known, std::string_view value) {
  return std::string(known.key) + " is '" + one_line(value.substr(0, 80)) + "'; expected " +
         known.expected() + ", using " + std::string(known.fallback);
}

std::string unknown(const std::string& key, std::string_view nearest_key) {
  return "unknown setting " + one_line(key) +
         (nearest_key.empty() ? "" : "; did you mean " + std::string(nearest_key) + '?');
}

// "[broker] " of "[broker] url", "cyclecloud.jetpack." of "cyclecloud.jetpack.http_port".
std::string_view section_of(std::string_view key) {
  return key.substr(0, key.starts_with('[') ? key.find(' ') + 1 : key.rfind('.') + 1);
}

// The setting in the same section that the key may be a misspelling of, or "".
std::string nearest_setting(std::string_view key) {
  const std::string_view section = section_of(key);
  std::vector<std::string_view> names;
  for (const auto& known : table)
    if (section_of(known.key) == section) names.push_back(known.key.substr(section.size()));
  const std::string name = nearest(key.substr(section.size()), names);
  return name.empty() ? name : std::string(section) + name;
}

// What the agent itself writes beside its settings: see node_facts.cpp.
bool is_fact(std::string_view name) { return name == "executable" || name == "version"; }

// The text to use: the configured one if valid, else the default.
std::string valid_text(const Setting& known, const std::optional<std::string>& text,
                       const SettingWarning& warn) {
  // Null, which Format::plain prints as None, is as if it were left out.
  if (!text || *text == "None") return std::string(known.fallback);
  const std::string_view value = trimmed(*text);
  if (known.accepts(value)) return std::string(value);
  warn(invalid(known, value));
  return std::string(known.fallback);
}

const Setting* find(std::string_view key) {
  const auto* const found =
      std::find_if(table.begin(), table.end(), [&](const auto& known) { return known.key == key; });
  return found == table.end() ? nullptr : found;
}

}  // namespace

std::string Setting::expected() const {
  switch (type) {
    case Type::number:
      return "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
    case Type::flag:
      return "true or false";
    case Type::choice: {
      std::string words(choices);
      for (size_t at = words.find(' '); at != std::string::npos; at = words.find(' ', at + 4))
        words.replace(at, 1, " or ");
      return words;
    }
    default:
      return "";
  }
}

bool Setting::accepts(std::string_view value) const {
  if (type == Type::text) return true;
  if (type == Type::flag) return parse_flag(value).has_value();
  if (type == Type::number) {
    const auto parsed = parse_number(value);
    return parsed && *parsed >= least && *parsed <= most;
  }
  const std::string padded_choices = ' ' + std::string(choices) + ' ';
  return !value.empty() && value.find(' ') == std::string_view::npos &&
         padded_choices.find(' ' + std::string(value) + ' ') != std::string::npos;
}

std::span<const Setting> settings() { return table; }

const Setting& setting(std::string_view key) {
  if (const Setting* known = find(key)) return *known;
  throw Error(Errc::internal, "unknown setting " + std::string(key));
}

std::optional<std::string> configured_setting(const Config& config, std::string_view key) {
  try {
    return config.get(key);
  } catch (const Error& e) {
    if (e.code() == Errc::unavailable) return std::nullopt;
    throw;
  }
}

int64_t number_setting(std::string_view key, const std::optional<std::string>& text,
                       const SettingWarning& warn) {
  return parse_number(valid_text(setting(key), text, warn)).value_or(0);
}

bool flag_setting(std::string_view key, const std::optional<std::string>& text,
                  const SettingWarning& warn) {
  return parse_flag(valid_text(setting(key), text, warn)).value_or(false);
}

std::string choice_setting(std::string_view key, const std::optional<std::string>& text,
                           const SettingWarning& warn) {
  return valid_text(setting(key), text, warn);
}

std::string text_setting(std::string_view key, const std::optional<std::string>& text) {
  return valid_text(setting(key), text, {});
}

std::vector<std::string> setting_problems(const Config& config) {
  try {
    const auto ini = Ini::read(config.path("config/jetpack.ini"));
    const auto configured = config.get("cyclecloud.jetpack", Format::json);
    return setting_problems(ini.value_or(Ini()), configured.value_or("{}"));
  } catch (const Error&) {
    return {};
  }
}

std::vector<std::string> setting_problems(const Ini& ini, std::string_view configured) {
  std::vector<std::string> problems;
  const auto check = [&](const std::string& key, const std::string& value, bool is_ours) {
    if (const Setting* known = find(key)) {
      if (!value.empty() && !known->accepts(trimmed(value)))
        problems.push_back(invalid(*known, value));
      return;
    }
    const std::string meant = nearest_setting(key);
    if (is_ours || !meant.empty()) problems.push_back(unknown(key, meant));
  };
  // The other two sections are shared with the server, which may have other keys there.
  for (const auto& [section, key, value] : ini.entries())
    check(std::string("[").append(section).append("] ").append(key), value,
          section == "broker" || section == "plugins");
  const auto document = parse_json(configured, "the configuration");
  if (!document.IsObject()) return problems;
  for (const auto& [name, value] : document.GetObject())
    if (!is_fact(text_of(name)))
      check(std::string(own_prefix) + std::string(text_of(name)),
            value.IsNull()     ? ""
            : is_string(value) ? std::string(text_of(value))
                               : to_json(value),
            true);
  return problems;
}

}  // namespace jetpack::support
