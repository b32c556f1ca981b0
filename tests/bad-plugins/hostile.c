/* hostile.c: a plugin that does what $HOSTILE names. Its constructor leaves a marker file, which shows
 * whether an instruction of it ran. What a sandbox may let through is only done where it is harmless: with
 * arguments that fail, or within the process group of the test. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <jetpack/abi.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef NOTE
#define NOTE                                                                   \
  "{\"schema\":1,\"id\":\"test.hostile\",\"version\":\"1.0.0\",\"abi\":[1,0]," \
  "\"requires\":[\"jetpack.config/1\"],"                                       \
  "\"commands\":[{\"name\":\"hostile\",\"summary\":\"Does what a test asked for\"}]}"
#endif
JP_NOTE(NOTE);

static const jp_host* host;
static const jp_call* call;
static jp_error* error;

static void say(const char* text) { call->out.write(call->out.ctx, text, strlen(text)); }

static void say_number(const char* what, long number) {
  char line[128];
  snprintf(line, sizeof line, "%s %ld\n", what, number);
  say(line);
}

/* Whether a call was denied, or what else became of it. */
static void say_result(const char* what, long result) {
  char line[128];
  snprintf(line, sizeof line, "%s %s\n", what, result == 0 ? "allowed" : strerror(errno));
  say(line);
}

static volatile int zero = 0;
static volatile int forever = 1;

static void spin(void) {
  while (forever) continue;
}

static int overflow(int depth) {
  volatile char frame[4096];
  frame[depth % 4096] = (char)depth;
  return forever ? overflow(depth + 1) + frame[0] : 0;
}

static jmp_buf gone;
__attribute__((noinline)) static int leave_a_frame(void) {
  volatile char frame[2048] = {0};
  return setjmp(gone) + frame[zero];
}

static void* spin_in_thread(void* unused) {
  spin();
  return unused;
}

static void crash_at_exit(void) { *(volatile int*)8 = 1; }

/* At most 300 processes, whatever becomes of the limit. */
static void storm(int in_own_session) {
  long started = 0, denied = 0;
  for (int i = 0; i < 300; ++i) {
    const pid_t pid = fork();
    if (pid < 0) {
      ++denied;
      continue;
    }
    if (pid == 0) {
      if (in_own_session) {
        setsid();
        if (fork() > 0) _exit(0);
      }
      sleep(30);
      _exit(0);
    }
    ++started;
  }
  say_number("started", started);
  say_number("denied", denied);
}

/* What a process of its own has: descriptors of its own, and a thread that the C library knows. */
static void show_itself(void) {
  long asking = 0;
  for (int fd = 3; fd < 256; ++fd) {
    char link[64], target[64] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, target, sizeof target - 1) < 0) continue;
    asking += strstr(target, "seccomp") != NULL || strstr(target, "eventpoll") != NULL;
  }
  say_number("asking", asking);
  clockid_t clock;
  struct timespec time;
  say_result("clock", pthread_getcpuclockid(pthread_self(), &clock) | clock_gettime(clock, &time));
  void* robust_list = NULL;
  size_t size = 0;
  syscall(__NR_get_robust_list, 0, &robust_list, &size);
  say_number("robust", robust_list != NULL);
}

static void close_all(int from) {
  for (int fd = from; fd < 256; ++fd) close(fd);
}

