// What libjetpack-net.so does when it is loaded: nothing of the machine's OpenSSL configuration is read.
//
// The archive was built for Debian, whose configuration it would look for; another distribution's may
// stand there, for another version of OpenSSL, and name modules that do not fit. The first call decides.
#include <openssl/crypto.h>

__attribute__((constructor)) static void ignore_configuration(void) {
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}
