// Where this system keeps the CA certificates that it trusts: every distribution has its own place, and
// a TLS library knows only the one that it was built for.
#pragma once

#include <string>

namespace jetpack::support {

struct CaStore {
  std::string file;       // PEM, all certificates one after the other; empty: none
  std::string directory;  // a file per certificate, named by its hash (several directories are
                          // separated by ':'); read when needed, so it costs less; empty: none

  bool operator==(const CaStore&) const = default;
};

// What SSL_CERT_FILE and SSL_CERT_DIR say, as OpenSSL reads them; for one that is not set, the first
// place that exists.
CaStore system_ca_store();

// The first places that exist below `root`, "" for the system.
CaStore find_ca_store(const std::string& root);

}  // namespace jetpack::support
