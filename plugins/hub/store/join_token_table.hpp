// The join tokens: with one of them a machine becomes a node of a cluster by itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.hpp"

namespace jetpack::hub {

// Times are Unix milliseconds.
struct JoinToken {
  static constexpr int64_t any_number = -1;

  std::string id;  // public: what lists and the log show
  std::string cluster;
  std::string nodearray;     // of the nodes that join; "": none
  bool may_replace = false;  // a node that is known may join again, as a reimaged machine does
  int64_t uses_left = any_number;  // how many nodes may still join
  int64_t created = 0, expires = 0;

  bool is_usable(int64_t now) const { return expires > now && uses_left != 0; }
};

// Stores the token under a new id and returns it as it is given to nodes, "ID.SECRET". Only its
// digest is stored.
std::string create_join_token(SqlSession& session, JoinToken& token);

// Those that have not expired, the newest first.
std::vector<JoinToken> list_join_tokens(SqlSession& session, std::string_view cluster);

// The token that the text is, if it is known. One that can no longer be used is known for a week, so
// that a machine that had no answer can repeat its request.
std::optional<JoinToken> find_join_token(SqlSession& session, std::string_view text);

// Counts one node that joined with it.
void use_join_token(SqlSession& session, const JoinToken& token);

// False when there is none of this id in the cluster.
bool remove_join_token(SqlSession& session, std::string_view cluster, std::string_view id);

}  // namespace jetpack::hub
