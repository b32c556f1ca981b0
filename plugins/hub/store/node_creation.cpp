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
  if (const size_t at = name.find("%d"); at != std::string::npos)
    name.replace(at, 2, std::to_string(number));
  return name;
}

bool is_whole_name(const NodeSet& set) { return set.name_format.find('%') == std::string::npos; }

void require_format(const NodeSet& set) {
  const size_t at = set.name_format.find('%');
  const bool has_one_number = at != std::string::npos &&
                              set.name_format.compare(at, 2, "%d") == 0 &&
                              set.name_format.find('%', at + 1) == std::string::npos;
  const bool is_enough = has_one_number || (is_whole_name(set) && set.count == 1);
  if (!is_enough || !is_name(name_of(set, set.name_offset + 1)))
    throw Error(Errc::usage,
                "'nameFormat' must contain one %d (a single node needs none), and otherwise "
                "letters, digits, '.', '_' and '-', beginning with a letter or digit; it is '" +
                    support::one_line(set.name_format) + "'");
}

// Those of a cluster's nodes.
struct Names {
  std::unordered_set<std::string> taken, free_again;
};

Names names_of(SqlSession& session, const std::string& cluster) {
  Names names;
  for (const auto& row : select<Row<std::string, std::string, int64_t>>(
           session, "SELECT name, phase, scheduler FROM nodes WHERE cluster = $1", cluster)) {
    // Only an administrator makes a scheduler, or ends that it is one.
    const bool is_free = row.get<1>() == phase::terminated && row.get<2>() == 0;
    (is_free ? names.free_again : names.taken).insert(row.get<0>());
  }
  return names;
}

// As many as are wanted.
std::vector<std::string> choose_names(const Names& known, const NodeSet& set) {
  std::vector<std::string> names;
  for (int64_t number = set.name_offset + 1; std::ssize(names) < set.count; ++number) {
    auto name = name_of(set, number);
    if (!known.taken.contains(name)) {
      names.push_back(std::move(name));
    } else if (is_whole_name(set)) {
      throw Error(Errc::usage, "node '" + name + "' already exists");
    }
  }
  return names;
}

}  // namespace

std::vector<std::string> create_nodes(Transaction& transaction, const std::string& cluster,
                                      const NodeSet& set) {
  require_format(set);
  SqlSession& session = transaction.session();
  const std::string record = hash_password(random_password());
  const Names known = names_of(session, cluster);
  auto names = choose_names(known, set);
  for (const auto& name : names) {
    if (known.free_again.contains(name)) forget_machine(session, cluster, name);
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
