/* Preloaded into jetpack, kills it at its $POWER_STEP-th change of a file. With $POWER_LOSS, what it
 * had written to what it decides by and not synced is lost with it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
  char path[512];
  off_t synced; /* -1: not even that it exists */
} files[256];
static int file_count, steps;
static pid_t program;

static void* original(const char* name) { return dlsym(RTLD_NEXT, name); }

static int is_jetpack(void) {
  char path[512];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
  if (size < 8) return 0;
  path[size] = '\0';
  return strcmp(path + size - 8, "/jetpack") == 0;
}

static int index_of(const char* path) {
  for (int i = 0; i < file_count; ++i)
    if (strcmp(files[i].path, path) == 0) return i;
  return -1;
}

static int (*real_unlink(void))(const char*) { return (int (*)(const char*))original("unlink"); }

static void step(void) {
  if (program == 0) program = is_jetpack() ? getpid() : -1;
  if (getpid() != program) return;
  const char* wanted = getenv("POWER_STEP");
  if (wanted == NULL || ++steps != atoi(wanted)) return;
  for (int i = 0; getenv("POWER_LOSS") != NULL && i < file_count; ++i)
    if (files[i].synced < 0)
      real_unlink()(files[i].path);
    else if (truncate(files[i].path, files[i].synced) != 0)
      perror(files[i].path);
  kill(getpid(), SIGKILL);
}

static void opened(int fd, const char* path, int flags) {
  const int counts =
      strstr(path, "/config/cluster-init.jsonl") != NULL || strstr(path, "/.run/") != NULL;
  struct stat info;
  if (fd < 0 || !counts || (flags & (O_WRONLY | O_RDWR)) == 0 || fstat(fd, &info) != 0) return;
  int at = index_of(path);
  if (at < 0 && file_count < 256) at = file_count++;
  if (at < 0) abort();
  snprintf(files[at].path, sizeof files[at].path, "%s", path);
  files[at].synced = (flags & O_EXCL) != 0 ? -1 : info.st_size;
}

/* Not only of the descriptor that it was written through. */
static int synced(int fd, int result) {
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  struct stat info;
  if (result != 0 || size < 0 || fstat(fd, &info) != 0) return result;
  path[size] = '\0';
  const int at = index_of(path);
  if (at >= 0) files[at].synced = info.st_size;
  return result;
}

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  if ((flags & O_CREAT) != 0) step();
  const int fd = ((int (*)(const char*, int, ...))original("open"))(path, flags, mode);
  opened(fd, path, flags);
  return fd;
}
int open64(const char* path, int flags, ...) __attribute__((alias("open")));

ssize_t write(int fd, const void* data, size_t size) {
  if (fd > 2) step();
  return ((ssize_t(*)(int, const void*, size_t))original("write"))(fd, data, size);
}

int fsync(int fd) {
  step();
  return synced(fd, ((int (*)(int))original("fsync"))(fd));
}

int fdatasync(int fd) {
  step();
  return synced(fd, ((int (*)(int))original("fdatasync"))(fd));
}

int unlink(const char* path) {
  step();
  const int at = index_of(path);
  if (at >= 0) files[at] = files[--file_count];
  return real_unlink()(path);
}

int rename(const char* from, const char* to) {
  step();
  const int at = index_of(to);
  if (at >= 0) files[at] = files[--file_count];
  return ((int (*)(const char*, const char*))original("rename"))(from, to);
}
