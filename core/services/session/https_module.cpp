// Loads the https module and calls it over its C table.
#include "services/session/https_module.hpp"

#include <jetpack/boundary.hpp>
#include "services/session/module_file.hpp"

namespace jetpack::session {

namespace {

class LoadedHttpsClient : public HttpsClient {
 public:
  LoadedHttpsClient(const HttpsModule& module, const node::Server& server) : module_(module) {
    ServerParameters table{};
    table.size = sizeof table;
    table.verify = server.verify ? 1 : 0;
    table.url = boundary::borrow(server.url);
    table.username = boundary::borrow(server.username);
    table.password = boundary::borrow(server.password);
    table.ca_file = boundary::borrow(server.ca_file);
    table.proxy = boundary::borrow(server.proxy);
    jp_error err{};
    boundary::check(module_.open(&table, &self_, &err), err);
  }
  ~LoadedHttpsClient() override { module_.close(self_); }

  Response exchange(const Request& request) override {
    std::vector<jp_header> headers;
    for (const auto& [name, value] : request.headers)
      headers.push_back({boundary::borrow(name), boundary::borrow(value)});
    RequestParameters table{};
    table.headers = headers.data();
    table.header_count = headers.size();
    table.size = sizeof table;
    table.method = boundary::borrow(request.method);
    table.path = boundary::borrow(request.path);
    table.content_type = boundary::borrow(request.content_type);
    table.body = boundary::borrow(request.body);
    table.timeout_ms = request.timeout.count();
    table.max_reply = request.max_reply;
    ResponseParameters raw{};
    raw.size = sizeof raw;
    Response response;
    jp_error err{};
    boundary::check(module_.exchange(self_, &table, &raw, boundary::append_to(response.body), &err),
                    err);
    response.status = raw.status;
    response.date = raw.date_s;
    if (raw.retry_after_s >= 0) response.retry_after = std::chrono::seconds{raw.retry_after_s};
    return response;
  }

 private:
  const HttpsModule& module_;
  void* self_ = nullptr;
};

}  // namespace

std::unique_ptr<HttpsClient> load_https_client(const std::string& path,
                                               const node::Server& server) {
  return std::make_unique<LoadedHttpsClient>(load_module<HttpsModule>(path, https_module_symbol),
                                             server);
}

}  // namespace jetpack::session
