/* jetpack/abi.h: the binary contract between jetpack and its plugins, in C11: one header for each
 * concept.
 *
 * Conventions, which hold for every declaration in them:
 *   1. Nothing crosses but what is declared here: no exception, no longjmp, no C++ type. So a plugin
 *      may use any compiler, language and runtime, and works with every later jetpack of the same
 *      JP_ABI_MAJOR.
 *   2. Every table and every struct that is passed by pointer begins with its size in bytes, set by
 *      whoever created it. Members are only ever appended. Before reading a member newer than 1.0,
 *      ask JP_HAS. What lies beyond the size counts as zero.
 *   3. What is passed in is borrowed until the call returns. Nothing is freed by the other side: a
 *      result of unknown length goes to a jp_sink, an error to the caller's jp_error.
 *   4. Text is UTF-8 with a length and without a terminating NUL, unless a comment says otherwise.
 *   5. A function that can fail returns a jp_status and then fills `err`, which may be NULL.
 *   6. A service is named "jetpack.NAME/REVISION". A revision's table only grows; a change that
 *      cannot be made by growing is a new revision beside the old one.
 *   7. A callback is called by the thread that made the call. In brackets stands from which thread a
 *      function may be called, in all headers: in its comment, or that of its class or file.
 *        [main-thread]   the thread on which the host opens and runs the plugin
 *        [any-thread]    any thread of the plugin, one call at a time for each table or object
 *        [thread-safe]   any thread of the plugin, several calls at once
 *        [compile-time]  the compiler calls it
 */
#ifndef JETPACK_ABI_H
#define JETPACK_ABI_H

#include <jetpack/abi/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <jetpack/abi/config.h>
#include <jetpack/abi/log.h>
#include <jetpack/abi/plugin.h>
#include <jetpack/abi/process.h>
#include <jetpack/abi/self.h>
#include <jetpack/abi/session.h>
#include <jetpack/abi/storage.h>

/* With receipts of the session. */
#include <jetpack/abi/conditions.h>

#ifdef __cplusplus
}
#endif
#endif
