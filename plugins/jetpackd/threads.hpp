// Starts threads that leave signals to the main thread.
#pragma once

#include <csignal>
#include <thread>
#include <utility>

namespace jetpack::jetpackd {

template <class Body>
std::thread without_signals(Body&& body) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::forward<Body>(body));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace jetpack::jetpackd
