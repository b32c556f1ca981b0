/* jetpack.storage/1: the node's locker. [thread-safe]
 *
 * A blob's name is its path in the locker: "projects/p/blobs/x.tgz". A name that is empty, holds a
 * NUL or begins with "/", or has a segment "." or "..", is JP_USAGE.
 * No text that comes out of this table holds a secret, but for the URL that `sign` makes.
 * Part of jetpack/abi.h; include that. */
#pragma once

#define JP_STORAGE "jetpack.storage/1"

/* Receives progress, in bytes; `total` is 0 while it is unknown. Called from the thread that
 * called the service. Non-zero cancels. */
typedef struct jp_progress {
  void* ctx;
  int32_t (*update)(void* ctx, uint64_t done, uint64_t total);
} jp_progress;

/* jp_download.flags */
enum {
  JP_DOWNLOAD_FRESH = 1 /* start over, even where a partial file could be resumed */
};

typedef struct jp_download {
  uint32_t size;
  uint32_t flags; /* JP_DOWNLOAD_FRESH, or 0 */
  jp_str blob;
  jp_str to_path;       /* where the file will be once it is complete and verified */
  jp_progress progress; /* `update` may be NULL */
} jp_download;

typedef struct jp_downloaded {
  uint32_t size;
  uint32_t checked; /* 1: the MD5 of the whole was compared with what the locker holds */
  uint64_t bytes;   /* of the file */
  uint64_t resumed; /* of these, what an earlier download had already fetched */
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

/* jp_sync.flags */
enum {
  JP_SYNC_FRESH = 1 /* transfer every blob, even what is unchanged */
};

typedef struct jp_sync {
  uint32_t size;
  uint32_t flags;       /* JP_SYNC_FRESH, or 0 */
  jp_str prefix;        /* a directory in the locker, "projects/p/1.0.0/specs/s"; "" is all of it */
  jp_str directory;     /* where its blobs are to be; its parent is created where it is missing */
  jp_progress progress; /* in bytes to transfer; `update` may be NULL */
} jp_sync;

typedef struct jp_synced {
  uint32_t size;
  uint32_t changed;           /* 1: the directory was replaced; 0: it was up to date */
  uint64_t files;             /* blobs below the prefix */
  uint64_t bytes;             /* of these */
  uint64_t transferred;       /* how many of them were transferred by this call */
  uint64_t transferred_bytes; /* of these */
  uint64_t removed;           /* files of an earlier sync whose blobs are gone */
} jp_synced;

/* A blob of `list`, and where it is to be. */
typedef struct jp_wanted {
  uint32_t size;
  uint32_t reserved;
  jp_str line; /* what `list` wrote for it */
  jp_str path; /* below jp_download_all.directory: "a/b.tgz" */
} jp_wanted;

typedef struct jp_download_all {
  uint32_t size;
  uint32_t flags; /* JP_DOWNLOAD_FRESH, or 0 */
  jp_str directory;
  uint64_t count;
  const jp_wanted* const* wanted;
  jp_progress progress; /* of all; `update` may be NULL */
  void* ctx;
  /* What became of wanted[index]: `failure` is NULL when it is complete. Then jp_downloaded.resumed
   * includes what was not transferred because it was there. Called once for each that was tried, in
   * their order, before download_all returns JP_OK. */
  void (*settled)(void* ctx, uint64_t index, const jp_downloaded* result, const jp_error* failure);
} jp_download_all;

/* Calls may come from several threads at once. */
typedef struct jp_storage {
  uint32_t size;
  uint32_t reserved;
  void* self;
  /* Writes the locker's address, without secrets: "az://account/container". */
  int32_t (*locker)(void* self, jp_sink url, jp_error* err);
  /* Writes one JSON object for each blob whose name begins with `prefix`, in the order of the names:
   * {"name", "bytes", "modified": "ISO 8601", "etag", "md5"?: hex, "directory"?: true}. A
   * "directory" is a marker without content, as hierarchical accounts list them. The sink is called once for
   * each line, which ends in "\n", while pages arrive; when it stops, so does the listing:
   * JP_FAILED. */
  int32_t (*list)(void* self, jp_str prefix, jp_sink lines, jp_error* err);
  /* Writes the same object for one blob, and "url": where it is, without a credential. JP_NOT_FOUND
   * when there is none. */
  int32_t (*properties)(void* self, jp_str blob, jp_sink line, jp_error* err);
  /* Downloads a blob to a file. Until it is complete and verified, it grows beside it as
   * ".NAME.jetpack-part" with its state in ".NAME.jetpack-state"; a later call resumes where an
   * earlier one, even one that was killed, stopped, if the blob is still the same. A file at
   * to_path is replaced in one step, or stays. JP_NOT_FOUND when there is no such blob. */
  int32_t (*download)(void* self, const jp_download* download, jp_downloaded* result,
                      jp_error* err);
  /* Stores what the source gives, of any length. Nothing appears under the name until it is complete;
   * a blob of that name is then replaced. */
  int32_t (*upload)(void* self, const jp_upload* upload, jp_uploaded* result, jp_error* err);
  /* JP_NOT_FOUND when there is no such blob. */
  int32_t (*remove)(void* self, jp_str blob, jp_error* err);
  /* Writes a URL that lets anyone who has it read the blob, over https only, until it expires.
   * JP_UNSUPPORTED when this node's credential cannot sign. */
  int32_t (*sign)(void* self, const jp_signature* signature, jp_sink url, jp_signed* result,
                  jp_error* err);
  /* Makes a directory hold the blobs below a prefix. Only what differs from the last call's listing,
   * or from the file that it left, is transferred, many blobs at once; each is verified as `download`
   * does. The old directory stays as it is until the new one is complete, then they are exchanged in
   * one step. Files in it that no sync wrote stay, unless a blob has their name, as hard links to the
   * same files. Its manifest, and what a call that was killed had fetched, are in ".NAME.jetpack-sync"
   * beside it. A process whose current directory was in the old one is in a removed directory
   * afterwards. JP_NOT_FOUND when no blob is below the prefix; JP_DENIED when others can write to the
   * parent directory; JP_CORRUPT when a name could not be a file below the directory. */
  int32_t (*sync)(void* self, const jp_sync* sync, jp_synced* result, jp_error* err);
  /* Downloads blobs of listings to files below a directory, which must exist, many at once; each as
   * `download` does. Directories are created, and no link below the directory is followed. A file
   * that has the blob's size and MD5 already stays as it is. A blob that fails does not end the
   * others, unless its failure is JP_DENIED or JP_UNAVAILABLE, which it would be for them too.
   * JP_USAGE when a path would not be below the directory; then nothing is transferred. */
  int32_t (*download_all)(void* self, const jp_download_all* download, jp_error* err);
} jp_storage;
