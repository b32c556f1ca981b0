// Keeps the daemon's memory small while it is idle.
#pragma once

namespace jetpack::jetpackd {

// Uses one heap, with large blocks apart from it. Call once, before starting threads.
void configure_heap();

// Returns free memory to the system and drops code pages from the resident set: most of them belong
// to the network libraries, which are idle most of the time. Pages that are used again come back
// from the page cache.
void release_memory();

}  // namespace jetpack::jetpackd
