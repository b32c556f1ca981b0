// Denies dangerous system calls to this process and all that it starts, by seccomp.
#include "loader/call_filter.hpp"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <string_view>

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

// Writes the program. Conditions stand before what they lead to, so that each only skips forward.
class Program {
 public:
  // Compares what was loaded last.
  void return_if_equal(uint32_t value, uint32_t action) {
    jump(BPF_JEQ, value, 0, 1);
    give(action);
  }
  void return_if_any_bit(uint32_t bits, uint32_t action) {
    jump(BPF_JSET, bits, 0, 1);
    give(action);
  }
  void return_unless_equal(uint32_t value, uint32_t action) {
    jump(BPF_JEQ, value, 1, 0);
    give(action);
  }
  // What `write` adds is for that value alone, and must end with a return.
  template <class Write>
  void for_value(uint32_t value, Write write) {
    const size_t condition = code_.size();
    jump(BPF_JEQ, value, 0, 0);
    write();
    code_[condition].jf = static_cast<uint8_t>(code_.size() - condition - 1);
  }
  void load_call() { load(offsetof(seccomp_data, nr)); }
  void load_architecture() { load(offsetof(seccomp_data, arch)); }
  // The lower half: both architectures are little-endian.
  void load_argument(size_t index) {
    load(static_cast<uint32_t>(offsetof(seccomp_data, args) + index * sizeof(uint64_t)));
  }
  void give(uint32_t action) { code_.push_back({BPF_RET | BPF_K, 0, 0, action}); }
  std::vector<sock_filter> take() { return std::move(code_); }

 private:
  void load(uint32_t offset) { code_.push_back({BPF_LD | BPF_W | BPF_ABS, 0, 0, offset}); }
  void jump(uint16_t condition, uint32_t value, uint8_t if_true, uint8_t if_false) {
    code_.push_back({static_cast<uint16_t>(BPF_JMP | condition | BPF_K), if_true, if_false, value});
  }

  std::vector<sock_filter> code_;
};

// Calls that act on the process in their first argument.
constexpr uint32_t calls_with_target[] = {__NR_tkill,           __NR_tgkill,
                                          __NR_rt_sigqueueinfo, __NR_rt_tgsigqueueinfo,
                                          __NR_prlimit64,       call_pidfd_open};

// Its end would leave what the plugin started behind.
void protect_monitor(Program& program, pid_t monitor, pid_t group) {
  const auto number = [](pid_t pid) { return static_cast<uint32_t>(pid); };
  program.for_value(__NR_kill, [&] {
    program.load_argument(0);
    for (const pid_t target : {monitor, pid_t{-1}, -group})
      program.return_if_equal(number(target), fail_with(EPERM));
    program.for_value(0, [&] {
      program.load_argument(1);
      program.return_if_equal(SIGKILL, fail_with(EPERM));
      program.give(SECCOMP_RET_ALLOW);
    });
    program.give(SECCOMP_RET_ALLOW);
  });
  for (const uint32_t call : calls_with_target)
    program.for_value(call, [&] {
      program.load_argument(0);
      program.return_if_equal(number(monitor), fail_with(EPERM));
      program.give(SECCOMP_RET_ALLOW);
    });
  // A descriptor says nothing about the process behind it.
  program.return_if_equal(call_pidfd_send_signal, fail_with(ENOSYS));
}

void count_forks(Program& program, bool counts_forks) {
  // Its flags are in memory, which no filter can read; the C library then uses clone.
  program.return_if_equal(call_clone3, fail_with(ENOSYS));
  if (!counts_forks) return;
#if defined(__x86_64__)
  program.return_if_equal(__NR_fork, ask_listener);
  program.return_if_equal(__NR_vfork, ask_listener);
#endif
  program.for_value(__NR_clone, [&] {
    program.load_argument(0);
    program.return_if_any_bit(CLONE_THREAD, SECCOMP_RET_ALLOW);
    program.give(ask_listener);
  });
}

long seccomp(unsigned operation, unsigned long flags, void* argument) {
  return ::syscall(__NR_seccomp, operation, flags, argument);
}

}  // namespace

bool can_count_forks() {
  utsname system{};
  int major = 0, minor = 0;
  if (bare::uname(&system) != 0 || std::sscanf(system.release, "%d.%d", &major, &minor) != 2)
    return false;
  return major > 5 || (major == 5 && minor >= 5);
}

std::vector<sock_filter> call_filter(const std::vector<std::string>& granted, pid_t monitor,
                                     bool counts_forks) {
  Program program;
  program.load_architecture();
  program.return_unless_equal(native, fail_with(EPERM));
  program.load_call();
#if defined(__x86_64__)
  program.return_if_any_bit(x32_bit, fail_with(EPERM));
#endif
  for (const auto& [capability, call] : denied)
    if (std::find(granted.begin(), granted.end(), capability) == granted.end())
      program.return_if_equal(call, fail_with(EPERM));
  protect_monitor(program, monitor, bare::getpgrp());
  program.for_value(__NR_ioctl, [&] {
    program.load_argument(1);
    program.return_if_equal(TIOCSTI, fail_with(EPERM));
    program.return_if_equal(TIOCLINUX, fail_with(EPERM));
    program.give(SECCOMP_RET_ALLOW);
  });
  count_forks(program, counts_forks);
  program.give(SECCOMP_RET_ALLOW);
  return program.take();
}

support::Fd deny_calls(const std::vector<sock_filter>& filter, bool counts_forks) {
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
  if (result < 0)
    throw Error(Errc::unsupported, "this kernel cannot deny system calls to it (seccomp: " +
                                       support::system_message(errno) + ")");
  return counts_forks ? support::Fd(static_cast<int>(result)) : support::Fd();
}

}  // namespace jetpack
