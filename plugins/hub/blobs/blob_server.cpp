// Serves the hub's blobs over HTTPS: the part of the Azure Blob REST API that a locker needs.
#include "blobs/blob_server.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <istream>
#include <optional>
#include <ostream>
#include <system_error>
#include <utility>

#include <Poco/Exception.h>
#include <Poco/MD5Engine.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/String.h>
#include <Poco/URI.h>

#include <jetpack/error.hpp>
#include "blobs/block_list.hpp"
#include "common/base64.hpp"
#include "common/listener.hpp"
#include "common/passwords.hpp"
#include "common/text.hpp"

namespace jetpack::hub {

namespace net = Poco::Net;

namespace {

constexpr int max_transfers = 64;              // threads
constexpr std::chrono::seconds step_time{60};  // for each part of a transfer
constexpr size_t part_size = 256 << 10;
constexpr uint64_t max_content = uint64_t{5000} << 20;  // of one request, as Azure's Put Blob
constexpr size_t max_list_body = 8 << 20;
constexpr uint64_t max_refused_body = 16 << 20;  // read before the reply, which is seen then
constexpr size_t max_results = 5000;
constexpr uint64_t max_range_with_md5 = 4 << 20;
constexpr std::string_view default_version = "2020-12-06";

// Headers of a Put that a Get gives back.
struct KeptHeader {
  const char* asked;  // x-ms-blob-content-type
  const char* plain;  // the same for Put Blob alone; nullptr: none
  const char* kept;
};
constexpr std::array kept_headers{
    KeptHeader{"x-ms-blob-content-type", "content-type", "content-type"},
    KeptHeader{"x-ms-blob-content-encoding", "content-encoding", "content-encoding"},
    KeptHeader{"x-ms-blob-content-language", "content-language", "content-language"},
    KeptHeader{"x-ms-blob-cache-control", "cache-control", "cache-control"},
    KeptHeader{"x-ms-blob-content-disposition", nullptr, "content-disposition"},
    KeptHeader{"x-ms-blob-content-md5", nullptr, "content-md5"}};

// What a SAS may put in place of a kept header.
constexpr std::array<std::pair<const char*, const char*>, 5> overrides{{
    {"rscc", "cache-control"},
    {"rscd", "content-disposition"},
    {"rsce", "content-encoding"},
    {"rscl", "content-language"},
    {"rsct", "content-type"},
}};

std::string xml_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string element(const char* name, std::string_view text) {
  return std::string("<") + name + ">" + xml_text(text) + "</" + name + ">";
}

std::string decoded(const std::string& text) {
  std::string result;
  try {
    Poco::URI::decode(text, result);
  } catch (const Poco::Exception&) {
    throw BlobRefusal(400, "InvalidUri", "the address is malformed");
  }
  return result;
}

// Each name once: a second value could mean another thing to what signs than to what serves.
void read_query(const Poco::URI& uri, BlobRequest& request) {
  try {
    for (const auto& [name, value] : uri.getQueryParameters())
      if (!request.query.emplace(Poco::toLower(name), value).second)
        throw BlobRefusal(400, "InvalidQueryParameterValue", "the query has a name twice");
  } catch (const Poco::Exception&) {
    throw BlobRefusal(400, "InvalidUri", "the query is malformed");
  }
}

BlobRequest read_request(const net::HTTPServerRequest& asked) {
  BlobRequest request;
  request.method = asked.getMethod();
  for (const auto& [name, value] : asked)
    if (!request.headers.emplace(Poco::toLower(name), value).second)
      throw BlobRefusal(400, "InvalidHeaderValue", "the request has a header twice");
  const std::string& target = asked.getURI();
  request.raw_path = target.substr(0, target.find('?'));
  try {
    read_query(Poco::URI(target), request);
  } catch (const Poco::SyntaxException&) {
    throw BlobRefusal(400, "InvalidUri", "the address is malformed");
  }
  // "/ACCOUNT/CONTAINER/BLOB"; the blob's name may have any number of '/'.
  const std::string path = request.raw_path.substr(std::min<size_t>(1, request.raw_path.size()));
  const size_t first = std::min(path.find('/'), path.size());
  const size_t second = std::min(path.find('/', first + 1), path.size());
  request.account = decoded(path.substr(0, first));
  if (first < path.size()) request.container = decoded(path.substr(first + 1, second - first - 1));
  if (second < path.size()) request.blob = decoded(path.substr(second + 1));
  return request;
}

// The conditional headers, for a blob or its absence.
void check_conditions(const BlobRequest& request, const BlobProperties* blob, bool is_read) {
  const auto matches = [&](std::string_view wanted) {
    return blob != nullptr && (wanted == "*" || wanted == blob->etag);
  };
  const std::string_view match = request.header("if-match");
  const std::string_view none_match = request.header("if-none-match");
  const auto since = parse_http_date(request.header("if-modified-since"));
  const auto until = parse_http_date(request.header("if-unmodified-since"));
  const bool is_unchanged = (!none_match.empty() && matches(none_match)) ||
                            (blob != nullptr && since && blob->modified <= *since);
  if ((!match.empty() && !matches(match)) || (blob != nullptr && until && blob->modified > *until))
    throw BlobRefusal(412, "ConditionNotMet", "the blob is not as the request's conditions say");
  if (!is_unchanged) return;
  if (is_read) throw BlobRefusal(304, "ConditionNotMet", "the blob has not changed");
  throw none_match == "*"
      ? BlobRefusal(409, "BlobAlreadyExists", "there is a blob of this name")
      : BlobRefusal(412, "ConditionNotMet", "the blob is not as the request's conditions say");
}

struct ByteRange {
  uint64_t first = 0, size = 0;
  bool is_part = false;
};

// "bytes=FIRST-[LAST]" of x-ms-range or Range. What is no such range is as if it were not there.
ByteRange range_of(const BlobRequest& request, uint64_t bytes) {
  std::string_view text = request.header("x-ms-range");
  if (text.empty()) text = request.header("range");
  const ByteRange whole{0, bytes, false};
  constexpr std::string_view unit = "bytes=";
  if (!text.starts_with(unit)) return whole;
  text.remove_prefix(unit.size());
  uint64_t first = 0, last = UINT64_MAX;
  const char* end = text.data() + text.size();
  auto [at, failure] = std::from_chars(text.data(), end, first);
  if (failure != std::errc{} || at == end || *at != '-') return whole;
  if (++at != end) {
    const auto [rest, wrong] = std::from_chars(at, end, last);
    if (wrong != std::errc{} || rest != end || last < first) return whole;
  }
  if (first >= bytes)
    throw BlobRefusal(416, "InvalidRange", "the range begins beyond the blob's end");
  return {first, std::min(last, bytes - 1) - first + 1, true};
}

BlobProperties kept_of(const BlobRequest& request, bool is_whole) {
  BlobProperties properties;
  for (const auto& [asked, plain, kept] : kept_headers) {
    std::string_view value = request.header(asked);
    if (value.empty() && is_whole && plain != nullptr) value = request.header(plain);
    if (!value.empty()) properties.headers.emplace_back(kept, value);
  }
  for (const auto& [name, value] : request.headers)
    if (name.starts_with("x-ms-meta-")) properties.headers.emplace_back(name, value);
  if (properties.header("content-type").empty())
    properties.headers.emplace_back("content-type", "application/octet-stream");
  return properties;
}

struct BlobServices {
  BlobStore& store;
  const BlobAccount& account;
  ApplicationLog& log;
};

// One request and its reply.
class BlobHandler : public net::HTTPRequestHandler {
 public:
  BlobHandler(BlobServices& shared, std::shared_ptr<Connections::Lease> lease)
      : store_(shared.store),
        account_(shared.account),
        log_(shared.log),
        lease_(std::move(lease)) {}

