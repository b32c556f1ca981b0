// The Blob service of Azure over REST.
#include "services/storage/azure.hpp"

#include <algorithm>
#include <charconv>

#include <jetpack/error.hpp>
#include "services/http/retry_after.hpp"
#include "services/http/status.hpp"
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
// Azure takes requests whose date is so far from its own.
constexpr seconds most_skew{300};

std::string query_text(const Parameters& query) {
  std::string text;
  for (const auto& [name, value] : query)
    text += (text.empty() ? "" : "&") + name + '=' + support::percent_encoded(value);
  return text;
}

// "503 (ServerBusy)". The code is a header of the other side's: only what it should hold is shown.
std::string status_text(const http::Response& reply) {
  std::string text = std::to_string(reply.status);
  const std::string code = reply.header("x-ms-error-code");
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  if (code.empty() || code.size() > 64 || !std::all_of(code.begin(), code.end(), is_letter))
    return text;
  return text + " (" + code + ')';
}

bool lacks_container(const http::Response& reply) {
  return reply.status == 404 && reply.header("x-ms-error-code").starts_with("Container");
}

bool is_refusal(const http::Response& reply) {
  return reply.status == 401 || reply.status == 403 || lacks_container(reply) ||
         (reply.status == 400 && reply.header("x-ms-error-code") == "InvalidAuthenticationInfo");
}

// What a refusal may come from when the clocks differ; empty when they do not.
std::string clock_hint(const http::Response& reply) {
  const auto theirs = support::parse_http_date(reply.header("date"));
  if (!theirs) return {};
  const auto ahead =
      std::chrono::duration_cast<seconds>(std::chrono::system_clock::now() - *theirs);
  if (std::chrono::abs(ahead) <= most_skew) return {};
  return "; this node's clock is " + std::to_string(std::chrono::abs(ahead).count()) + " s " +
         (ahead.count() > 0 ? "ahead of" : "behind") + " the locker's (" +
         support::iso_8601_seconds(*theirs) + "): set it, then try again";
}

Error refused(const Description& locker, const http::Response& reply, const std::string& why) {
  const std::string described = " (described in " + locker.source + ')';
  if (lacks_container(reply))
    return {Errc::failed, "container not found" + described + ": " + status_text(reply) +
                              "; create it or describe another locker"};
  if (const std::string clock = clock_hint(reply); !clock.empty())
    return {Errc::denied,
            "it refused this node's access" + described + ": " + status_text(reply) + clock};
  const char* const advice = locker.credential.kind == Credential::Kind::none
                                 ? "; it has no credential: add sas, account_key or identity"
                                 : "; give the node a credential that is valid and allows this";
  return {Errc::denied, "it refused this node's access" + described + ": " + status_text(reply) +
                            "; and no other credential is available: " + why + advice};
}

Error unexpected(const http::Response& reply) {
  const auto advice = http::meaning_of(reply.status).advice;
  return {Errc::failed,
          "it answered " + status_text(reply) + (advice.empty() ? "" : ": " + std::string(advice))};
}

std::string where_to(const std::string& location) {
  const size_t start = location.find("://");
  if (start > 10) return "another path";  // npos too
  const std::string host = location.substr(0, location.find_first_of("/?#", start + 3));
  const bool is_plain = std::all_of(host.begin(), host.end(),
                                    [](char c) { return c > ' ' && c < '\x7f' && c != '@'; });
  return is_plain && host.size() <= 200 ? host : "another server";
}

// A gateway or a login page in between answers with 200 and HTML; every answer of the service has
// headers of its own.
bool is_foreign_page(const http::Response& reply) {
  const auto is_azure = [](const auto& header) { return header.first.starts_with("x-ms-"); };
  return reply.status >= 200 && reply.status < 300 &&
         support::lower_case(reply.header("content-type")).starts_with("text/html") &&
         std::none_of(reply.headers.begin(), reply.headers.end(), is_azure);
}

