/* launch.c: runs one command with its streams at /dev/null and prints "NANOSECONDS PEAK_KIB
 * CPU_MICROSECONDS", from posix_spawn to wait4, with its children. It is small itself, because a
 * child's peak counts its parent's before exec.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static long long microseconds(struct timeval time) {
  return time.tv_sec * 1000000LL + time.tv_usec;
}

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char** argv, char** environment) {
  posix_spawn_file_actions_t actions;
  if (argc < 2 || posix_spawn_file_actions_init(&actions) != 0) return 2;
  for (int fd = 0; fd < 3; ++fd)
    if (posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0) != 0) return 2;
  const long long start = now();
  pid_t child = 0;
  if (posix_spawn(&child, argv[1], &actions, NULL, argv + 1, environment) != 0) return 2;
  int status = 0;
  struct rusage usage;
  if (wait4(child, &status, 0, &usage) != child || status != 0) return 1;
  printf("%lld %ld %lld\n", now() - start, usage.ru_maxrss,
         microseconds(usage.ru_utime) + microseconds(usage.ru_stime));
  return 0;
}
