// Serves the hub's blobs over HTTPS: the part of the Azure Blob REST API that a locker needs.
#include "blobs/blob_server.hpp"

#include <algorithm>
#include <istream>
#include <optional>
#include <ostream>
#include <utility>

#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>

#include <jetpack/error.hpp>
#include "blobs/blob_error.hpp"
#include "blobs/blob_reading.hpp"
#include "blobs/blob_request.hpp"
#include "blobs/blob_xml.hpp"
#include "blobs/block_list.hpp"
#include "common/listener.hpp"
#include "common/refusal_log.hpp"
#include "common/text.hpp"
#include "support/log_file.hpp"
#include "support/random.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::hub {

namespace net = Poco::Net;

namespace {

constexpr int max_transfers = 64;              // threads
constexpr std::chrono::seconds step_time{60};  // for each part of a transfer
constexpr size_t part_size = 256 << 10;
constexpr uint64_t max_content = uint64_t{5000} << 20;  // of one request, as Azure's Put Blob
constexpr size_t max_list_body = 8 << 20;
constexpr uint64_t max_refused_body = 16 << 20;  // read before the reply, which is seen then
constexpr std::string_view default_version = "2020-12-06";

struct BlobServices {
  BlobStore& store;
  const BlobAccount& account;
  IsPolicyInForce is_in_force;
  const support::LogFile& log;
  RefusalLog refusals{log};
};

// Handles one request.
class BlobHandler : public net::HTTPRequestHandler {
 public:
  BlobHandler(BlobServices& shared, std::shared_ptr<Connections::Lease> lease)
      : store_(shared.store),
        account_(shared.account),
        is_in_force_(shared.is_in_force),
        log_(shared.log),
        refusals_(shared.refusals),
        lease_(std::move(lease)) {}

  void handleRequest(net::HTTPServerRequest& asked, net::HTTPServerResponse& response) override {
    lease_->busy(step_time);
    const bool keep_alive = asked.getKeepAlive();
    // An unread body would be parsed as the next request.
    has_body_ = asked.getChunkedTransferEncoding() ||
                (asked.hasContentLength() && asked.getContentLength64() != 0);
    if (has_body_) response.setKeepAlive(false);
    request_id_ = support::random_uuid();
    response.set("Server", "jetpack-hub-blobs");
    response.set("x-ms-request-id", request_id_);
    response.set("Date", support::http_date(std::chrono::system_clock::now()));
    try {
      serve(asked, response, keep_alive);
    } catch (const BlobError& refusal) {
      if (refusal.status() == 401 || refusal.status() == 403)
        refusals_.warn(asked.clientAddress().host().toString(),
                       "refused " + asked.getMethod() + " of " +
                           support::one_line(asked.getURI().substr(0, asked.getURI().find('?'))) +
                           " (" + refusal.what() + ")");
      refuse(asked, response, refusal);
    } catch (const std::exception& error) {
      log_.error(support::one_line(error.what()));
      refuse(asked, response, internal_error(error));
    }
    lease_->idle(request_time);
  }

 private:
  void serve(net::HTTPServerRequest& asked, net::HTTPServerResponse& response, bool keep_alive) {
    const BlobRequest request = read_blob_request(asked);
    const std::string version(request.header("x-ms-version"));
    response.set("x-ms-version", version.empty() ? std::string(default_version) : version);
    const std::string client_id(request.header("x-ms-client-request-id"));
    if (!client_id.empty()) response.set("x-ms-client-request-id", client_id);
    grant_ = check_blob_access(account_, request, asked.clientAddress().host().toString(),
                               now_ms() / 1000, is_in_force_);
    if (request.container.empty()) throw BlobError(400, "InvalidUri", "the URL names no container");
    if (request.blob.empty()) {
      serve_container(request, response);
    } else if (request.method == "GET" || request.method == "HEAD") {
      send_blob(request, response);
    } else if (request.method == "PUT") {
      take(request, asked, response, keep_alive);
    } else if (request.method == "DELETE") {
      remove(request, response);
    } else {
      throw BlobError(405, "UnsupportedHttpVerb", "the method is not supported");
    }
  }

