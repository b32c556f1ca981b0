// The machine that is checked: its sysfs, proc and kernel log, below a root directory of its own in tests.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack::checks {

// How full a file system is.
struct Usage {
  uint64_t blocks = 0, free_blocks = 0;  // free: for others than root
  uint64_t files = 0, free_files = 0;
};

// What the kernel's clock says of itself: see adjtimex(2).
struct KernelClock {
  bool is_synchronized = false;
  std::chrono::microseconds max_error{0};
};

class Machine {
 public:
  // JETPACK_CHECKS_ROOT, which only tests set, else this machine.
  static Machine find();
  explicit Machine(std::string root) : root_(std::move(root)) {}

  std::string path(std::string_view absolute) const;
  bool is_recorded() const { return !root_.empty(); }

  // The content of a file without blanks at its ends, at most 4 MiB; nullopt when it cannot be read.
  std::optional<std::string> text(std::string_view absolute) const;
  std::optional<int64_t> number(std::string_view absolute) const;
  // The names in a directory, sorted; none when it cannot be read.
  std::vector<std::string> names(std::string_view absolute) const;

  std::chrono::milliseconds uptime() const;
  std::optional<Usage> usage(const std::string& mount_point) const;
  std::optional<KernelClock> clock() const;

 private:
  std::string root_;
};

// A line of the kernel's log.
struct KernelMessage {
  std::chrono::microseconds since_boot{0};
  std::string text;
};

// Those of the last `window`, oldest first, as far back as the kernel keeps them. nullopt when the log
// cannot be read: only root may.
std::optional<std::vector<KernelMessage>> kernel_messages(const Machine& machine,
                                                          std::chrono::milliseconds window);

// The parts of a line that are separated by blanks.
std::vector<std::string_view> fields(std::string_view line);

}  // namespace jetpack::checks
