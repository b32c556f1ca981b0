// System calls that few commands make, without the C library's functions for them: each name that is
// looked up in a library costs every start of jetpack some 700 instructions.
#pragma once

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace jetpack::bare {

inline pid_t getpgrp() { return static_cast<pid_t>(::syscall(__NR_getpgid, 0)); }
inline uid_t getuid() { return static_cast<uid_t>(::syscall(__NR_getuid)); }

// Of this process; either may be null.
inline int limit(int resource, const rlimit* change, rlimit* old) {
  return static_cast<int>(::syscall(__NR_prlimit64, 0, resource, change, old));
}

inline int epoll_create() { return static_cast<int>(::syscall(__NR_epoll_create1, EPOLL_CLOEXEC)); }
inline int epoll_add(int epoll, int fd, epoll_event* event) {
  return static_cast<int>(::syscall(__NR_epoll_ctl, epoll, EPOLL_CTL_ADD, fd, event));
}
// What is ready now.
inline int epoll_look(int epoll, epoll_event* event) {
  return static_cast<int>(::syscall(__NR_epoll_pwait, epoll, event, 1, 0, nullptr, 0));
}

inline pid_t wait4(pid_t pid, int* status, int options, rusage* usage) {
  return static_cast<pid_t>(::syscall(__NR_wait4, pid, status, options, usage));
}

}  // namespace jetpack::bare
