/* jetpack/abi.h: the binary contract between jetpack and its plugins, in C11.
 *
 * Conventions, which hold for every declaration below:
 *   1. Nothing crosses but what is declared here: no exception, no longjmp, no C++ type. So a
 * plugin may use any compiler, language and runtime, and works with every later jetpack of the same
 *      JP_ABI_MAJOR.
 *   2. Every table and every struct that is passed by pointer begins with its size in bytes, set by
 *      whoever made it. Members are only ever appended. Before reading a member newer than 1.0, ask
 *      JP_HAS. What lies beyond the size counts as zero.
 *   3. What is passed in is borrowed until the call returns. Nothing is freed by the other side: a
 *      result of unknown length goes to a jp_sink, an error to the caller's jp_error.
 *   4. Text is UTF-8 with a length and without a terminating NUL, unless a comment says otherwise.
 *   5. A function that can fail returns a jp_status and then fills `err`, which may be NULL.
 *   6. A service is named "jetpack.NAME/REVISION". A revision's table only grows; a change that
 *      cannot be made by growing is a new revision beside the old one.
 *   7. Calls may come from any thread of the plugin, one at a time for each service table.
 */
#ifndef JETPACK_ABI_H
#define JETPACK_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JP_ABI_MAJOR 1
#define JP_ABI_MINOR 0

/* True when `table` reaches as far as `member`. */
#define JP_HAS(table, member) \
  (offsetof(__typeof__(*(table)), member) + sizeof((table)->member) <= (table)->size)

/* Borrowed text. `data` may be NULL when `size` is 0. */
typedef struct jp_str {
  const char* data;
  size_t size; /* bytes */
} jp_str;

/* Takes a result in one or more pieces. A non-zero return stops the callee, which then fails. */
typedef struct jp_sink {
  void* ctx;
  int32_t (*write)(void* ctx, const char* data, size_t size);
} jp_sink;

/* Gives content in pieces: writes at most `capacity` bytes to `buffer` and returns how many; 0 at
 * the end, -1 when reading failed. */
typedef struct jp_source {
  void* ctx;
  int64_t (*read)(void* ctx, char* buffer, size_t capacity);
} jp_source;

typedef enum jp_status {
  JP_OK = 0,
  JP_FAILED = 1,      /* the operation failed */
  JP_USAGE = 2,       /* the command line is wrong; jetpack exits with 2 */
  JP_NOT_FOUND = 3,   /* the key, file, blob or command does not exist */
  JP_CORRUPT = 4,     /* data that was read cannot be understood */
  JP_DENIED = 5,      /* permission or credentials were refused */
  JP_UNAVAILABLE = 6, /* a server, lock or disk space is not to be had now; a retry may help */
  JP_UNSUPPORTED = 7, /* this jetpack cannot do that */
  JP_INTERNAL = 8     /* a defect: an exception reached the boundary */
} jp_status;

/* What went wrong. The first line stands alone; further lines are details. */
typedef struct jp_error {
  int32_t code;  /* a jp_status */
  uint32_t size; /* bytes of text */
  char text[1016];
} jp_error;

/* -- The host -------------------------------------------------------------------------------- */

typedef struct jp_host {
  uint32_t size;
  uint16_t abi_major;
  uint16_t abi_minor;
  void* self;
  jp_str version; /* what `jetpack --version` prints: "8.10.0-100" */
  /* Sets *table to the service's table, valid until the process ends. JP_UNSUPPORTED when this
   * jetpack does not offer it; a service that exists and cannot start says why. */
  int32_t (*service)(void* self, jp_str id, const void** table, jp_error* err);
} jp_host;

/* -- jetpack.config/1: what this node was told ------------------------------------------------- */

#define JP_CONFIG "jetpack.config/1"

/* The trees that jp_config.get reads, each a JSON document. */
#define JP_TREE_CONFIG "config" /* config/node.json under configuration.json, properties.json */
#define JP_TREE_PROPERTIES "properties" /* config/properties.json */
#define JP_TREE_USERS "users"           /* config/auth.json: an array of managed users */

typedef enum jp_format {
  JP_JSON = 1,        /* compact JSON */
  JP_JSON_PRETTY = 2, /* indent 4, keys sorted, as `jetpack users --json` prints */
  /* As `jetpack config KEY` prints: a string bare, a number in decimal, True, False, None, and
   * lists and objects as Python writes them. */
  JP_PLAIN = 3,
  JP_LINES = 4 /* one "dotted.key = value" line for each leaf, keys sorted, values as JP_PLAIN */
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
   * made. JP_FAILED when the way leads through a value that is not an object. */
  int32_t (*set_property)(void* self, jp_str key, jp_str json, jp_error* err);
  /* Writes the absolute path of `name`, which is relative to the home tree: "logs/jetpack.log".
   * "" is the home itself. The path need not exist. JP_USAGE for a name that leaves the tree. */
  int32_t (*path)(void* self, jp_str name, jp_sink out, jp_error* err);
} jp_config;

