// Kernel, processors, memory and uptime.
#include <sys/utsname.h>

#include <array>
#include <charconv>
#include <ctime>
#include <set>
#include <utility>

#include "support/facts/parts.hpp"
#include "support/text.hpp"

namespace jetpack::support::facts {

namespace {

using Pair = std::pair<std::string_view, std::string_view>;

int64_t whole_number(std::string_view text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The part before and after the first colon, trimmed.
Pair split_at_colon(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  return {trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1))};
}

// Names in /proc/cpuinfo and Ohai's.
constexpr std::array<Pair, 10> cpu_names{{{"vendor_id", "vendor_id"},
                                          {"cpu family", "family"},
                                          {"model", "model"},
                                          {"model name", "model_name"},
                                          {"stepping", "stepping"},
                                          {"cpu MHz", "mhz"},
                                          {"cache size", "cache_size"},
                                          {"physical id", "physical_id"},
                                          {"core id", "core_id"},
                                          {"cpu cores", "cores"}}};

struct Processor {
  std::string number;
  std::vector<std::pair<std::string, std::string>> values;
  std::vector<std::string> flags, features;

  std::string value(std::string_view name) const {
    for (const auto& [key, text] : values)
      if (key == name) return text;
    return {};
  }
};

std::vector<Processor> read_processors(const Sources& sources) {
  std::vector<Processor> all;
  const std::string text = text_of_file(sources, "/proc/cpuinfo");
  each_line(text, [&](std::string_view line) {
    const auto [name, value] = split_at_colon(line);
    if (name.empty() || value.empty()) return;
    if (name == "processor") {
      all.push_back({std::string(value), {}, {}, {}});
      return;
    }
    if (all.empty()) return;
    // Those of the first one stand for all: hundreds of processors have the same hundred words.
    const bool is_first = all.size() == 1;
    if (name == "flags" && is_first) all.back().flags = words_of(value);
    if (name == "Features" && is_first) all.back().features = words_of(value);
    if (name == "BogoMIPS") all.back().values.emplace_back("bogomips", value);
    for (const auto& [from, to] : cpu_names)
      if (name == from && all.back().value(to).empty()) all.back().values.emplace_back(to, value);
  });
  return all;
}

struct Topology {
  std::set<std::string> sockets;
  std::set<std::pair<std::string, std::string>> cores;
};

// Where /proc/cpuinfo has no sockets, as on ARM.
Topology read_topology(const Sources& sources, const std::vector<Processor>& all) {
  Topology topology;
  for (const auto& processor : all) {
    const std::string directory = "/sys/devices/system/cpu/cpu" + processor.number + "/topology/";
    std::string socket(trimmed(text_of_file(sources, directory + "physical_package_id")));
    if (socket.empty()) continue;
    topology.cores.emplace(socket, trimmed(text_of_file(sources, directory + "core_id")));
    topology.sockets.insert(std::move(socket));
  }
  return topology;
}

void add_counts(const Sources& sources, const std::vector<Processor>& all, Object& cpu) {
  cpu.number("total", all.size());
  std::set<std::string> sockets;
  for (const auto& processor : all) {
    std::string socket = processor.value("physical_id");
    if (!socket.empty()) sockets.insert(std::move(socket));
  }
  const std::string cores = all.empty() ? "" : all.front().value("cores");
  if (!sockets.empty() && !cores.empty()) {
    cpu.number("real", sockets.size());
    cpu.number("cores", static_cast<int64_t>(sockets.size()) * whole_number(cores));
    return;
  }
  const Topology topology = read_topology(sources, all);
  if (topology.sockets.empty()) return;
  cpu.number("real", topology.sockets.size()).number("cores", topology.cores.size());
}

// Names in /proc/meminfo and Ohai's.
constexpr std::array<Pair, 31> memory_names{{{"MemTotal", "total"},
                                             {"MemFree", "free"},
                                             {"MemAvailable", "available"},
                                             {"Buffers", "buffers"},
                                             {"Cached", "cached"},
                                             {"Active", "active"},
                                             {"Inactive", "inactive"},
                                             {"HighTotal", "high_total"},
                                             {"HighFree", "high_free"},
                                             {"LowTotal", "low_total"},
                                             {"LowFree", "low_free"},
                                             {"Dirty", "dirty"},
                                             {"Writeback", "writeback"},
                                             {"AnonPages", "anon_pages"},
                                             {"Mapped", "mapped"},
                                             {"Slab", "slab"},
                                             {"SReclaimable", "slab_reclaimable"},
                                             {"SUnreclaim", "slab_unreclaim"},
                                             {"PageTables", "page_tables"},
                                             {"NFS_Unstable", "nfs_unstable"},
                                             {"Bounce", "bounce"},
                                             {"CommitLimit", "commit_limit"},
                                             {"Committed_AS", "committed_as"},
                                             {"VmallocTotal", "vmalloc_total"},
                                             {"VmallocUsed", "vmalloc_used"},
                                             {"VmallocChunk", "vmalloc_chunk"},
                                             {"Hugepagesize", "hugepage_size"},
                                             {"Hugetlb", "hugetlb"},
                                             {"SwapCached", "swap cached"},
                                             {"SwapTotal", "swap total"},
                                             {"SwapFree", "swap free"}}};
constexpr std::array<Pair, 4> hugepage_names{{{"HugePages_Total", "total"},
                                              {"HugePages_Free", "free"},
                                              {"HugePages_Rsvd", "reserved"},
                                              {"HugePages_Surp", "surplus"}}};

}  // namespace

