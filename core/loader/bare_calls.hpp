// System calls that few commands make, without the C library's functions for them: each name that is
// looked up in a library costs every start of jetpack some 700 instructions.
#pragma once

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace jetpack::bare {

inline pid_t getpgrp() { return static_cast<pid_t>(::syscall(__NR_getpgid, 0)); }
inline uid_t getuid() { return static_cast<uid_t>(::syscall(__NR_getuid)); }
inline int uname(utsname* system) { return static_cast<int>(::syscall(__NR_uname, system)); }

// Of this process; either may be null.
inline int limit(int resource, const rlimit* change, rlimit* old) {
  return static_cast<int>(::syscall(__NR_prlimit64, 0, resource, change, old));
}

inline int socketpair(int type, int* ends) {
  return static_cast<int>(::syscall(__NR_socketpair, AF_UNIX, type, 0, ends));
}
inline ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  return ::syscall(__NR_sendmsg, fd, message, flags);
}
inline ssize_t recvmsg(int fd, msghdr* message, int flags) {
  return ::syscall(__NR_recvmsg, fd, message, flags);
}

inline pid_t wait4(pid_t pid, int* status, int options, rusage* usage) {
  return static_cast<pid_t>(::syscall(__NR_wait4, pid, status, options, usage));
}

}  // namespace jetpack::bare
