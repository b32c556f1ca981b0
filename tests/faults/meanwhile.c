/* Preloaded into jetpack. Before each change of a directory that it makes below $MEANWHILE_BELOW, a script creates a
 * file in $MEANWHILE_TREE, whose name goes to $MEANWHILE_LOG; at the $MEANWHILE_STEP-th, jetpack is killed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int steps;

static void* original(const char* name) { return dlsym(RTLD_NEXT, name); }

static void create(const char* path, const char* line) {
  const int log = open(getenv("MEANWHILE_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int made = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (log < 0 || (made >= 0 && write(log, line, strlen(line)) < 0)) abort();
  if (made >= 0) close(made);
  close(log);
}

/* `path`: what is changed; NULL: a name in an open directory. */
static void step(const char* path) {
  const char* tree = getenv("MEANWHILE_TREE");
  const char* below = getenv("MEANWHILE_BELOW");
  if (tree == NULL || below == NULL || (path != NULL && strstr(path, below) == NULL)) return;
  const int before = errno;
  char name[64], made[1024];
  snprintf(name, sizeof name, "of-script-%d\n", ++steps);
  snprintf(made, sizeof made, "%s/%.*s", tree, (int)strlen(name) - 1, name);
  create(made, name);
  if (steps == atoi(getenv("MEANWHILE_STEP"))) kill(getpid(), SIGKILL);
  errno = before;
}

int link(const char* from, const char* to) {
  step(to);
  return ((int (*)(const char*, const char*))original("link"))(from, to);
}

int mkdir(const char* path, mode_t mode) {
  step(path);
  return ((int (*)(const char*, mode_t))original("mkdir"))(path, mode);
}

int rename(const char* from, const char* to) {
  step(to);
  return ((int (*)(const char*, const char*))original("rename"))(from, to);
}

int renameat(int from_at, const char* from, int to_at, const char* to) {
  step(to_at == AT_FDCWD ? to : NULL);
  return ((int (*)(int, const char*, int, const char*))original("renameat"))(from_at, from, to_at,
                                                                             to);
}

int unlink(const char* path) {
  step(path);
  return ((int (*)(const char*))original("unlink"))(path);
}

int unlinkat(int at, const char* path, int flags) {
  step(at == AT_FDCWD ? path : NULL);
  return ((int (*)(int, const char*, int))original("unlinkat"))(at, path, flags);
}

/* renameat2, for which the C library of older systems has no function. */
long syscall(long number, ...) {
  long arguments[6];
  va_list rest;
  va_start(rest, number);
  for (int i = 0; i < 6; ++i) arguments[i] = va_arg(rest, long);
  va_end(rest);
  if (number == SYS_renameat2) step((const char*)arguments[3]);
  return ((long (*)(long, ...))original("syscall"))(
      number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