void add_kernel(const Platform& platform, Object& facts) {
  utsname names{};
  ::uname(&names);
  facts.object("kernel", [&](Object& kernel) {
    kernel.text("name", names.sysname).text("release", names.release);
    kernel.text("version", names.version).text("machine", names.machine);
    // What `uname -p` prints: Debian knows none.
    kernel.text("processor", platform.name == "debian" ? "unknown" : names.machine);
    kernel.text("os", "GNU/Linux");
  });
  facts.text("os_version", names.release);
}

void add_cpu(const Sources& sources, Object& facts) {
  const auto all = read_processors(sources);
  facts.object("cpu", [&](Object& cpu) {
    for (const auto& processor : all)
      cpu.object(processor.number, [&](Object& json) {
        for (const auto& [name, value] : processor.values) json.text(name, value);
        if (!processor.flags.empty()) json.texts("flags", processor.flags);
        if (!processor.features.empty()) json.texts("features", processor.features);
      });
    add_counts(sources, all, cpu);
    // Ohai has it for each processor only.
    if (!all.empty() && !all.front().value("model_name").empty())
      cpu.text("model_name", all.front().value("model_name"));
  });
}

void add_memory(const Sources& sources, Object& facts) {
  std::vector<std::pair<std::string, std::string>> plain, swap, huge, direct;
  const std::string text = text_of_file(sources, "/proc/meminfo");
  each_line(text, [&](std::string_view line) {
    const auto [name, value] = split_at_colon(line);
    const auto words = words_of(value);
    if (words.empty()) return;
    const std::string joined = words.size() > 1 ? words[0] + words[1] : words[0];
    for (const auto& [from, to] : memory_names) {
      if (name != from || words.size() < 2) continue;
      if (to.starts_with("swap ")) {
        swap.emplace_back(to.substr(5), joined);
      } else {
        plain.emplace_back(to, joined);
      }
    }
    for (const auto& [from, to] : hugepage_names)
      if (name == from) huge.emplace_back(to, words[0]);
    if (name.starts_with("DirectMap")) direct.emplace_back(name.substr(9), joined);
  });
  const auto fill = [](const auto& pairs) {
    return [&pairs](Object& json) {
      for (const auto& [name, value] : pairs) json.text(name, value);
    };
  };
  facts.object("memory", [&](Object& memory) {
    fill(plain)(memory);
    memory.object("swap", fill(swap)).object("hugepages", fill(huge));
    memory.object("directmap", fill(direct));
  });
}

std::string duration_text(int64_t seconds) {
  const auto two = [](int64_t number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  const int64_t days = seconds / 86400, hours = seconds / 3600 % 24, minutes = seconds / 60 % 60;
  std::string rest = two(seconds % 60) + " seconds";
  if (days > 0)
    return std::to_string(days) + (days == 1 ? " day " : " days ") + two(hours) + " hours " +
           two(minutes) + " minutes " + rest;
  if (hours > 0) return std::to_string(hours) + " hours " + two(minutes) + " minutes " + rest;
  if (minutes > 0) return std::to_string(minutes) + " minutes " + rest;
  return rest;
}

void add_uptime(const Sources& sources, Object& facts) {
  const auto words = words_of(trimmed(text_of_file(sources, "/proc/uptime")));
  if (words.size() < 2) return;
  const int64_t up = whole_number(words[0]), idle = whole_number(words[1]);
  facts.number("uptime_seconds", up).text("uptime", duration_text(up));
  facts.number("idletime_seconds", idle).text("idletime", duration_text(idle));
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  if (sources.root.empty() && ::localtime_r(&now, &local) != nullptr)
    facts.object("time", [&](Object& json) {
      json.text("timezone", local.tm_zone == nullptr ? "" : local.tm_zone);
    });
}

}  // namespace jetpack::support::facts
