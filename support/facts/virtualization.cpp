// Hypervisors and containers by Ohai's rules, and the cloud.
#include <algorithm>
#include <array>
#include <utility>

#include "support/facts/parts.hpp"
#include "support/text.hpp"

namespace jetpack::support::facts {

namespace {

constexpr const char* host = "host";
constexpr const char* guest = "guest";

// Of chassis_asset_tag on each virtual machine of Azure.
constexpr std::string_view azure_tag = "7783-7084-3265-9085-8269-3286-77";

struct Found {
  std::string system, role, hypervisor_host;
  std::vector<std::pair<std::string, std::string>> systems;

  // What is found last is the system; what was found before stays in the list.
  void add(const std::string& name, const std::string& as) {
    system = name;
    role = as;
    const auto same = [&](const auto& known) { return known.first == name; };
    const auto known = std::find_if(systems.begin(), systems.end(), same);
    if (known != systems.end()) {
      known->second = as;
    } else {
      systems.emplace_back(name, as);
    }
  }
};

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool has_line(const std::string& text, std::string_view beginning) {
  bool found = false;
  each_line(text, [&](std::string_view line) { found |= line.starts_with(beginning); });
  return found;
}

std::string guest_of_dmi(const Sources& sources) {
  const std::string vendor = dmi(sources, "sys_vendor"), product = dmi(sources, "product_name");
  using Maker = std::pair<const char*, const char*>;
  for (const auto& [part, name] :
       {Maker{"OpenStack", "openstack"}, Maker{"Xen", "xen"}, Maker{"VMware", "vmware"}})
    if (has(vendor, part)) return name;
  if (has(vendor, "Microsoft") && has(product, "Virtual Machine")) return "hyperv";
  for (const auto& [part, name] : {Maker{"Amazon EC2", "amazonec2"}, Maker{"QEMU", "kvm"},
                                   Maker{"Veertu", "veertu"}, Maker{"Parallels", "parallels"}})
    if (has(vendor, part)) return name;
  for (const auto& [part, name] :
       {Maker{"VirtualBox", "vbox"}, Maker{"OpenStack", "openstack"}, Maker{"KVM", "kvm"},
        Maker{"RHEV", "kvm"}, Maker{"BHYVE", "bhyve"}})
    if (has(product, part)) return name;
  return {};
}

void find_hypervisors(const Sources& sources, Found& found) {
  if (has_program(sources, "docker")) found.add("docker", host);
  if (exists(sources, "/proc/xen"))
    found.add("xen",
              has(text_of_file(sources, "/proc/xen/capabilities"), "control_d") ? host : guest);
  const std::string modules = text_of_file(sources, "/proc/modules");
  if (has_line(modules, "vboxdrv")) {
    found.add("vbox", host);
  } else if (has_line(modules, "vboxguest")) {
    found.add("vbox", guest);
  }
  if (has_program(sources, "nova")) found.add("openstack", host);
  const std::string cpuinfo = text_of_file(sources, "/proc/cpuinfo");
  if (has(cpuinfo, "QEMU Virtual CPU") || has(cpuinfo, "Common KVM processor") ||
      has(cpuinfo, "Common 32-bit KVM processor"))
    found.add("kvm", guest);
  if (exists(sources, "/sys/devices/virtual/misc/kvm"))
    found.add("kvm", has(cpuinfo, "hypervisor") ? guest : host);
  const std::string by_dmi = guest_of_dmi(sources);
  if (!by_dmi.empty()) found.add(by_dmi, guest);
  if (exists(sources, "/proc/bc/0")) {
    found.add("openvz", host);
  } else if (exists(sources, "/proc/vz")) {
    found.add("openvz", guest);
  }
}

// The name that Hyper-V gives its host, among the keys and values of 512 and 2048 bytes, padded
// with NUL, that its daemon writes.
void find_hyperv(const Sources& sources, Found& found) {
  const std::string pool = "/var/lib/hyperv/.kvp_pool_3";
  if (!exists(sources, pool)) return;
  found.add("hyperv", guest);
  const std::string text = text_of_file(sources, pool);
  const size_t name = text.find("HostName");
  if (name == std::string::npos) return;
  const size_t begin = name + std::string_view("HostName").size();
  const size_t end = text.find("HostingSystemEditionId", begin);
  if (end == std::string::npos) return;
  for (const char c : text.substr(begin, end - begin))
    if (c > ' ' && c < '\x7f') found.hypervisor_host += c;
  found.hypervisor_host = lower_case(found.hypervisor_host);
}

// "lxc" or "docker" when a line names its group so: "N:CONTROLLERS:/lxc/NAME" or
// "N:CONTROLLERS:/SLICE/docker-NAME".
std::string container_of_cgroup(const std::string& text) {
  std::string name;
  each_line(text, [&](std::string_view line) {
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos || !name.empty()) return;
    const std::string_view path = line.substr(second + 1);
    if (!path.starts_with('/')) return;
    const size_t slash = path.find('/', 1);
    for (const std::string_view kind : {"lxc", "docker"}) {
      const bool is_top = path.substr(1).starts_with(std::string(kind) + '/');
      const bool is_inner = slash != std::string_view::npos && slash > 1 &&
                            path.substr(slash + 1).starts_with(kind) &&
                            path.size() > slash + 1 + kind.size();
      if (is_top || is_inner) name = kind;
    }
  });
  return name;
}

void find_containers(const Sources& sources, Found& found) {
  const std::string name = container_of_cgroup(text_of_file(sources, "/proc/self/cgroup"));
  const std::string init = text_of_file(sources, "/proc/1/environ");
  if (!name.empty()) {
    found.add(name, guest);
  } else if (has(init, "container=lxc")) {
    found.add("lxc", guest);
  } else if (has(init, "container=systemd-nspawn")) {
    found.add("nspawn", guest);
  }
  if (exists(sources, "/.dockerenv") || exists(sources, "/.dockerinit")) found.add("docker", guest);
  if (exists(sources, "/dev/lxd/sock")) {
    found.add("lxd", guest);
  } else if (exists(sources, "/var/lib/lxd/devlxd") ||
             exists(sources, "/var/snap/lxd/common/lxd/devlxd")) {
    found.add("lxd", host);
  }
}

}  // namespace

