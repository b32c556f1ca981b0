/* jetpack.conditions/1: the problems of this node that the cluster knows of.
 *
 * One list for all: what a plugin sets, `jetpack condition list` shows, and the other way round. It
 * is run/conditions.json, which a lock keeps whole, and each change is a message to the cluster.
 * Part of jetpack/abi.h; include that. */
#pragma once

#define JP_CONDITIONS "jetpack.conditions/1"

typedef enum jp_health {
  JP_HEALTH_OK = 1, /* there is no such problem: clears the condition */
  JP_HEALTH_NA = 2, /* not known */
  JP_HEALTH_WARNING = 3,
  JP_HEALTH_ERROR = 4
} jp_health;

/* A text of more than 64 KiB is cut; bytes that are not UTF-8 become U+FFFD. */
typedef struct jp_condition {
  uint32_t size;
  uint32_t health;        /* a jp_health */
  jp_str name;            /* 1 to 128 bytes of printable text: "gpu", "disk" */
  jp_str message;         /* what is wrong, in one line */
  jp_str description;     /* an explanation */
  jp_str recommendations; /* what an administrator should do */
  jp_str details;         /* any number of lines */
  jp_str action_type;     /* an action to request from the cloud: "GHR" */
  jp_str ghr_category;    /* with action_type "GHR": its impact category; else empty */
} jp_condition;

/* Takes a condition that was cleared, and what became of its message. [any-thread] */
typedef struct jp_cleared {
  void* ctx;
  void (*take)(void* ctx, jp_str name, const jp_receipt* receipt);
} jp_cleared;

/* `wait_ms` is that of jp_message. `warnings` gets a line, without its end, for each thing that a
 * person should know and that is not an error; `write` may be NULL. Where this node cannot remember
 * a change, as on a full disk, that is a warning, and the cluster hears of it all the same. */
typedef struct jp_conditions {
  uint32_t size;
  uint32_t reserved;
  void* self;
  /* [any-thread] Sets a condition, replacing all of its texts, and reports it to the cluster. The
   * receipt may be NULL. JP_USAGE when the name or the action is not valid, JP_FAILED when there are
   * 1000 conditions already, and whatever jp_session.publish fails with. */
  int32_t (*set)(void* self, const jp_condition* condition, int64_t wait_ms, jp_receipt* receipt,
                 jp_sink warnings, jp_error* err);
  /* [any-thread] Writes the conditions as a JSON list, sorted by name: [{"name", "status": "NA",
   * "Warning" or "Error", "since": the time at which it got this status, ISO 8601}], and of the
   * members "message", "description", "recommendations", "details", "action_type" and
   * "ghr_category" those that it has. JP_CORRUPT when the file cannot be understood. */
  int32_t (*list)(void* self, jp_sink json, jp_error* err);
  /* [any-thread] Clears a condition, or all when `name` is empty, and reports it. `take` may be NULL.
   * JP_NOT_FOUND when there is no such condition; then nothing is reported. All together have
   * `wait_ms`; once one could not be delivered, the rest is only queued. */
  int32_t (*clear)(void* self, jp_str name, int64_t wait_ms, jp_cleared cleared, jp_sink warnings,
                   jp_error* err);
} jp_conditions;
