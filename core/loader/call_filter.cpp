// Denies dangerous system calls to this process and all that it starts, by seccomp.
#include "loader/call_filter.hpp"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>

#include <jetpack/error.hpp>
#include "loader/bare_calls.hpp"

namespace jetpack {

namespace {

#if defined(__x86_64__)
constexpr uint32_t native = AUDIT_ARCH_X86_64;
constexpr uint32_t x32_bit = 0x40000000;
#elif defined(__aarch64__)
constexpr uint32_t native = AUDIT_ARCH_AARCH64;
#endif

// Newer than the oldest kernel whose headers we are built with; the same on all architectures.
constexpr uint32_t call_pidfd_send_signal = 424, call_open_tree = 428, call_move_mount = 429,
                   call_fsopen = 430, call_fsconfig = 431, call_fsmount = 432, call_fspick = 433,
                   call_pidfd_open = 434, call_clone3 = 435, call_pidfd_getfd = 438,
                   call_process_madvise = 440, call_mount_setattr = 442;
constexpr uint32_t ask_listener = 0x7fc00000;          // SECCOMP_RET_USER_NOTIF, Linux 5.0
constexpr unsigned long allow_speculation = 1UL << 2;  // Linux 4.17
constexpr unsigned long new_listener = 1UL << 3;       // Linux 5.0

struct Denied {
  std::string_view capability;  // that lets it pass; empty: none does
  uint32_t call;
};

constexpr Denied denied[] = {
    {"ptrace", __NR_ptrace},
    {"ptrace", __NR_process_vm_readv},
    {"ptrace", __NR_process_vm_writev},
    {"ptrace", __NR_kcmp},
    {"ptrace", call_pidfd_getfd},
    {"ptrace", call_process_madvise},
    {"mount", __NR_mount},
    {"mount", __NR_umount2},
    {"mount", __NR_pivot_root},
    {"mount", __NR_swapon},
    {"mount", __NR_swapoff},
    {"mount", call_open_tree},
    {"mount", call_move_mount},
    {"mount", call_fsopen},
    {"mount", call_fsconfig},
    {"mount", call_fsmount},
    {"mount", call_fspick},
    {"mount", call_mount_setattr},
    {"mount", __NR_open_by_handle_at},
    {"kexec", __NR_kexec_load},
#ifdef __NR_kexec_file_load
    {"kexec", __NR_kexec_file_load},
#endif
    {"kexec", __NR_reboot},
    {"modules", __NR_init_module},
    {"modules", __NR_finit_module},
    {"modules", __NR_delete_module},
#if defined(__x86_64__)
    {"modules", __NR_iopl},
    {"modules", __NR_ioperm},
#endif
    {"bpf", __NR_bpf},
    {"bpf", __NR_perf_event_open},
    {"", __NR_userfaultfd},
    {"", __NR_acct},
};

constexpr uint32_t fail_with(int error) {
  return SECCOMP_RET_ERRNO | (static_cast<uint32_t>(error) & SECCOMP_RET_DATA);
}

// Writes the program from its end, so that what a condition leads to is there already.
class Program {
 public:
  using Place = size_t;  // of an instruction, counted from the end

  Program() { code_.reserve(3 * std::size(denied)); }
  Place give(uint32_t action) { return add({BPF_RET | BPF_K, 0, 0, action}); }
  Place test(uint16_t condition, uint32_t value, Place if_true, Place if_false) {
    return add(
        {static_cast<uint16_t>(BPF_JMP | condition | BPF_K), to(if_true), to(if_false), value});
  }
  // These go on with what was written last.
  Place load_call() { return load(offsetof(seccomp_data, nr)); }
  Place load_architecture() { return load(offsetof(seccomp_data, arch)); }
  // The lower half: both architectures are little-endian.
  Place load_argument(size_t index) {
    return load(static_cast<uint32_t>(offsetof(seccomp_data, args) + index * sizeof(uint64_t)));
  }
  std::vector<sock_filter> take() { return {code_.rbegin(), code_.rend()}; }

 private:
  Place add(const sock_filter& instruction) {
    code_.push_back(instruction);
    return code_.size() - 1;
  }
  Place load(uint32_t offset) { return add({BPF_LD | BPF_W | BPF_ABS, 0, 0, offset}); }
  // How many instructions there are between that place and the next that is written.
  uint8_t to(Place place) const { return static_cast<uint8_t>(code_.size() - place - 1); }

  std::vector<sock_filter> code_;
};

// What is done with each call, from its number on up to the next entry's.
class Actions {
 public:
  explicit Actions(Program::Place usual) : usual_(usual) { of_.reserve(2 * std::size(denied)); }
  void set(uint32_t call, Program::Place action) { of_.emplace_back(call, action); }
  void set_from(uint32_t call, Program::Place action) { rest_ = {call, action}; }

  // Halves the numbers of the calls with each question: the kernel runs the program for every one of
  // its calls when it is installed, and later with some calls.
  Program::Place write(Program& program) {
    constexpr uint32_t about_all = 512;
    std::sort(of_.begin(), of_.end());
    std::vector<Entry> all;
    all.reserve(2 * of_.size() + 2);
    all.emplace_back(0, usual_);
    const auto add = [&](uint32_t call, Program::Place action) {
      if (all.back().first == call) all.pop_back();
      if (all.empty() || all.back().second != action) all.emplace_back(call, action);
    };
    for (const auto& [call, action] : of_) {
      add(call, action);
      add(call + 1, usual_);
    }
    if (rest_) add(rest_->first, rest_->second);
    return write(program, all.data(), all.data() + all.size(), about_all);
  }