std::string dmi(const Sources& sources, const char* field) {
  return std::string(trimmed(text_of_file(sources, std::string("/sys/class/dmi/id/") + field)));
}

void add_virtualization(const Sources& sources, Object& facts) {
  Found found;
  find_hypervisors(sources, found);
  find_hyperv(sources, found);
  find_containers(sources, found);
  facts.object("virtualization", [&](Object& json) {
    json.object("systems", [&](Object& systems) {
      for (const auto& [name, role] : found.systems) systems.text(name, role);
    });
    if (!found.system.empty()) json.text("system", found.system).text("role", found.role);
    if (!found.hypervisor_host.empty()) json.text("hypervisor_host", found.hypervisor_host);
  });
}

void add_cloud(const Sources& sources, const std::string& ipv4, const Names& names, Object& facts) {
  const bool is_azure =
      dmi(sources, "chassis_asset_tag") == azure_tag || exists(sources, "/usr/sbin/waagent") ||
      has(text_of_file(sources, "/var/lib/dhcp/dhclient.eth0.leases"), "unknown-245");
  facts.object("cloud", [&](Object& cloud) {
    if (is_azure) cloud.text("provider", "azure");
    if (!ipv4.empty())
      cloud.text("local_ipv4", ipv4).texts("local_ipv4_addrs", std::array<std::string, 1>{ipv4});
    if (!names.host.empty()) cloud.text("local_hostname", names.host);
  });
}

}  // namespace jetpack::support::facts
