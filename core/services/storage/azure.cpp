// The Blob service of Azure over REST.
#include "services/storage/azure.hpp"

#include <jetpack/error.hpp>
#include "services/storage/azure_answers.hpp"
#include "services/storage/range_guard.hpp"
#include "support/crc64.hpp"
#include "support/encoding.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::storage {

namespace {

using std::chrono::seconds;

constexpr std::string_view rest_version = "2021-12-02";
constexpr std::string_view page_size = "1000";
// A page of so many blobs with names of the longest kind.
constexpr uint64_t most_page = 16 << 20;

std::string query_text(const Parameters& query) {
  std::string text;
  for (const auto& [name, value] : query)
    text += (text.empty() ? "" : "&") + name + '=' + support::percent_encoded(value);
  return text;
}

std::string md5_header(const Md5Digest& md5) {
  return support::base64({reinterpret_cast<const char*>(md5.data()), md5.size()});
}

bool is_weak(const std::string& etag) { return etag.starts_with("W/"); }

}  // namespace

// A client while a call needs it: connections are kept from call to call.
class Azure::Lease {
 public:
  explicit Lease(Azure& azure) : azure_(&azure) {
    const std::lock_guard lock(azure.mutex_);
    if (azure.idle_.empty()) {
      client_ = std::make_unique<http::Client>(azure.halt_);
    } else {
      client_ = std::move(azure.idle_.back());
      azure.idle_.pop_back();
    }
  }
  ~Lease() {
    const std::lock_guard lock(azure_->mutex_);
    azure_->idle_.push_back(std::move(client_));
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  http::Client& client() const { return *client_; }

 private:
  Azure* azure_;
  std::unique_ptr<http::Client> client_;
};

Azure::Azure(LockerSource& source, Settings settings, Network network)
    : source_(&source),
      settings_(std::move(settings)),
      network_(std::move(network)),
      tokens_(settings_.metadata_url, settings_.tries) {}

http::Settings Azure::network_for(const LockerSource::Known& locker) {
  const std::lock_guard lock(mutex_);
  if (reached_ != locker) {
    reach_ = network_(*locker);
    reached_ = locker;
  }
  return reach_;
}

std::string Azure::token_for(http::Client& client, const Credential& credential) {
  if (credential.kind != Credential::Kind::identity) return {};
  return tokens_.get(client, halt_, credential.identity);
}

http::Response Azure::send(http::Client& client, const LockerSource::Known& locker,
                           const std::string& token, const Call& call, const http::BodySink& sink) {
  const std::string url = call.is_for_service ? locker->base + '/'
                          : call.blob.empty() ? locker->container_url()
                                              : locker->blob_url(call.blob);
  const std::string path = url.substr(url.find('/', url.find("://") + 3));
  std::string query = query_text(call.query);

  http::Request request;
  request.method = call.method;
  request.headers = call.headers;
  request.headers["x-ms-version"] = rest_version;
  request.headers["x-ms-date"] = support::http_date(std::chrono::system_clock::now());
  request.body = call.body;
  if (!token.empty()) request.headers["authorization"] = "Bearer " + token;
  const Credential& credential = locker->credential_of(call.blob);
  if (credential.kind == Credential::Kind::key)
    request.headers["authorization"] = shared_key(
        {call.method, locker->account, path, call.query, request.headers, call.body.size()},
        credential.secret);
  if (credential.kind == Credential::Kind::sas)
    query += (query.empty() ? "" : "&") + credential.secret;
  request.url = query.empty() ? url : url + '?' + query;
  return client.perform(network_for(locker), request, call.max_body, sink);
}

http::Response Azure::exchange(const Call& call, const http::BodySink& sink) {
  const Lease lease(*this);
  bool is_token_new = false;
  bool is_access_new = false;
  for (;;) {
    const auto locker = source_->current();
    const std::string token = token_for(lease.client(), locker->credential_of(call.blob));
    http::Response reply = send(lease.client(), locker, token, call, sink);
    if (call.may_be_unsupported && is_unsupported(reply)) return reply;
    check_answer(reply);
    if (!is_refusal(reply)) return reply;
    if (!token.empty() && !is_token_new) {
      tokens_.drop(token);
      is_token_new = true;
      continue;
    }
    if (is_access_new) throw refused(*locker, reply, "the server's new one was rejected too");
    const auto renewal = source_->renew(locker);
    if (!renewal.description) throw refused(*locker, reply, renewal.why);
    is_access_new = true;
  }
}

std::optional<BlobInfo> Azure::properties(std::string_view blob) {
  Call call;
  call.method = "HEAD";
  call.blob = blob;
  const http::Response reply = exchange(call);
  if (reply.status == 404) return std::nullopt;
  if (reply.status != 200) throw unexpected(reply);
  BlobInfo info;
  info.name = blob;
  info.bytes = decimal(reply.header("content-length"));
  info.modified = iso_of_http_date(reply.header("last-modified"));
  info.etag = reply.header("etag");
  info.md5 = hex_of_content_md5(reply.header("content-md5"));
  info.url = source_->current()->blob_url(blob);
  info.is_directory = reply.header("x-ms-resource-type") == "directory" ||
                      support::lower_case(reply.header("x-ms-meta-hdi_isfolder")) == "true";
  return info;
}

BlobPage Azure::page(std::string_view prefix, const std::string& marker) {
  Call call;
  call.query = {{"restype", "container"},
                {"comp", "list"},
                {"include", "metadata"},
                {"maxresults", std::string(page_size)}};
  const std::string ours = source_->current()->prefix;
  if (!ours.empty() || !prefix.empty()) call.query["prefix"] = ours + std::string(prefix);
  if (!marker.empty()) call.query["marker"] = marker;
  call.max_body = most_page;
  const http::Response reply = exchange(call);
  if (reply.status != 200) throw unexpected(reply);
  BlobPage page = parse_page(reply.body);
  // A server that ignores the prefix must not make a download of everything.
  const std::string wanted = ours + std::string(prefix);
  std::erase_if(page.blobs, [&](const BlobInfo& blob) { return !blob.name.starts_with(wanted); });
  for (auto& blob : page.blobs) blob.name.erase(0, ours.size());
  if (!marker.empty() && page.next == marker)
    throw Error(Errc::corrupt, "it returns the same page of the listing repeatedly");
  return page;
}

void Azure::get(const BlobInfo& blob, uint64_t begin, uint64_t end,
                const std::function<void(std::string_view)>& take, const Announce& announce) {
  Call call;
  call.blob = blob.name;
  call.headers = {{"range", "bytes=" + std::to_string(begin) + '-' + std::to_string(end - 1)}};
  // A weak ETag matches nothing.
  if (!blob.etag.empty() && !is_weak(blob.etag)) call.headers["if-match"] = blob.etag;
  const bool is_guarded = announce && end - begin <= most_guarded && gives_crc64_;
  call.may_be_unsupported = is_guarded;
  if (is_guarded) call.headers["x-ms-range-get-content-crc64"] = "true";
  bool is_checked = false;
  uint64_t left = end - begin;
  const http::Response reply =
      exchange(call, [&](const http::Response& head, std::string_view piece) {
        if (!is_checked) {
          check_answer(head);
          const uint64_t sent = check_range(head, blob, begin, end);
          if (announce) announce({begin, sent}, head.header("x-ms-content-crc64"));
        }
        is_checked = true;
        if (piece.size() > left) throw Error(Errc::corrupt, "it sent more than was asked for");
        left -= piece.size();
        take(piece);
      });
  if (reply.status == 412 || reply.status == 416 || reply.status == 404) throw BlobChanged{};
  if (is_guarded && is_unsupported(reply)) {
    gives_crc64_ = false;
    return get(blob, begin, end, take, announce);
  }
  if (reply.status != 200 && reply.status != 206) throw unexpected(reply);
  if (left > 0) throw http::Retryable("it ended its answer too early");
}

void Azure::put(std::string_view blob, const std::string& content_type, std::string_view content) {
  Call call;
  call.method = "PUT";
  call.blob = blob;
  call.headers = {{"x-ms-blob-type", "BlockBlob"},
                  {"content-type", content_type},
                  {"content-md5", md5_header(md5_of(content))}};
  call.body = content;
  const http::Response reply = exchange(call);
  check_arrival(reply);
  if (reply.status != 201) throw unexpected(reply);
}

void Azure::put_block(std::string_view blob, const std::string& id, std::string_view content,
                      std::optional<Md5Digest> md5) {
  Call call;
  call.method = "PUT";
  call.blob = blob;
  call.query = {{"comp", "block"}, {"blockid", id}};
  call.body = content;
  if (!md5 && checks_crc64_) {
    const std::string crc64 = support::crc64_header(support::crc64(content));
    call.headers = {{"x-ms-content-crc64", crc64}};
    call.may_be_unsupported = true;
    const http::Response reply = exchange(call);
    check_arrival(reply);
    // Who does not answer with the checksum has not looked at it.
    const std::string found = reply.header("x-ms-content-crc64");
    if (reply.status == 201 && found == crc64) return;
    if (reply.status == 201 && !found.empty()) throw http::Retryable(std::string(damaged_upload));
    if (reply.status != 201 && !is_unsupported(reply)) throw unexpected(reply);
    checks_crc64_ = false;
    call.may_be_unsupported = false;
  }
  call.headers = {{"content-md5", md5_header(md5 ? *md5 : md5_of(content))}};
  const http::Response reply = exchange(call);
  check_arrival(reply);
  if (reply.status != 201) throw unexpected(reply);
}

void Azure::put_block_list(std::string_view blob, const std::vector<std::string>& ids,
                           const std::string& content_type) {
  std::string xml = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<BlockList>";
  for (const auto& id : ids) xml += "<Latest>" + id + "</Latest>";
  xml += "</BlockList>";
  Call call;
  call.method = "PUT";
  call.blob = blob;
  call.query = {{"comp", "blocklist"}};
  call.headers = {{"x-ms-blob-content-type", content_type}};
  call.body = xml;
  const http::Response reply = exchange(call);
  if (reply.status != 201) throw unexpected(reply);
}

bool Azure::remove(std::string_view blob) {
  Call call;
  call.method = "DELETE";
  call.blob = blob;
  const http::Response reply = exchange(call);
  if (reply.status == 404) return false;
  if (reply.status != 202 && reply.status != 200) throw unexpected(reply);
  return true;
}

DelegationKey Azure::delegation_key(support::SystemTime starts, support::SystemTime expires) {
  const std::string xml = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<KeyInfo><Start>" +
                          support::iso_8601_seconds(starts) + "</Start><Expiry>" +
                          support::iso_8601_seconds(expires) + "</Expiry></KeyInfo>";
  Call call;
  call.method = "POST";
  call.is_for_service = true;
  call.query = {{"restype", "service"}, {"comp", "userdelegationkey"}};
  call.headers = {{"content-type", "application/xml"}};
  call.body = xml;
  const http::Response reply = exchange(call);
  if (reply.status != 200) throw unexpected(reply);
  return parse_delegation_key(reply.body);
}

}  // namespace jetpack::storage
