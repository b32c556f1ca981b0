// The sessions table: who has signed in on the cluster page.
#include "store/session_table.hpp"

#include "support/sha256.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t max_sessions = 100;  // of an account; the oldest end first

}  // namespace

void put_session(SqlSession& session, std::string_view token, const Account& account,
                 int64_t expires, int64_t now) {
  execute(session, "DELETE FROM sessions WHERE expires <= $1", now);
  execute(session,
          "DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE account = $1 "
          "ORDER BY expires DESC LIMIT 1000 OFFSET $2)",
          account.id, max_sessions - 1);
  execute(session, "INSERT INTO sessions (token, account, expires) VALUES ($1, $2, $3)",
          support::sha256_hex(token), account.id, expires);
}

std::optional<Account> find_session(SqlSession& session, std::string_view token, int64_t now) {
  const auto account =
      select_one<int64_t>(session, "SELECT account FROM sessions WHERE token = $1 AND expires > $2",
                          support::sha256_hex(token), now);
  if (!account) return std::nullopt;
  return find_account(session, *account);
}

void remove_session(SqlSession& session, std::string_view token) {
  execute(session, "DELETE FROM sessions WHERE token = $1", support::sha256_hex(token));
}

}  // namespace jetpack::hub