/* -- jetpack.session/1: this node's conversation with its cluster -------------------------------
 */

#define JP_SESSION "jetpack.session/1"

/* Deliver for at most five seconds, and only when no daemon runs; then leave it to the daemon. */
#define JP_WAIT_DEFAULT ((int64_t)-1)

/* A message to the cluster. `type` and `data` are those of POST /clusterlink/messages. */
typedef struct jp_message {
  uint32_t size;
  uint32_t reserved;
  jp_str type;     /* "log", "properties", ... */
  jp_str data;     /* a JSON object */
  int64_t wait_ms; /* how long to wait for delivery, in milliseconds; or JP_WAIT_DEFAULT */
} jp_message;

typedef enum jp_delivery {
  JP_DELIVERED = 1, /* the server has acknowledged it */
  JP_QUEUED = 2     /* it is on disk, synced, and will be delivered in order */
} jp_delivery;

typedef struct jp_receipt {
  uint32_t size;
  uint32_t delivery;  /* a jp_delivery */
  char id[40];        /* the message's UUID, NUL-terminated */
  uint32_t note_size; /* bytes of note */
  char note[508];     /* JP_QUEUED: why it waits: "the server refused the connection (...)" */
} jp_receipt;

typedef struct jp_request {
  uint32_t size;
  uint32_t body_is_json; /* 1: Content-Type: application/json; 0: application/octet-stream */
  jp_str method;         /* "GET", "POST", ... */
  jp_str path;           /* below the server's address: "/clusters/demo/nodes?x=y" */
  jp_str body;           /* may be empty */
  int64_t timeout_ms;    /* for the whole exchange; 0: ten seconds */
  uint64_t max_reply;    /* bytes; a longer reply is an error. 0: 16 MiB */
} jp_request;

typedef struct jp_reply {
  uint32_t size;
  uint32_t http_status;
} jp_reply;

typedef enum jp_channel {
  JP_TO_SERVER = 1, /* an HTTP request to the cluster's server */
  JP_TO_BROKER = 2  /* an AMQP 0-9-1 message to the cluster's broker */
} jp_channel;

typedef struct jp_header {
  jp_str name;
  jp_str value;
} jp_header;

/* What is sent as it is, durably and in order with the messages. */
typedef struct jp_letter {
  uint32_t size;
  uint32_t channel;         /* a jp_channel */
  jp_str method;            /* JP_TO_SERVER: "POST" */
  jp_str address;           /* JP_TO_SERVER: jp_request.path; JP_TO_BROKER: the routing key */
  jp_str exchange;          /* JP_TO_BROKER: empty is the default exchange */
  jp_str content_type;      /* empty: application/json to the server, else octet-stream */
  jp_str body;              /* any bytes, within the cap on one letter */
  const jp_header* headers; /* JP_TO_BROKER: the headers table, all values strings; may be NULL */
  uint32_t header_count;
  uint32_t persistent; /* JP_TO_BROKER: 1 asks the broker to keep it on disk */
  int64_t wait_ms;     /* as in jp_message */
} jp_letter;

typedef enum jp_outcome {
  JP_DRAINED = 1, /* nothing waits */
  JP_MORE = 2,    /* the time was over before all was delivered: call again at once */
  JP_RETRY = 3,   /* the other side could not be reached or asked to wait: call after retry_ms */
  JP_STOPPED = 4, /* a person has to change something first, see note; call again, but rarely */
  JP_BUSY = 5     /* another process is delivering */
} jp_outcome;

/* What became of one attempt to empty the outbox. Messages to the server and to the broker do not
 * wait for one another: where one side fails and the other works, the outcome is the one that asks
 * for the next call soonest. */
typedef struct jp_delivered {
  uint32_t size;
  uint32_t outcome;   /* a jp_outcome */
  uint64_t messages;  /* taken by the server or the broker in this call */
  uint64_t dead;      /* refused for good in this call */
  int64_t retry_ms;   /* JP_RETRY: before this time is over, nothing would be tried */
  uint32_t note_size; /* bytes of note */
  char note[508];     /* what failed; empty when nothing did */
} jp_delivered;

