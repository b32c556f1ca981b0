// Machines that become nodes by themselves: /clusterlink/ca and /clusterlink/join, which need no
// account.
#pragma once

#include "server/request.hpp"

namespace jetpack::hub {

struct Scene;

// The certificate of the hub's authority, PEM: a machine compares it with the hash that it was given.
// Throws HttpError 404 where clients have to trust the hub's certificate already.
Response describe_authority(const Scene& scene, const Request& request);

// Creates the node that a machine asks to be, and its account, with the password that the machine
// chose: the body is {"token","node","password","instance_id"}. Responds with {"cluster","node",
// "username","userdata_id"}. A machine that asks again with the same password, for it has not seen the
// response, gets the same. Throws HttpError 400, 403 for a token that is not valid, and 409 for a node
// that exists.
Response join_node(const Scene& scene, const Request& asked);

}  // namespace jetpack::hub
