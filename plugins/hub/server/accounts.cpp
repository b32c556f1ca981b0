// Authenticates a user name and password.
#include "server/accounts.hpp"

#include "common/passwords.hpp"
#include "support/encoding.hpp"
#include "support/random.hpp"
#include "support/sha256.hpp"

namespace jetpack::hub {

namespace {

constexpr std::ptrdiff_t hashed_at_once = 2;
constexpr size_t max_remembered = 100'000;

class Held {
 public:
  explicit Held(std::counting_semaphore<>& semaphore) : semaphore_(semaphore) {
    semaphore_.acquire();
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { semaphore_.release(); }

 private:
  std::counting_semaphore<>& semaphore_;
};

}  // namespace

Accounts::Accounts(Database& database)
    : database_(database),
      key_(support::hex(support::random_bytes(32))),
      decoy_(hash_password(random_password())),
      hashing_(hashed_at_once) {}

std::optional<Account> Accounts::authenticate(std::string_view name, std::string_view password) {
  auto account = database_.read("looking up an account",
                                [&](SqlSession& session) { return find_account(session, name); });
  std::string digest = support::hex(support::hmac_sha256(key_, password));
  if (account && is_remembered(*account, digest)) return account;
  const Held held(hashing_);
  const bool right = verify_password(password, account ? account->password : decoy_);
  if (!account || !right) return std::nullopt;
  remember(*account, std::move(digest));
  return account;
}

bool Accounts::is_remembered(const Account& account, std::string_view digest) {
  const std::lock_guard lock(mutex_);
  const auto found = verified_.find(account.id);
  return found != verified_.end() && found->second.record == account.password &&
         equal_in_constant_time(found->second.digest, digest);
}

void Accounts::remember(const Account& account, std::string digest) {
  const std::lock_guard lock(mutex_);
  if (verified_.size() >= max_remembered) verified_.clear();
  verified_[account.id] = {account.password, std::move(digest)};
}

}  // namespace jetpack::hub
