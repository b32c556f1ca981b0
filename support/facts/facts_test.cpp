#include "support/facts/facts.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <jetpack/error.hpp>
#include "support/facts/network.hpp"
#include "support/facts/ohai.hpp"
#include "support/facts/parts.hpp"
#include "support/json.hpp"
#include "support/testing/temporary_directory.hpp"
#include "support/utf8.hpp"

namespace jetpack::support::facts {

namespace {

// A recorded tree.
class Machine {
 public:
  Machine() { sources.root = tree_.path(); }
  Machine& with(const std::string& file, const std::string& content) {
    tree_.write(file, content);
    return *this;
  }
  Json facts() const { return Json::parse(collect(sources), "the facts"); }

  Sources sources;

 private:
  TemporaryDirectory tree_;
};

// What a dotted path leads to, as JSON; "-": nothing. '|' stands for a dot in a name.
std::string at(const Json& facts, std::string path) {
  const rapidjson::Value* value = &facts.root();
  while (!path.empty() && value != nullptr) {
    const size_t dot = path.find('.');
    std::string name = path.substr(0, dot);
    for (char& c : name)
      if (c == '|') c = '.';
    value = find_member(*value, name);
    path = dot == std::string::npos ? "" : path.substr(dot + 1);
  }
  return value == nullptr ? "-" : to_json(*value);
}

struct Expected {
  const char *file, *platform, *family, *version;
};

Address ipv4(const char* text, unsigned prefix, const char* scope = "Global") {
  return {AF_INET, text, prefix, scope, "", ""};
}
Address ipv6(const char* text, unsigned prefix, const char* scope = "Global") {
  return {AF_INET6, text, prefix, scope, "", ""};
}
Interface ethernet(int index, const char* name, const char* hardware, std::vector<Address> owned) {
  return {index, name, 1500, 0x1043, "Ethernet", hardware, "up", std::move(owned)};
}
Interface loopback() {
  return {1,          "lo", 65536,     0x49,
          "Loopback", "",   "unknown", {ipv4("127.0.0.1", 8, "Node"), ipv6("::1", 128, "Node")}};
}
Route route(int family, const char* to, int interface, const char* via, const char* source = "") {
  return {family, to, interface, via, source, "", ""};
}

}  // namespace

TEST_CASE("each distribution has the name, family and version that Ohai gives") {
  const char* directory = std::getenv("JETPACK_OS_RELEASE");
  REQUIRE(directory != nullptr);
  const std::vector<Expected> all{
      {"almalinux-8", "almalinux", "rhel", "8.10"},
      {"almalinux-9", "almalinux", "rhel", "9.4"},
      {"rhel-8", "redhat", "rhel", "8.9"},
      {"rhel-9", "redhat", "rhel", "9.4"},
      {"rocky-9", "rocky", "rhel", "9.3"},
      {"oracle-8", "oracle", "rhel", "8.9"},
      {"centos-7", "centos", "rhel", "7.9.2009"},
      {"ubuntu-20.04", "ubuntu", "debian", "20.04"},
      {"ubuntu-22.04", "ubuntu", "debian", "22.04"},
      {"ubuntu-24.04", "ubuntu", "debian", "24.04"},
      {"debian-11", "debian", "debian", "11"},
      {"debian-12", "debian", "debian", "12"},
      {"debian-13", "debian", "debian", "13"},
      {"debian-sid", "debian", "debian", "trixie/sid"},
      {"sles-15", "suse", "suse", "15.5"},
      {"sles-sap-15", "suse", "suse", "15.4"},
      {"opensuse-leap-15", "opensuseleap", "suse", "15.6"},
      {"opensuse-tumbleweed", "opensuse-tumbleweed", "suse", "20240613"},
      {"azurelinux-3", "azurelinux", "", "3.0"},
      {"mariner-2", "mariner", "", "2.0"},
      {"amazon-2", "amazon", "amazon", "2"},
      {"amazon-2023", "amazon", "amazon", "2023"}};
  for (const auto& expected : all) {
    CAPTURE(expected.file);
    Machine machine;
    machine.with("etc/redhat-release", "CentOS Linux release 7.9.2009 (Core)\n")
        .with("etc/debian_version", "trixie/sid\n");
    std::filesystem::copy(std::string(directory) + '/' + expected.file,
                          machine.sources.root + "/etc/os-release");
    const Platform found = platform_of(machine.sources);
    CHECK(found.name == expected.platform);
    CHECK(found.family == expected.family);
    CHECK(found.version == expected.version);
  }
}

TEST_CASE("a tree without anything has no platform, and is an object still") {
  const Json facts = Machine().facts();
  CHECK(at(facts, "platform") == "-");
  CHECK(at(facts, "os") == "\"linux\"");
  CHECK(at(facts, "cpu.total") == "0");
  CHECK(at(facts, "ipaddress") == "-");
}

TEST_CASE("text that is not UTF-8 costs that text") {
  Machine machine;
  machine.with("etc/os-release", "ID=debian\nVERSION_ID='12'\nPRETTY_NAME=\"Caf\xe9 \\\"x\\\"\"\n")
      .with("proc/sys/kernel/hostname", "n\xd4.example.org\n")
      .with("proc/self/mounts", "/dev/sd\xd4 /mnt/\\040\xff ext4 rw 0 0\n");
  const std::string text = collect(machine.sources);
  CHECK(is_utf8(text));
  const Json facts = machine.facts();
  CHECK(at(facts, "platform_version") == "\"12\"");
  CHECK(at(facts, "os_release.pretty_name") == "\"Caf\uFFFD \\\"x\\\"\"");
  CHECK(at(facts, "domain") == "\"example.org\"");
}

TEST_CASE("the names of a host") {
  Machine machine;
  machine.with("etc/hosts",
               "127.0.0.1 localhost\n# 10.0.0.9 no.example vm\n"
               "10.0.0.4\tvm.hpc.example VM # ours\n");
  Names names = names_of(machine.sources, "vm");
  CHECK(names.full == "vm.hpc.example");
  CHECK(names.domain == "hpc.example");
  CHECK(names.host == "vm");
  names = names_of(machine.sources, "other.b.c");
  CHECK(names.full == "other.b.c");
  CHECK(names.host == "other");
  CHECK(names.domain == "b.c");
}

TEST_CASE("what hangs is given up at its deadline") {
  const auto answer = ask_in_child(std::chrono::milliseconds(50), [] {
    ::pause();
    return std::string();
  });
  CHECK_FALSE(answer.has_value());
  CHECK(ask_in_child(std::chrono::seconds(30), [] { return std::string(300000, 'x'); }) ==
        std::string(300000, 'x'));
}

TEST_CASE("processors: two sockets, and ARM, where only /sys knows them") {
  Machine machine;
  std::string cpuinfo;
  for (int i = 0; i < 4; ++i)
    cpuinfo += "processor\t: " + std::to_string(i) +
               "\nmodel name\t: EPYC 7V73X\nphysical id\t: " + std::to_string(i / 2) +
               "\ncpu cores\t: 2\nflags\t\t: fpu sse\nmodel\t\t: 1\n\n";
  machine.with("proc/cpuinfo", cpuinfo);
  const Json facts = machine.facts();
  CHECK(at(facts, "cpu.total") == "4");
  CHECK(at(facts, "cpu.real") == "2");
  CHECK(at(facts, "cpu.cores") == "4");
  CHECK(at(facts, "cpu.model_name") == "\"EPYC 7V73X\"");
  CHECK(at(facts, "cpu.0.flags") == R"(["fpu","sse"])");
  CHECK(at(facts, "cpu.3.model") == "\"1\"");

  Machine arm;
  arm.with("proc/cpuinfo",
           "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\n\n"
           "processor\t: 1\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\n");
  for (const char* number : {"0", "1"}) {
    const std::string topology = std::string("sys/devices/system/cpu/cpu") + number + "/topology/";
    arm.with(topology + "physical_package_id", "0\n").with(topology + "core_id", number);
  }
  const Json arm_facts = arm.facts();
  CHECK(at(arm_facts, "cpu.real") == "1");
  CHECK(at(arm_facts, "cpu.cores") == "2");
  CHECK(at(arm_facts, "cpu.0.features") == R"(["fp","asimd"])");
}

TEST_CASE("memory and uptime have Ohai's units") {
  Machine machine;
  machine
      .with("proc/meminfo",
            "MemTotal:       24684100 kB\nSwapTotal:  0 kB\nHugePages_Rsvd:  3\n"
            "DirectMap2M:     2066432 kB\nCached: 7 kB\nActive(anon): 5 kB\n")
      .with("proc/uptime", "90061.52 17.99\n");
  const Json facts = machine.facts();
  CHECK(at(facts, "memory.total") == "\"24684100kB\"");
  CHECK(at(facts, "memory.cached") == "\"7kB\"");
  CHECK(at(facts, "memory.active") == "-");
  CHECK(at(facts, "memory.swap.total") == "\"0kB\"");
  CHECK(at(facts, "memory.hugepages.reserved") == "\"3\"");
  CHECK(at(facts, "memory.directmap.2M") == "\"2066432kB\"");
  CHECK(at(facts, "uptime_seconds") == "90061");
  CHECK(at(facts, "uptime") == "\"1 day 01 hours 01 minutes 01 seconds\"");
  CHECK(duration_text(172800) == "2 days 00 hours 00 minutes 00 seconds");
  CHECK(duration_text(7265) == "2 hours 01 minutes 05 seconds");
  CHECK(duration_text(65) == "1 minutes 05 seconds");
  CHECK(duration_text(9) == "09 seconds");
}

TEST_CASE("file systems by device, place and both") {
  Machine machine;
  machine.with("proc/self/mounts",
               "/dev/sda1 / ext4 rw,discard 0 0\nsrv:/vol /shared/a\\040b nfs4 rw,hard 0 0\n"
               "tmpfs /run tmpfs rw 0 0\ntmpfs /dev/shm tmpfs ro,size=4k 0 0\n"
               "/dev/sda1 / ext4 ro 0 0\nbroken\n");
  std::filesystem::create_directories(machine.sources.root + "/dev/disk/by-uuid");
  std::filesystem::create_directories(machine.sources.root + "/dev/disk/by-label");
  std::filesystem::create_symlink("../../sda1", machine.sources.root + "/dev/disk/by-uuid/1234-ab");
  std::filesystem::create_symlink("../../sda1",
                                  machine.sources.root + "/dev/disk/by-label/my\\x20disk");
  const Json facts = machine.facts();
  CHECK(at(facts, "filesystem.by_device./dev/sda1.mounts") == R"(["/"])");
  CHECK(at(facts, "filesystem.by_device./dev/sda1.mount_options") == R"(["ro"])");
  CHECK(at(facts, "filesystem.by_device./dev/sda1.uuid") == "\"1234-ab\"");
  CHECK(at(facts, "filesystem.by_device./dev/sda1.label") == "\"my disk\"");
  CHECK(at(facts, "filesystem.by_mountpoint./shared/a b.devices") == R"(["srv:/vol"])");
  CHECK(at(facts, "filesystem.by_mountpoint./shared/a b.fs_type") == "\"nfs4\"");
  CHECK(at(facts, "filesystem.by_device.tmpfs.mounts") == R"(["/run","/dev/shm"])");
  CHECK(at(facts, "filesystem.by_pair.tmpfs,/dev/shm.mount_options") == R"(["ro","size=4k"])");
}

TEST_CASE("the address of a node of Azure is that of the way to the gateway") {
  // Two interfaces, the second one with a metric of 200; no source on the default route.
  const Network network{
      {loopback(),
       ethernet(2, "eth0", "00:0D:3A:00:00:01", {ipv4("10.1.0.4", 24)}),
       ethernet(3, "eth1", "00:0D:3A:00:00:02", {ipv4("10.2.0.4", 24)}),
       {4, "ib0", 2044, 0x1043, "infiniband", "20:00:01", "up", {ipv4("172.16.1.1", 16)}}},
      {{AF_INET, "default", 3, "10.2.0.1", "10.2.0.4", "", "dhcp", 200},
       {AF_INET, "default", 2, "10.1.0.1", "10.1.0.4", "", "dhcp", 100},
       route(AF_INET, "172.16.0.0/16", 4, "", "172.16.1.1")}};
  const Chosen chosen = choose_addresses(network);
  CHECK(chosen.ipv4 == "10.1.0.4");
  CHECK(chosen.hardware_address == "00:0D:3A:00:00:01");
  CHECK(chosen.ipv6 == "::1");
}

TEST_CASE("without a source the address is in the network of the gateway") {
  const Network network{
      {loopback(), ethernet(2, "eth0", "02:00",
                            {ipv4("10.9.0.4", 16), ipv4("10.1.0.4", 24),
                             ipv6("fe80::1", 64, "Link"), ipv6("fd00::2", 64)})},
      {route(AF_INET, "default", 2, "10.1.0.1"), route(AF_INET6, "default", 2, "fd00::1")}};
  const Chosen chosen = choose_addresses(network);
  CHECK(chosen.ipv4 == "10.1.0.4");
  CHECK(chosen.ipv6 == "fd00::2");
  CHECK(chosen.hardware_address == "02:00");
}

TEST_CASE("without a default route the widest scope counts; without addresses nothing") {
  const Network network{
      {loopback(),
       ethernet(2, "eth0", "02:00", {ipv4("169.254.3.4", 16, "Link"), ipv4("10.1.0.4", 24)})},
      {}};
  CHECK(choose_addresses(network).ipv4 == "10.1.0.4");
  CHECK(choose_addresses({{loopback()}, {}}).ipv4 == "127.0.0.1");
  CHECK(choose_addresses({}).ipv4.empty());
}

TEST_CASE("aliases, flags and routes are shown as ip prints them") {
  Interface eth0 = ethernet(2, "eth0", "02:00", {ipv4("10.1.0.4", 24), ipv4("10.1.0.5", 20)});
  eth0.addresses[1].label = "eth0:1";
  const Network network{{eth0},
                        {route(AF_INET, "default", 2, "10.1.0.1"),
                         route(AF_INET, "10.7.0.0/16", 2, "", "10.99.0.1")}};
  const std::string text =
      json_object([&](Object& json) { add_network(network, choose_addresses(network), json); });
  const Json facts = Json::parse(text, "the facts");
  CHECK(at(facts, "network.interfaces.eth0:1.addresses.10|1|0|5.netmask") == "\"255.255.240.0\"");
  CHECK(at(facts, "network.interfaces.eth0.addresses.10|1|0|5") == "-");
  CHECK(at(facts, "network.interfaces.eth0.type") == "\"eth\"");
  CHECK(at(facts, "network.interfaces.eth0.number") == "\"0\"");
  CHECK(at(facts, "network.interfaces.eth0.flags") == R"(["BROADCAST","MULTICAST","UP"])");
  CHECK(at(facts, "network.interfaces.eth0.routes") ==
        R"([{"destination":"default","family":"inet","via":"10.1.0.1"}])");
  CHECK(at(facts, "network.default_gateway") == "\"10.1.0.1\"");
  CHECK(at(facts, "network.default_interface") == "\"eth0\"");
}

TEST_CASE("virtual machines, containers and the cloud") {
  Machine azure;
  std::string pool("HostName");
  pool.append(504, '\0').append("BN4-HOST").append(2040, '\0').append("HostingSystemEditionId");
  azure.with("sys/class/dmi/id/sys_vendor", "Microsoft Corporation\n")
      .with("sys/class/dmi/id/product_name", "Virtual Machine\n")
      .with("sys/class/dmi/id/chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77\n")
      .with("var/lib/hyperv/.kvp_pool_3", pool);
  const Json facts = azure.facts();
  CHECK(at(facts, "virtualization.system") == "\"hyperv\"");
  CHECK(at(facts, "virtualization.role") == "\"guest\"");
  CHECK(at(facts, "virtualization.hypervisor_host") == "\"bn4-host\"");
  CHECK(at(facts, "cloud.provider") == "\"azure\"");

  Machine docker;
  docker.with("proc/self/cgroup", "0::/system.slice/docker-8a1.scope\n")
      .with("proc/cpuinfo", "processor : 0\nflags : hypervisor\n")
      .with("sys/devices/virtual/misc/kvm/dev", "10:232\n");
  const Json inside = docker.facts();
  CHECK(at(inside, "virtualization.system") == "\"docker\"");
  CHECK(at(inside, "virtualization.systems") == R"({"kvm":"guest","docker":"guest"})");
  CHECK(at(inside, "cloud.provider") == "-");
  CHECK(at(Machine().facts(), "virtualization") == R"({"systems":{}})");
}

TEST_CASE("what ohai says goes before ours, unless it is null or no JSON") {
  Machine machine;
  machine.with("etc/os-release", "ID=debian\nVERSION_ID=12\n");
  std::vector<std::string> warnings;
  machine.sources.warn = [&](const std::string& text) { warnings.push_back(text); };
  machine.sources.ohai = [] {
    return std::string(R"({"platform": "other", "cloud": null, "cpu": {"total": 7},
                           "languages": {"ruby": 3}})");
  };
  const Json facts = machine.facts();
  CHECK(at(facts, "platform") == "\"other\"");
  CHECK(at(facts, "platform_version") == "\"12\"");
  CHECK(at(facts, "cloud") == "{}");
  CHECK(at(facts, "cpu.total") == "7");
  CHECK(at(facts, "languages.ruby") == "3");
  CHECK(warnings.empty());

