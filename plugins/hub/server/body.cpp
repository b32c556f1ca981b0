// Reads the address and the body of a request.
#include "server/body.hpp"

#include <algorithm>
#include <array>
#include <istream>

#include <Poco/Net/HTTPResponse.h>

#include "server/request.hpp"

namespace jetpack::hub {

namespace net = Poco::Net;

namespace {

// Reads the body, or its first `most` bytes and one more.
std::string read_body(net::HTTPServerRequest& request, size_t most) {
  std::string body;
  std::array<char, 65536> buffer{};
  std::istream& in = request.stream();
  while (body.size() <= most) {
    const size_t want = std::min(buffer.size(), most + 1 - body.size());
    in.read(buffer.data(), static_cast<std::streamsize>(want));
    body.append(buffer.data(), static_cast<size_t>(in.gcount()));
    if (!in) break;
  }
  return body;
}

}  // namespace

bool has_body(const net::HTTPServerRequest& request) {
  return request.getChunkedTransferEncoding() ||
         (request.hasContentLength() && request.getContentLength64() != 0);
}

void require_one_length(const net::HTTPServerRequest& request) {
  if (request.getChunkedTransferEncoding() && request.hasContentLength())
    throw HttpError(net::HTTPResponse::HTTP_BAD_REQUEST,
                    "the body has both a length and a transfer encoding");
}

std::string whole_body(net::HTTPServerRequest& request, size_t most) {
  const bool has_length = request.hasContentLength();
  if (!has_length && !request.getChunkedTransferEncoding())
    throw HttpError(net::HTTPResponse::HTTP_LENGTH_REQUIRED, "the length of the body is missing");
  if (request.has("Content-Encoding"))
    throw HttpError(net::HTTPResponse::HTTP_UNSUPPORTED_MEDIA_TYPE,
                    "the body must not be compressed");
  const bool too_long = has_length && request.getContentLength64() > static_cast<Poco::Int64>(most);
  std::string body = too_long ? std::string() : read_body(request, most);
  if (too_long || body.size() > most)
    throw HttpError(net::HTTPResponse::HTTP_REQUEST_ENTITY_TOO_LARGE,
                    "the body exceeds " + std::to_string(most) + " bytes; send smaller batches");
  return body;
}

Poco::URI parse_uri(const net::HTTPServerRequest& request) {
  try {
    return Poco::URI(request.getURI());
  } catch (const Poco::Exception&) {
    throw HttpError(net::HTTPResponse::HTTP_BAD_REQUEST, "malformed URL");
  }
}

Parameters query_of(const Poco::URI& uri) {
  try {
    return uri.getQueryParameters();
  } catch (const Poco::Exception&) {
    throw HttpError(net::HTTPResponse::HTTP_BAD_REQUEST, "malformed query");
  }
}

}  // namespace jetpack::hub
