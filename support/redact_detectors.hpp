// The three layers of rules: names, what tells itself, and the options of commands.
#pragma once

#include <optional>

#include "support/redact_text.hpp"

namespace jetpack::support {

// Each gets the text around a candidate that redact_candidates.cpp has found for it.
using Detector = std::optional<Secret>(const WindowReader& text);

Detector named_secret;

Detector user_information;  // user:password@ behind "://"
Detector data_source;       // user:password@tcp(host)
Detector web_token;
Detector scheme_token;  // Bearer and Basic
Detector prefixed;      // tokens with a prefix of their own
Detector hash;          // of a password
Detector azure_key;
Detector entra_secret;
Detector webhook;
Detector kerberos_key;
Detector private_key;
Detector block;  // keys over many lines that are not PEM

Detector option;      // curl -u, mysql -p, ldapsearch -w ...
Detector piped;       // echo password | sudo -S, chpasswd <<< user:password
Detector slash_user;  // sqlplus user/password
Detector pgpass;
Detector sql_password;  // identified by 'password'

}  // namespace jetpack::support
