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
#include "blobs/blob_response.hpp"
#include "blobs/blob_services.hpp"
#include "blobs/blob_xml.hpp"
#include "blobs/block_list.hpp"
#include "common/disk_full.hpp"
#include "common/listener.hpp"
#include "common/quota.hpp"
#include "common/refusal_log.hpp"
#include "common/text.hpp"
#include "support/log_file.hpp"
#include "support/random.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::hub {

namespace net = Poco::Net;

namespace {

constexpr size_t spare_threads = 8;  // which refuse what is over the limit
constexpr size_t part_size = 256 << 10;
constexpr uint64_t max_content = uint64_t{5000} << 20;  // of one request, as Azure's Put Blob
constexpr size_t max_list_body = 8 << 20;
constexpr std::string_view default_version = "2020-12-06";

// Handles one request.
class BlobHandler : public Handler {
 public:
  BlobHandler(BlobServices& shared, Connection& connection)
      : shared_(shared), store_(shared.store), connection_(connection) {}

  uint64_t admit(net::HTTPServerRequest& asked, net::HTTPServerResponse& response) override {
    // An unread body would be parsed as the next request.
    has_body_ = asked.getChunkedTransferEncoding() ||
                (asked.hasContentLength() && asked.getContentLength64() != 0);
    if (has_body_) response.setKeepAlive(false);
    request_id_ = support::random_uuid();
    response.set("Server", "jetpack-hub-blobs");
    response.set("x-ms-request-id", request_id_);
    response.set("Date", support::http_date(std::chrono::system_clock::now()));
    answer_errors(asked, response, [&] { check_access(asked, response); });
    return 0;
  }

  void handle(net::HTTPServerRequest& asked, net::HTTPServerResponse& response) override {
    answer_errors(asked, response, [&] { serve(asked, response, asked.getKeepAlive()); });
  }

  void refuse(net::HTTPServerResponse& response, int status, const std::string& reason) override {
    send_error(response, request_id_,
               BlobError(status, status == 408 ? "OperationTimedOut" : "InternalError", reason));
  }

 private:
  template <class Action>
  void answer_errors(const net::HTTPServerRequest& asked, net::HTTPServerResponse& response,
                     Action action) {
    const std::string& address = connection_.address();
    try {
      action();
    } catch (const BlobError& refusal) {
      if (refusal.status() == 401 || refusal.status() == 403)
        shared_.refusals.warn(
            address, "refused " + asked.getMethod() + " of " +
                         support::one_line(asked.getURI().substr(0, asked.getURI().find('?'))) +
                         " (" + refusal.what() + ")");
      if (refusal.code() == "QuotaExceeded")
        shared_.excesses.warn(address, std::string("refused an upload: ") + refusal.what());
      send_error(response, request_id_, refusal);
    } catch (const OverLimit& excess) {
      shared_.excesses.warn(address, std::string("refused a request: ") + excess.what());
      response.setKeepAlive(false);
      response.set("Retry-After", "2");
      send_error(response, request_id_, BlobError(503, "ServerBusy", excess.what()));
    } catch (const DiskFull& full) {
      shared_.excesses.warn("the disk", full.what());
      response.set("Retry-After", "60");
      send_error(response, request_id_, internal_error(full));
    } catch (const Error& error) {
      shared_.log.error(error.what());
      send_error(response, request_id_, internal_error(error));
    }
  }

  // Only what is in the head is needed for that.
  void check_access(const net::HTTPServerRequest& asked, net::HTTPServerResponse& response) {
    request_ = read_blob_request(asked);
    const std::string version(request_.header("x-ms-version"));
    response.set("x-ms-version", version.empty() ? std::string(default_version) : version);
    const std::string client_id(request_.header("x-ms-client-request-id"));
    if (!client_id.empty()) response.set("x-ms-client-request-id", client_id);
    grant_ = check_blob_access(shared_.account, request_, asked.clientAddress().host().toString(),
                               now_ms() / 1000, shared_.is_in_force);
    // A SAS names nobody, so that an address stands for its holder.
    connection_.claim(shared_.connections, connection_.address(), grant_.is_owner);
    transfer_ = shared_.transfers.take(connection_.address(), grant_.is_owner);
  }

