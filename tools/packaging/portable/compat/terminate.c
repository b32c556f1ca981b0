// What std::terminate calls. libstdc++'s own handler demangles the exception's type, for which each of
// our modules would carry 40 KB; the sysroot's libstdc++.a has it no more.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// __gnu_cxx::__verbose_terminate_handler()
void jetpack_terminate(void) __asm__("_ZN9__gnu_cxx27__verbose_terminate_handlerEv");

void jetpack_terminate(void) {
  static const char message[] = "jetpack: terminated by an exception that nothing caught\n";
  if (write(STDERR_FILENO, message, strlen(message)) < 0) abort();
  abort();
}
