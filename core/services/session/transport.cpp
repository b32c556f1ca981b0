// Loads a transport module and speaks to it over its C table.
#include "services/session/transport.hpp"

#include <jetpack/error.hpp>
#include "services/session/module_file.hpp"

namespace jetpack::session {

namespace {

class LoadedTransport : public Transport {
 public:
  LoadedTransport(const TransportModule& module, const Server& server) : module_(module) {
    ServerTable table{};
    table.size = sizeof table;
    table.verify = server.verify ? 1 : 0;
    table.url = detail::borrow(server.url);
    table.username = detail::borrow(server.username);
    table.password = detail::borrow(server.password);
    table.ca_file = detail::borrow(server.ca_file);
    table.proxy = detail::borrow(server.proxy);
    jp_error err{};
    detail::check(module_.open(&table, &self_, &err), err);
  }
  ~LoadedTransport() override { module_.close(self_); }

  Answer exchange(const Exchange& exchange) override {
    std::vector<jp_header> headers;
    for (const auto& [name, value] : exchange.headers)
      headers.push_back({detail::borrow(name), detail::borrow(value)});
    ExchangeTable table{};
    table.headers = headers.data();
    table.header_count = headers.size();
    table.size = sizeof table;
    table.method = detail::borrow(exchange.method);
    table.path = detail::borrow(exchange.path);
    table.content_type = detail::borrow(exchange.content_type);
    table.body = detail::borrow(exchange.body);
    table.timeout_ms = exchange.timeout.count();
    table.max_reply = exchange.max_reply;
    AnswerTable raw{};
    raw.size = sizeof raw;
    Answer answer;
    jp_error err{};
    detail::check(module_.exchange(self_, &table, &raw, detail::append_to(answer.body), &err), err);
    answer.status = raw.status;
    if (raw.retry_after_s >= 0) answer.retry_after = std::chrono::seconds{raw.retry_after_s};
    return answer;
  }

 private:
  const TransportModule& module_;
  void* self_ = nullptr;
};

}  // namespace

std::string sha256_by(const std::string& path, std::string_view text) {
  const auto& module = load_module<TransportModule>(path, transport_module_symbol);
  std::string hex;
  jp_error err{};
  detail::check(module.sha256(detail::borrow(text), detail::append_to(hex), &err), err);
  return hex;
}

std::unique_ptr<Transport> load_transport(const std::string& path, const Server& server) {
  return std::make_unique<LoadedTransport>(
      load_module<TransportModule>(path, transport_module_symbol), server);
}

}  // namespace jetpack::session