 private:
  using Entry = std::pair<uint32_t, Program::Place>;

  // NOLINTNEXTLINE(misc-no-recursion): less deep than there are entries
  static Program::Place write(Program& program, const Entry* first, const Entry* last,
                              uint32_t end) {
    if (last - first == 1) return first->second;
    const uint32_t middle = first->first + (end - first->first) / 2;
    const auto distance = [&](const Entry& entry) {
      return entry.first < middle ? middle - entry.first : entry.first - middle;
    };
    const Entry* const half = std::min_element(
        first + 1, last,
        [&](const Entry& one, const Entry& other) { return distance(one) < distance(other); });
    const auto above = write(program, half, last, end);
    const auto below = write(program, first, half, half->first);
    return program.test(BPF_JGE, half->first, above, below);
  }

  Program::Place usual_;
  std::vector<Entry> of_;
  std::optional<Entry> rest_;
};

// Calls that act on the process in their first argument.
constexpr uint32_t calls_with_target[] = {__NR_tkill,           __NR_tgkill,
                                          __NR_rt_sigqueueinfo, __NR_rt_tgsigqueueinfo,
                                          __NR_prlimit64,       call_pidfd_open};

// What the calls lead to.
struct Endings {
  Program::Place allowed, denied, unknown;
};

// The end of the monitor would leave what the plugin started behind.
void protect_monitor(Program& program, Actions& actions, const Endings& to, pid_t monitor,
                     pid_t group) {
  const auto number = [](pid_t pid) { return static_cast<uint32_t>(pid); };
  program.test(BPF_JEQ, SIGKILL, to.denied, to.allowed);
  auto next = program.load_argument(1);
  next = program.test(BPF_JEQ, 0, next, to.allowed);
  for (const pid_t target : {monitor, pid_t{-1}, -group})
    next = program.test(BPF_JEQ, number(target), to.denied, next);
  actions.set(__NR_kill, program.load_argument(0));

  program.test(BPF_JEQ, number(monitor), to.denied, to.allowed);
  const auto target = program.load_argument(0);
  for (const uint32_t call : calls_with_target) actions.set(call, target);
  // A descriptor says nothing about the process behind it.
  actions.set(call_pidfd_send_signal, to.unknown);
}

void protect_terminal(Program& program, Actions& actions, const Endings& to) {
  const auto next = program.test(BPF_JEQ, TIOCLINUX, to.denied, to.allowed);
  program.test(BPF_JEQ, TIOCSTI, to.denied, next);
  actions.set(__NR_ioctl, program.load_argument(1));
}

void count_forks(Program& program, Actions& actions, const Endings& to, bool counts_forks) {
  // Its flags are in memory, which no filter can read; the C library then uses clone.
  actions.set(call_clone3, to.unknown);
  if (!counts_forks) return;
  const auto asked = program.give(ask_listener);
#if defined(__x86_64__)
  actions.set(__NR_fork, asked);
  actions.set(__NR_vfork, asked);
#endif
  program.test(BPF_JSET, CLONE_THREAD, to.allowed, asked);
  actions.set(__NR_clone, program.load_argument(0));
}

long seccomp(unsigned operation, unsigned long flags, void* argument) {
  return ::syscall(__NR_seccomp, operation, flags, argument);
}

}  // namespace

std::vector<sock_filter> call_filter(const std::vector<std::string>& granted, pid_t monitor,
                                     bool counts_forks) {
  Program program;
  const Endings to{program.give(SECCOMP_RET_ALLOW), program.give(fail_with(EPERM)),
                   program.give(fail_with(ENOSYS))};
  Actions actions(to.allowed);
  for (const auto& [capability, call] : denied)
    if (std::find(granted.begin(), granted.end(), capability) == granted.end())
      actions.set(call, to.denied);
  protect_monitor(program, actions, to, monitor, bare::getpgrp());
  protect_terminal(program, actions, to);
  count_forks(program, actions, to, counts_forks);
#if defined(__x86_64__)
  actions.set_from(x32_bit, to.denied);
#endif
  actions.write(program);
  const auto call = program.load_call();
  program.test(BPF_JEQ, native, call, to.denied);
  program.load_architecture();
  return program.take();
}

std::optional<support::Fd> deny_calls(const std::vector<sock_filter>& filter, bool counts_forks) {
  sock_fprog program{static_cast<unsigned short>(filter.size()),
                     const_cast<sock_filter*>(filter.data())};
  const unsigned long flags = allow_speculation | (counts_forks ? new_listener : 0);
  // Only a process with CAP_SYS_ADMIN may do without.
  if (::geteuid() != 0) ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  long result = seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
  if (result < 0 && errno == EACCES) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    result = seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
  }
  if (result < 0 && errno == EBUSY && counts_forks) return std::nullopt;
  if (result < 0)
    throw Error(Errc::unsupported, "this kernel cannot deny system calls to it (seccomp: " +
                                       support::system_message(errno) + ")");
  return counts_forks ? support::Fd(static_cast<int>(result)) : support::Fd();
}

}  // namespace jetpack
