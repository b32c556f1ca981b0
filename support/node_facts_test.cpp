// Tests of what a node knows of itself.
#include "support/node_facts.hpp"

#include <doctest/doctest.h>

#include "support/json.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack::support {

namespace {

constexpr const char* azure =
    R"({"compute":{"vmSize":"Standard_HB120rs_v3","vmId":"11111111-aaaa","subscriptionId":"s",
        "tagsList":[{"name":"ClusterName","value":"demo"},{"name":"Name","value":"n1"}]},
        "network":{"interface":[{"ipv4":{"ipAddress":[{"privateIpAddress":"10.0.0.5",
                                                       "publicIpAddress":"20.1.2.3"}]}}]}})";

FactSources sources(const TemporaryDirectory& directory) {
  FactSources result;
  result.installation = {"/opt/cycle/jetpack", "/opt/cycle/jetpack/bin/jetpack", "8.10.0-100"};
  result.connection = ConnectionFiles::read(directory.path());
  result.machine = parse_json(R"~({"hostname":"h","ipaddress":"10.0.0.4","os":"linux",
      "cloud":{"local_ipv4":"10.0.0.4","local_hostname":"h"},
      "os_release":{"name":"X","version":"9.4 (Y)","id":"almalinux","version_id":"9.4",
                    "id_like":["rhel","centos"]}})~",
                              "test");
  result.machine_uuid = "U1";
  return result;
}

std::string at(const rapidjson::Value& facts, std::string_view key) {
  const rapidjson::Value* value = &facts;
  for (size_t dot = 0; value != nullptr && dot != std::string_view::npos;) {
    dot = key.find('.');
    value = find_member(*value, key.substr(0, dot));
    if (dot != std::string_view::npos) key.remove_prefix(dot + 1);
  }
  return value == nullptr ? "(none)" : to_json(*value);
}

}  // namespace

TEST_CASE("facts have what the connection's files, the machine and the metadata say") {
  const TemporaryDirectory directory;
  directory.write("connection.json",
                  R"({"cluster":"demo","username":"u","password":"p","url":"https://s:9443"})");
  directory.write("jetpack.ini", "[identity]\ninstance_id = I1\nnode_name = n1\n");
  auto from = sources(directory);
  from.metadata = parse_json(azure, "test");
  const auto facts = node_facts(from);
  CHECK(at(facts, "cyclecloud.config.web_server") == "\"https://s:9443\"");
  CHECK(at(facts, "cyclecloud.config.password") == "\"p\"");
  CHECK(at(facts, "cyclecloud.cluster.name") == "\"demo\"");
  CHECK(at(facts, "cyclecloud.node.name") == "\"n1\"");
  CHECK(at(facts, "cyclecloud.instance.id") == "\"I1\"");
  CHECK(at(facts, "cyclecloud.instance.ipv4") == "\"10.0.0.4\"");
  CHECK(at(facts, "cyclecloud.cluster.autoscale.idle_time_after_jobs") == "1800");
  CHECK(at(facts, "cyclecloud.hosts.standalone_dns.enabled") == "false");
  CHECK(at(facts, "cyclecloud.cookbooks.version") == "\"8.10.0\"");
  CHECK(at(facts, "jetpack.downloads") ==
        "\"/opt/cycle/jetpack/system/chef/cache/jetpack/downloads\"");
  CHECK(at(facts, "roles") == "[]");
  CHECK(at(facts, "hostname") == "\"h\"");
  CHECK(at(facts, "azure.metadata.compute.tags") == "\"ClusterName:demo;Name:n1\"");
  CHECK(at(facts, "cloud.provider") == "\"azure\"");
  CHECK(at(facts, "cloud.local_ipv4") == "\"10.0.0.4\"");
  CHECK(at(facts, "cloud.public_ipv4") == "\"20.1.2.3\"");
  CHECK(at(facts, "dmi.system.uuid") == "\"U1\"");

  const auto properties = properties_of_facts(facts);
  const auto expected = parse_json(
      R"~({"azure": {"vm_size": "Standard_HB120rs_v3", "subscription_id": "s"},
           "cyclecloud": {"url": "https://s:9443", "cluster": "demo"},
           "os": {"id": "almalinux", "id_like": "rhel centos", "version": "9.4 (Y)",
                  "version_id": "9.4"},
           "vm": {"hostname": "h", "ipv4": "10.0.0.4"}})~",
      "test");
  const rapidjson::Value& is = properties;
  CHECK((is == expected));
}

TEST_CASE("what was known stays for the same instance alone") {
  const TemporaryDirectory directory;
  auto first = sources(directory);
  first.metadata = parse_json(azure, "test");
  auto again = sources(directory);
  again.previous = node_facts(first);
  CHECK(at(again.previous, "cyclecloud.instance.id") == "\"11111111-aaaa\"");
  CHECK_FALSE(is_other_instance(again));
  const auto kept = node_facts(again);
  CHECK(at(kept, "cyclecloud.instance.id") == "\"11111111-aaaa\"");
  CHECK(at(kept, "azure.metadata.compute.subscriptionId") == "\"s\"");
  CHECK(at(kept, "cyclecloud.instance.startTime") ==
        at(again.previous, "cyclecloud.instance.startTime"));

  auto cloned = sources(directory);
  cloned.machine_uuid = "U2";
  cloned.previous = node_facts(first);
  CHECK(is_other_instance(cloned));
  CHECK(at(node_facts(cloned), "cyclecloud.instance.id") == "(none)");
  CHECK(at(node_facts(cloned), "azure.metadata") == "(none)");
  cloned.metadata = parse_json(R"({"compute":{"vmId":"22222222-bbbb"}})", "test");
  CHECK(is_other_instance(cloned));
  cloned.metadata = parse_json(R"({"compute":{"vmId":"11111111-AAAA"}})", "test");
  CHECK_FALSE(is_other_instance(cloned));
}

}  // namespace jetpack::support