typedef struct jp_session {
  uint32_t size;
  uint32_t reserved;
  void* self;
  /* Writes one fact of who this node is: "cluster", "node", "instance", "url", "username",
   * "userdata" (the id of /clusterlink/userdata/ID: 32 hex digits), "broker" (its address without
   * the password), "transport" ("https" or "amqp"), "proxy" (on the way to the server, without
   * the password). What is unknown is JP_NOT_FOUND. */
  int32_t (*identity)(void* self, jp_str fact, jp_sink out, jp_error* err);
  /* Stores the message durably, then delivers as `wait_ms` says. JP_OK means stored or delivered:
   * kill -9 after the return loses nothing. Any error means that it was not taken. */
  int32_t (*publish)(void* self, const jp_message* message, jp_receipt* receipt, jp_error* err);
  /* One authenticated exchange with the server. JP_OK whatever the HTTP status, which is in
   * `reply`; JP_UNAVAILABLE when there was no complete answer. */
  int32_t (*request)(void* self, const jp_request* request, jp_reply* reply, jp_sink body,
                     jp_error* err);
  /* Writes the outbox's state as JSON: {"depth": what waits, "bytes": its size, "oldest": "ISO
   * 8601" or null, "dead": [{"id", "type", "time", "reason"}]}. The type of a letter is "letter",
   * and a dead one has "to" as well: where it was to go. */
  int32_t (*outbox)(void* self, jp_sink json, jp_error* err);
  /* As publish, for a letter. JP_NOT_FOUND when it is for a broker and none is configured. A letter
   * that the broker cannot route, or the server refuses, is JP_FAILED when that is known in time,
   * and else a dead letter. */
  int32_t (*send)(void* self, const jp_letter* letter, jp_receipt* receipt, jp_error* err);
  /* For the daemon that holds run/jetpackd.lock: delivers what waits, in order. After
   * `time_ms` nothing more is begun; what has begun gets five seconds in each lane, and a large
   * letter what its size needs. Connections are kept between calls. May be called as often as there
   * is something new: what failed is left alone until its time has come, or until the connection's
   * files change. May run in a thread of its own beside one other call of this table. */
  int32_t (*deliver)(void* self, int64_t time_ms, jp_delivered* result, jp_error* err);
} jp_session;

/* -- jetpack.storage/1: the node's locker --------------------------------------------------------
 *
 * A blob's name is its path in the locker: "projects/p/blobs/x.tgz". A name that is empty, holds a
 * NUL or begins with "/", or has a segment "." or "..", is JP_USAGE.
 * No text that comes out of this table holds a secret, but for the URL that `sign` makes.
 */

#define JP_STORAGE "jetpack.storage/1"

/* Told about progress, in bytes; `total` is 0 while it is unknown. Called from the thread that
 * called the service. Non-zero cancels. */
typedef struct jp_progress {
  void* ctx;
  int32_t (*update)(void* ctx, uint64_t done, uint64_t total);
} jp_progress;

/* jp_download.flags */
enum {
  JP_DOWNLOAD_FRESH = 1 /* begin anew, even where a partial file could be taken up */
};

typedef struct jp_download {
  uint32_t size;
  uint32_t flags; /* JP_DOWNLOAD_FRESH, or 0 */
  jp_str blob;
  jp_str to_path;       /* where the file will stand when it is whole and checked */
  jp_progress progress; /* `update` may be NULL */
} jp_download;

typedef struct jp_downloaded {
  uint32_t size;
  uint32_t checked; /* 1: the MD5 of the whole was compared with what the locker holds */
  uint64_t bytes;   /* of the file */
  uint64_t resumed; /* of these, what an earlier download had already brought */
} jp_downloaded;

typedef struct jp_upload {
  uint32_t size;
  uint32_t reserved;
  jp_str blob;
  jp_str content_type; /* empty: application/octet-stream */
  jp_source source;    /* read from the thread that called */
  jp_progress progress;
} jp_upload;

typedef struct jp_uploaded {
  uint32_t size;
  uint32_t reserved;
  uint64_t bytes;
} jp_uploaded;

typedef struct jp_signature {
  uint32_t size;
  uint32_t reserved;
  jp_str blob;
  int64_t seconds;            /* how long the URL is to be valid; at least 1 */
  jp_str content_disposition; /* what the reply is to say; empty: what the blob says */
  jp_str content_type;        /* likewise */
} jp_signature;

