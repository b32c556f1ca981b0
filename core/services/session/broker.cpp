// Loads the AMQP module and calls it over its C table.
#include "services/session/broker.hpp"

#include <jetpack/error.hpp>
#include "services/session/module_file.hpp"

namespace jetpack::session {

namespace {

class LoadedBroker : public Broker {
 public:
  LoadedBroker(const BrokerModule& module, const node::BrokerAddress& address) : module_(module) {
    BrokerParameters table{};
    table.size = sizeof table;
    table.port = address.port;
    table.is_tls = address.is_tls ? 1 : 0;
    table.verify = address.verify ? 1 : 0;
    table.host = detail::borrow(address.host);
    table.vhost = detail::borrow(address.vhost);
    table.username = detail::borrow(address.username);
    table.password = detail::borrow(address.password);
    table.ca_file = detail::borrow(address.ca_file);
    jp_error err{};
    detail::check(module_.open(&table, &self_, &err), err);
  }
  ~LoadedBroker() override { module_.close(self_); }

  std::vector<Published> publish(const std::vector<Publication>& messages,
                                 std::chrono::milliseconds timeout) override {
    std::vector<std::vector<jp_header>> headers;
    std::vector<PublishParameters> tables;
    headers.reserve(messages.size());
    tables.reserve(messages.size());
    for (const auto& message : messages)
      tables.push_back(table_of(message, headers.emplace_back()));
    std::vector<PublishResult> raw(messages.size());
    for (auto& result : raw) result.size = sizeof result;
    jp_error err{};
    detail::check(
        module_.publish(self_, tables.data(), tables.size(), timeout.count(), raw.data(), &err),
        err);
    std::vector<Published> results;
    results.reserve(raw.size());
    for (const auto& result : raw)
      results.push_back({static_cast<PublishStatus>(result.status), result.reply,
                         std::string(result.text, result.text_size)});
    return results;
  }

  void heartbeat() override { module_.heartbeat(self_); }

 private:
  static PublishParameters table_of(const Publication& message, std::vector<jp_header>& headers) {
    headers.reserve(message.headers.size());
    for (const auto& [name, value] : message.headers)
      headers.push_back({detail::borrow(name), detail::borrow(value)});
    PublishParameters table{};
    table.size = sizeof table;
    table.persistent = message.persistent ? 1 : 0;
    table.exchange = detail::borrow(message.exchange);
    table.routing_key = detail::borrow(message.routing_key);
    table.content_type = detail::borrow(message.content_type);
    table.message_id = detail::borrow(message.message_id);
    table.user_id = detail::borrow(message.user_id);
    table.body = detail::borrow(message.body);
    table.headers = headers.data();
    table.header_count = headers.size();
    return table;
  }

  const BrokerModule& module_;
  void* self_ = nullptr;
};

}  // namespace

std::unique_ptr<Broker> load_broker(const std::string& path, const node::BrokerAddress& address) {
  return std::make_unique<LoadedBroker>(load_module<BrokerModule>(path, broker_module_symbol),
                                        address);
}

}  // namespace jetpack::session
