// Which of the three places wins, and that a bad one is named.
#include "services/node/node_settings.hpp"

#include <doctest/doctest.h>

#include <map>

#include <jetpack/error.hpp>
#include "support/testing/temporary_directory.hpp"

using jetpack::Errc;
using jetpack::node::Setting;
using jetpack::support::TemporaryDirectory;

namespace {

Setting settings(std::map<std::string, std::string, std::less<>> values) {
  return [values = std::move(values)](std::string_view key) -> std::optional<std::string> {
    const auto found = values.find(key);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

const Setting none = settings({});

std::vector<std::string> warnings;

struct NodeSettings : jetpack::node::NodeSettings {
  NodeSettings(const std::string& directory, Setting setting)
      : jetpack::node::NodeSettings(directory, std::move(setting),
                                    [](const std::string& text) { warnings.push_back(text); }) {}
};

template <class Work>
std::string error_of(Work&& work) {
  try {
    work();
    return "";
  } catch (const jetpack::Error& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE("connection.json wins over jetpack.ini, which wins over the configuration") {
  const TemporaryDirectory directory;
  const auto setting = settings({{"cyclecloud.cluster.name", "c-config"},
                                 {"cyclecloud.node.name", "n-config"},
                                 {"cyclecloud.node.id", "i-config"},
                                 {"cyclecloud.config.web_server", "https://config:9443/"},
                                 {"cyclecloud.config.username", "u-config"},
                                 {"cyclecloud.config.password", "p-config"}});
  {
    const NodeSettings node(directory.path(), setting);
    CHECK(node.fact("cluster") == "c-config");
    CHECK(node.fact("instance") == "i-config");
    CHECK(node.fact("url") == "https://config:9443");
    CHECK(node.identity_from_files().cluster.empty());
    CHECK(node.server().password == "p-config");
  }
  directory.write("jetpack.ini",
                  "[cycle_server]\nwebserver=https://ini:9443/ctx/\napi_username=u-ini\n"
                  "api_password=p-ini\n[identity]\ncluster_name=c-ini\ninstance_id=i-ini\n"
                  "node_name=n-ini\ncluster_session_id=s-ini\n");
  {
    const NodeSettings node(directory.path(), setting);
    CHECK(node.fact("cluster") == "c-ini");
    CHECK(node.fact("node") == "n-ini");
    CHECK(node.fact("username") == "u-ini");
    CHECK(node.fact("url") == "https://ini:9443/ctx");
    CHECK(node.identity().session == "s-ini");
  }
  directory.write("connection.json",
                  R"({"cluster":"c-json","username":"","password":"p-json","url":"https://json"})");
  const NodeSettings node(directory.path(), setting);
  CHECK(node.fact("cluster") == "c-json");
  CHECK(node.fact("instance") == "i-ini");
  CHECK(node.server().url == "https://json");
  CHECK(node.server().username == "u-ini");
  CHECK(node.server().password == "p-json");
}

TEST_CASE("what is set nowhere is unknown") {
  const TemporaryDirectory directory;
  const NodeSettings node(directory.path(), none);
  for (const auto* fact : {"cluster", "node", "instance", "url", "username"})
    CHECK_FALSE(node.fact(fact).has_value());
  CHECK(error_of([&] { node.fact("password"); }).find("unknown fact") != std::string::npos);
  CHECK(error_of([&] { node.server(); }).starts_with("no server is configured"));
}

TEST_CASE("a corrupt file is named with the place") {
  const TemporaryDirectory directory;
  directory.write("connection.json", "{\n  \"url\": }");
  CHECK(error_of([&] {
          NodeSettings(directory.path(), none);
        }).find("connection.json, line 2, column 10") != std::string::npos);
  directory.write("connection.json", "[]");
  CHECK(error_of([&] { NodeSettings(directory.path(), none); }).find("expected an object") !=
        std::string::npos);
  directory.write("connection.json", "{}");
  directory.write("jetpack.ini", "[identity]\nrubbish\n");
  CHECK(error_of([&] { NodeSettings(directory.path(), none); }).find("jetpack.ini, line 2") !=
        std::string::npos);
}

TEST_CASE("http is for loopback, unless it is allowed") {
  const TemporaryDirectory directory;
  directory.write("connection.json", R"({"url":"http://server:8080"})");
  CHECK(error_of([&] { NodeSettings(directory.path(), none).server(); }).find("allow_http") !=
        std::string::npos);
  directory.write("jetpack.ini", "[cycle_server]\nallow_http = true\n");
  CHECK(NodeSettings(directory.path(), none).server().url == "http://server:8080");
  directory.write("jetpack.ini", "");
  directory.write("connection.json", R"({"url":"http://127.0.0.1:8080"})");
  CHECK(NodeSettings(directory.path(), none).server().url == "http://127.0.0.1:8080");
}

TEST_CASE("certificates are checked unless that is switched off") {
  const TemporaryDirectory directory;
  directory.write("connection.json", R"({"url":"https://server"})");
  CHECK(NodeSettings(directory.path(), none).server().verify);
  CHECK(NodeSettings(directory.path(), none).server().ca_file.empty());
  CHECK_FALSE(NodeSettings(directory.path(), settings({{"cyclecloud.skip_ssl_validation", "True"}}))
                  .server()
                  .verify);
  directory.write("ca.pem", "");
  CHECK(NodeSettings(directory.path(), none).server().ca_file == directory.file("ca.pem"));
  directory.write("jetpack.ini",
                  "[cycle_server]\nskip_ssl_validation = yes\nca_file = other.pem\n");
  const auto server = NodeSettings(directory.path(), none).server();
  CHECK_FALSE(server.verify);
  CHECK(server.ca_file == directory.file("other.pem"));
  directory.write("jetpack.ini", "[cycle_server]\nskip_ssl_validation = maybe\n");
  warnings.clear();
  CHECK(NodeSettings(directory.path(), none).server().verify);
  CHECK(warnings.size() == 1);
}

TEST_CASE("the proxy is what proxy_method says") {
  const TemporaryDirectory directory;
  const auto proxy_with = [&](const std::string& connection) {
    directory.write("connection.json", connection);
    return NodeSettings(directory.path(), none).server().proxy;
  };
  ::setenv("https_proxy", "http://env-proxy:3128", 1);
  ::setenv("no_proxy", "localhost,.exempt.example", 1);
  CHECK(proxy_with(R"({"url":"https://server"})").empty());
  CHECK(proxy_with(R"({"url":"https://server","proxy_method":"environment"})") ==
        "http://env-proxy:3128");
  CHECK(proxy_with(R"({"url":"https://a.exempt.example","proxy_method":"environment"})").empty());
  directory.write("jetpack.ini", "[cycle_server]\nproxy = http://ini-proxy:8080\n");
  CHECK(proxy_with(R"({"url":"https://server"})") == "http://ini-proxy:8080");
  CHECK(proxy_with(R"({"url":"https://server","proxy_method":"none"})").empty());
  ::unsetenv("https_proxy");
  ::unsetenv("no_proxy");
}

TEST_CASE("the transport is https unless a file or the configuration says amqp") {
  const TemporaryDirectory directory;
  CHECK(NodeSettings(directory.path(), none).fact("transport") == "https");
  const auto amqp = settings({{"cyclecloud.jetpack.transport", "amqp"}});
  CHECK(NodeSettings(directory.path(), amqp).fact("transport") == "amqp");
  directory.write("jetpack.ini", "[cycle_server]\ntransport = https\n");
  CHECK(NodeSettings(directory.path(), amqp).fact("transport") == "https");
  directory.write("jetpack.ini", "[cycle_server]\ntransport = pigeon\n");
  warnings.clear();
  CHECK(NodeSettings(directory.path(), amqp).fact("transport") == "https");
  CHECK(warnings == std::vector<std::string>{"[cycle_server] transport is 'pigeon'; expected https "
                                             "or amqp, using https"});
}

TEST_CASE("the broker is shown without its password, and only TLS leaves this host") {
  const TemporaryDirectory directory;
  CHECK_FALSE(NodeSettings(directory.path(), none).fact("broker").has_value());
  directory.write("jetpack.ini", "[broker]\nurl = amqps://u:secret@broker/v\nca_file = b.pem\n");
  const NodeSettings node(directory.path(), none);
  CHECK(node.fact("broker") == "amqps://u@broker/v");
  CHECK(node.broker().password == "secret");
  CHECK(node.broker().ca_file == directory.file("b.pem"));
  CHECK(node.broker().verify);
  CHECK(node.exchange() == "jetpack");
  directory.write("jetpack.ini", "[broker]\nurl = amqp://u:secret@broker/v\n");
  const auto error =
      error_of([&] { static_cast<void>(NodeSettings(directory.path(), none).broker()); });
  CHECK(error.find("allow_plain") != std::string::npos);
  CHECK(error.find("secret") == std::string::npos);
  directory.write("jetpack.ini", "[broker]\nurl = amqp://u:secret@broker/v\nallow_plain = true\n");
  CHECK_FALSE(NodeSettings(directory.path(), none).broker().is_tls);
}

TEST_CASE("the id of the userdata is configured, the instance's, or made from the node's name") {
  const TemporaryDirectory directory;
  CHECK_FALSE(NodeSettings(directory.path(), none).fact("userdata").has_value());
  directory.write("jetpack.ini",
                  "[identity]\ninstance_id = 32115CA5-9dfd-4296-9a8f-f4d627e4ae2d\n");
  CHECK(NodeSettings(directory.path(), none).fact("userdata") ==
        "32115ca59dfd42969a8ff4d627e4ae2d");
  directory.write("jetpack.ini",
                  "[identity]\ncluster_name = c\nnode_name = n\ninstance_id = i-1\n");
  CHECK(NodeSettings(directory.path(), none).fact("userdata") == "");
  CHECK(NodeSettings(directory.path(), none).userdata_seed() == "c/n");
  directory.write("jetpack.ini", "[identity]\nuserdata_id = 0123\ninstance_id = i-1\n");
  CHECK(NodeSettings(directory.path(), none).fact("userdata") == "0123");
}