  void require(char permission) const {
    if (!grant_.allows(permission))
      throw BlobError(403, "AuthorizationPermissionMismatch",
                      std::string("the SAS lacks the permission '") + permission + "'");
  }

  // Write, or create where there is nothing to overwrite.
  void require_write(const BlobProperties* before) const {
    if (before == nullptr && grant_.allows('c')) return;
    require('w');
  }

  static void require_no_comp(const BlobRequest& request) {
    if (!request.parameter("comp").empty())
      throw BlobError(400, "InvalidQueryParameterValue", "unsupported value of 'comp'");
  }

  void serve_container(const BlobRequest& request, net::HTTPServerResponse& response) {
    if (request.parameter("restype") != "container")
      throw BlobError(400, "InvalidQueryParameterValue", "'restype' must be container");
    if (request.method == "GET" && request.parameter("comp") == "list")
      return list(request, response);
    require_no_comp(request);
    if (!grant_.is_owner)
      throw BlobError(403, "AuthorizationFailure", "this requires the account key");
    if (request.method == "PUT") {
      if (!store_.create_container(request.container))
        throw BlobError(409, "ContainerAlreadyExists", "the container already exists");
      return finish(response, 201);
    }
    if (request.method != "GET" && request.method != "HEAD")
      throw BlobError(405, "UnsupportedHttpVerb", "the method is not supported");
    if (!store_.has_container(request.container))
      throw BlobError(404, "ContainerNotFound", "container not found");
    finish(response, 200);
  }

  void list(const BlobRequest& request, net::HTTPServerResponse& response) {
    require('l');
    const std::string delimiter(request.parameter("delimiter"));
    if (!delimiter.empty() && delimiter != "/")
      throw BlobError(400, "InvalidQueryParameterValue", "the delimiter must be '/'");
    const size_t most = max_results_of(request);
    const std::string prefix(request.parameter("prefix"));
    const std::string after(request.parameter("marker"));
    std::string entries, last, next;
    size_t count = 0;
    store_.list(request.container, prefix, after, !delimiter.empty(), [&](const ListedBlob& blob) {
      if (count++ == most) {
        next = last;
        return false;
      }
      entries += blob_entry_xml(blob);
      last = blob.name;
      return true;
    });
    send_xml(response, 200,
             listing_xml({request.container, prefix, after, delimiter, most}, entries, next));
  }

  void send_blob(const BlobRequest& request, net::HTTPServerResponse& response) {
    require('r');
    require_no_comp(request);
    const auto blob = store_.open(request.container, request.blob);
    if (!blob) throw BlobError(404, "BlobNotFound", "blob not found");
    const BlobProperties& known = blob->properties;
    check_conditions(request, &known, true);
    const bool is_head = request.method == "HEAD";
    const ByteRange range =
        is_head ? ByteRange{0, known.bytes, false} : range_of(request, known.bytes);
    set_blob_headers(known, range, request, response);
    if (range.is_part) {
      response.set("Content-Range", "bytes " + std::to_string(range.first) + "-" +
                                        std::to_string(range.first + range.size - 1) + "/" +
                                        std::to_string(known.bytes));
      if (request.header("x-ms-range-get-content-md5") == "true")
        response.set("Content-MD5", range_md5(*blob, range));
    }
    response.setStatusAndReason(range.is_part ? net::HTTPResponse::HTTP_PARTIAL_CONTENT
                                              : net::HTTPResponse::HTTP_OK);
    response.setContentLength64(static_cast<Poco::Int64>(range.size));
    std::ostream& out = response.send();
    if (!is_head) send_content(*blob, range, out, response);
  }

  void send_content(const OpenBlob& blob, const ByteRange& range, std::ostream& out,
                    net::HTTPServerResponse& response) {
    try {
      read_range(blob, range, [&](const char* data, size_t size) {
        lease_->busy(step_time);
        out.write(data, static_cast<std::streamsize>(size));
        return out.good();
      });
    } catch (const Error& error) {
      // The response has begun: the client can only see that it is too short.
      log_.error(error.what());
      response.setKeepAlive(false);
    }
  }

