// The https module: a table of functions around an HttpsConnection. A module of its own, so that a
// network library is mapped only when something is sent.
#include <jetpack/boundary.hpp>
#include "services/http/retry_after.hpp"
#include "services/results.hpp"
#include "services/session/https_connection.hpp"
#include "support/encoding.hpp"
#include "support/sha256.hpp"
#include "support/times.hpp"

namespace jetpack::session {

std::string basic_authorization(const ServerParameters& server) {
  if (server.username.size == 0) return {};
  const std::string pair = std::string(boundary::view(server.username)) + ':' +
                           std::string(boundary::view(server.password));
  return "Basic " + support::base64(pair);
}

namespace {

int32_t open(const ServerParameters* server, void** self, jp_error* err) noexcept {
  return boundary::guard(err, [&] { *self = open_connection(*server).release(); });
}

int32_t exchange(void* self, const RequestParameters* request, ResponseParameters* result,
                 jp_sink body, jp_error* err) noexcept {
  return boundary::guard(err, [&] {
    const auto response = static_cast<HttpsConnection*>(self)->exchange(*request);
    write_to(body, response.body);
    const auto asked =
        http::retry_after(response.retry_after, response.date, std::chrono::system_clock::now());
    result->status = response.status;
    result->retry_after_s = asked ? int64_t{asked->count()} : -1;
    const auto date = support::parse_http_date(response.date);
    result->date_s = date ? int64_t{date->time_since_epoch().count()} : 0;
  });
}

void close(void* self) noexcept {
  const std::unique_ptr<HttpsConnection> owner(static_cast<HttpsConnection*>(self));
}

int32_t sha256(jp_str text, jp_sink sink, jp_error* err) noexcept {
  return boundary::guard(err, [&] { write_to(sink, support::sha256_hex(boundary::view(text))); });
}

}  // namespace

}  // namespace jetpack::session

extern "C" JP_EXPORT constexpr jetpack::session::HttpsModule jetpack_transport_v1 = {
    sizeof(jetpack::session::HttpsModule),
    0,
    &jetpack::session::open,
    &jetpack::session::exchange,
    &jetpack::session::close,
    &jetpack::session::sha256};
