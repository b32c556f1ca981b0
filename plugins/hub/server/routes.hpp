// The addresses of the hub: the one place that says who may use which, and on what.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/counters.hpp"
#include "common/served_certificate.hpp"
#include "server/locker.hpp"
#include "server/request.hpp"
#include "store/database.hpp"

namespace jetpack::hub {

// Who asks, as far as rights go. Everybody else than `nobody` has an account.
enum class Caller { nobody, monitor, node, scheduler, viewer, administrator };
inline constexpr Caller all_callers[] = {Caller::nobody,    Caller::monitor, Caller::node,
                                         Caller::scheduler, Caller::viewer,  Caller::administrator};
Caller caller_of(const Account& account);
// "node", as in ACCESS.md.
std::string_view to_text(Caller caller);

// Who may use a route.
struct Access {
  Reach nobody, monitor, node, scheduler, viewer, administrator;
  Reach of(Caller caller) const;
};

// What responds. All but the answers need the connection itself. `old_answer`: the answer to a GET
// that changes something, as only old scripts expect it.
enum class Responder { answer, old_answer, page, messages, stream, sign_in, sign_out };

class NewestVersions;

// What handlers work with. `locker`: nullptr where the hub serves no blobs. The others: nullptr for
// commands.
struct Scene {
  Database& database;
  const Locker* locker = nullptr;
  const ServedCertificate* certificate = nullptr;
  NewestVersions* newest = nullptr;  // of userdata, where they are remembered
  const Counters* counters = nullptr;
};

struct Route {
  std::string_view method;  // GET stands for HEAD, too
  // {cluster}, {node}: a name as is_name has it; any other {word}: anything but '/'.
  std::string_view path;
  Access access;
  Responder responder = Responder::answer;
  std::string_view parameters;  // of the query, separated by blanks; "*": any
  Response (*handler)(const Scene& scene, const Request& request) = nullptr;

  bool changes() const { return method != "GET" || responder == Responder::old_answer; }
};

std::span<const Route> all_routes();

// The route of a request, and what its placeholders stand for.
struct RouteFound {
  const Route* route = nullptr;
  std::vector<std::string> names;
  std::string allowed;  // the methods of the path, if it has the path but not the method
};
RouteFound find_route(std::string_view method, std::string_view path);

// What the account may do with the route. Throws HttpError 403 for nothing, and where the path
// names a cluster beyond the account's reach.
Reach require_access(const Route& route, const std::vector<std::string>& names,
                     const Account& account);

// Throws HttpError 400 for a parameter that the route does not use.
void require_known_parameters(const Route& route, const Parameters& query);

// Responds to a request of an account, as the hub does: throws HttpError 404 and 405 where there is
// no route for it that a handler answers.
Response respond(const Scene& scene, Request request);

// The document ACCESS.md: a table of all routes.
std::string access_document();

}  // namespace jetpack::hub
