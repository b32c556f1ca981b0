// Keeps the daemon small while it has nothing to do.
#pragma once

namespace jetpack::jetpackd {

// One heap, and large blocks apart from it. Called once, before there are threads.
void configure_heap();

// Gives back free memory, and drops the code that was needed for the last work from what is
// resident: the network libraries are most of it, and idle most of the time. What is used again
// comes back from the page cache.
void release_memory();

}  // namespace jetpack::jetpackd
