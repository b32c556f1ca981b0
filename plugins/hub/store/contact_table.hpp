// The contacts table: when each node was last heard from, and which have fallen silent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/database.hpp"
#include "store/node_table.hpp"

namespace jetpack::hub {

// What a node is to people: its phase, unless what it does contradicts that.
namespace state {
inline constexpr const char* silent = "Silent";            // it should talk, and does not
inline constexpr const char* still_talks = "Still talks";  // it was terminated, and talks
}  // namespace state

// How long a node may be silent: three polls, and half of one for a late one. A node that does not
// say how often it polls has longer.
inline constexpr int64_t patience_without_polls = 15LL * 60 * 1000;

// What a node says of itself when it polls.
struct Poll {
  int64_t interval_ms = 0;  // until its next poll; 0: it did not say
  int64_t booted = 0;       // when its machine was started, Unix milliseconds; 0: it did not say
};

// A request of a node.
struct Heard {
  std::string cluster, node;
  int64_t time = 0;  // Unix milliseconds
  Poll poll;
};

// A node's row of the table.
struct NodeContact {
  int64_t heard = 0, poll_ms = 0;
  int64_t silent_since = 0;  // the last contact before it fell silent; 0: it is in contact
  int64_t booted = 0;        // see Poll
};

// Stores contacts. Nodes that were silent, off or never in contact are so no longer; that is an
// event where it matters.
void store_contacts(Transaction& transaction, const std::vector<Heard>& contacts, int64_t now);

// Marks those as silent that missed three polls. The hub must have been able to hear them since
// `listening_since`.
void mark_silent(Transaction& transaction, int64_t listening_since, int64_t now);
// Whether there are any to mark.
bool is_any_silent(SqlSession& session, int64_t listening_since, int64_t now);

// Marks a node as silent, so that its next contact after `since` is noticed: one that has stopped, or
// starts again.
void note_silence(SqlSession& session, std::string_view cluster, std::string_view node,
                  int64_t since);
void forget_contact(SqlSession& session, std::string_view cluster, std::string_view node);

// By node: the contacts with those from `first` to `last`, or all of the cluster where `first` is
// empty.
std::unordered_map<std::string, NodeContact> contacts_between(SqlSession& session,
                                                              std::string_view cluster,
                                                              std::string_view first = {},
                                                              std::string_view last = {});

std::string state_of(const Node& node, const NodeContact& contact);

// When the node was heard from last; Unix milliseconds, 0: never.
int64_t last_contact_of(const Node& node, const NodeContact& contact);

// The number of nodes in each state.
std::vector<Count> count_states(SqlSession& session, std::string_view cluster);

}  // namespace jetpack::hub
