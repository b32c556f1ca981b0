// The hub's blob store as the nodes' locker: who reaches which blobs, and for how long.
#include "server/locker.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <utility>

#include <Poco/URI.h>

#include "blobs/blob_error.hpp"
#include "common/json.hpp"
#include "common/text.hpp"
#include "store/reports.hpp"
#include "support/encoding.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/sha256.hpp"

namespace jetpack::hub {

namespace {

constexpr const char* account_name = "jetpackhub";
constexpr size_t key_bytes = 64;  // as Azure's
constexpr size_t max_key_file = 256;
constexpr int64_t sas_seconds = 8LL * 3600;
constexpr int64_t max_url_seconds = 90LL * 24 * 3600;
constexpr size_t max_report_name = 1024;
constexpr size_t max_header = 255;

std::string new_key() {
  std::string bytes(key_bytes, '\0');
  std::ifstream random("/dev/urandom", std::ios::binary);
  if (!random.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
    throw Error(Errc::failed, "failed to read /dev/urandom");
  return support::base64(bytes);
}

std::string directory_of(const Account& node) {
  return std::string(reports_directory) + node.cluster + "/" + node.node;
}

std::string header_of(const rapidjson::Value& body, const char* name) {
  std::string text = text_of_member(body, name, max_header);
  if (std::any_of(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }))
    throw HttpError(400, "'" + std::string(name) + "' must be printable ASCII");
  return text;
}

int64_t seconds_of(const rapidjson::Value& body) {
  const auto* seconds = support::find_member(body, "seconds");
  if (seconds == nullptr || !seconds->IsInt64() || seconds->GetInt64() < 1)
    throw HttpError(400, "'seconds' must be a whole number from 1");
  return seconds->GetInt64();
}

// The name of a report as its node knows it, "issues/NAME".
std::string report_of(const rapidjson::Value& body) {
  std::string blob = text_of_member(body, "blob", max_report_name);
  if (!blob.starts_with(reports_directory) || blob.size() == reports_directory.size())
    throw HttpError(400, "'blob' must be the name of a report, issues/NAME");
  return blob.substr(reports_directory.size());
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

std::string access_policy(const Account& node) {
  constexpr size_t digits = 32;
  return "node-" + std::to_string(node.id) + "-" +
         support::sha256_hex(node.password).substr(0, digits);
}

bool is_policy_in_force(Database& database, std::string_view policy) {
  constexpr std::string_view prefix = "node-";
  if (!policy.starts_with(prefix)) return false;
  const std::string_view rest = policy.substr(prefix.size());
  int64_t id = 0;
  if (std::from_chars(rest.data(), rest.data() + rest.size(), id).ec != std::errc{}) return false;
  const auto account = database.read("looking up a node's account", [&](SqlSession& session) {
    return find_account(session, id);
  });
  return account && account->role == Role::node && access_policy(*account) == policy;
}

Locker::Locker(BlobStore& store, BlobAccount account, std::string endpoint)
    : store_(store), account_(std::move(account)), endpoint_(std::move(endpoint)) {
  store_.create_container(reports_container);
}

Response Locker::describe(const Request& request) const {
  const Account& node = request.account;
  const std::string container = locker_container(node.cluster);
  store_.create_container(container);
  SasTerms software;
  software.container = container;
  software.permissions = "rl";
  software.policy = access_policy(node);
  software.now = now_ms() / 1000;
  software.expires = software.now + sas_seconds;
  SasTerms reports = software;
  reports.resource = SasTerms::Resource::directory;
  reports.container = reports_container;
  reports.path = directory_of(node);
  reports.permissions = "cw";
  return {200, support::json_object([&](support::Object& object) {
            object.text("url", "az://" + account_.name + "/" + container)
                .text("endpoint", endpoint_)
                .text("sas", sign_sas(account_, software))
                .time("expires", software.expires * 1000)
                .object("reports", [&](support::Object& part) {
                  part.text("container", reports.container)
                      .text("directory", reports.path)
                      .text("sas", sign_sas(account_, reports))
                      .boolean("server_signs", true);
                });
          })};
}

Response Locker::sign(const Request& request) const try {
  const auto body = parse_object(request.body);
  if (!body) throw HttpError(400, "the body must be a JSON object");
  SasTerms terms;
  terms.resource = SasTerms::Resource::blob;
  terms.container = reports_container;
  terms.path = directory_of(request.account) + "/" + report_of(*body);
  terms.permissions = "r";
  terms.content_disposition = header_of(*body, "content_disposition");
  terms.content_type = header_of(*body, "content_type");
  terms.now = now_ms() / 1000;
  const int64_t wanted = seconds_of(*body);
  terms.expires = terms.now + std::min(wanted, max_url_seconds);
  if (!store_.open(terms.container, terms.path)) throw HttpError(404, "report not found");
  std::string path;
  Poco::URI::encode(terms.path, "?#%&+;=:@,", path);
  return {200, support::json_object([&](support::Object& object) {
            object
                .text("url", endpoint_ + "/" + terms.container + "/" + path + "?" +
                                 sign_sas(account_, terms))
                .time("expires", terms.expires * 1000)
                .boolean("shortened", wanted > max_url_seconds);
          })};
} catch (const BlobError& refusal) {
  throw HttpError(400, refusal.what());
}

}  // namespace jetpack::hub
