// Machines that become nodes by themselves: /clusterlink/ca and /clusterlink/join, which need no
// account.
#pragma once

#include <optional>
#include <string>

#include "server/request.hpp"
#include "store/database.hpp"

namespace jetpack::hub {

// What a machine asks for that is to be a node: POST /clusterlink/join.
struct JoinRequest {
  std::string token, node, password, instance_id;

  // Throws HttpError 400 for what is malformed.
  static JoinRequest parse(const std::string& body);
};

// Creates the node and its account, with the password that the machine chose, and returns who it is:
// {"cluster","node","username","userdata_id"}. A machine that asks again with the same password, for it
// has not seen the answer, gets the same. Throws HttpError 403 for a token that is not valid, and 409
// for a node that exists. For several threads.
std::string join(Database& database, const JoinRequest& request);

}  // namespace jetpack::hub
