// Requests with the header Idempotency-Key.
#include "server/once.hpp"

#include "common/json.hpp"
#include "support/json.hpp"
#include "support/sha256.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_key = 128;

}  // namespace

std::string digest_of(const Request& request) {
  std::string text = request.method + " " + request.path + "\n";
  for (const auto& [name, value] : request.query)
    text.append(std::to_string(name.size())).append(" ").append(name).append(value).append("\n");
  return support::sha256_hex(text + "\n" + request.body);
}

std::optional<Response> known_response(SqlSession& session, const Request& request) {
  const auto kept = find_response(session, request.account, request.key);
  if (!kept) return std::nullopt;
  if (!kept->request.empty() && kept->request != digest_of(request))
    throw HttpError(422,
                    "this Idempotency-Key was used for another request; use a new one for "
                    "each request");
  return Response{static_cast<int>(kept->status), kept->body};
}

void require_valid_key(const Request& request) {
  if (request.key.size() > max_key)
    throw HttpError(400,
                    "the header Idempotency-Key exceeds the limit of " + std::to_string(max_key));
}

Response with_location(Response answer) {
  if (answer.status != 202) return answer;
  if (const auto object = parse_object(answer.json))
    if (const auto* id = support::find_member(*object, "operationId"))
      answer.location = "/operations/" + std::string(support::text_of(*id));
  return answer;
}

}  // namespace jetpack::hub