/* A command of the same bundle, which has a monitor of its own. */
static void storm_in_another_command(void) {
  setenv("HOSTILE", "storm", 1);
  const pid_t pid = fork();
  if (pid == 0) {
    execl("/proc/self/exe", "jetpack", "hostile", (char*)NULL);
    _exit(9);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  say_number("ended", WEXITSTATUS(status));
}

static void daemonize(void) {
  const pid_t pid = fork();
  if (pid == 0) {
    setsid();
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    if (fork() > 0) _exit(0);
    for (int fd = 0; fd < 64; ++fd) close(fd);
    sleep(30);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
}

/* Ends what it is run by, if it can; a process in another session stays behind. */
static void kill_monitor(pid_t target, int signal) {
  daemonize();
  say_result("kill", kill(target, signal));
}

static void use_memory(size_t piece, size_t pieces) {
  for (size_t i = 0; i < pieces; ++i) memset(malloc(piece), 1, piece);
}

/* As runtimes of languages do: much is reserved, and what is needed of it is made writable. */
static void use_reserved_memory(void) {
  const size_t size = (size_t)64 << 30;
  char* reserved = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  say_result("reserve", reserved == MAP_FAILED);
  say_result("use a little", mprotect(reserved, 1 << 20, PROT_READ | PROT_WRITE));
  say_result("use much", mprotect(reserved, (size_t)10 << 30, PROT_READ | PROT_WRITE));
}

static void open_files(void) {
  long count = 0;
  while (count < 5000 && open("/dev/null", O_RDONLY) >= 0) ++count;
  say_number("opened", count);
}

static void write_much(int fd) {
  char piece[65536];
  memset(piece, 'x', sizeof piece);
  for (int i = 0; i < 320; ++i)
    if (write(fd, piece, sizeof piece) < 0) exit(9);
}

/* Dangerous calls, with arguments that fail wherever they are allowed. */
static void dangerous_calls(void) {
  static const struct {
    const char* name;
    long number;
    long arguments[3];
  } calls[] = {
      {"ptrace", __NR_ptrace, {PTRACE_PEEKDATA, 1, 0}},
      {"process_vm_readv", __NR_process_vm_readv, {-5, 0, 0}},
      {"process_vm_writev", __NR_process_vm_writev, {-5, 0, 0}},
      {"kcmp", __NR_kcmp, {-5, -5, 99}},
      {"pidfd_getfd", 438, {-1, -1, 0}},
      {"mount", __NR_mount, {0, 0, 0}},
      {"umount2", __NR_umount2, {0, 0, 0}},
      {"pivot_root", __NR_pivot_root, {0, 0, 0}},
      {"swapon", __NR_swapon, {0, 0, 0}},
      {"swapoff", __NR_swapoff, {0, 0, 0}},
      {"open_tree", 428, {-1, 0, -1}},
      {"move_mount", 429, {-1, 0, -1}},
      {"fsopen", 430, {0, -1, 0}},
      {"fsconfig", 431, {-1, 0, 0}},
      {"fsmount", 432, {-1, 0, 0}},
      {"fspick", 433, {-1, 0, -1}},
      {"mount_setattr", 442, {-1, 0, -1}},
      {"open_by_handle_at", __NR_open_by_handle_at, {-1, 0, 0}},
      {"kexec_load", __NR_kexec_load, {0, 1000, 0}},
      {"reboot", __NR_reboot, {1, 2, 3}},
      {"init_module", __NR_init_module, {0, 0, 0}},
      {"finit_module", __NR_finit_module, {-1, 0, -1}},
      {"delete_module", __NR_delete_module, {0, 0, 0}},
      {"bpf", __NR_bpf, {9999, 0, 0}},
      {"perf_event_open", __NR_perf_event_open, {0, -5, -5}},
      {"userfaultfd", __NR_userfaultfd, {-1, 0, 0}},
      {"acct", __NR_acct, {-1, 0, 0}},
  };
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; ++i) {
    errno = 0;
    const long result = syscall(calls[i].number, calls[i].arguments[0], calls[i].arguments[1],
                                calls[i].arguments[2], 0, 0);
    if (result >= 0 || errno != EPERM) say_result(calls[i].name, result < 0);
  }
  say("done\n");
}

#if defined(__x86_64__)
static sigjmp_buf before_i386;

static void go_back(int signal_number) { siglongjmp(before_i386, signal_number); }
#endif

static void other_architecture(void) {
#if defined(__x86_64__)
  long result = 20; /* getpid of i386 */
  signal(SIGSEGV, go_back);
  if (sigsetjmp(before_i386, 1) == 0) {
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
    say_number("i386", result);
  } else {
    say("i386 unknown to the kernel\n");
  }
  signal(SIGSEGV, SIG_DFL);
  say_result("x32", syscall(0x40000000 + __NR_getpid) < 0);
#endif
}

static void undeclared_service(void) {
  const void* table = NULL;
  jp_str id = {JP_PROCESS, sizeof JP_PROCESS - 1};
  if (host->service(host->self, id, &table, error) == JP_OK) {
    say("given\n");
    return;
  }
  call->out.write(call->out.ctx, error->text, error->size);
}

static void block_all_signals(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  for (int signal_number = 1; signal_number < 32; ++signal_number) signal(signal_number, SIG_IGN);
}

static int is(const char* name) {
  const char* wanted = getenv("HOSTILE");
  return wanted != NULL && strcmp(wanted, name) == 0;
}

/* What is done before there is a plugin. */
__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("TEST_MARKER");
  if (path != NULL) close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  if (is("constructor-exit")) _exit(0);
  if (is("constructor-segv")) *(volatile int*)8 = 1;
  if (is("constructor-hang")) spin();
}

#ifdef THROWS
void throw_it(void);
#endif