  machine.sources.ohai = [] { return std::string("/usr/bin/ohai: line 1"); };
  CHECK(at(machine.facts(), "platform") == "\"debian\"");
  machine.sources.ohai = []() -> std::string { throw Error(Errc::unavailable, "it timed out"); };
  CHECK(at(machine.facts(), "platform") == "\"debian\"");
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[1] == "it timed out; using our own facts alone");
}

TEST_CASE("what ohai printed counts only when it ended well") {
  const auto problem = [](const ProcessResult& result) -> std::string {
    try {
      return output_of_ohai(result, "ohai", 60);
    } catch (const Error& e) {
      return e.what();
    }
  };
  ProcessResult result;
  result.timed_out = true;
  CHECK(problem(result) == "ohai timed out after 60 s");
  result.timed_out = false;
  result.signal = 9;
  CHECK(problem(result) == "ohai was killed by signal 9: ");
  result.signal = 0;
  result.exit_code = 1;
  result.err = "no\xff ruby\nline 2\n";
  CHECK(problem(result) == "ohai exited with 1: no\uFFFD ruby\\nline 2");
  result.exit_code = 0;
  result.out = "{}";
  result.out_bytes = 2;
  CHECK(problem(result) == "{}");
  result.out_bytes = 3;
  CHECK(problem(result) == "ohai printed more than 64 MiB");
}

}  // namespace jetpack::support::facts