  void serve(net::HTTPServerRequest& asked, net::HTTPServerResponse& response, bool keep_alive) {
    const BlobRequest& request = request_;
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
      set_range_checksum(*blob, range, request, response);
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
        out.write(data, static_cast<std::streamsize>(size));
        return out.good();
      });
    } catch (const Error& error) {
      // The response has begun: the client can only see that it is too short.
      shared_.log.error(error.what());
      response.setKeepAlive(false);
    }
  }

  void take(const BlobRequest& request, net::HTTPServerRequest& asked,
            net::HTTPServerResponse& response, bool keep_alive) {
    for (const char* name : {"x-ms-copy-source", "x-ms-lease-id"})
      if (!request.header(name).empty())
        throw BlobError(400, "UnsupportedHeader", std::string(name) + " is not supported");
    const std::string_view comp = request.parameter("comp");
    if (comp == "block") {
      store_.open(request.container, request.blob);  // throws if the blob cannot exist
      if (!grant_.allows('c')) require('w');
      BlobWriter writer = store_.start(upload_of(request, asked, 0));
      receive(request, asked, writer, response);
      store_.keep_block(writer, request.container, request.blob,
                        std::string(request.parameter("blockid")));
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
    BlobWriter writer =
        store_.start(upload_of(request, asked, store_.bytes_of(request.container, request.blob)));
    const std::string md5 = receive(request, asked, writer, response);
    if (properties.header("content-md5").empty())
      properties.headers.emplace_back("content-md5", md5);
    const BlobProperties now =
        store_.commit(writer, request.container, request.blob, properties, condition(request));
    tell(now, response);
  }

  void commit_list(const BlobRequest& request, net::HTTPServerRequest& asked,
                   net::HTTPServerResponse& response) {
    BlobProperties properties = properties_in(request, false);
    require_change(request);
    const auto ids = parse_block_list(list_body(asked));
    const BlobProperties now =
        store_.commit_blocks(ids, request.container, request.blob, std::move(properties),
                             condition(request), grant_.is_owner);
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

  static uint64_t length_of(const net::HTTPServerRequest& asked) {
    if (!asked.hasContentLength())
      throw BlobError(411, "MissingContentLengthHeader", "Content-Length is missing");
    const auto length = static_cast<uint64_t>(asked.getContentLength64());
    if (length > max_content)
      throw BlobError(413, "RequestBodyTooLarge", "the body exceeds the limit of 5000 MiB");
    return length;
  }

  BlobUpload upload_of(const BlobRequest& request, const net::HTTPServerRequest& asked,
                       uint64_t credit) const {
    return {{request.container, request.blob}, length_of(asked), credit, grant_.is_owner};
  }

  // Writes the body to a file; returns its MD5, after comparing the request's checksum, and
  // answers with the one that it compared.
  std::string receive(const BlobRequest& request, net::HTTPServerRequest& asked, BlobWriter& writer,
                      net::HTTPServerResponse& response) {
    const uint64_t length = length_of(asked);
    std::vector<char> buffer(part_size);
    uint64_t got = 0;
    for (std::istream& in = asked.stream(); got < length && in;) {
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
    set_content_checksum(request, {md5, writer.crc64()}, response);
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

  BlobServices& shared_;
  BlobStore& store_;
  Connection& connection_;
  BlobRequest request_;
  std::optional<Quota::Share> transfer_;
  BlobGrant grant_;
  std::string request_id_;
  bool has_body_ = false;
};

}  // namespace

class BlobServer::Impl {
 public:
  Impl(BlobStore& store, const BlobAccount& account, IsPolicyInForce is_in_force,
       const support::LogFile& log, const Listener::Address& address, const Limits& limits)
      : shared_(store, account, std::move(is_in_force), log, limits),
        listener_(address, limits, {limits.transfers + spare_threads, spare_threads}, log,
                  [this](Connection& connection) {
                    return std::make_unique<BlobHandler>(shared_, connection);
                  }) {}

  uint16_t port() const { return listener_.port(); }

 private:
  BlobServices shared_;
  Listener listener_;
};

BlobServer::BlobServer(BlobStore& store, const BlobAccount& account, IsPolicyInForce is_in_force,
                       const support::LogFile& log, const std::string& listen,
                       ServedCertificate& certificate, const Limits& limits)
    : impl_(std::make_unique<Impl>(store, account, std::move(is_in_force), log,
                                   Listener::Address{listen, &certificate, "--blob-port"},
                                   limits)) {}

BlobServer::~BlobServer() = default;

uint16_t BlobServer::port() const { return impl_->port(); }

}  // namespace jetpack::hub
