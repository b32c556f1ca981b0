// The join tokens: with one of them a machine becomes a node of a cluster by itself.
#include "store/join_token_table.hpp"

#include "common/passwords.hpp"
#include "common/text.hpp"
#include "support/encoding.hpp"
#include "support/random.hpp"
#include "support/sha256.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t id_bytes = 4, secret_bytes = 16;
constexpr size_t longest_token = 128;
constexpr int64_t remembered_ms = 7LL * 24 * 60 * 60 * 1000;

const std::string token_columns =
    "SELECT id, cluster, nodearray, may_replace, uses_left, created, expires, secret "
    "FROM join_tokens";
using TokenColumns =
    Row<std::string, std::string, std::string, int64_t, int64_t, int64_t, int64_t, std::string>;

JoinToken to_token(const TokenColumns& row) {
  return {row.get<0>(), row.get<1>(), row.get<2>(), row.get<3>() != 0,
          row.get<4>(), row.get<5>(), row.get<6>()};
}

}  // namespace

std::string create_join_token(SqlSession& session, JoinToken& token) {
  token.id = support::hex(support::random_bytes(id_bytes));
  const std::string secret = support::hex(support::random_bytes(secret_bytes));
  token.created = now_ms();
  execute(session, "DELETE FROM join_tokens WHERE expires <= $1", token.created - remembered_ms);
  execute(session,
          "INSERT INTO join_tokens (id, secret, cluster, nodearray, may_replace, uses_left, "
          "created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
          token.id, support::sha256_hex(secret), token.cluster, token.nodearray,
          token.may_replace ? 1 : 0, token.uses_left, token.created, token.expires);
  return token.id + '.' + secret;
}

std::vector<JoinToken> list_join_tokens(SqlSession& session, std::string_view cluster) {
  std::vector<JoinToken> tokens;
  for (const auto& row : select<TokenColumns>(
           session,
           token_columns + " WHERE cluster = $1 AND expires > $2 AND uses_left <> 0 "
                           "ORDER BY created DESC, id",
           cluster, now_ms()))
    tokens.push_back(to_token(row));
  return tokens;
}

std::optional<JoinToken> find_join_token(SqlSession& session, std::string_view text) {
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos || text.size() > longest_token) return std::nullopt;
  const auto row =
      select_one<TokenColumns>(session, token_columns + " WHERE id = $1", text.substr(0, dot));
  if (!row || !equal_in_constant_time(support::sha256_hex(std::string(text.substr(dot + 1))),
                                      row->get<7>()))
    return std::nullopt;
  return to_token(*row);
}

void use_join_token(SqlSession& session, const JoinToken& token) {
  execute(session,
          "UPDATE join_tokens SET uses_left = uses_left - 1 WHERE id = $1 AND uses_left > 0",
          token.id);
}

bool remove_join_token(SqlSession& session, std::string_view cluster, std::string_view id) {
  const std::string of = " FROM join_tokens WHERE cluster = $1 AND id = $2";
  if (select_one<int64_t>(session, "SELECT count(*)" + of, cluster, id).value_or(0) == 0)
    return false;
  execute(session, "DELETE" + of, cluster, id);
  return true;
}

}  // namespace jetpack::hub