  void handleRequest(net::HTTPServerRequest& asked, net::HTTPServerResponse& response) override {
    lease_->busy(step_time);
    const bool keep_alive = asked.getKeepAlive();
    // A body that nobody reads would be taken for the next request.
    has_body_ = asked.getChunkedTransferEncoding() ||
                (asked.hasContentLength() && asked.getContentLength64() != 0);
    if (has_body_) response.setKeepAlive(false);
    request_id_ = random_uuid();
    response.set("Server", "jetpack-hub-blobs");
    response.set("x-ms-request-id", request_id_);
    response.set("Date", http_date(now_ms() / 1000));
    try {
      serve(asked, response, keep_alive);
    } catch (const BlobRefusal& refusal) {
      if (refusal.status() == 401 || refusal.status() == 403)
        log_.write("warn", "refused " + asked.getMethod() + " of " +
                               one_line(asked.getURI().substr(0, asked.getURI().find('?'))) +
                               " by " + asked.clientAddress().toString() + ": " + refusal.what());
      refuse(asked, response, refusal);
    } catch (const Error& error) {
      log_.write("error", error.what());
      const bool is_full = error.code() == Errc::unavailable;
      refuse(asked, response,
             BlobRefusal(is_full ? 507 : 500, is_full ? "InsufficientStorage" : "InternalError",
                         is_full ? "the hub's disk is full" : "the hub's log says why"));
    }
    lease_->idle(request_time);
  }