static void end_itself(void) {
#ifdef THROWS
  if (is("throw")) throw_it();
#endif
  if (is("segv")) *(volatile int*)8 = 1;
  if (is("abort")) abort();
  if (is("trap")) __builtin_trap();
  if (is("fpe")) raise(SIGFPE);
  if (is("bus")) raise(SIGBUS);
  if (is("kill-self")) raise(SIGKILL);
  if (is("term-self")) raise(SIGTERM);
  if (is("alarm")) raise(SIGALRM);
  if (is("stop")) raise(SIGSTOP);
  if (is("exit-0")) exit(0);
  if (is("_exit-0")) _exit(0);
  if (is("exit-77")) exit(77);
  if (is("pthread_exit")) pthread_exit(NULL);
  if (is("exec")) execl("/bin/true", "true", (char*)NULL);
  if (is("overflow")) overflow(0);
  if (is("longjmp")) {
    leave_a_frame();
    longjmp(gone, 1);
  }
  if (is("atexit")) atexit(crash_at_exit);
}

static void not_end(void) {
  if (is("spin") || is("spin-long")) spin();
  if (is("sleep")) pause();
  if (is("deaf")) {
    block_all_signals();
    spin();
  }
  if (is("fork-and-hang")) {
    daemonize();
    spin();
  }
  if (is("thread")) {
    pthread_t thread;
    pthread_create(&thread, NULL, spin_in_thread, NULL);
  }
}

static void use_too_much(void) {
  if (is("storm")) storm(0);
  if (is("storm-without-descriptors")) {
    close_all(3);
    storm(0);
  }
  if (is("storm-in-another-command")) storm_in_another_command();
  if (is("show-itself")) show_itself();
  if (is("storm-of-daemons")) storm(1);
  if (is("daemon")) daemonize();
  if (is("allocate-10-gb")) say(malloc((size_t)10 << 30) == NULL ? "denied\n" : "given\n");
  if (is("reserve-64-gb")) use_reserved_memory();
  if (is("memory-bomb")) use_memory((size_t)16 << 20, 256);
  if (is("files")) open_files();
  if (is("much-stderr")) write_much(STDERR_FILENO);
  if (is("much-stdout")) write_much(STDOUT_FILENO);
  if (is("close-stdout")) {
    close(STDOUT_FILENO);
    say("nobody reads this\n");
  }
  if (is("close-stderr")) {
    fputs("last words\n", stderr);
    close(STDERR_FILENO);
    abort();
  }
  if (is("close-all")) close_all(0);
  if (is("last-words")) {
    fputs("assertion failed: the end\n", stderr);
    abort();
  }
}

static void attack(void) {
  if (is("kill-parent")) kill_monitor(getppid(), SIGKILL);
  if (is("stop-parent")) kill_monitor(getppid(), SIGSTOP);
  if (is("kill-group")) kill_monitor(0, SIGKILL);
  if (is("kill-group-by-number")) kill_monitor(-getpgrp(), SIGKILL);
  if (is("abort-group")) {
    signal(SIGABRT, SIG_IGN);
    kill_monitor(0, SIGABRT);
  }
  if (is("kill-all")) say_result("kill", kill(-1, 0));
  if (is("queue-to-parent"))
    say_result("kill", syscall(__NR_tgkill, getppid(), getppid(), SIGKILL));
  if (is("pidfd-parent")) say_result("pidfd", syscall(434, getppid(), 0) < 0);
  if (is("limit-parent")) {
    const uint64_t none[2] = {0, 0};
    say_result("prlimit", syscall(__NR_prlimit64, getppid(), 0, none, NULL));
  }
  if (is("dangerous-calls")) dangerous_calls();
  if (is("other-architecture")) other_architecture();
  if (is("trace-me")) say_result("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
  if (is("type")) say_result("TIOCSTI", ioctl(STDIN_FILENO, TIOCSTI, "x"));
  if (is("service")) undeclared_service();
}

#ifdef HELPED
const char* helper_says(void);
#endif

static int32_t open_plugin(const jp_host* given, void** self, jp_error* err) {
  (void)err;
  host = given;
  *self = (void*)(uintptr_t)given;
  return JP_OK;
}

static int32_t run(void* self, const jp_call* given, int32_t* exit_code, jp_error* err) {
  (void)self;
  call = given;
  error = err;
  *exit_code = 0;
  end_itself();
  not_end();
  use_too_much();
  attack();
  if (is("right")) say("right\n");
#ifdef HELPED
  if (is("helper")) say(helper_says());
#endif
  return JP_OK;
}

static void close_plugin(void* self) { (void)self; }

const jp_plugin jetpack_plugin_v1 = {sizeof(jp_plugin), JP_ABI_MAJOR, JP_ABI_MINOR,
                                     open_plugin,       run,          close_plugin};