typedef struct jp_signed {
  uint32_t size;
  uint32_t shortened; /* 1: the credential allows less time than was asked for */
  int64_t expires;    /* the Unix second at which the URL ends */
} jp_signed;

typedef struct jp_storage {
  uint32_t size;
  uint32_t reserved;
  void* self;
  /* Writes the locker's address, without secrets: "az://account/container". */
  int32_t (*locker)(void* self, jp_sink url, jp_error* err);
  /* Gives one JSON object for each blob whose name begins with `prefix`, in the order of the names:
   * {"name", "bytes", "modified": "ISO 8601", "etag", "md5"?: hex}. The sink is called once for
   * each line, which ends in "\n", while pages arrive; when it stops, so does the listing:
   * JP_FAILED. */
  int32_t (*list)(void* self, jp_str prefix, jp_sink lines, jp_error* err);
  /* Writes the same object for one blob, and "url": where it is, without a credential. JP_NOT_FOUND
   * when there is none. */
  int32_t (*properties)(void* self, jp_str blob, jp_sink line, jp_error* err);
  /* Brings a blob to a file. Until it is whole and checked, it grows beside it as
   * ".NAME.jetpack-part" with its state in ".NAME.jetpack-state"; a later call takes it up where an
   * earlier one, even one that was killed, stopped, when the blob is still the same. A file that
   * was at to_path is replaced in one step, or stays. JP_NOT_FOUND when there is no such blob. */
  int32_t (*download)(void* self, const jp_download* download, jp_downloaded* result,
                      jp_error* err);
  /* Stores what the source gives, of any length. Nothing appears under the name until it is whole;
   * a blob of that name is then replaced. */
  int32_t (*upload)(void* self, const jp_upload* upload, jp_uploaded* result, jp_error* err);
  /* JP_NOT_FOUND when there is no such blob. */
  int32_t (*remove)(void* self, jp_str blob, jp_error* err);
  /* Writes a URL that lets whoever has it read the blob, by https alone, until it expires.
   * JP_UNSUPPORTED when this node's credential cannot sign. */
  int32_t (*sign)(void* self, const jp_signature* signature, jp_sink url, jp_signed* result,
                  jp_error* err);
} jp_storage;

/* -- jetpack.process/1: running scripts -----------------------------------------------------------
 */

#define JP_PROCESS "jetpack.process/1"

typedef struct jp_process_spec {
  uint32_t size;
  uint32_t argc;      /* at least 1 */
  const jp_str* argv; /* argv[0]: a path, or a name that PATH finds */
  uint32_t env_count;
  uint32_t reserved;
  const jp_str* env;      /* "NAME=VALUE", added to the caller's environment; may be NULL */
  jp_str directory;       /* working directory; empty: the caller's */
  jp_str input;           /* what standard input holds; empty: /dev/null */
  int64_t deadline_ms;    /* then SIGTERM, and SIGKILL after grace_ms; 0: none */
  int64_t grace_ms;       /* 0: two seconds */
  uint64_t capture_bytes; /* kept of each stream, half of it head and half tail; 0: 128 KiB */
} jp_process_spec;

typedef struct jp_process_result {
  uint32_t size;
  int32_t exit_code;  /* 0 to 255; -1 when a signal ended it */
  int32_t signal;     /* the signal that ended it, or 0 */
  uint32_t timed_out; /* 1: the deadline passed */
  uint32_t killed;    /* processes it had started that were still there, and were killed */
  uint32_t reserved;
  uint64_t out_bytes; /* written in all, kept or not */
  uint64_t err_bytes;
  int64_t elapsed_ms;
} jp_process_result;

typedef struct jp_process {
  uint32_t size;
  uint32_t reserved;
  void* self;
  /* Runs a program to its end; nothing that it started is left. JP_OK whatever its exit code, which
   * is in `result`; JP_NOT_FOUND or JP_DENIED when it could not be started. Where a stream was
   * longer than capture_bytes, the line "[... N bytes left out ...]" stands in the middle. */
  int32_t (*run)(void* self, const jp_process_spec* spec, jp_process_result* result, jp_sink out,
                 jp_sink err_out, jp_error* err);
} jp_process;

/* -- jetpack.log/1: the agent's own log
 * ------------------------------------------------------------ */

#define JP_LOG "jetpack.log/1"

typedef enum jp_level {
  JP_LEVEL_DEBUG = 10, /* the numbers are those of Python's logging, whose format the file keeps */
  JP_LEVEL_INFO = 20,
  JP_LEVEL_WARNING = 30,
  JP_LEVEL_ERROR = 40
} jp_level;

