// The checks that read the kernel's log: Xid messages of GPUs, I/O errors, OOM kills.
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include "checks/checks_of_machine.hpp"
#include "checks/findings.hpp"

namespace jetpack::checks {

namespace {

Verdict unreadable() {
  return Verdict::unknown("cannot read the kernel's log, /dev/kmsg; run as root");
}

// What NVIDIA's table of Xid errors says of those that are the hardware's. Others are mostly an
// application's, such as 13, 31 and 43, and say nothing about the node.
struct Xid {
  int number;
  bool is_failure;
  const char* meaning;
};
constexpr std::array xids{
    Xid{48, true, "double bit ECC error"},
    Xid{61, true, "internal microcontroller breakpoint"},
    Xid{62, true, "internal microcontroller halt"},
    Xid{63, false, "row remapping or page retirement; reset the GPU"},
    Xid{64, true, "row remapping or page retirement failed"},
    Xid{74, true, "NVLink error"},
    Xid{79, true, "the GPU has fallen off the bus"},
    Xid{92, false, "high rate of single bit ECC errors"},
    Xid{94, false, "contained ECC error"},
    Xid{95, true, "uncontained ECC error"},
    Xid{109, false, "context switch timed out"},
    Xid{119, true, "timeout of the GPU system processor"},
    Xid{120, true, "error of the GPU system processor"},
    Xid{140, true, "unrecovered ECC error"},
};

// "NVRM: Xid (PCI:0000:3b:00): 79, pid=1234, ...": the device and the number.
std::optional<std::pair<std::string, int>> xid_in(std::string_view text) {
  constexpr std::string_view start = "NVRM: Xid (";
  const size_t at = text.find(start);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + start.size());
  const size_t end = text.find("): ");
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view device = text.substr(0, end);
  if (device.starts_with("PCI:")) device.remove_prefix(4);
  text.remove_prefix(end + 3);
  int number = 0;
  const auto failure = std::from_chars(text.data(), text.data() + text.size(), number).ec;
  if (failure != std::errc{}) return std::nullopt;
  return std::pair(std::string(device), number);
}

// The word behind `before`; "" when it is not there.
std::string word_after(std::string_view text, std::string_view before) {
  const size_t at = text.find(before);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + before.size());
  return std::string(text.substr(0, text.find_first_of(" ,):;")));
}

// The device of a message about a disk that failed; "" for any other message.
std::string failed_disk(std::string_view text) {
  const bool is_io = text.find("I/O error, dev ") != std::string_view::npos ||
                     text.find("critical medium error, dev ") != std::string_view::npos ||
                     text.find("critical target error, dev ") != std::string_view::npos;
  if (is_io) return word_after(text, "error, dev ");
  if (text.find("Buffer I/O error on dev") != std::string_view::npos)
    return word_after(text,
                      text.find("on device ") != std::string_view::npos ? "on device " : "on dev ");
  if (text.starts_with("EXT4-fs error (device ")) return word_after(text, "(device ");
  if (text.starts_with("XFS (") && (text.find("orruption") != std::string_view::npos ||
                                    text.find("shut down") != std::string_view::npos ||
                                    text.find("hutting down") != std::string_view::npos))
    return word_after(text, "XFS (");
  if (text.starts_with("nvme ") &&
      (text.find("controller is down") != std::string_view::npos ||
       text.find("Removing after probe failure") != std::string_view::npos))
    return word_after(text, "nvme ");
  return {};
}

}  // namespace

Verdict check_gpu_xid(const Machine& machine, const Limits& limits) {
  const auto messages = kernel_messages(machine, limits.kernel_window);
  if (!messages) return unreadable();
  std::map<std::pair<std::string, int>, size_t> counts;
  for (const auto& message : *messages)
    if (const auto found = xid_in(message.text)) ++counts[*found];
  Findings findings;
  for (const auto& [key, count] : counts) {
    const auto& [device, number] = key;
    const auto* const known = std::find_if(
        xids.begin(), xids.end(), [n = number](const Xid& xid) { return xid.number == n; });
    if (known == xids.end()) continue;
    const std::string text = "GPU " + device + ": Xid " + std::to_string(number) + ", " +
                             known->meaning +
                             (count > 1 ? ", " + std::to_string(count) + " times" : "");
    if (known->is_failure)
      findings.fail(text);
    else
      findings.warn(text);
  }
  return findings.verdict("no Xid error of the hardware", limits.may_terminate);
}

Verdict check_disk_errors(const Machine& machine, const Limits& limits) {
  const auto messages = kernel_messages(machine, limits.kernel_window);
  if (!messages) return unreadable();
  std::map<std::string, std::pair<size_t, std::string>> disks;  // how many, and the last
  for (const auto& message : *messages) {
    const std::string disk = failed_disk(message.text);
    if (disk.empty()) continue;
    auto& [count, last] = disks[disk];
    ++count;
    last = message.text;
  }
  Findings findings;
  for (const auto& [disk, errors] : disks)
    findings.fail(disk + ": " + std::to_string(errors.first) +
                  (errors.first == 1 ? " error: " : " errors, the last: ") + errors.second);
  // The job's own disk may be one of several, so the node is left to an administrator.
  return findings.verdict("no I/O error", false);
}

Verdict check_oom(const Machine& machine, const Limits& limits) {
  const auto messages = kernel_messages(machine, limits.kernel_window);
  if (!messages) return unreadable();
  std::vector<std::string> killed;
  for (const auto& message : *messages) {
    // "Memory cgroup out of memory" is a job's own limit.
    if (!message.text.starts_with("Out of memory: Kill")) continue;
    const size_t open = message.text.find('('), close = message.text.find(')');
    killed.push_back(open < close && close != std::string::npos
                         ? message.text.substr(open + 1, close - open - 1)
                         : "a process");
  }
  if (killed.empty()) return Verdict::healthy("no process was killed for want of memory");
  const std::set<std::string> names(killed.begin(), killed.end());
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : ", ") + name;
  return Verdict::warning("out of memory: " + std::to_string(killed.size()) +
                          (killed.size() == 1 ? " process was" : " processes were") +
                          " killed: " + list);
}

}  // namespace jetpack::checks
