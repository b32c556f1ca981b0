// The instance document of a node: what Azure's metadata service tells a machine of itself.
#include "azure/instance.hpp"

#include <charconv>

#include "support/json.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

namespace {

using support::JsonWriter;
using support::Object;

constexpr std::string_view subscription = "00000000-0000-0000-0000-000000000000";
constexpr const char* size_name = "Standard_HB120rs_v3";
constexpr const char* any_address = "127.0.0.1";

std::string resource_id(const Node& node) {
  return "/subscriptions/" + std::string(subscription) + "/resourceGroups/" + node.cluster +
         "-rg/providers/Microsoft.Compute/virtualMachines/" + node.name;
}

void add_storage(Object& compute) {
  compute.object("storageProfile", [](Object& storage) {
    storage.list("dataDisks", std::initializer_list<int>{}, [](JsonWriter&, int) {})
        .object("imageReference",
                [](Object& image) {
                  image.text("id", "")
                      .text("offer", "almalinux-hpc")
                      .text("publisher", "almalinux")
                      .text("sku", "8_10-hpc-gen2")
                      .text("version", "latest");
                })
        .object("osDisk",
                [](Object& disk) {
                  disk.text("caching", "ReadWrite")
                      .text("createOption", "FromImage")
                      .text("diskSizeGB", "64")
                      .text("name", "os")
                      .text("osType", "Linux")
                      .text("writeAcceleratorEnabled", "false");
                })
        .object("resourceDisk", [](Object& disk) { disk.text("size", "491520"); });
  });
}

void add_tag(JsonWriter& writer, std::string_view name, std::string_view value) {
  Object(writer).text("name", name).text("value", value);
}

void add_compute(Object& compute, const Node& node) {
  compute.text("azEnvironment", "AzurePublicCloud")
      .text("customData", "")
      .text("evictionPolicy", "Delete")
      .text("isHostCompatibilityLayerVm", "false")
      .text("licenseType", "")
      .text("location", "westeurope")
      .text("name", node.name)
      .text("offer", "almalinux-hpc")
      .object("osProfile",
              [&](Object& os) {
                os.text("adminUsername", "cyclecloud")
                    .text("computerName", node.hostname.empty() ? node.name : node.hostname)
                    .text("disablePasswordAuthentication", "true");
              })
      .text("osType", "Linux")
      .text("placementGroupId", "")
      .object("plan",
              [](Object& plan) { plan.text("name", "").text("product", "").text("publisher", ""); })
      .text("platformFaultDomain", "0")
      .text("platformUpdateDomain", "0")
      .text("priority", "Spot")
      .text("provider", "Microsoft.Compute")
      .list("publicKeys", std::initializer_list<int>{}, [](JsonWriter&, int) {})
      .text("publisher", "almalinux")
      .text("resourceGroupName", node.cluster + "-rg")
      .text("resourceId", resource_id(node))
      .object("securityProfile",
              [](Object& security) {
                security.text("secureBootEnabled", "false").text("virtualTpmEnabled", "false");
              })
      .text("sku", "8_10-hpc-gen2");
  add_storage(compute);
  compute.text("subscriptionId", subscription)
      .text("tags", "ClusterName:" + node.cluster + ";Name:" + node.name)
      .list("tagsList", std::initializer_list<bool>{true, false},
            [&](JsonWriter& writer, bool is_cluster) {
              add_tag(writer, is_cluster ? "ClusterName" : "Name",
                      is_cluster ? node.cluster : node.name);
            })
      .text("userData", "")
      .text("version", "1.0.0")
      .text("vmId", node.instance_id)
      .text("vmScaleSetName", "")
      .text("vmSize", size_name)
      .text("zone", "");
}

void add_address(JsonWriter& writer, const std::string& address) {
  Object(writer).text("privateIpAddress", address).text("publicIpAddress", "");
}

void add_interface(JsonWriter& writer, const std::string& address) {
  const auto one = std::initializer_list<std::string>{address};
  Object interface(writer);
  interface
      .object("ipv4",
              [&](Object& ipv4) {
                ipv4.list("ipAddress", one, add_address)
                    .list("subnet", one, [](JsonWriter& inner, const std::string& of) {
                      Object(inner).text("address", of).text("prefix", "24");
                    });
              })
      .object("ipv6",
              [](Object& ipv6) {
                ipv6.list("ipAddress", std::initializer_list<int>{}, [](JsonWriter&, int) {});
              })
      .text("macAddress", "000D3A000001");
}

}  // namespace

rapidjson::Document instance_document(const Node& node) {
  const std::string address = node.address.empty() ? any_address : node.address;
  return support::parse_json(
      support::json_object([&](Object& document) {
        document.object("compute", [&](Object& compute) { add_compute(compute, node); })
            .object("network", [&](Object& network) {
              network.list("interface", std::initializer_list<std::string>{address}, add_interface);
            });
      }),
      "the instance document");
}

const rapidjson::Value* part_of(const rapidjson::Value& document, std::string_view path) {
  const auto* part = &document;
  while (!path.empty() && part != nullptr) {
    path.remove_prefix(1);  // '/'
    const std::string_view name = path.substr(0, path.find('/'));
    path.remove_prefix(name.size());
    if (name.empty()) continue;
    if (part->IsArray()) {
      rapidjson::SizeType index = 0;
      const auto end = name.data() + name.size();
      const auto parsed = std::from_chars(name.data(), end, index);
      const bool is_there = parsed.ptr == end && index < part->Size();
      part = is_there ? &(*part)[index] : nullptr;
    } else {
      part = part->IsObject() ? support::find_member(*part, name) : nullptr;
    }
  }
  return part;
}

std::string part_as_text(const rapidjson::Value& part) {
  if (support::is_string(part)) return std::string(support::text_of(part));
  std::string text;
  const auto add = [&](const std::string& name, const rapidjson::Value& value) {
    text += (text.empty() ? "" : "\n") + name + (value.IsString() ? "" : "/");
  };
  if (part.IsObject())
    for (const auto& member : part.GetObject())
      add(std::string(support::text_of(member.name)), member.value);
  if (part.IsArray())
    for (rapidjson::SizeType i = 0; i < part.Size(); ++i) add(std::to_string(i), part[i]);
  return text;
}

}  // namespace jetpack::hub
