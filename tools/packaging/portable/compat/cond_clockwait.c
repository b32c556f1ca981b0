// pthread_cond_clockwait (glibc 2.30), with which libstdc++ waits by the monotonic clock.
//
// Where the C library has it, that one is called. glibc 2.28 and 2.29 have not: there the condition
// variable itself is switched to the monotonic clock, as pthread_condattr_setclock would have done
// before it was initialized. A wait by the realtime clock on the same variable would then be wrong, so
// the project has none. The bit is that of nptl/pthread_cond_common.c of those two versions, whose
// layout cannot change any more.
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

typedef int (*clockwait)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const struct timespec*);

enum { monotonic_bit = 2 };

int jetpack_cond_clockwait_2_28(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                                const struct timespec* deadline) {
  if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME) return EINVAL;
  if (clock == CLOCK_MONOTONIC)
    __atomic_fetch_or(&condition->__data.__wrefs, monotonic_bit, __ATOMIC_RELAXED);
  return pthread_cond_timedwait(condition, mutex, deadline);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const struct timespec* deadline) {
  static _Atomic(clockwait) chosen;
  clockwait function = atomic_load_explicit(&chosen, memory_order_relaxed);
  if (function == NULL) {
    function = (clockwait)dlsym(RTLD_DEFAULT, "pthread_cond_clockwait");
    if (function == NULL) function = jetpack_cond_clockwait_2_28;
    atomic_store_explicit(&chosen, function, memory_order_relaxed);
  }
  return function(condition, mutex, clock, deadline);
}
