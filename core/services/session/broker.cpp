// Loads the AMQP module and calls it over its C table.
#include "services/session/broker.hpp"

#include <jetpack/boundary.hpp>
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
    table.host = boundary::borrow(address.host);
    table.vhost = boundary::borrow(address.vhost);
    table.username = boundary::borrow(address.username);
    table.password = boundary::borrow(address.password);
    table.ca_file = boundary::borrow(address.ca_file);
    jp_error err{};
    boundary::check(module_.open(&table, &self_, &err), err);
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
    boundary::check(
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
      headers.push_back({boundary::borrow(name), boundary::borrow(value)});
    PublishParameters table{};
    table.size = sizeof table;
    table.persistent = message.persistent ? 1 : 0;
    table.exchange = boundary::borrow(message.exchange);
    table.routing_key = boundary::borrow(message.routing_key);
    table.content_type = boundary::borrow(message.content_type);
    table.message_id = boundary::borrow(message.message_id);
    table.user_id = boundary::borrow(message.user_id);
    table.body = boundary::borrow(message.body);
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
