// What a node knows of itself, without its server: config/facts.json, the base of its configuration.
#include "support/node_facts.hpp"

#include <initializer_list>

#include "support/json_writer.hpp"
#include "support/program.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::support {

namespace {

using Names = std::initializer_list<std::string_view>;

const rapidjson::Value* find_at(const rapidjson::Value& root, Names path) {
  const rapidjson::Value* at = &root;
  for (const auto name : path) {
    at = find_member(*at, name);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string text_at(const rapidjson::Value& root, Names path) {
  const auto* found = find_at(root, path);
  return found != nullptr && is_string(*found) ? std::string(text_of(*found)) : "";
}

// A list of words, separated by blanks as in /etc/os-release.
std::string words_at(const rapidjson::Value& root, Names path) {
  std::string words;
  const auto* list = find_at(root, path);
  if (list != nullptr && list->IsArray())
    for (const auto& word : list->GetArray())
      if (is_string(word)) words.append(words.empty() ? "" : " ").append(text_of(word));
  return words;
}

void text_if_known(Object& object, std::string_view name, const std::string& value) {
  if (!value.empty()) object.text(name, value);
}

std::string first_of(const std::string& first, const std::string& second) {
  return first.empty() ? second : first;
}

std::string machine_before(const FactSources& sources) {
  return lower_case(text_at(sources.previous, {"dmi", "system", "uuid"}));
}

std::string machine_now(const FactSources& sources) { return lower_case(sources.machine_uuid); }

// "" when neither the files, nor the metadata, nor the last facts of this machine say it.
std::string instance_id(const FactSources& sources) {
  if (const auto id = sources.connection.instance()) return *id;
  if (auto id = text_at(sources.metadata, {"compute", "vmId"}); !id.empty()) return id;
  const bool is_same =
      !sources.machine_uuid.empty() && machine_now(sources) == machine_before(sources);
  return is_same ? text_at(sources.previous, {"cyclecloud", "instance", "id"}) : "";
}

std::string started_at() {
  const int64_t time = boot_time();
  return time == 0 ? "" : iso_8601_seconds(from_unix_ms(time * 1000));
}

// Defaults that callers expect to find, because nothing is zero to them: a node whose idle time is
// 0 would stop at once. CycleCloud documents the first four; the others are what its schedulers'
// integrations use.
void write_autoscale(Object& autoscale) {
  constexpr int idle_seconds = 1800, stop_interval = 60, keep_alive = 1800, provisioning = 3600;
  constexpr int retention_days = 7;
  autoscale.boolean("start_enabled", false)
      .boolean("stop_enabled", false)
      .number("idle_time_after_jobs", idle_seconds)
      .number("idle_time_before_jobs", idle_seconds)
      .number("stop_interval", stop_interval)
      .number("keep_alive_throttle", keep_alive)
      .number("provisioning_timeout", provisioning)
      .number("vm_retention_days", retention_days);
}

void write_instance(Object& instance, const FactSources& sources) {
  const std::string started =
      is_other_instance(sources)
          ? ""
          : text_at(sources.previous, {"cyclecloud", "instance", "startTime"});
  text_if_known(instance, "id", instance_id(sources));
  text_if_known(instance, "hostname", text_at(sources.machine, {"hostname"}));
  text_if_known(instance, "ipv4", text_at(sources.machine, {"ipaddress"}));
  instance.text("startTime", first_of(started, started_at()));
}

std::string cyclecloud_of(const FactSources& sources) {
  const ConnectionFiles& connection = sources.connection;
  const auto enabled = [](bool is_on) {
    return [is_on](Object& object) { object.boolean("enabled", is_on); };
  };
  return json_object([&](Object& cyclecloud) {
    cyclecloud.text("home", sources.installation.home)
        .text("bootstrap", sources.installation.home + "/system/bootstrap")
        .text("chefstate", sources.installation.home + "/system/chef/state")
        .object("jetpack",
                [&](Object& jetpack) {
                  jetpack.text("executable", sources.installation.executable)
                      .text("version", sources.installation.version);
                })
        .object("config",
                [&](Object& config) {
                  text_if_known(config, "web_server", connection.url().value_or(""));
                  text_if_known(config, "username", connection.username().value_or(""));
                  text_if_known(config, "password", connection.password().value_or(""));
                })
        .object("cluster",
                [&](Object& cluster) {
                  text_if_known(cluster, "name", connection.cluster().value_or(""));
                  text_if_known(cluster, "id", connection.session().value_or(""));
                  cluster.number("start_count", 0).object("autoscale", write_autoscale);
                })
        .object("node",
                [&](Object& node) {
                  text_if_known(node, "name", connection.node().value_or(""));
                  node.boolean("prevent_metadata_access", false);
                })
        .object("instance", [&](Object& instance) { write_instance(instance, sources); })
        .object("cookbooks",
                [&](Object& cookbooks) {
                  cookbooks.text("version", sources.installation.version.substr(
                                                0, sources.installation.version.find('-')));
                })
        .object("hosts", [&](Object& hosts) { hosts.object("standalone_dns", enabled(false)); })
        .object("maintenance_converge", enabled(false))
        .texts("cluster_init_specs", Names{});
  });
}

rapidjson::Document copy_of(const rapidjson::Value* value) {
  rapidjson::Document copy(rapidjson::kObjectType);
  if (value != nullptr && value->IsObject()) copy.CopyFrom(*value, copy.GetAllocator());
  return copy;
}

rapidjson::Document object_with(std::string_view name, const std::string& text) {
  return parse_json(json_object([&](Object& object) { object.text(name, text); }), "the facts");
}

// Ohai's cloud, with what the machine itself does not know: the first address of the first network
// interface. The public one is empty where there is none.
std::string cloud_of(const rapidjson::Value& metadata, const rapidjson::Value* known) {
  const auto first = [](const rapidjson::Value* list) {
    return list != nullptr && list->IsArray() && !list->Empty() ? &(*list)[0] : nullptr;
  };
  const auto* interface = first(find_at(metadata, {"network", "interface"}));
  const auto* address =
      interface == nullptr ? nullptr : first(find_at(*interface, {"ipv4", "ipAddress"}));
  auto cloud = copy_of(known);
  auto& allocator = cloud.GetAllocator();
  const auto set = [&](const char* name, const std::string& text) {
    if (find_member(cloud, name) != nullptr) return;
    cloud.AddMember(rapidjson::StringRef(name), rapidjson::Value(text.c_str(), allocator),
                    allocator);
  };
  set("provider", "azure");
  if (address != nullptr) {
    set("local_ipv4", text_or(*address, "privateIpAddress", ""));
    set("public_ipv4", text_or(*address, "publicIpAddress", ""));
  }
  return to_json(cloud);
}

// Scripts read the tags as "k:v;k:v". Newer versions of the metadata service have a list, too.
void complete_tags(rapidjson::Document& metadata) {
  const auto* compute = find_member(metadata, "compute");
  if (compute == nullptr || !compute->IsObject() || find_member(*compute, "tags") != nullptr)
    return;
  std::string tags;
  if (const auto* list = find_member(*compute, "tagsList"); list != nullptr && list->IsArray())
    for (const auto& tag : list->GetArray())
      tags.append(tags.empty() ? "" : ";")
          .append(text_or(tag, "name", ""))
          .append(":")
          .append(text_or(tag, "value", ""));
  auto& allocator = metadata.GetAllocator();
  const_cast<rapidjson::Value*>(compute)->AddMember(
      "tags", rapidjson::Value(tags.c_str(), allocator), allocator);
}

}  // namespace

bool is_other_instance(const FactSources& sources) {
  const std::string before = text_at(sources.previous, {"cyclecloud", "instance", "id"});
  const std::string now = instance_id(sources);
  if (!before.empty() && !now.empty()) return lower_case(before) != lower_case(now);
  const std::string machine = machine_now(sources), last = machine_before(sources);
  return !machine.empty() && !last.empty() && machine != last;
}

rapidjson::Document node_facts(const FactSources& sources) {
  rapidjson::Document facts = copy_of(&sources.machine);
  auto& allocator = facts.GetAllocator();
  const auto set = [&](const char* name, const rapidjson::Value& value) {
    facts.RemoveMember(name);
    facts.AddMember(rapidjson::StringRef(name), rapidjson::Value(value, allocator), allocator);
  };
  set("cyclecloud", parse_json(cyclecloud_of(sources), "the facts"));
  set("jetpack",
      object_with("downloads", sources.installation.home + "/system/chef/cache/jetpack/downloads"));
  if (find_member(facts, "roles") == nullptr) set("roles", rapidjson::Value(rapidjson::kArrayType));
  if (!sources.machine_uuid.empty() && find_member(facts, "dmi") == nullptr) {
    rapidjson::Value dmi(rapidjson::kObjectType);
    dmi.AddMember("system", rapidjson::Value(object_with("uuid", sources.machine_uuid), allocator),
                  allocator);
    set("dmi", dmi);
  }
  rapidjson::Document metadata;
  const auto* known = find_at(sources.previous, {"azure", "metadata"});
  if (sources.metadata.IsObject()) {
    metadata = copy_of(&sources.metadata);
  } else if (known != nullptr && !is_other_instance(sources)) {
    metadata = copy_of(known);
  }
  if (!metadata.IsObject()) return facts;
  complete_tags(metadata);
  set("cloud", parse_json(cloud_of(metadata, find_member(facts, "cloud")), "the facts"));
  rapidjson::Value azure(rapidjson::kObjectType);
  azure.AddMember("metadata", rapidjson::Value(metadata, allocator), allocator);
  set("azure", azure);
  return facts;
}

rapidjson::Document properties_of_facts(const rapidjson::Value& facts) {
  const auto compute = [&](std::string_view name) {
    return text_at(facts, {"azure", "metadata", "compute", name});
  };
  const std::string json = json_object([&](Object& properties) {
    if (!compute("vmSize").empty() || !compute("subscriptionId").empty())
      properties.object("azure", [&](Object& azure) {
        text_if_known(azure, "vm_size", compute("vmSize"));
        text_if_known(azure, "subscription_id", compute("subscriptionId"));
      });
    properties.object("cyclecloud", [&](Object& cyclecloud) {
      text_if_known(cyclecloud, "url", text_at(facts, {"cyclecloud", "config", "web_server"}));
      text_if_known(cyclecloud, "cluster", text_at(facts, {"cyclecloud", "cluster", "name"}));
    });
    properties.object("os", [&](Object& os) {
      for (const char* name : {"id", "version", "version_id"})
        text_if_known(os, name, text_at(facts, {"os_release", name}));
      text_if_known(os, "id_like", words_at(facts, {"os_release", "id_like"}));
    });
    properties.object("vm", [&](Object& vm) {
      text_if_known(vm, "hostname", text_at(facts, {"hostname"}));
      text_if_known(vm, "ipv4", text_at(facts, {"ipaddress"}));
    });
  });
  return parse_json(json, "the properties");
}

}  // namespace jetpack::support
