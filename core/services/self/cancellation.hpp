// Whether the command that runs should end: SIGINT and SIGTERM, remembered.
#pragma once

namespace jetpack {

// From the first call on, SIGINT and SIGTERM no longer end the process: the first is remembered, and
// another one ends it. One that was ignored stays ignored. Returns the signal, or 0. [thread-safe]
int cancelling_signal();

// The same without changing anything: 0 unless cancelling_signal() was called and one has arrived.
int arrived_signal() noexcept;

// Readable once a signal has arrived; -1 before the first call of cancelling_signal().
int cancellation_descriptor() noexcept;

}  // namespace jetpack