// Throws what is neither an answer nor a refusal.
void check_answer(const http::Response& reply) {
  if (is_foreign_page(reply))
    throw Error(Errc::failed, "it answered " + std::to_string(reply.status) +
                                  " with a web page instead of a blob; is a login page or gateway "
                                  "in between?");
  if (http::is_retryable(reply.status))
    throw http::Retryable("it answered " + status_text(reply),
                          http::retry_after(reply.header("retry-after"), reply.header("date"),
                                            std::chrono::system_clock::now()));
  if (reply.status >= 300 && reply.status < 400 && reply.status != 304)
    throw Error(Errc::denied, "it redirects to " + where_to(reply.header("location")) +
                                  ", which is not followed: it would carry the credential "
                                  "elsewhere; put the right address into the locker's description");
}

uint64_t decimal(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (text.empty() || failure != std::errc{} || stop != end)
    throw Error(Errc::corrupt, "it answered without the length of the blob");
  return value;
}

bool is_weak(const std::string& etag) { return etag.starts_with("W/"); }

// Throws unless the reply holds the bytes that were asked for, of the blob that was asked for.
void check_range(const http::Response& reply, const BlobInfo& blob, uint64_t begin, uint64_t end) {
  const std::string etag = reply.header("etag");
  if (!blob.etag.empty() && etag != blob.etag) throw BlobChanged{};
  if (reply.status == 200) {
    if (begin == 0 && end == blob.bytes && decimal(reply.header("content-length")) == end) return;
    throw Error(Errc::failed, "it does not support ranges (answered 200 instead of 206)");
  }
  if (reply.status != 206) throw unexpected(reply);
  // "bytes FIRST-LAST/TOTAL"; it may be less than was asked for, which is then asked for again.
  const std::string range = reply.header("content-range");
  const size_t dash = range.find('-');
  const size_t slash = range.find('/');
  if (!range.starts_with("bytes ") || dash == std::string::npos || slash == std::string::npos ||
      dash > slash)
    throw Error(Errc::corrupt, "it sent a part without saying which");
  const std::string_view text(range);
  if (decimal(text.substr(slash + 1)) != blob.bytes) throw BlobChanged{};
  if (decimal(text.substr(6, dash - 6)) != begin ||
      decimal(text.substr(dash + 1, slash - dash - 1)) >= end)
    throw Error(Errc::corrupt, "it sent other bytes than those that were asked for");
}

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
                const std::function<void(std::string_view)>& take) {
  Call call;
  call.blob = blob.name;
  call.headers = {{"range", "bytes=" + std::to_string(begin) + '-' + std::to_string(end - 1)}};
  // A weak ETag matches nothing.
  if (!blob.etag.empty() && !is_weak(blob.etag)) call.headers["if-match"] = blob.etag;
  bool is_checked = false;
  uint64_t left = end - begin;
  const http::Response reply =
      exchange(call, [&](const http::Response& head, std::string_view piece) {
        if (!is_checked) {
          check_answer(head);
          check_range(head, blob, begin, end);
        }
        is_checked = true;
        if (piece.size() > left) throw Error(Errc::corrupt, "it sent more than was asked for");
        left -= piece.size();
        take(piece);
      });
  if (reply.status == 412 || reply.status == 416 || reply.status == 404) throw BlobChanged{};
  if (reply.status != 200 && reply.status != 206) throw unexpected(reply);
  if (left > 0) throw http::Retryable("it ended its answer too early");
}

void Azure::put(std::string_view blob, const std::string& content_type, std::string_view content) {
  const Md5Digest md5 = md5_of(content);
  Call call;
  call.method = "PUT";
  call.blob = blob;
  call.headers = {
      {"x-ms-blob-type", "BlockBlob"},
      {"content-type", content_type},
      {"content-md5", support::base64({reinterpret_cast<const char*>(md5.data()), md5.size()})}};
  call.body = content;
  const http::Response reply = exchange(call);
  if (reply.status != 201) throw unexpected(reply);
}

void Azure::put_block(std::string_view blob, const std::string& id, std::string_view content,
                      const Md5Digest& md5) {
  Call call;
  call.method = "PUT";
  call.blob = blob;
  call.query = {{"comp", "block"}, {"blockid", id}};
  call.headers = {
      {"content-md5", support::base64({reinterpret_cast<const char*>(md5.data()), md5.size()})}};
  call.body = content;
  const http::Response reply = exchange(call);
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
