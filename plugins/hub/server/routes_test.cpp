// Tests of the table of addresses, and that ACCESS.md says what the table says.
#include "server/routes.hpp"

#include <cstdlib>
#include <set>

#include <doctest/doctest.h>

#include "blobs/blob_names.hpp"
#include "server/sessions.hpp"
#include "support/files.hpp"

using namespace jetpack::hub;

namespace {

Account account_of(Role role, bool is_scheduler = false) {
  Account account;
  account.role = role;
  account.is_scheduler = is_scheduler;
  if (role == Role::node) account.cluster = "demo", account.node = "n1";
  return account;
}

int status_of(const char* method, const char* path, const Account& account) {
  const RouteFound found = find_route(method, path);
  if (found.route == nullptr) return found.allowed.empty() ? 404 : 405;
  try {
    require_access(*found.route, found.names, account);
  } catch (const HttpError& refusal) {
    return refusal.status();
  }
  return 200;
}

}  // namespace

TEST_CASE("ACCESS.md is what the hub goes by") {
  const std::string file = std::string(JETPACK_HUB_SOURCE) + "/ACCESS.md";
  if (std::getenv("JETPACK_UPDATE_EXPECTED") != nullptr)
    jetpack::support::write_durably(file, access_document(), 0644);
  CHECK_MESSAGE(
      jetpack::support::read_file(file, 1 << 20).value_or("") == access_document(),
      "run the test with JETPACK_UPDATE_EXPECTED=1 in the environment, and review the change");
}

TEST_CASE("no address is in the table twice, and each is found by its own path") {
  std::set<std::string> known;
  for (const Route& route : all_routes()) {
    CHECK(known.insert(std::string(route.method) + std::string(route.path)).second);
    std::string path(route.path);
    for (size_t at = path.find('{'); at != std::string::npos; at = path.find('{'))
      path.replace(at, path.find('}') + 1 - at, "x");
    CHECK(find_route(route.method, path).route == &route);
    CHECK((route.handler != nullptr) ==
          (route.responder == Responder::answer || route.responder == Responder::old_answer));
  }
}

TEST_CASE("a path is matched as a whole, and names by their grammar") {
  CHECK(find_route("GET", "/clusters/demo/nodes/terminate").route->responder == Responder::page);
  CHECK(find_route("HEAD", "/operations/").route != nullptr);
  CHECK(find_route("PUT", "/clusters/demo/nodes/terminate").allowed == "POST, GET");
  CHECK(find_route("POST", "/clusters/demo/scale/execute:64").names ==
        std::vector<std::string>{"demo", "execute:64"});
  for (const char* path : {"", "clusters/demo", "/clusters", "/clusters/", "/clusters/../nodes",
                           "/clusters/a b/nodes", "/clusters//nodes", "/clusters/demo/nodes/x/y",
                           "/api", "/api/nodes/x", "/page", "/clusterlink/userdata/"}) {
    CAPTURE(path);
    CHECK(find_route("GET", path).route == nullptr);
  }
}

TEST_CASE("the reach of an account ends with its cluster, and with its role") {
  const Account node = account_of(Role::node), scheduler = account_of(Role::node, true);
  const Account viewer = account_of(Role::viewer), admin = account_of(Role::admin);
  CHECK(status_of("GET", "/clusters/demo/nodes", node) == 200);
  CHECK(status_of("GET", "/clusters/other/nodes", node) == 403);
  CHECK(status_of("POST", "/clusters/demo/scale/execute", node) == 403);
  CHECK(status_of("POST", "/clusters/demo/scale/execute", scheduler) == 200);
  CHECK(status_of("POST", "/clusters/other/scale/execute", scheduler) == 403);
  CHECK(status_of("POST", "/clusters/other/scale/execute", admin) == 200);
  CHECK(status_of("POST", "/clusters/other/scale/execute", viewer) == 403);
  CHECK(status_of("GET", "/clusters/other/nodes", viewer) == 200);
  CHECK(status_of("GET", "/cloud/actions/autoscale/demo/stop", admin) == 403);
  CHECK(status_of("POST", "/cloud/actions/autoscale/demo/stop", admin) == 200);
}

TEST_CASE("what a node is configured with is for itself, its scheduler and administrators") {
  const Account node = account_of(Role::node), scheduler = account_of(Role::node, true);
  CHECK(sees_configuration(node, "n1"));
  CHECK_FALSE(sees_configuration(node, "n2"));
  CHECK_FALSE(sees_properties(node, "n2"));
  CHECK(sees_configuration(scheduler, "n2"));
  CHECK_FALSE(sees_configuration(account_of(Role::viewer), "n2"));
  CHECK(sees_properties(account_of(Role::viewer), "n2"));
  CHECK(sees_configuration(account_of(Role::admin), "n2"));
}

TEST_CASE("every cluster has a container of its own, with a name that is valid") {
  std::set<std::string> containers{reports_container};
  for (const std::string& cluster :
       {std::string("demo"), std::string("Demo"), std::string("d.emo"), std::string("a--b"),
        std::string("a-"), std::string("a-b"), std::string(51, 'a'), std::string(128, 'a')}) {
    CHECK(is_container_name(locker_container(cluster)));
    CHECK(containers.insert(locker_container(cluster)).second);
  }
}

TEST_CASE("a cookie is found by its whole name") {
  CHECK(cookie_in("a=1; __Host-jetpack-session=abc; b=2", session_cookie) == "abc");
  CHECK(cookie_in("__Host-jetpack-session=abc", session_cookie) == "abc");
  for (const char* header : {"", "a", ";;", "x__Host-jetpack-session=abc", "__Host-jetpack-session",
                             "__Host-jetpack-session2=abc"})
    CHECK(cookie_in(header, session_cookie).empty());
}
