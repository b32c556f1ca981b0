/* jetpack.session/1: this node's conversation with its cluster. [thread-safe]
 * Part of jetpack/abi.h; include that. */
#pragma once

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
  char note[508]; /* JP_QUEUED: why: "the server refused the connection (...)"; JP_DELIVERED: why
                       * it could not be queued and was delivered directly, else empty */
} jp_receipt;

typedef struct jp_request {
  uint32_t size;
  uint32_t body_is_json; /* 1: Content-Type: application/json; 0: application/octet-stream */
  jp_str method;         /* "GET", "POST", ... */
  jp_str path;           /* below the server's address: "/clusters/demo/nodes?x=y" */
  jp_str body;           /* may be empty */
  int64_t timeout_ms;    /* for the whole request; 0: ten seconds */
  uint64_t max_reply;    /* bytes; a longer reply is an error. 0: 16 MiB */
} jp_request;

typedef struct jp_reply {
  uint32_t size;
  uint32_t http_status;
  int64_t time; /* by the other side's clock, in seconds since 1970; 0: it does not say */
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
  JP_DRAINED = 1, /* the queue is empty */
  JP_MORE = 2,    /* the time ran out before all was delivered: call again at once */
  JP_RETRY = 3,   /* the other side could not be reached or asked to wait: call after retry_ms */
  JP_STOPPED = 4, /* an administrator has to act first, see note; call again, but rarely */
  JP_BUSY = 5     /* another process is delivering */
} jp_outcome;

/* What became of one attempt to empty the outbox. Messages to the server and to the broker do not
 * wait for one another: where one side fails and the other works, the outcome is the one that asks
 * for the next call soonest. */
typedef struct jp_delivered {
  uint32_t size;
  uint32_t outcome;   /* a jp_outcome */
  uint64_t messages;  /* accepted by the server or the broker in this call */
  uint64_t dead;      /* rejected for good in this call */
  int64_t retry_ms;   /* JP_RETRY: nothing would be tried before this time is over */
  uint32_t note_size; /* bytes of note */
  char note[508];     /* what failed; empty when nothing did */
} jp_delivered;

typedef enum jp_outbox_change {
  JP_OUTBOX_RETRY = 1, /* queue a dead letter again, behind what waits */
  JP_OUTBOX_DROP = 2   /* forget it; with an id also a message that waits */
} jp_outbox_change;

/* Calls may come from several threads at once. */
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
   * kill -9 after the return loses nothing. Any error means that it was not accepted. What cannot
   * be stored, as on a full or read-only disk, is delivered directly within `wait_ms`, or five
   * seconds where that is less than one millisecond, and is JP_OK only when it was. */
  int32_t (*publish)(void* self, const jp_message* message, jp_receipt* receipt, jp_error* err);
  /* One authenticated request to the server. JP_OK whatever the HTTP status, which is in
   * `reply`; JP_UNAVAILABLE when there was no complete response. */
  int32_t (*request)(void* self, const jp_request* request, jp_reply* reply, jp_sink body,
                     jp_error* err);
  /* Writes the outbox's state as JSON: {"depth": messages queued, "bytes": their size, "oldest": "ISO
   * 8601" or null, "dead": [{"id", "type", "time", "reason"}]}. The type of a letter is "letter",
   * and a dead one has "to" as well: its destination. */
  int32_t (*outbox)(void* self, jp_sink json, jp_error* err);
  /* As publish, for a letter. JP_NOT_FOUND when it is for a broker and none is configured. A letter
   * that the broker cannot route, or the server rejects, is JP_FAILED when that is known in time,
   * and else a dead letter. */
  int32_t (*send)(void* self, const jp_letter* letter, jp_receipt* receipt, jp_error* err);
  /* For the daemon that holds run/jetpackd.lock: delivers what is queued, in order. After
   * `time_ms` nothing more is started; what has started gets five seconds on each transport, and
   * a large letter what its size needs. Connections are kept between calls. May be called as often as there
   * is something new: what failed is left alone until its retry is due, or until the connection's
   * files change. Where another thread delivers, it is
   * JP_BUSY. */
  int32_t (*deliver)(void* self, int64_t time_ms, jp_delivered* result, jp_error* err);
  /* Writes what is in the outbox as a JSON list, dead letters first, each in the order of publishing:
   * [{"id", "state": "queued" or "dead", "type", "to": a letter's destination, "time", "bytes",
   * "reason": why it is dead}]; what is not known is left out. With the beginning of an id it is that
   * message alone, with "cluster", "node", "hostname", "data" (of a message) or "content_type",
   * "headers" and "body" or "body_base64" as well; JP_NOT_FOUND when there is none, JP_FAILED when
   * several ids begin like this. */
  int32_t (*outbox_list)(void* self, jp_str id, jp_sink json, jp_error* err);
  /* Makes a jp_outbox_change to the message whose id begins like this, or to all dead letters when
   * the id is empty, and counts what was changed. Errors as of outbox_list. */
  int32_t (*outbox_change)(void* self, uint32_t change, jp_str id, uint64_t* count, jp_error* err);
  /* One request to the cloud's metadata service, at cyclecloud.jetpack.metadata_url: "GET" of
   * "/metadata/instance?api-version=2021-02-01" on Azure. It carries the header "Metadata: true" and
   * no credential, and never goes through a proxy. Otherwise as request. */
  int32_t (*metadata)(void* self, const jp_request* request, jp_reply* reply, jp_sink body,
                      jp_error* err);
  /* Tries, within `timeout_ms`, whether the other side of a jp_channel can be used, and writes what
   * was found as one JSON object: {"address", "proxy"?, "verified": whether its certificate is
   * checked, "problem": an id of `jetpack doctor`, "error": its text}; the last two are left out
   * when it answered, and then there are, of the server, {"status": of this node's userdata,
   * "clock_skew_seconds"?: how far its clock is ahead of this node's}. JP_NOT_FOUND when none is
   * configured, JP_CORRUPT when its address cannot be used. */
  int32_t (*probe)(void* self, uint32_t channel, int64_t timeout_ms, jp_sink json, jp_error* err);
} jp_session;
