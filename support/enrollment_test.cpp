#include "support/enrollment.hpp"

#include <sys/stat.h>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/connection_files.hpp"
#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

namespace jetpack::support {

namespace {

const Enrollment node{.url = "https://head:9443",
                      .cluster = "demo",
                      .node = "n1",
                      .username = "demo/n1",
                      .password = "secret",
                      .instance_id = "i-1",
                      .userdata_id = "u1",
                      .authority = "PEM\n"};

std::string content(const TemporaryDirectory& home, const std::string& name) {
  return read_file(home.file(name), 1 << 20).value_or("(none)");
}

}  // namespace

TEST_CASE("an enrolled home has its directories, and says who the node is") {
  const TemporaryDirectory directory;
  const std::string home = directory.path() + "/new/home";
  write_enrollment(home, node);
  for (const auto& [name, mode] : {std::pair<const char*, mode_t>{"config", 02750},
                                   {"run", 02770},
                                   {"logs", 02770},
                                   {"config/healthcheck.d", 02750}}) {
    struct stat info {};
    REQUIRE(::stat((home + '/' + name).c_str(), &info) == 0);
    CHECK((info.st_mode & 07777) == mode);
  }
  const auto files = ConnectionFiles::read(home + "/config");
  CHECK(files.cluster() == "demo");
  CHECK(files.node() == "n1");
  CHECK(files.username() == "demo/n1");
  CHECK(files.password() == "secret");
  CHECK(files.instance() == "i-1");
  CHECK(files.ini("identity", "userdata_id") == "u1");
  CHECK(!files.ini("broker", "url"));
}

TEST_CASE("what an administrator wrote into jetpack.ini stays when a node is enrolled again") {
  const TemporaryDirectory home;
  home.write("config/jetpack.ini",
             "[identity]\nnode_name=old\n\n[plugins]\npath = /opt/more\n[broker]\nurl=amqp://old\n"
             "[trust]\n# why\nids = a");
  Enrollment again = node;
  again.broker_url = "amqps://new";
  again.broker_authority = "PEM\n";
  write_enrollment(home.path(), again);
  CHECK(content(home, "config/jetpack.ini") ==
        "[cycle_server]\nwebserver=https://head:9443\napi_username=demo/n1\napi_password=secret\n\n"
        "[identity]\ncluster_name=demo\ninstance_id=i-1\nnode_name=n1\nuserdata_id=u1\n\n"
        "[broker]\nurl=amqps://new\nca_file=broker-ca.pem\n\n"
        "[plugins]\npath = /opt/more\n[trust]\n# why\nids = a");
  write_enrollment(home.path(), node);
  CHECK(content(home, "config/jetpack.ini").find("amqp") == std::string::npos);
  CHECK(content(home, "config/jetpack.ini").ends_with("[trust]\n# why\nids = a"));
}

TEST_CASE("a value that would be another key is refused, and nothing is written") {
  const TemporaryDirectory home;
  for (const char* value : {"a\nb=c", "a\r", " a", "a\x01"}) {
    Enrollment bad = node;
    bad.password = value;
    CHECK_THROWS_AS(write_enrollment(home.path(), bad), Error);
  }
  CHECK(content(home, "config/jetpack.ini") == "(none)");
  CHECK(content(home, "config/connection.json") == "(none)");
}

}  // namespace jetpack::support
