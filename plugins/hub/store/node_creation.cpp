// Nodes that are to come: rows for machines that join later.
#include "store/node_creation.hpp"

#include <unordered_set>

#include <jetpack/error.hpp>
#include "common/json.hpp"
#include "common/passwords.hpp"
#include "common/text.hpp"
#include "support/random.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace {

std::string name_of(const NodeSet& set, int64_t number) {
  std::string name = set.name_format;
  return name.replace(name.find("%d"), 2, std::to_string(number));
}

void require_format(const NodeSet& set) {
  const size_t at = set.name_format.find('%');
  const bool has_one_number = at != std::string::npos &&
                              set.name_format.compare(at, 2, "%d") == 0 &&
                              set.name_format.find('%', at + 1) == std::string::npos;
  if (!has_one_number || !is_name(name_of(set, set.name_offset + 1)))
    throw Error(Errc::usage,
                "'nameFormat' must have one %d, and otherwise letters, digits, '.', "
                "'_' and '-', beginning with a letter or digit; it is '" +
                    support::one_line(set.name_format) + "'");
}

// As many as are wanted.
std::vector<std::string> free_names(SqlSession& session, const std::string& cluster,
                                    const NodeSet& set) {
  std::unordered_set<std::string> taken;
  for (auto& name :
       select<std::string>(session, "SELECT name FROM nodes WHERE cluster = $1", cluster))
    taken.insert(std::move(name));
  std::vector<std::string> names;
  for (int64_t number = set.name_offset + 1; std::ssize(names) < set.count; ++number)
    if (auto name = name_of(set, number); !taken.contains(name)) names.push_back(std::move(name));
  return names;
}

}  // namespace

std::vector<std::string> create_nodes(Transaction& transaction, const std::string& cluster,
                                      const NodeSet& set) {
  require_format(set);
  SqlSession& session = transaction.session();
  const std::string record = hash_password(random_password());
  auto names = free_names(session, cluster, set);
  for (const auto& name : names) {
    std::string account = cluster;
    account.append("/").append(name);
    enroll_node(transaction, {0, account, Role::node, cluster, name, record},
                support::random_uuid());
    execute(session,
            "UPDATE nodes SET template = $1, configuration = $2, properties = $3 "
            "WHERE cluster = $4 AND name = $5",
            set.nodearray, set.configuration, set.properties, cluster, name);
  }
  return names;
}

bool awaits_machine(const Node& node) {
  if (node.last_contact != 0 || node.last_request.empty()) return false;
  const auto request = parse_object(node.last_request);
  return request && support::text_or(*request, "action", "") == "create";
}

}  // namespace jetpack::hub
