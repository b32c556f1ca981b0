// Requests with the header Idempotency-Key.
#pragma once

#include <string>

#include "server/request.hpp"
#include "store/operation_table.hpp"

namespace jetpack::hub {

// What tells two requests apart.
std::string digest_of(const Request& request);

// The response that the account got for this key. Throws HttpError 422 when that was for another request.
std::optional<Response> known_response(SqlSession& session, const Request& request);

// Throws HttpError 400 for a key that is too long.
void require_valid_key(const Request& request);

// A response of status 202, with the path of the operation that it names.
Response with_location(Response answer);

// Applies a change once for each key of the account: `work(Transaction&)` returns the response, whose
// operation is where its header Location leads, the first time and after.
template <class Work>
Response once(Database& database, const Request& request, const char* doing, Work work) {
  require_valid_key(request);
  return with_location(database.write(doing, [&](Transaction& transaction) {
    if (request.key.empty()) return work(transaction);
    if (auto known = known_response(transaction.session(), request)) return *std::move(known);
    Response answer = work(transaction);
    store_response(transaction.session(), request.account, request.key,
                   {answer.status, answer.json, digest_of(request)});
    return answer;
  }));
}

}  // namespace jetpack::hub
