/* The golden layout of jetpack/abi.h: compiles while members are only appended, never moved,
 * removed or retyped. When a member is appended, append its line here; no other line may ever
 * change. */
#include <jetpack/abi.h>

/* MEMBER(struct, member, offset in bytes, type) */
#define MEMBER(S, member, offset, ...)                                                   \
  _Static_assert(offsetof(S, member) == (offset), #S "." #member " has moved");          \
  _Static_assert(__builtin_types_compatible_p(__typeof__(((S*)0)->member), __VA_ARGS__), \
                 #S "." #member " has another type")
/* A struct that begins with its size may grow. */
#define GROWS(S, bytes) _Static_assert(sizeof(S) >= (bytes), #S " has shrunk")
/* A struct that is passed by value, or whose size nobody states, may not. */
#define FIXED(S, bytes) \
  _Static_assert(sizeof(S) == (bytes), #S " has another size, and may not grow")
#define VALUE(name, value) _Static_assert((name) == (value), #name " has another value")
#define TEXT(name, text) \
  _Static_assert(__builtin_strcmp((name), (text)) == 0, #name " has another text")

_Static_assert(sizeof(void*) == 8 && sizeof(size_t) == 8, "the layout below is that of LP64");

VALUE(JP_ABI_MAJOR, 1);

FIXED(jp_str, 16);
MEMBER(jp_str, data, 0, const char*);
MEMBER(jp_str, size, 8, size_t);

FIXED(jp_sink, 16);
MEMBER(jp_sink, ctx, 0, void*);
MEMBER(jp_sink, write, 8, int32_t (*)(void*, const char*, size_t));

FIXED(jp_source, 16);
MEMBER(jp_source, ctx, 0, void*);
MEMBER(jp_source, read, 8, int64_t (*)(void*, char*, size_t));

FIXED(jp_status, 4);
VALUE(JP_OK, 0);
VALUE(JP_FAILED, 1);
VALUE(JP_USAGE, 2);
VALUE(JP_NOT_FOUND, 3);
VALUE(JP_CORRUPT, 4);
VALUE(JP_DENIED, 5);
VALUE(JP_UNAVAILABLE, 6);
VALUE(JP_UNSUPPORTED, 7);
VALUE(JP_INTERNAL, 8);

FIXED(jp_error, 1024);
MEMBER(jp_error, code, 0, int32_t);
MEMBER(jp_error, size, 4, uint32_t);
MEMBER(jp_error, text, 8, char[1016]);

GROWS(jp_host, 40);
MEMBER(jp_host, size, 0, uint32_t);
MEMBER(jp_host, abi_major, 4, uint16_t);
MEMBER(jp_host, abi_minor, 6, uint16_t);
MEMBER(jp_host, self, 8, void*);
MEMBER(jp_host, version, 16, jp_str);
MEMBER(jp_host, service, 32, int32_t (*)(void*, jp_str, const void**, jp_error*));

TEXT(JP_CONFIG, "jetpack.config/1");
TEXT(JP_TREE_CONFIG, "config");
TEXT(JP_TREE_PROPERTIES, "properties");
TEXT(JP_TREE_USERS, "users");
FIXED(jp_format, 4);
VALUE(JP_JSON, 1);
VALUE(JP_JSON_PRETTY, 2);
VALUE(JP_PLAIN, 3);
VALUE(JP_LINES, 4);
VALUE(JP_MEMBERS, 5);
GROWS(jp_config, 40);
MEMBER(jp_config, size, 0, uint32_t);
MEMBER(jp_config, reserved, 4, uint32_t);
MEMBER(jp_config, self, 8, void*);
MEMBER(jp_config, get, 16, int32_t (*)(void*, jp_str, jp_str, uint32_t, jp_sink, jp_error*));
MEMBER(jp_config, set_property, 24, int32_t (*)(void*, jp_str, jp_str, jp_error*));
MEMBER(jp_config, path, 32, int32_t (*)(void*, jp_str, jp_sink, jp_error*));

TEXT(JP_SESSION, "jetpack.session/1");
VALUE(JP_WAIT_DEFAULT, -1);
GROWS(jp_message, 48);
MEMBER(jp_message, size, 0, uint32_t);
MEMBER(jp_message, reserved, 4, uint32_t);
MEMBER(jp_message, type, 8, jp_str);
MEMBER(jp_message, data, 24, jp_str);
MEMBER(jp_message, wait_ms, 40, int64_t);
FIXED(jp_delivery, 4);
VALUE(JP_DELIVERED, 1);
VALUE(JP_QUEUED, 2);
GROWS(jp_receipt, 560);
MEMBER(jp_receipt, size, 0, uint32_t);
MEMBER(jp_receipt, delivery, 4, uint32_t);
MEMBER(jp_receipt, id, 8, char[40]);
MEMBER(jp_receipt, note_size, 48, uint32_t);
MEMBER(jp_receipt, note, 52, char[508]);
GROWS(jp_request, 72);
MEMBER(jp_request, size, 0, uint32_t);
MEMBER(jp_request, body_is_json, 4, uint32_t);
MEMBER(jp_request, method, 8, jp_str);
MEMBER(jp_request, path, 24, jp_str);
MEMBER(jp_request, body, 40, jp_str);
MEMBER(jp_request, timeout_ms, 56, int64_t);
MEMBER(jp_request, max_reply, 64, uint64_t);
GROWS(jp_reply, 8);
MEMBER(jp_reply, size, 0, uint32_t);
MEMBER(jp_reply, http_status, 4, uint32_t);
MEMBER(jp_reply, time, 8, int64_t);
FIXED(jp_channel, 4);
VALUE(JP_TO_SERVER, 1);
VALUE(JP_TO_BROKER, 2);
FIXED(jp_header, 32);
MEMBER(jp_header, name, 0, jp_str);
MEMBER(jp_header, value, 16, jp_str);
GROWS(jp_letter, 112);
MEMBER(jp_letter, size, 0, uint32_t);
MEMBER(jp_letter, channel, 4, uint32_t);
MEMBER(jp_letter, method, 8, jp_str);
MEMBER(jp_letter, address, 24, jp_str);
MEMBER(jp_letter, exchange, 40, jp_str);
MEMBER(jp_letter, content_type, 56, jp_str);
MEMBER(jp_letter, body, 72, jp_str);
MEMBER(jp_letter, headers, 88, const jp_header*);
MEMBER(jp_letter, header_count, 96, uint32_t);
MEMBER(jp_letter, persistent, 100, uint32_t);
MEMBER(jp_letter, wait_ms, 104, int64_t);
FIXED(jp_outcome, 4);
VALUE(JP_DRAINED, 1);
VALUE(JP_MORE, 2);
VALUE(JP_RETRY, 3);
VALUE(JP_STOPPED, 4);
VALUE(JP_BUSY, 5);
GROWS(jp_delivered, 544);
MEMBER(jp_delivered, size, 0, uint32_t);
MEMBER(jp_delivered, outcome, 4, uint32_t);
MEMBER(jp_delivered, messages, 8, uint64_t);
MEMBER(jp_delivered, dead, 16, uint64_t);
MEMBER(jp_delivered, retry_ms, 24, int64_t);
MEMBER(jp_delivered, note_size, 32, uint32_t);
MEMBER(jp_delivered, note, 36, char[508]);
GROWS(jp_session, 48);
MEMBER(jp_session, size, 0, uint32_t);
MEMBER(jp_session, reserved, 4, uint32_t);
MEMBER(jp_session, self, 8, void*);
MEMBER(jp_session, identity, 16, int32_t (*)(void*, jp_str, jp_sink, jp_error*));
MEMBER(jp_session, publish, 24, int32_t (*)(void*, const jp_message*, jp_receipt*, jp_error*));
MEMBER(jp_session, request, 32,
       int32_t (*)(void*, const jp_request*, jp_reply*, jp_sink, jp_error*));
MEMBER(jp_session, outbox, 40, int32_t (*)(void*, jp_sink, jp_error*));
MEMBER(jp_session, send, 48, int32_t (*)(void*, const jp_letter*, jp_receipt*, jp_error*));
MEMBER(jp_session, deliver, 56, int32_t (*)(void*, int64_t, jp_delivered*, jp_error*));
MEMBER(jp_session, outbox_list, 64, int32_t (*)(void*, jp_str, jp_sink, jp_error*));
MEMBER(jp_session, outbox_change, 72, int32_t (*)(void*, uint32_t, jp_str, uint64_t*, jp_error*));
MEMBER(jp_session, metadata, 80,
       int32_t (*)(void*, const jp_request*, jp_reply*, jp_sink, jp_error*));
MEMBER(jp_session, probe, 88, int32_t (*)(void*, uint32_t, int64_t, jp_sink, jp_error*));
FIXED(jp_outbox_change, 4);
VALUE(JP_OUTBOX_RETRY, 1);
VALUE(JP_OUTBOX_DROP, 2);

TEXT(JP_STORAGE, "jetpack.storage/1");
FIXED(jp_progress, 16);
MEMBER(jp_progress, ctx, 0, void*);
MEMBER(jp_progress, update, 8, int32_t (*)(void*, uint64_t, uint64_t));
VALUE(JP_DOWNLOAD_FRESH, 1);
GROWS(jp_download, 56);
MEMBER(jp_download, size, 0, uint32_t);
MEMBER(jp_download, flags, 4, uint32_t);
MEMBER(jp_download, blob, 8, jp_str);
MEMBER(jp_download, to_path, 24, jp_str);
MEMBER(jp_download, progress, 40, jp_progress);
GROWS(jp_downloaded, 24);
MEMBER(jp_downloaded, size, 0, uint32_t);
MEMBER(jp_downloaded, checked, 4, uint32_t);
MEMBER(jp_downloaded, bytes, 8, uint64_t);
MEMBER(jp_downloaded, resumed, 16, uint64_t);
GROWS(jp_upload, 72);
MEMBER(jp_upload, size, 0, uint32_t);
MEMBER(jp_upload, reserved, 4, uint32_t);
MEMBER(jp_upload, blob, 8, jp_str);
MEMBER(jp_upload, content_type, 24, jp_str);
MEMBER(jp_upload, source, 40, jp_source);
MEMBER(jp_upload, progress, 56, jp_progress);
GROWS(jp_uploaded, 16);
MEMBER(jp_uploaded, size, 0, uint32_t);
MEMBER(jp_uploaded, reserved, 4, uint32_t);
MEMBER(jp_uploaded, bytes, 8, uint64_t);
GROWS(jp_signature, 64);
MEMBER(jp_signature, size, 0, uint32_t);
MEMBER(jp_signature, reserved, 4, uint32_t);
MEMBER(jp_signature, blob, 8, jp_str);
MEMBER(jp_signature, seconds, 24, int64_t);
MEMBER(jp_signature, content_disposition, 32, jp_str);
MEMBER(jp_signature, content_type, 48, jp_str);
GROWS(jp_signed, 16);
MEMBER(jp_signed, size, 0, uint32_t);
MEMBER(jp_signed, shortened, 4, uint32_t);
MEMBER(jp_signed, expires, 8, int64_t);
VALUE(JP_SYNC_FRESH, 1);
GROWS(jp_sync, 56);
MEMBER(jp_sync, size, 0, uint32_t);
MEMBER(jp_sync, flags, 4, uint32_t);
MEMBER(jp_sync, prefix, 8, jp_str);
MEMBER(jp_sync, directory, 24, jp_str);
MEMBER(jp_sync, progress, 40, jp_progress);
GROWS(jp_synced, 48);
MEMBER(jp_synced, size, 0, uint32_t);
MEMBER(jp_synced, changed, 4, uint32_t);
MEMBER(jp_synced, files, 8, uint64_t);
MEMBER(jp_synced, bytes, 16, uint64_t);
MEMBER(jp_synced, transferred, 24, uint64_t);
MEMBER(jp_synced, transferred_bytes, 32, uint64_t);
MEMBER(jp_synced, removed, 40, uint64_t);
GROWS(jp_wanted, 40);
MEMBER(jp_wanted, size, 0, uint32_t);
MEMBER(jp_wanted, reserved, 4, uint32_t);
MEMBER(jp_wanted, line, 8, jp_str);
MEMBER(jp_wanted, path, 24, jp_str);
GROWS(jp_download_all, 72);
MEMBER(jp_download_all, size, 0, uint32_t);
MEMBER(jp_download_all, flags, 4, uint32_t);
MEMBER(jp_download_all, directory, 8, jp_str);
MEMBER(jp_download_all, count, 24, uint64_t);
MEMBER(jp_download_all, wanted, 32, const jp_wanted* const*);
MEMBER(jp_download_all, progress, 40, jp_progress);
MEMBER(jp_download_all, ctx, 56, void*);
MEMBER(jp_download_all, settled, 64,
       void (*)(void*, uint64_t, const jp_downloaded*, const jp_error*));
GROWS(jp_storage, 88);
MEMBER(jp_storage, size, 0, uint32_t);
MEMBER(jp_storage, reserved, 4, uint32_t);
MEMBER(jp_storage, self, 8, void*);
MEMBER(jp_storage, locker, 16, int32_t (*)(void*, jp_sink, jp_error*));
MEMBER(jp_storage, list, 24, int32_t (*)(void*, jp_str, jp_sink, jp_error*));
MEMBER(jp_storage, properties, 32, int32_t (*)(void*, jp_str, jp_sink, jp_error*));
MEMBER(jp_storage, download, 40, int32_t (*)(void*, const jp_download*, jp_downloaded*, jp_error*));
MEMBER(jp_storage, upload, 48, int32_t (*)(void*, const jp_upload*, jp_uploaded*, jp_error*));
MEMBER(jp_storage, remove, 56, int32_t (*)(void*, jp_str, jp_error*));
MEMBER(jp_storage, sign, 64,
       int32_t (*)(void*, const jp_signature*, jp_sink, jp_signed*, jp_error*));
MEMBER(jp_storage, sync, 72, int32_t (*)(void*, const jp_sync*, jp_synced*, jp_error*));
MEMBER(jp_storage, download_all, 80, int32_t (*)(void*, const jp_download_all*, jp_error*));

TEXT(JP_PROCESS, "jetpack.process/1");
GROWS(jp_process_spec, 120);
MEMBER(jp_process_spec, size, 0, uint32_t);
MEMBER(jp_process_spec, argc, 4, uint32_t);
MEMBER(jp_process_spec, argv, 8, const jp_str*);
MEMBER(jp_process_spec, env_count, 16, uint32_t);
VALUE(JP_PROCESS_LEAVE_DAEMONS, 1);
MEMBER(jp_process_spec, flags, 20, uint32_t);
MEMBER(jp_process_spec, env, 24, const jp_str*);
MEMBER(jp_process_spec, directory, 32, jp_str);
MEMBER(jp_process_spec, input, 48, jp_str);
MEMBER(jp_process_spec, deadline_ms, 64, int64_t);
MEMBER(jp_process_spec, grace_ms, 72, int64_t);
MEMBER(jp_process_spec, capture_bytes, 80, uint64_t);
MEMBER(jp_process_spec, out, 88, jp_sink);
MEMBER(jp_process_spec, err_out, 104, jp_sink);
GROWS(jp_process_result, 56);
MEMBER(jp_process_result, size, 0, uint32_t);
MEMBER(jp_process_result, exit_code, 4, int32_t);
MEMBER(jp_process_result, signal, 8, int32_t);
MEMBER(jp_process_result, timed_out, 12, uint32_t);
MEMBER(jp_process_result, killed, 16, uint32_t);
MEMBER(jp_process_result, left, 20, uint32_t);
MEMBER(jp_process_result, out_bytes, 24, uint64_t);
MEMBER(jp_process_result, err_bytes, 32, uint64_t);
MEMBER(jp_process_result, elapsed_ms, 40, int64_t);
MEMBER(jp_process_result, left_pid, 48, int32_t);
MEMBER(jp_process_result, reserved, 52, uint32_t);
GROWS(jp_process, 64);
MEMBER(jp_process, size, 0, uint32_t);
MEMBER(jp_process, reserved, 4, uint32_t);
MEMBER(jp_process, self, 8, void*);
MEMBER(jp_process, run, 16,
       int32_t (*)(void*, const jp_process_spec*, jp_process_result*, jp_sink, jp_sink, jp_error*));
MEMBER(jp_process, start, 24, int32_t (*)(void*, const jp_process_spec*, void**, jp_error*));
MEMBER(jp_process, poll, 32, int32_t (*)(void*, void*));
MEMBER(jp_process, result, 40,
       int32_t (*)(void*, void*, jp_process_result*, jp_sink, jp_sink, jp_error*));
MEMBER(jp_process, kill, 48, void (*)(void*, void*));
MEMBER(jp_process, release, 56, void (*)(void*, void*));

TEXT(JP_LOG, "jetpack.log/1");
FIXED(jp_level, 4);
VALUE(JP_LEVEL_DEBUG, 10);
VALUE(JP_LEVEL_INFO, 20);
VALUE(JP_LEVEL_WARNING, 30);
VALUE(JP_LEVEL_ERROR, 40);
GROWS(jp_log, 24);
MEMBER(jp_log, size, 0, uint32_t);
MEMBER(jp_log, reserved, 4, uint32_t);
MEMBER(jp_log, self, 8, void*);
MEMBER(jp_log, write, 16, void (*)(void*, uint32_t, jp_str));
MEMBER(jp_log, redactor_open, 24, int32_t (*)(void*, void**, jp_error*));
MEMBER(jp_log, redactor_feed, 32, int32_t (*)(void*, void*, jp_str, jp_sink, jp_error*));
MEMBER(jp_log, redactor_finish, 40, int32_t (*)(void*, void*, jp_sink, uint64_t*, jp_error*));
MEMBER(jp_log, redactor_close, 48, void (*)(void*, void*));

TEXT(JP_SELF, "jetpack.self/1");
GROWS(jp_self, 56);
MEMBER(jp_self, size, 0, uint32_t);
MEMBER(jp_self, reserved, 4, uint32_t);
MEMBER(jp_self, self, 8, void*);
MEMBER(jp_self, id, 16, int32_t (*)(void*, jp_sink, jp_error*));
MEMBER(jp_self, plugin_dir, 24, int32_t (*)(void*, jp_sink, jp_error*));
MEMBER(jp_self, state_dir, 32, int32_t (*)(void*, jp_sink, jp_error*));
MEMBER(jp_self, temp_dir, 40, int32_t (*)(void*, jp_sink, jp_error*));
MEMBER(jp_self, cancelled, 48, int32_t (*)(void*));

TEXT(JP_CONDITIONS, "jetpack.conditions/1");
FIXED(jp_health, 4);
VALUE(JP_HEALTH_OK, 1);
VALUE(JP_HEALTH_NA, 2);
VALUE(JP_HEALTH_WARNING, 3);
VALUE(JP_HEALTH_ERROR, 4);
GROWS(jp_condition, 120);
MEMBER(jp_condition, size, 0, uint32_t);
MEMBER(jp_condition, health, 4, uint32_t);
MEMBER(jp_condition, name, 8, jp_str);
MEMBER(jp_condition, message, 24, jp_str);
MEMBER(jp_condition, description, 40, jp_str);
MEMBER(jp_condition, recommendations, 56, jp_str);
MEMBER(jp_condition, details, 72, jp_str);
MEMBER(jp_condition, action_type, 88, jp_str);
MEMBER(jp_condition, ghr_category, 104, jp_str);
FIXED(jp_cleared, 16);
MEMBER(jp_cleared, ctx, 0, void*);
MEMBER(jp_cleared, take, 8, void (*)(void*, jp_str, const jp_receipt*));
GROWS(jp_conditions, 40);
MEMBER(jp_conditions, size, 0, uint32_t);
MEMBER(jp_conditions, reserved, 4, uint32_t);
MEMBER(jp_conditions, self, 8, void*);
MEMBER(jp_conditions, set, 16,
       int32_t (*)(void*, const jp_condition*, int64_t, jp_receipt*, jp_sink, jp_error*));
MEMBER(jp_conditions, list, 24, int32_t (*)(void*, jp_sink, jp_error*));
MEMBER(jp_conditions, clear, 32,
       int32_t (*)(void*, jp_str, int64_t, jp_cleared, jp_sink, jp_error*));

FIXED(jp_type, 4);
VALUE(JP_FLAG, 1);
VALUE(JP_TEXT, 2);
VALUE(JP_INTEGER, 3);
VALUE(JP_DURATION, 4);
GROWS(jp_value, 48);
MEMBER(jp_value, size, 0, uint32_t);
MEMBER(jp_value, type, 4, uint32_t);
MEMBER(jp_value, name, 8, jp_str);
MEMBER(jp_value, given, 24, uint32_t);
MEMBER(jp_value, count, 28, uint32_t);
MEMBER(jp_value, texts, 32, const jp_str*);
MEMBER(jp_value, numbers, 40, const int64_t*);

VALUE(JP_OUT_IS_TERMINAL, 1);
VALUE(JP_ERR_IS_TERMINAL, 2);
VALUE(JP_IN_IS_TERMINAL, 4);
GROWS(jp_call, 72);
MEMBER(jp_call, size, 0, uint32_t);
MEMBER(jp_call, terminal, 4, uint32_t);
MEMBER(jp_call, command, 8, jp_str);
MEMBER(jp_call, values, 24, const jp_value* const*);
MEMBER(jp_call, value_count, 32, uint32_t);
MEMBER(jp_call, reserved, 36, uint32_t);
MEMBER(jp_call, out, 40, jp_sink);
MEMBER(jp_call, err, 56, jp_sink);

GROWS(jp_plugin, 32);
MEMBER(jp_plugin, size, 0, uint32_t);
MEMBER(jp_plugin, abi_major, 4, uint16_t);
MEMBER(jp_plugin, abi_minor, 6, uint16_t);
MEMBER(jp_plugin, open, 8, int32_t (*)(const jp_host*, void**, jp_error*));
MEMBER(jp_plugin, run, 16, int32_t (*)(void*, const jp_call*, int32_t*, jp_error*));
MEMBER(jp_plugin, close, 24, void (*)(void*));

TEXT(JP_ENTRY, "jetpack_plugin_v1");
TEXT(JP_NOTE_SECTION, ".note.jetpack");
TEXT(JP_NOTE_OWNER, "jetpack");
VALUE(JP_NOTE_TYPE, 0x4a500001u);
VALUE(JP_NOTE_MAX, 65536u);
