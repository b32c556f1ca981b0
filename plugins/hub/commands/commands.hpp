// The hub's commands, each a function named after its words. Commands on the cluster of a node
// query the hub as that node, or with --data or --database its database directly.
#pragma once

#include <jetpack/call.hpp>

namespace jetpack::hub {

// Serves until SIGTERM or SIGINT. Prints one JSON line when it is ready.
int serve(const Call& call);

int enroll(const Call& call);
int admin(const Call& call);

int backup(const Call& call);
int restore(const Call& call);

int join_token_create(const Call& call);
int join_token_list(const Call& call);
int join_token_remove(const Call& call);

int event_list(const Call& call);
int message_list(const Call& call);

int node_list(const Call& call);
int node_show(const Call& call);
int node_add(const Call& call);
int node_configure(const Call& call);
int node_remove(const Call& call);
int node_terminate(const Call& call);
int node_deallocate(const Call& call);
int node_shutdown(const Call& call);
int node_start(const Call& call);
int node_restart(const Call& call);
int node_keepalive(const Call& call);
int node_reimage(const Call& call);

int cluster_list(const Call& call);
int cluster_create(const Call& call);
int cluster_show(const Call& call);
int cluster_configure(const Call& call);

int user_list(const Call& call);
int user_add(const Call& call);
int user_remove(const Call& call);

int nodearray_list(const Call& call);
int nodearray_add(const Call& call);
int nodearray_remove(const Call& call);

int blob_list(const Call& call);
int blob_put(const Call& call);
int blob_get(const Call& call);
int blob_remove(const Call& call);

int simulate_event(const Call& call);
int simulate_cancel(const Call& call);
int simulate_fault(const Call& call);
int simulate_clear(const Call& call);
int simulate_list(const Call& call);

}  // namespace jetpack::hub
