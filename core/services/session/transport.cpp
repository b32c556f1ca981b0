// Loads a transport module and speaks to it over its C table.
#include "services/session/transport.hpp"

#include <dlfcn.h>

#include <jetpack/error.hpp>

namespace jetpack::session {

namespace {

const TransportModule& load(const std::string& path) {
  // Never closed: a library with threads of its own cannot be unloaded safely.
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw Error(Errc::unsupported, std::string("cannot load the transport: ") + ::dlerror() +
                                       "; install jetpack again");
  const void* symbol = ::dlsym(library, transport_module_symbol);
  const auto* module = static_cast<const TransportModule*>(symbol);
  if (module == nullptr || module->size < sizeof(TransportModule))
    throw Error(Errc::unsupported, "cannot load the transport: " + path +
                                       " is of another version; install jetpack again");
  return *module;
}

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
    ExchangeTable table{};
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

std::unique_ptr<Transport> load_transport(const std::string& path, const Server& server) {
  return std::make_unique<LoadedTransport>(load(path), server);
}

}  // namespace jetpack::session