  void take(const BlobRequest& request, net::HTTPServerRequest& asked,
            net::HTTPServerResponse& response, bool keep_alive) {
    for (const char* name : {"x-ms-copy-source", "x-ms-content-crc64", "x-ms-lease-id"})
      if (!request.header(name).empty())
        throw BlobError(400, "UnsupportedHeader", std::string(name) + " is not supported");
    const std::string_view comp = request.parameter("comp");
    if (comp == "block") {
      store_.open(request.container, request.blob);  // throws if the blob cannot exist
      if (!grant_.allows('c')) require('w');
      BlobWriter writer = store_.start();
      const std::string md5 = receive(request, asked, writer);
      store_.keep_block(writer, request.container, request.blob,
                        std::string(request.parameter("blockid")));
      response.set("Content-MD5", md5);
    } else if (comp == "blocklist") {
      commit_list(request, asked, response);
    } else {
      require_no_comp(request);
      put_whole(request, asked, response);
    }
    response.setKeepAlive(keep_alive);
    finish(response, 201);
  }

  // Fails early for what the store would reject, before the content is sent.
  void require_change(const BlobRequest& request) const {
    const auto before = store_.open(request.container, request.blob);
    condition(request)(before ? &before->properties : nullptr);
  }

  BlobCondition condition(const BlobRequest& request) const {
    return [this, &request](const BlobProperties* before) {
      require_write(before);
      check_conditions(request, before, false);
    };
  }

  void put_whole(const BlobRequest& request, net::HTTPServerRequest& asked,
                 net::HTTPServerResponse& response) {
    if (request.header("x-ms-blob-type") != "BlockBlob")
      throw BlobError(400, "InvalidHeaderValue", "x-ms-blob-type must be BlockBlob");
    BlobProperties properties = properties_in(request, true);
    require_change(request);
    BlobWriter writer = store_.start();
    const std::string md5 = receive(request, asked, writer);
    if (properties.header("content-md5").empty())
      properties.headers.emplace_back("content-md5", md5);
    const BlobProperties now =
        store_.commit(writer, request.container, request.blob, properties, condition(request));
    response.set("Content-MD5", md5);
    tell(now, response);
  }

  void commit_list(const BlobRequest& request, net::HTTPServerRequest& asked,
                   net::HTTPServerResponse& response) {
    BlobProperties properties = properties_in(request, false);
    require_change(request);
    const auto ids = parse_block_list(list_body(asked));
    lease_->endless();  // the work is ours: nothing is waited for
    const BlobProperties now = store_.commit_blocks(ids, request.container, request.blob,
                                                    std::move(properties), condition(request));
    tell(now, response);
  }

  static void tell(const BlobProperties& now, net::HTTPServerResponse& response) {
    response.set("ETag", now.etag);
    response.set("Last-Modified", support::http_date(support::from_unix_ms(now.modified * 1000)));
    response.set("x-ms-request-server-encrypted", "false");
  }

  static std::string list_body(net::HTTPServerRequest& asked) {
    std::string body(max_list_body + 1, '\0');
    asked.stream().read(body.data(), static_cast<std::streamsize>(body.size()));
    body.resize(static_cast<size_t>(asked.stream().gcount()));
    if (body.size() > max_list_body)
      throw BlobError(413, "RequestBodyTooLarge", "the block list is too large");
    return body;
  }

