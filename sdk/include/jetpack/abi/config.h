/* jetpack.config/1: what this node was told. [any-thread]
 * Part of jetpack/abi.h; include that. */
#pragma once

#define JP_CONFIG "jetpack.config/1"

/* The trees that jp_config.get reads, each a JSON document. */
#define JP_TREE_CONFIG "config" /* config/node.json under configuration.json, properties.json */
#define JP_TREE_PROPERTIES "properties" /* config/properties.json */
#define JP_TREE_USERS "users"           /* config/auth.json: an array of managed users */

typedef enum jp_format {
  JP_JSON = 1,        /* compact JSON */
  JP_JSON_PRETTY = 2, /* indent 4, keys sorted, as `jetpack users --json` prints */
  /* A string bare, a number in decimal, True, False, None, and lists and objects as Python writes
   * them. */
  JP_PLAIN = 3,
  JP_LINES = 4, /* one "dotted.key = value" line for each leaf, keys sorted, values as JP_PLAIN */
  /* As `jetpack config KEY` prints: of an object one "KEY.name = value" line for each member, keys
   * sorted and padded to one width, without a line break at the end; anything else as JP_PLAIN. */
  JP_MEMBERS = 5
} jp_format;

typedef struct jp_config {
  uint32_t size;
  uint32_t reserved;
  void* self;
  /* Writes the value at dotted `key` ("" is the whole tree). JP_NOT_FOUND when the tree has no such
   * key, JP_UNAVAILABLE when there is no tree yet, JP_CORRUPT with file, line and column when a
   * file cannot be read as JSON. */
  int32_t (*get)(void* self, jp_str tree, jp_str key, uint32_t format, jp_sink out, jp_error* err);
  /* Sets a property durably, for this node alone; `json` is one JSON value. Objects on the way are
   * created. JP_FAILED when the path leads through a value that is not an object. */
  int32_t (*set_property)(void* self, jp_str key, jp_str json, jp_error* err);
  /* Writes the absolute path of `name`, which is relative to the home tree: "logs/jetpack.log".
   * "" is the home itself. The path need not exist. JP_USAGE for a name that leaves the tree. */
  int32_t (*path)(void* self, jp_str name, jp_sink out, jp_error* err);
} jp_config;
