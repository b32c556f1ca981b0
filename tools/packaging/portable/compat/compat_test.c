// Tests what stands in for newer functions of the C library, against the C library's own where it has
// them. Built with each function renamed to ours_..., so that both are there.
#include <assert.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

uint32_t ours_arc4random(void);
void ours_arc4random_buf(void* buffer, size_t size);
int jetpack_cond_clockwait_2_28(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                                const struct timespec* deadline);
int ours_pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                                const struct timespec* deadline);

typedef int (*wait_function)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const struct timespec*);

struct object {
  unsigned long long flags;
  void* map_start;
  void* map_end;
  struct link_map* link_map;
  void* eh_frame;
  unsigned long long reserved[7];
};
int ours_dl_find_object(void* address, struct object* found);

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      return 1;                                                       \
    }                                                                 \
  } while (0)

static struct timespec after(clockid_t clock, long milliseconds) {
  struct timespec time;
  clock_gettime(clock, &time);
  const long nanoseconds = time.tv_nsec + milliseconds % 1000 * 1000000;
  time.tv_sec += milliseconds / 1000 + nanoseconds / 1000000000;
  time.tv_nsec = nanoseconds % 1000000000;
  return time;
}

static int has_passed(clockid_t clock, struct timespec deadline) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec > deadline.tv_sec ||
         (now.tv_sec == deadline.tv_sec && now.tv_nsec >= deadline.tv_nsec);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition;
static int is_set;

static void* set(void* unused) {
  pthread_mutex_lock(&mutex);
  is_set = 1;
  pthread_cond_signal(&condition);
  pthread_mutex_unlock(&mutex);
  return unused;
}

static int test_wait(wait_function wait, clockid_t clock) {
  condition = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
  pthread_mutex_lock(&mutex);
  const struct timespec soon = after(clock, 20);
  int result = 0;
  while (result == 0) result = wait(&condition, &mutex, clock, &soon);
  CHECK(result == ETIMEDOUT);
  CHECK(has_passed(clock, soon));

  // A signal ends the wait, long before the deadline.
  is_set = 0;
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, set, NULL) == 0);
  const struct timespec late = after(clock, 60000);
  while (!is_set) CHECK(wait(&condition, &mutex, clock, &late) == 0);
  pthread_mutex_unlock(&mutex);
  pthread_join(thread, NULL);
  CHECK(wait(&condition, &mutex, 4711, &late) == EINVAL);
  return 0;
}

static int test_find(void) {
  struct object found;
  memset(&found, 0, sizeof found);
  CHECK(ours_dl_find_object((void*)(uintptr_t)&test_find, &found) == 0);
  CHECK((uintptr_t)found.map_start <= (uintptr_t)&test_find &&
        (uintptr_t)&test_find < (uintptr_t)found.map_end);
  CHECK(*(const unsigned char*)found.eh_frame == 1);  // the version of .eh_frame_hdr
  CHECK(ours_dl_find_object((void*)(uintptr_t)&printf, &found) == 0);
  CHECK((uintptr_t)found.map_start <= (uintptr_t)&printf &&
        (uintptr_t)&printf < (uintptr_t)found.map_end);
  int on_the_stack;
  CHECK(ours_dl_find_object(&on_the_stack, &found) == -1);
  return 0;
}

static int test_random(void) {
  unsigned char bytes[1000] = {0};
  unsigned char more[sizeof bytes] = {0};
  ours_arc4random_buf(bytes, sizeof bytes);
  ours_arc4random_buf(more, sizeof more);
  CHECK(memcmp(bytes, more, sizeof bytes) != 0);
  // The end is filled too.
  CHECK(memcmp(bytes + 980, (unsigned char[20]){0}, 20) != 0);
  CHECK(ours_arc4random() != ours_arc4random() || ours_arc4random() != ours_arc4random());
  return 0;
}

int main(void) {
  const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME};
  for (int i = 0; i < 2; ++i)
    if (test_wait(jetpack_cond_clockwait_2_28, clocks[i]) != 0 ||
        test_wait(ours_pthread_cond_clockwait, clocks[i]) != 0)
      return 1;
  return test_find() + test_random();
}
