/* kill_at.c: runs a program and kills it at its Nth system call: kill_at N all|changes PROGRAM ARGUMENT...
 * With "changes", only those count that change files. N of 0 kills nothing. Prints how many there were. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int changes_files(const struct __ptrace_syscall_info* info) {
  static const long changing[] = {
      SYS_write,    SYS_pwrite64, SYS_fsync,     SYS_fchmod,    SYS_fchmodat,  SYS_mkdirat,
      SYS_unlinkat, SYS_renameat, SYS_renameat2, SYS_symlinkat, SYS_ftruncate,
#ifdef __x86_64__
      SYS_rename,   SYS_mkdir,    SYS_rmdir,     SYS_unlink,    SYS_symlink,   SYS_chmod,
#endif
  };
  const long number = (long)info->entry.nr;
  if (number == SYS_openat) return (info->entry.args[2] & O_CREAT) != 0;
  for (size_t i = 0; i < sizeof changing / sizeof *changing; ++i)
    if (number == changing[i]) return 1;
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const long wanted = atol(argv[1]);
  const int all = strcmp(argv[2], "all") == 0;
  const pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    execv(argv[3], argv + 3);
    _exit(127);
  }
  int status = 0;
  long count = 0;
  waitpid(child, &status, 0);
  ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  int signal = 0;
  for (;;) {
    ptrace(PTRACE_SYSCALL, child, 0, signal);
    waitpid(child, &status, 0);
    signal = 0;
    if (!WIFSTOPPED(status)) break;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
      signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
      continue;
    }
    struct __ptrace_syscall_info info;
    ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info);
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY || (!all && !changes_files(&info))) continue;
    if (++count == wanted) kill(child, SIGKILL);
  }
  fprintf(stderr, "%ld\n", count);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