 private:
  void serve(net::HTTPServerRequest& asked, net::HTTPServerResponse& response, bool keep_alive) {
    const BlobRequest request = read_request(asked);
    const std::string version(request.header("x-ms-version"));
    response.set("x-ms-version", version.empty() ? std::string(default_version) : version);
    const std::string client_id(request.header("x-ms-client-request-id"));
    if (!client_id.empty()) response.set("x-ms-client-request-id", client_id);
    grant_ = check_blob_access(account_, request, asked.clientAddress().host().toString(),
                               now_ms() / 1000);
    if (request.container.empty())
      throw BlobRefusal(400, "InvalidUri", "the address names no container");
    if (request.blob.empty()) {
      serve_container(request, response);
    } else if (request.method == "GET" || request.method == "HEAD") {
      send_blob(request, response);
    } else if (request.method == "PUT") {
      take(request, asked, response, keep_alive);
    } else if (request.method == "DELETE") {
      remove(request, response);
    } else {
      throw BlobRefusal(405, "UnsupportedHttpVerb", "the method is not supported");
    }
  }

  void require(char permission) const {
    if (!grant_.allows(permission))
      throw BlobRefusal(403, "AuthorizationPermissionMismatch",
                        std::string("the SAS does not allow this; it lacks '") + permission + "'");
  }

  // Write, or create where there is nothing to overwrite.
  void require_write(const BlobProperties* before) const {
    if (before == nullptr && grant_.allows('c')) return;
    require('w');
  }

  static void require_no_comp(const BlobRequest& request) {
    if (!request.parameter("comp").empty())
      throw BlobRefusal(400, "InvalidQueryParameterValue", "'comp' asks for what is not supported");
  }

  void serve_container(const BlobRequest& request, net::HTTPServerResponse& response) {
    if (request.parameter("restype") != "container")
      throw BlobRefusal(400, "InvalidQueryParameterValue", "'restype' must be container");
    if (request.method == "GET" && request.parameter("comp") == "list")
      return list(request, response);
    require_no_comp(request);
    if (!grant_.is_owner)
      throw BlobRefusal(403, "AuthorizationFailure", "a container needs the account's key");
    if (request.method == "PUT") {
      if (!store_.create_container(request.container))
        throw BlobRefusal(409, "ContainerAlreadyExists", "there is a container of this name");
      return finish(response, 201);
    }
    if (request.method != "GET" && request.method != "HEAD")
      throw BlobRefusal(405, "UnsupportedHttpVerb", "the method is not supported");
    if (!store_.has_container(request.container))
      throw BlobRefusal(404, "ContainerNotFound", "there is no such container");
    finish(response, 200);
  }

  void list(const BlobRequest& request, net::HTTPServerResponse& response) {
    require('l');
    const std::string delimiter(request.parameter("delimiter"));
    if (!delimiter.empty() && delimiter != "/")
      throw BlobRefusal(400, "InvalidQueryParameterValue", "the only delimiter is '/'");
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
      entries += entry_xml(blob);
      last = blob.name;
      return true;
    });
    std::string xml =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"";
    xml += xml_text(request.container) + "\">" + element("Prefix", prefix) +
           element("Marker", after) + element("MaxResults", std::to_string(most));
    if (!delimiter.empty()) xml += element("Delimiter", delimiter);
    xml += "<Blobs>" + entries + "</Blobs>" + element("NextMarker", next) + "</EnumerationResults>";
    send_xml(response, 200, xml);
  }

  static size_t max_results_of(const BlobRequest& request) {
    const std::string_view text = request.parameter("maxresults");
    if (text.empty()) return max_results;
    size_t number = 0;
    const auto [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc{} || rest != text.data() + text.size() || number == 0)
      throw BlobRefusal(400, "OutOfRangeQueryParameterValue", "'maxresults' is from 1 to 5000");
    return std::min(number, max_results);
  }

