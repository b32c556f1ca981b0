// What an HTTP status means.
#include "services/http/status.hpp"

#include <algorithm>
#include <array>

namespace jetpack::http {

namespace {

struct Row {
  unsigned first;
  unsigned last;
  StatusMeaning meaning;
};

// The first row that holds the status counts.
constexpr std::array<Row, 13> table{{
    {200, 299, {Verdict::accepted, ""}},
    {304,
     304,
     {Verdict::stop, "nothing was modified, which was not asked: is a cache in between?"}},
    {300, 399, {Verdict::stop, "it redirects, which is not followed; check the server's address"}},
    {401, 401, {Verdict::stop, "the user name or password is wrong"}},
    {403, 405, {Verdict::stop, ""}},
    {407, 407, {Verdict::stop, "put user name and password into the proxy's address"}},
    {408, 408, {Verdict::retry, ""}},
    // The connection was for another server of the same address; the client opens a new one.
    {421, 421, {Verdict::retry, "the connection was for another server; retrying on a new one"}},
    {425, 425, {Verdict::retry, ""}},
    {429, 429, {Verdict::retry, ""}},
    {400, 499, {Verdict::refused, ""}},
    // Not for the moment: no later server of this kind speaks otherwise.
    {501, 501, {Verdict::stop, "it does not implement this request; check the server's address"}},
    {505, 505, {Verdict::stop, "it does not speak this version of HTTP; check the address"}},
}};

}  // namespace

StatusMeaning meaning_of(unsigned status) {
  const auto row = std::find_if(table.begin(), table.end(), [status](const Row& candidate) {
    return status >= candidate.first && status <= candidate.last;
  });
  if (row != table.end()) return row->meaning;
  return {status >= 500 && status <= 599 ? Verdict::retry : Verdict::stop, ""};
}

}  // namespace jetpack::http
