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
  std::string digest = support::hex(support::hmac_sha256(key_, password));
  auto known = find_remembered(name, digest);
  const int64_t revision = database_.revision();
  if (known && known->revision == revision) return known;
  auto account = database_.read("looking up an account", [&](SqlSession& session) {
    auto found = find_account(session, name);
    if (found) found->revision = revision;
    return found;
  });
  if (account && known && known->id == account->id && known->password == account->password) {
    remember(*account, std::move(digest));
    return account;
  }
  const Held held(hashing_);
  const bool right = verify_password(password, account ? account->password : decoy_);
  if (!account || !right) return std::nullopt;
  remember(*account, std::move(digest));
  return account;
}

std::optional<Account> Accounts::find_remembered(std::string_view name, std::string_view digest) {
  const std::lock_guard lock(mutex_);
  const auto found = verified_.find(std::string(name));
  if (found == verified_.end() || !equal_in_constant_time(found->second.digest, digest))
    return std::nullopt;
  return found->second.account;
}

void Accounts::remember(const Account& account, std::string digest) {
  const std::lock_guard lock(mutex_);
  if (verified_.size() >= max_remembered) verified_.clear();
  verified_[account.name] = {account, std::move(digest)};
}

}  // namespace jetpack::hub