typedef struct jp_log {
  uint32_t size;
  uint32_t reserved;
  void* self;
  /* Appends to logs/jetpack.log, secrets masked. Never fails: what cannot be written is dropped. */
  void (*write)(void* self, uint32_t level, jp_str message);
  /* The masking of secrets that the log itself uses, for a stream of any length in bounded memory.
   * The same comes out wherever the stream is split. A redactor is used by one thread at a time;
   * two may be used at once. */
  int32_t (*redactor_open)(void* self, void** redactor, jp_error* err);
  /* Takes a piece of the stream and writes what can be shown by now. Fails when `out` does. */
  int32_t (*redactor_feed)(void* self, void* redactor, jp_str piece, jp_sink out, jp_error* err);
  /* Writes the rest and sets *secrets to how many were masked; then another stream may begin. */
  int32_t (*redactor_finish)(void* self, void* redactor, jp_sink out, uint64_t* secrets,
                             jp_error* err);
  void (*redactor_close)(void* self, void* redactor);
} jp_log;

/* -- The plugin ----------------------------------------------------------------------------------
 */

typedef enum jp_type {
  JP_FLAG = 1,    /* numbers: 0 or 1 */
  JP_TEXT = 2,    /* numbers: NULL */
  JP_INTEGER = 3, /* numbers: the value */
  JP_DURATION = 4 /* numbers: milliseconds; written "90", "90s", "10m", "6h", "2d" or "250ms" */
} jp_type;

/* One option or argument of a command, checked against its declaration. */
typedef struct jp_value {
  uint32_t size;
  uint32_t type;          /* a jp_type */
  jp_str name;            /* as declared: "level", "MESSAGE" */
  uint32_t given;         /* 1: on the command line; 0: the declared default, or nothing */
  uint32_t count;         /* values; 0 when absent */
  const jp_str* texts;    /* as written; `count` of them */
  const int64_t* numbers; /* see jp_type; `count` of them */
} jp_value;

enum {
  JP_OUT_IS_TERMINAL = 1, /* jp_call.terminal */
  JP_ERR_IS_TERMINAL = 2
};

/* One invocation of a command. */
typedef struct jp_call {
  uint32_t size;
  uint32_t terminal;             /* JP_OUT_IS_TERMINAL | JP_ERR_IS_TERMINAL */
  jp_str command;                /* "condition set" */
  const jp_value* const* values; /* every declared option, then every argument, as declared */
  uint32_t value_count;
  uint32_t reserved;
  jp_sink out; /* standard output: the answer, and nothing else */
  jp_sink err; /* standard error: everything for a person */
} jp_call;

typedef struct jp_plugin {
  uint32_t size;
  uint16_t abi_major;
  uint16_t abi_minor; /* the least it needs */
  /* Called once, before run. */
  int32_t (*open)(const jp_host* host, void** self, jp_error* err);
  /* Runs a command. On JP_OK the process ends with *exit_code, else with 1 (JP_USAGE: 2). */
  int32_t (*run)(void* self, const jp_call* call, int32_t* exit_code, jp_error* err);
  /* Called once, after run, if open returned JP_OK. The library stays loaded. */
  void (*close)(void* self);
} jp_plugin;

/* The only symbol that a plugin exports. It is data, so that finding it runs nothing. */
#define JP_ENTRY "jetpack_plugin_v1"
#define JP_EXPORT __attribute__((visibility("default")))
extern JP_EXPORT const jp_plugin jetpack_plugin_v1;

/* The ELF note that describes a plugin to a host that has not loaded it. Its descriptor is the JSON
 * text that sdk/README.md defines; C++ plugins get it from JETPACK_PLUGIN. */
#define JP_NOTE_SECTION ".note.jetpack"
#define JP_NOTE_OWNER "jetpack"
#define JP_NOTE_TYPE 0x4a500001u
#define JP_NOTE_MAX 65536u /* bytes of descriptor */

/* Places the note of a plugin that is written in C: JP_NOTE("{\"schema\":1, ...}") */
#define JP_NOTE(json)                                                               \
  static const struct {                                                             \
    uint32_t name_size, descriptor_size, type;                                      \
    char name[8];                                                                   \
    char descriptor[sizeof(json) - 1];                                              \
  } jp_note __attribute__((section(JP_NOTE_SECTION), used, retain, aligned(4))) = { \
      sizeof(JP_NOTE_OWNER), sizeof(json) - 1, JP_NOTE_TYPE, JP_NOTE_OWNER, json}

#ifdef __cplusplus
}
#endif
#endif
