// The hub's blob store as the nodes' locker: the account, and GET /clusterlink/locker.
#include "server/locker.hpp"

#include <fstream>
#include <utility>

#include "common/text.hpp"
#include "support/encoding.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

namespace {

constexpr const char* account_name = "jetpackhub";
constexpr size_t key_bytes = 64;  // as Azure's
constexpr size_t max_key_file = 256;
constexpr int64_t sas_hours = 8;
constexpr int64_t hour_seconds = 3600;

std::string new_key() {
  std::string bytes(key_bytes, '\0');
  std::ifstream random("/dev/urandom", std::ios::binary);
  if (!random.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
    throw Error(Errc::failed, "failed to read /dev/urandom");
  return support::base64(bytes);
}

}  // namespace

BlobAccount ensure_blob_account(const DataDirectory& data) {
  auto key = support::read_file(data.blob_key(), max_key_file);
  if (!key) {
    key = new_key() + "\n";
    support::write_durably(data.blob_key(), *key, 0600);
  }
  return {account_name, key->substr(0, key->find('\n'))};
}

Locker::Locker(BlobAccount account, std::string endpoint, bool gives_key)
    : account_(std::move(account)), endpoint_(std::move(endpoint)), gives_key_(gives_key) {}

Response Locker::answer(const Request& request) const {
  require_method(request.method, "GET");
  if (request.account.role != Role::node) throw HttpError(403, "only nodes have a locker");
  const int64_t now = now_ms() / 1000;
  const int64_t expires = now + sas_hours * hour_seconds;
  return {200, support::json_object([&](support::Object& object) {
            object.text("url", "az://" + account_.name + "/" + locker_container)
                .text("endpoint", endpoint_);
            if (gives_key_) {
              object.text("account_key", account_.key);
              return;
            }
            object.text("sas", sign_container(account_, locker_container, "racwdl", now, expires))
                .time("expires", expires * 1000);
          })};
}

}  // namespace jetpack::hub
