// The facts of a machine as one object.
#include "support/facts/facts.hpp"

#include <utility>

#include <jetpack/error.hpp>
#include "support/facts/network.hpp"
#include "support/facts/parts.hpp"
#include "support/json.hpp"
#include "support/text.hpp"

namespace jetpack::support::facts {

namespace {

void add_names(const Names& names, Object& facts) {
  if (names.machine.empty()) return;
  facts.text("hostname", names.host).text("machinename", names.machine).text("fqdn", names.full);
  if (names.domain.empty()) {
    facts.null("domain");
  } else {
    facts.text("domain", names.domain);
  }
}

void add_small(const Sources& sources, Object& facts) {
  const std::string machine(trimmed(text_of_file(sources, "/etc/machine-id")));
  if (!machine.empty()) facts.text("machine_id", machine);
  const std::string init(trimmed(text_of_file(sources, "/proc/1/comm")));
  facts.text("init_package", init.empty() ? "init" : init);
}

std::string own_facts(const Sources& sources) {
  const Platform platform = platform_of(sources);
  const Names names = names_of_this_host(sources);
  const Network network = sources.root.empty() ? read_network() : Network();
  const Chosen chosen = choose_addresses(network);
  return json_object([&](Object& facts) {
    add_names(names, facts);
    add_network(network, chosen, facts);
    add_platform(sources, platform, facts);
    add_kernel(platform, facts);
    add_cpu(sources, facts);
    add_memory(sources, facts);
    add_uptime(sources, facts);
    add_filesystem(sources, facts);
    add_virtualization(sources, facts);
    add_cloud(sources, chosen.ipv4, names, facts);
    add_small(sources, facts);
  });
}

// Objects are merged; of all else what is laid over counts, unless it is null.
void lay_over(rapidjson::Value& base, rapidjson::Value& over,
              rapidjson::Document::AllocatorType& allocator) {
  // Counted, because RapidJSON's mutable iterators have an operator != that is ambiguous in C++20.
  auto member = over.MemberBegin();
  for (auto left = over.MemberCount(); left > 0; --left, ++member) {
    if (member->value.IsNull()) continue;
    auto* known = const_cast<rapidjson::Value*>(find_member(base, text_of(member->name)));
    if (known == nullptr) {
      base.AddMember(member->name, member->value, allocator);
    } else if (known->IsObject() && member->value.IsObject()) {
      lay_over(*known, member->value, allocator);
    } else {
      *known = member->value;
    }
  }
}

}  // namespace

std::string collect(const Sources& sources) {
  std::string own = own_facts(sources);
  if (!sources.ohai) return own;
  try {
    auto base = parse_json(own, "the facts");
    auto ohai = parse_json(sources.ohai(), "the output of ohai");
    if (!ohai.IsObject()) throw Error(Errc::corrupt, "the output of ohai is not an object");
    // Moved values keep their memory in their own document.
    rapidjson::Value copy(ohai, base.GetAllocator());
    lay_over(base, copy, base.GetAllocator());
    return to_json(base);
  } catch (const Error& e) {
    if (sources.warn) sources.warn(std::string(e.what()) + "; using our own facts alone");
    return own;
  }
}

}  // namespace jetpack::support::facts