  // Writes the body to a file; returns its MD5, after comparing it with the request's.
  std::string receive(const BlobRequest& request, net::HTTPServerRequest& asked,
                      BlobWriter& writer) {
    if (!asked.hasContentLength())
      throw BlobError(411, "MissingContentLengthHeader", "Content-Length is missing");
    const auto length = static_cast<uint64_t>(asked.getContentLength64());
    if (length > max_content)
      throw BlobError(413, "RequestBodyTooLarge", "the body exceeds the limit of 5000 MiB");
    std::vector<char> buffer(part_size);
    uint64_t got = 0;
    for (std::istream& in = asked.stream(); got < length && in;) {
      lease_->busy(step_time);
      in.read(buffer.data(),
              static_cast<std::streamsize>(std::min<uint64_t>(buffer.size(), length - got)));
      writer.write({buffer.data(), static_cast<size_t>(in.gcount())});
      got += static_cast<uint64_t>(in.gcount());
    }
    if (got != length)
      throw BlobError(400, "IncompleteBody",
                      "the connection was closed before the end of the body");
    has_body_ = false;
    std::string md5 = writer.md5();
    const std::string_view wanted = request.header("content-md5");
    if (!wanted.empty() && wanted != md5)
      throw BlobError(400, "Md5Mismatch", "the content does not match Content-MD5");
    return md5;
  }

  void remove(const BlobRequest& request, net::HTTPServerResponse& response) {
    require('d');
    require_no_comp(request);
    const bool is_removed =
        store_.remove(request.container, request.blob, [&](const BlobProperties* before) {
          if (before != nullptr) check_conditions(request, before, false);
        });
    if (!is_removed) throw BlobError(404, "BlobNotFound", "blob not found");
    finish(response, 202);
  }

  static void finish(net::HTTPServerResponse& response, int status) {
    response.setStatusAndReason(static_cast<net::HTTPResponse::HTTPStatus>(status));
    response.setContentLength64(0);
    response.send();
  }

  static void send_xml(net::HTTPServerResponse& response, int status, const std::string& xml) {
    response.setStatusAndReason(static_cast<net::HTTPResponse::HTTPStatus>(status));
    response.setContentType("application/xml");
    response.sendBuffer(xml.data(), xml.size());
  }

  void refuse(net::HTTPServerRequest& asked, net::HTTPServerResponse& response,
              const BlobError& refusal) {
    if (response.sent()) return;
    lease_->busy(step_time);
    // A client that is still sending would see a reset connection instead of the response.
    if (has_body_) asked.stream().ignore(static_cast<std::streamsize>(max_refused_body));
    response.set("x-ms-error-code", refusal.code());
    if (refusal.status() == 304) return finish(response, 304);
    if (refusal.status() == 401) response.set("WWW-Authenticate", "SharedKey");
    send_xml(response, refusal.status(),
             error_xml(refusal.code(),
                       std::string(refusal.what()) + "\nRequestId:" + request_id_ +
                           "\nTime:" + support::iso_8601(support::from_unix_ms(now_ms()))));
  }

  BlobStore& store_;
  const BlobAccount& account_;
  const IsPolicyInForce& is_in_force_;
  const support::LogFile& log_;
  RefusalLog& refusals_;
  std::shared_ptr<Connections::Lease> lease_;
  BlobGrant grant_;
  std::string request_id_;
  bool has_body_ = false;
};

}  // namespace

class BlobServer::Impl {
 public:
  Impl(BlobStore& store, const BlobAccount& account, IsPolicyInForce is_in_force,
       const support::LogFile& log, const std::string& listen,
       const std::filesystem::path& certificate)
      : shared_{store, account, std::move(is_in_force), log},
        listener_(listen, certificate, "--blob-port", max_transfers,
                  [this](const std::shared_ptr<Connections::Lease>& lease) {
                    return std::make_unique<BlobHandler>(shared_, lease);
                  }) {}

  uint16_t port() const { return listener_.port(); }

 private:
  BlobServices shared_;
  Listener listener_;
};

BlobServer::BlobServer(BlobStore& store, const BlobAccount& account, IsPolicyInForce is_in_force,
                       const support::LogFile& log, const std::string& listen,
                       const std::filesystem::path& certificate)
    : impl_(std::make_unique<Impl>(store, account, std::move(is_in_force), log, listen,
                                   certificate)) {}

BlobServer::~BlobServer() = default;

uint16_t BlobServer::port() const { return impl_->port(); }

}  // namespace jetpack::hub
