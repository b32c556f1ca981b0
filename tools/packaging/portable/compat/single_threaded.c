// __libc_single_threaded (glibc 2.32), by which libstdc++ chooses atomic operations for shared_ptr.
// glibc sets its own; ours stays 0, "there may be threads", which is always right.
char __libc_single_threaded = 0;  // NOLINT(bugprone-reserved-identifier)