  static std::string entry_xml(const ListedBlob& blob) {
    if (!blob.properties) return "<BlobPrefix>" + element("Name", blob.name) + "</BlobPrefix>";
    const BlobProperties& known = *blob.properties;
    return "<Blob>" + element("Name", blob.name) + "<Properties>" +
           element("Last-Modified", http_date(known.modified)) +
           element("Etag", known.etag.substr(1, known.etag.size() - 2)) +
           element("Content-Length", std::to_string(known.bytes)) +
           element("Content-Type", known.header("content-type")) +
           element("Content-Encoding", known.header("content-encoding")) +
           element("Content-Language", known.header("content-language")) +
           element("Content-MD5", known.header("content-md5")) +
           element("Cache-Control", known.header("cache-control")) +
           element("BlobType", "BlockBlob") + "</Properties></Blob>";
  }

  void send_blob(const BlobRequest& request, net::HTTPServerResponse& response) {
    require('r');
    require_no_comp(request);
    const auto blob = store_.open(request.container, request.blob);
    if (!blob) throw BlobRefusal(404, "BlobNotFound", "there is no such blob");
    const BlobProperties& known = blob->properties;
    check_conditions(request, &known, true);
    const bool is_head = request.method == "HEAD";
    const ByteRange range =
        is_head ? ByteRange{0, known.bytes, false} : range_of(request, known.bytes);
    describe(known, range, request, response);
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

  static void describe(const BlobProperties& known, const ByteRange& range,
                       const BlobRequest& request, net::HTTPServerResponse& response) {
    response.set("ETag", known.etag);
    response.set("Last-Modified", http_date(known.modified));
    response.set("Accept-Ranges", "bytes");
    response.set("x-ms-blob-type", "BlockBlob");
    response.set("x-ms-server-encrypted", "false");
    for (const auto& [name, value] : known.headers) {
      const bool is_of_whole = name == "content-md5" && range.is_part;
      response.set(is_of_whole ? "x-ms-blob-content-md5" : name, value);
    }
    if (request.parameter("sig").empty()) return;
    for (const auto& [parameter, header] : overrides)
      if (const auto value = request.parameter(parameter); !value.empty())
        response.set(header, one_line(value));
  }

  std::string range_md5(const OpenBlob& blob, const ByteRange& range) {
    if (range.size > max_range_with_md5)
      throw BlobRefusal(400, "OutOfRangeInput", "a range with its MD5 has at most 4 MiB");
    Poco::MD5Engine digest;
    read_parts(blob, range, [&](const char* data, size_t size) {
      digest.update(data, size);
      return true;
    });
    const auto& sum = digest.digest();
    return to_base64({reinterpret_cast<const char*>(sum.data()), sum.size()});
  }

  void send_content(const OpenBlob& blob, const ByteRange& range, std::ostream& out,
                    net::HTTPServerResponse& response) {
    try {
      read_parts(blob, range, [&](const char* data, size_t size) {
        lease_->busy(step_time);
        out.write(data, static_cast<std::streamsize>(size));
        return out.good();
      });
    } catch (const Error& error) {
      // The reply has begun: that it is too short is all that the client can be told.
      log_.write("error", error.what());
      response.setKeepAlive(false);
    }
  }

  template <class Take>
  static void read_parts(const OpenBlob& blob, const ByteRange& range, Take take) {
    std::vector<char> buffer(part_size);
    for (uint64_t done = 0; done < range.size;) {
      const size_t want = static_cast<size_t>(std::min<uint64_t>(part_size, range.size - done));
      const ssize_t got =
          ::pread(blob.file.get(), buffer.data(), want, static_cast<off_t>(range.first + done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0)
        throw Error(Errc::failed,
                    "cannot read a blob: " + (got < 0 ? std::generic_category().message(errno)
                                                      : std::string("its file is too short")));
      if (!take(buffer.data(), static_cast<size_t>(got))) return;
      done += static_cast<uint64_t>(got);
    }
  }

  void take(const BlobRequest& request, net::HTTPServerRequest& asked,
            net::HTTPServerResponse& response, bool keep_alive) {
    for (const char* name : {"x-ms-copy-source", "x-ms-content-crc64", "x-ms-lease-id"})
      if (!request.header(name).empty())
        throw BlobRefusal(400, "UnsupportedHeader", std::string(name) + " is not supported");
    const std::string_view comp = request.parameter("comp");
    if (comp == "block") {
      store_.open(request.container, request.blob);  // throws if no block can be kept
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

  // Fails for what the store will refuse, before the content is sent in vain.
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
      throw BlobRefusal(400, "InvalidHeaderValue", "x-ms-blob-type must be BlockBlob");
    BlobProperties properties = kept_of(request, true);
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
    BlobProperties properties = kept_of(request, false);
    require_change(request);
    const auto ids = parse_block_list(list_body(asked));
    lease_->endless();  // the work is ours: nothing is waited for
    const BlobProperties now = store_.commit_blocks(ids, request.container, request.blob,
                                                    std::move(properties), condition(request));
    tell(now, response);
  }

  static void tell(const BlobProperties& now, net::HTTPServerResponse& response) {
    response.set("ETag", now.etag);
    response.set("Last-Modified", http_date(now.modified));
    response.set("x-ms-request-server-encrypted", "false");
  }

  static std::string list_body(net::HTTPServerRequest& asked) {
    std::string body(max_list_body + 1, '\0');
    asked.stream().read(body.data(), static_cast<std::streamsize>(body.size()));
    body.resize(static_cast<size_t>(asked.stream().gcount()));
    if (body.size() > max_list_body)
      throw BlobRefusal(413, "RequestBodyTooLarge", "the block list is too large");
    return body;
  }

  // The body, into a file; its MD5, which is as the request says.
  std::string receive(const BlobRequest& request, net::HTTPServerRequest& asked,
                      BlobWriter& writer) {
    if (!asked.hasContentLength())
      throw BlobRefusal(411, "MissingContentLengthHeader", "Content-Length is missing");
    const auto length = static_cast<uint64_t>(asked.getContentLength64());
    if (length > max_content)
      throw BlobRefusal(413, "RequestBodyTooLarge", "one request brings at most 5000 MiB");
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
      throw BlobRefusal(400, "IncompleteBody", "the connection ended before the body did");
    has_body_ = false;
    std::string md5 = writer.md5();
    const std::string_view wanted = request.header("content-md5");
    if (!wanted.empty() && wanted != md5)
      throw BlobRefusal(400, "Md5Mismatch", "the content is not what Content-MD5 says");
    return md5;
  }

  void remove(const BlobRequest& request, net::HTTPServerResponse& response) {
    require('d');
    require_no_comp(request);
    const bool is_removed =
        store_.remove(request.container, request.blob, [&](const BlobProperties* before) {
          if (before != nullptr) check_conditions(request, before, false);
        });
    if (!is_removed) throw BlobRefusal(404, "BlobNotFound", "there is no such blob");
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
              const BlobRefusal& refusal) {
    if (response.sent()) return;
    lease_->busy(step_time);
    // A client that is still sending would see a reset connection in place of the reply.
    if (has_body_) asked.stream().ignore(static_cast<std::streamsize>(max_refused_body));
    response.set("x-ms-error-code", refusal.code());
    if (refusal.status() == 304) return finish(response, 304);
    if (refusal.status() == 401) response.set("WWW-Authenticate", "SharedKey");
    send_xml(response, refusal.status(),
             "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error>" + element("Code", refusal.code()) +
                 element("Message", std::string(refusal.what()) + "\nRequestId:" + request_id_ +
                                        "\nTime:" + iso_time(now_ms())) +
                 "</Error>");
  }

  BlobStore& store_;
  const BlobAccount& account_;
  ApplicationLog& log_;
  std::shared_ptr<Connections::Lease> lease_;
  BlobGrant grant_;
  std::string request_id_;
  bool has_body_ = false;
};

}  // namespace

class BlobServer::Impl {
 public:
  Impl(BlobServices shared, const std::string& listen, const std::filesystem::path& certificate)
      : shared_(shared),
        listener_(listen, certificate, "--blob-port", max_transfers,
                  [this](const std::shared_ptr<Connections::Lease>& lease) {
                    return std::make_unique<BlobHandler>(shared_, lease);
                  }) {}

  uint16_t port() const { return listener_.port(); }

 private:
  BlobServices shared_;
  Listener listener_;
};

BlobServer::BlobServer(BlobStore& store, const BlobAccount& account, ApplicationLog& log,
                       const std::string& listen, const std::filesystem::path& certificate)
    : impl_(std::make_unique<Impl>(BlobServices{store, account, log}, listen, certificate)) {}

BlobServer::~BlobServer() = default;

uint16_t BlobServer::port() const { return impl_->port(); }

}  // namespace jetpack::hub
