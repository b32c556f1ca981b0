#include "loader/call_filter.hpp"

#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>

#include <doctest/doctest.h>

using jetpack::call_filter;

namespace {

#if defined(__x86_64__)
constexpr uint32_t native = AUDIT_ARCH_X86_64, foreign = AUDIT_ARCH_I386;
#else
constexpr uint32_t native = AUDIT_ARCH_AARCH64, foreign = AUDIT_ARCH_ARM;
#endif
constexpr uint32_t allow = SECCOMP_RET_ALLOW;
constexpr uint32_t denied = SECCOMP_RET_ERRNO | EPERM, unknown = SECCOMP_RET_ERRNO | ENOSYS;
constexpr uint32_t asked = 0x7fc00000;
constexpr pid_t monitor = 4711;

// What the kernel would do, as far as the filter uses it.
uint32_t decide(const std::vector<sock_filter>& program, const seccomp_data& call,
                size_t* steps = nullptr) {
  uint32_t value = 0;
  for (size_t at = 0; at < program.size(); ++at) {
    if (steps != nullptr) ++*steps;
    const sock_filter& step = program[at];
    const auto jump = [&](bool is_true) { at += is_true ? step.jt : step.jf; };
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&value, reinterpret_cast<const char*>(&call) + step.k, sizeof value);
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump(value == step.k);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        jump(value >= step.k);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump((value & step.k) != 0);
        break;
      case BPF_RET | BPF_K:
        return step.k;
      default:
        FAIL("an instruction that the filter did not use before: ", step.code);
    }
  }
  FAIL("the program does not end");
  return 0;
}

struct Filter {
  std::vector<sock_filter> program;
  uint32_t operator()(long call, uint64_t first = 0, uint64_t second = 0) const {
    return decide(program, {static_cast<int>(call), native, 0, {first, second}});
  }
};

// Those that are decided by their number alone, without the counting of forks.
std::map<long, uint32_t> decided(const std::vector<std::string>& granted) {
  std::map<long, uint32_t> calls{{__NR_userfaultfd, denied},
                                 {__NR_acct, denied},
                                 {424 /* pidfd_send_signal */, unknown},
                                 {435 /* clone3 */, unknown}};
  const std::map<std::string, std::vector<long>> of = {
      {"ptrace", {__NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_kcmp, 438, 440}},
      {"mount",
       {__NR_mount, __NR_umount2, __NR_pivot_root, __NR_swapon, __NR_swapoff,
        __NR_open_by_handle_at, 428, 429, 430, 431, 432, 433, 442}},
      {"kexec",
       {__NR_kexec_load, __NR_reboot,
#ifdef __NR_kexec_file_load
        __NR_kexec_file_load
#endif
       }},
      {"modules",
       {__NR_init_module, __NR_finit_module, __NR_delete_module,
#if defined(__x86_64__)
        __NR_iopl, __NR_ioperm
#endif
       }},
      {"bpf", {__NR_bpf, __NR_perf_event_open}},
  };
  for (const auto& [capability, numbers] : of)
    for (const long number : numbers)
      if (std::find(granted.begin(), granted.end(), capability) == granted.end())
        calls[number] = denied;
  return calls;
}

}  // namespace

TEST_CASE("every call is allowed or denied by its number") {
  for (const std::vector<std::string>& granted : std::initializer_list<std::vector<std::string>>{
           {}, {"ptrace"}, {"mount", "bpf"}, {"ptrace", "mount", "kexec", "modules", "bpf"}}) {
    const Filter filter{call_filter(granted, monitor, false)};
    const auto expected = decided(granted);
    for (long call = 0; call < 2000; ++call) {
      CAPTURE(call);
      const auto found = expected.find(call);
      REQUIRE(filter(call) == (found == expected.end() ? allow : found->second));
    }
    CHECK(filter(0x3fffffff) == allow);
  }
}

TEST_CASE("calls of another architecture are denied") {
  const auto program = call_filter({}, monitor, true);
  CHECK(decide(program, {__NR_read, native, 0, {}}) == allow);
  CHECK(decide(program, {__NR_read, foreign, 0, {}}) == denied);
#if defined(__x86_64__)
  for (const uint32_t bits : {0x40000000U, 0x40000001U, 0x400001ffU, 0x7fffffffU, 0xffffffffU})
    CHECK(decide(program, {static_cast<int>(bits), native, 0, {}}) == denied);
#endif
}

TEST_CASE("signals do not reach the monitor") {
  const Filter filter{call_filter({}, monitor, false)};
  const auto group = static_cast<uint32_t>(-::getpgrp());
  CHECK(filter(__NR_kill, monitor, SIGTERM) == denied);
  CHECK(filter(__NR_kill, static_cast<uint32_t>(-1), SIGTERM) == denied);
  CHECK(filter(__NR_kill, group, SIGTERM) == denied);
  CHECK(filter(__NR_kill, 0, SIGKILL) == denied);
  CHECK(filter(__NR_kill, 0, SIGTERM) == allow);
  CHECK(filter(__NR_kill, monitor + 1, SIGKILL) == allow);
  for (const long call :
       {long{__NR_tkill}, long{__NR_tgkill}, long{__NR_rt_sigqueueinfo},
        long{__NR_rt_tgsigqueueinfo}, long{__NR_prlimit64}, 434L /* pidfd_open */}) {
    CAPTURE(call);
    CHECK(filter(call, monitor, SIGTERM) == denied);
    CHECK(filter(call, monitor + 1, SIGTERM) == allow);
  }
}

TEST_CASE("nothing is typed into the terminal") {
  const Filter filter{call_filter({}, monitor, false)};
  CHECK(filter(__NR_ioctl, 0, TIOCSTI) == denied);
  CHECK(filter(__NR_ioctl, 0, TIOCLINUX) == denied);
  CHECK(filter(__NR_ioctl, 0, TCGETS) == allow);
}

TEST_CASE("forks are asked for, and threads are not") {
  const Filter counting{call_filter({}, monitor, true)}, filter{call_filter({}, monitor, false)};
  CHECK(counting(__NR_clone, SIGCHLD) == asked);
  CHECK(counting(__NR_clone, CLONE_VM | CLONE_THREAD) == allow);
  CHECK(counting(435 /* clone3 */) == unknown);
  CHECK(filter(__NR_clone, SIGCHLD) == allow);
#if defined(__x86_64__)
  CHECK(counting(__NR_fork) == asked);
  CHECK(counting(__NR_vfork) == asked);
  CHECK(filter(__NR_vfork) == allow);
#endif
}

TEST_CASE("a call is decided in few steps") {
  const auto program = call_filter({}, monitor, true);
  constexpr int calls = 512;
  size_t steps = 0;
  for (int call = 0; call < calls; ++call) decide(program, {call, native, 0, {}}, &steps);
  CHECK(steps < calls * 9);
  CHECK(program.size() < 80);
}
