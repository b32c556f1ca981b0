// store.cpp: see store.hpp. The SQL keeps to what SQLite and PostgreSQL both understand, but for
// the pragmas.
#include "store.hpp"

#include "files.hpp"
#include "text.hpp"

#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Data/Session.h>
#include <Poco/Data/Statement.h>
#include <Poco/Exception.h>
#include <Poco/Tuple.h>
#include <fcntl.h>
#include <unistd.h>
#include <jetpack/error.hpp>

#include <algorithm>
#include <limits>
#include <mutex>

namespace hub {

using namespace Poco::Data::Keywords;
using jetpack::Errc;
using jetpack::Error;
using Poco::Data::Session;
using Poco::Data::Statement;

namespace {

constexpr int64_t schema_version = 1;

constexpr const char* schema[] = {
    "CREATE TABLE hub_schema (version INTEGER NOT NULL)",
    "CREATE TABLE clusters (name TEXT PRIMARY KEY)",
    "CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
    "admin INTEGER NOT NULL, cluster TEXT NOT NULL, node TEXT NOT NULL, password TEXT NOT NULL)",
    "CREATE TABLE nodes (cluster TEXT NOT NULL, name TEXT NOT NULL, instance_id TEXT NOT NULL, "
    "hostname TEXT NOT NULL, address TEXT NOT NULL, first_contact INTEGER NOT NULL, "
    "last_contact INTEGER NOT NULL, properties TEXT NOT NULL, PRIMARY KEY (cluster, name))",
    "CREATE TABLE messages (number INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL, "
    "id TEXT NOT NULL, cluster TEXT NOT NULL, node TEXT NOT NULL, instance_id TEXT NOT NULL, "
    "type TEXT NOT NULL, sent TEXT NOT NULL, received INTEGER NOT NULL, session TEXT NOT NULL, "
    "data TEXT NOT NULL, UNIQUE (account, id))",
    "CREATE INDEX messages_of_cluster ON messages (cluster, number)",
    // An event's id is the number of the message that brought it.
    "CREATE TABLE events (id INTEGER PRIMARY KEY, cluster TEXT NOT NULL, node TEXT NOT NULL, "
    "level TEXT NOT NULL, priority INTEGER NOT NULL, text TEXT NOT NULL, extras TEXT NOT NULL, "
    "sent TEXT NOT NULL, received INTEGER NOT NULL)",
    "CREATE INDEX events_of_cluster ON events (cluster, id)",
};

// Rolls back unless committed.
class Transaction {
 public:
  explicit Transaction(Session& session) : session_(session) {
    // IMMEDIATE: two writers wait for each other instead of failing half-way.
    session_ << "BEGIN IMMEDIATE", now;
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (done_) return;
    try {
      session_ << "ROLLBACK", now;
    } catch (const Poco::Exception&) {
      // SQLite has rolled back by itself, as it does when the disk is full.
    }
  }
  void commit() {
    session_ << "COMMIT", now;
    done_ = true;
  }

 private:
  Session& session_;
  bool done_ = false;
};

void create_schema(Session& session) {
  Transaction transaction(session);
  int64_t tables = 0;
  session << "SELECT count(*) FROM sqlite_master WHERE name = 'hub_schema'", into(tables), now;
  if (tables == 0) {
    for (const char* statement : schema) session << statement, now;
    int64_t version = schema_version;
    session << "INSERT INTO hub_schema VALUES (?)", use(version), now;
  }
  int64_t version = 0;
  session << "SELECT version FROM hub_schema", into(version), now;
  if (version != schema_version)
    throw Error(Errc::unsupported, "the database has schema " + std::to_string(version) +
                                       ", this hub knows " + std::to_string(schema_version) +
                                       "; use the hub that made it, or a newer one");
  transaction.commit();
}

std::string where(const std::vector<std::string>& conditions) {
  std::string text;
  for (const auto& condition : conditions) text += (text.empty() ? " WHERE " : " AND ") + condition;
  return text;
}

// The part of a list that `range` asks for, a row at a time, so that memory is bounded by its
// max_bytes and one row. All values are bound, none is written into the SQL. `bind` binds the
// conditions' values; `read` makes an item of a row; `weigh` gives an item's size in bytes.
template <class Item, class Row, class Bind, class Read, class Weigh>
Page<Item> select_range(Session& session, const std::string& columns_from, const std::string& key,
                        std::vector<std::string> conditions, const Range& range, Bind bind,
                        Read read, Weigh weigh) {
  int64_t bound =
      range.after ? *range.after : range.before.value_or(std::numeric_limits<int64_t>::max());
  int64_t most = range.limit;
  conditions.insert(conditions.begin(), key + (range.after ? " > ?" : " < ?"));
  Row row;
  Statement select(session);
  select << columns_from + where(conditions) + " ORDER BY " + key +
                (range.after ? " ASC" : " DESC") + " LIMIT ?",
      use(bound);
  bind(select);
  select, use(most), into(row), limit(1);
  Page<Item> page;
  size_t bytes = 0;
  while (!select.done() && select.execute() > 0) {
    page.items.push_back(read(row));
    bytes += weigh(page.items.back());
    if (bytes >= range.max_bytes) page.more = true;
    if (page.more) break;
  }
  page.more = page.more || page.items.size() == static_cast<size_t>(range.limit);
  if (!range.after) std::reverse(page.items.begin(), page.items.end());
  return page;
}

using NodeRow = Poco::Tuple<std::string, std::string, std::string, std::string, std::string,
                            int64_t, int64_t, std::string>;
constexpr const char* node_columns =
    "SELECT cluster, name, instance_id, hostname, address, first_contact, last_contact, "
    "properties FROM nodes";

Node to_node(const NodeRow& row) {
  return {row.get<0>(), row.get<1>(), row.get<2>(), row.get<3>(),
          row.get<4>(), row.get<5>(), row.get<6>(), row.get<7>()};
}

std::optional<Node> select_node(Session& session, std::string cluster, std::string name) {
  std::vector<NodeRow> rows;
  session << std::string(node_columns) + " WHERE cluster = ? AND name = ?", use(cluster), use(name),
      into(rows), now;
  if (rows.empty()) return std::nullopt;
  return to_node(rows.front());
}

Node known_or_new(Session& session, const Account& account) {
  return select_node(session, account.cluster, account.node)
      .value_or(Node{account.cluster, account.node, "", "", "", 0, 0, "{}"});
}

void put_node(Session& session, Node node) {
  session << "INSERT INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (cluster, name) DO "
             "UPDATE SET instance_id = excluded.instance_id, hostname = excluded.hostname, "
             "address = excluded.address, first_contact = excluded.first_contact, "
             "last_contact = excluded.last_contact, properties = excluded.properties",
      use(node.cluster), use(node.name), use(node.instance_id), use(node.hostname),
      use(node.address), use(node.first_contact), use(node.last_contact), use(node.properties), now;
}

// Makes the account or gives it its new password.
bool put_account(Session& session, Account account) {
  int64_t known = 0;
  session << "SELECT count(*) FROM accounts WHERE name = ?", use(account.name), into(known), now;
  int64_t admin = account.role == Role::admin ? 1 : 0;
  session << "INSERT INTO accounts (name, admin, cluster, node, password) VALUES (?, ?, ?, ?, ?) "
             "ON CONFLICT (name) DO UPDATE SET password = excluded.password",
      use(account.name), use(admin), use(account.cluster), use(account.node), use(account.password),
      now;
  return known == 0;
}

// Stores messages and their events, one prepared statement for each.
class MessageWriter {
 public:
  MessageWriter(Session& session, const Account& account, int64_t received)
      : account_(account.id),
        cluster_(account.cluster),
        node_(account.node),
        received_(received),
        insert_message_(session),
        insert_event_(session) {
    insert_message_ << "INSERT INTO messages (account, id, cluster, node, instance_id, type, sent, "
                       "received, session, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                       "ON CONFLICT (account, id) DO NOTHING RETURNING number",
        use(account_), use(message_.id), use(cluster_), use(node_), use(message_.instance_id),
        use(message_.type), use(message_.sent), use(received_), use(message_.session),
        use(message_.data), into(number_);
    insert_event_ << "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", use(number_),
        use(cluster_), use(node_), use(entry_.level), use(priority_), use(entry_.text),
        use(entry_.extras), use(message_.sent), use(received_);
  }

  // The message's number, or 0 when it was there already.
  int64_t write(const Message& message) {
    message_ = message;
    number_ = 0;
    insert_message_.execute();
    if (number_ == 0 || !message.log) return number_;
    entry_ = *message.log;
    priority_ = static_cast<int64_t>(entry_.priority);
    insert_event_.execute();
    return number_;
  }

 private:
  int64_t account_;
  std::string cluster_, node_;
  int64_t received_;
  Message message_;
  LogEntry entry_;
  int64_t priority_ = 0, number_ = 0;
  Statement insert_message_, insert_event_;
};

// What the node says of itself in a message; what it leaves out stays as it was.
void learn(Node& node, const Message& message) {
  if (!message.instance_id.empty()) node.instance_id = message.instance_id;
  if (!message.hostname.empty()) node.hostname = message.hostname;
  if (message.properties) node.properties = merge_json(node.properties, *message.properties);
}

void drop_oldest(Session& session, int64_t newest, int64_t keep) {
  int64_t last_to_go = newest - keep;
  if (last_to_go <= 0) return;
  session << "DELETE FROM messages WHERE number <= ?", use(last_to_go), now;
  session << "DELETE FROM events WHERE id <= ?", use(last_to_go), now;
}

}  // namespace

// One SQLite connection, used by one thread at a time.
class Store::Connection {
 public:
  explicit Connection(const std::filesystem::path& file)
      : file_(file), session_("SQLite", file.string()) {
    session_ << "PRAGMA busy_timeout = 20000", now;
    session_ << "PRAGMA journal_mode = WAL", now;
    session_ << "PRAGMA synchronous = FULL", now;
  }

  // Runs `work` and says what was being done when it fails.
  template <class Work>
  auto run(const char* doing, Work work) {
    const std::lock_guard lock(mutex_);
    try {
      return work(session_);
    } catch (const Poco::Exception& e) {
      throw Error(Errc::unavailable, std::string(doing) + " in the hub's database " +
                                         file_.string() + ": " + e.displayText());
    }
  }

 private:
  std::filesystem::path file_;
  std::mutex mutex_;
  Session session_;
};

Store::Store(const std::filesystem::path& file, int64_t keep) : keep_(keep) {
  Poco::Data::SQLite::Connector::registerConnector();
  {
    // It holds password hashes; SQLite gives its side files the same mode.
    const Descriptor made(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!made)
      throw Error(Errc::failed, "cannot open the hub's database " + file.string() + ": " +
                                    std::generic_category().message(errno));
  }
  try {
    writer_ = std::make_unique<Connection>(file);
    reader_ = std::make_unique<Connection>(file);
  } catch (const Poco::Exception& e) {
    throw Error(Errc::corrupt,
                "cannot open the hub's database " + file.string() + ": " + e.displayText());
  }
  writer_->run("making the tables", [](Session& session) { create_schema(session); });
}

Store::~Store() = default;

std::optional<Account> Store::find_account(std::string_view name) {
  using Row = Poco::Tuple<int64_t, std::string, int64_t, std::string, std::string, std::string>;
  return reader_->run("looking up an account", [&](Session& session) -> std::optional<Account> {
    std::string wanted(name);
    std::vector<Row> rows;
    session << "SELECT id, name, admin, cluster, node, password FROM accounts WHERE name = ?",
        use(wanted), into(rows), now;
    if (rows.empty()) return std::nullopt;
    const Row& row = rows.front();
    return Account{row.get<0>(), row.get<1>(), row.get<2>() != 0 ? Role::admin : Role::node,
                   row.get<3>(), row.get<4>(), row.get<5>()};
  });
}

bool Store::set_admin(const std::string& name, const std::string& password_record) {
  return writer_->run("setting a password", [&](Session& session) {
    return put_account(session, {0, name, Role::admin, "", "", password_record});
  });
}

bool Store::enroll(const Account& account, const std::string& instance_id) {
  return writer_->run("enrolling a node", [&](Session& session) {
    Transaction transaction(session);
    std::string cluster = account.cluster;
    session << "INSERT INTO clusters VALUES (?) ON CONFLICT DO NOTHING", use(cluster), now;
    Node node = known_or_new(session, account);
    node.instance_id = instance_id;
    put_node(session, node);
    const bool is_new = put_account(session, account);
    transaction.commit();
    return is_new;
  });
}

std::optional<Node> Store::find_node(const std::string& cluster, const std::string& name) {
  return reader_->run("looking up a node",
                      [&](Session& session) { return select_node(session, cluster, name); });
}

Applied Store::apply(const Account& account, const std::string& address,
                     const std::vector<Message>& messages) {
  return writer_->run("storing messages", [&](Session& session) {
    const int64_t received = now_ms();
    Applied applied;
    Transaction transaction(session);
    Node node = known_or_new(session, account);
    MessageWriter writer(session, account, received);
    int64_t newest = 0;
    for (size_t i = 0; i < messages.size(); ++i) {
      const int64_t number = writer.write(messages[i]);
      if (number == 0) continue;
      applied.indexes.push_back(i);
      newest = number;
      if (messages[i].log) applied.last_event = number;
      learn(node, messages[i]);
    }
    node.address = address;
    if (node.first_contact == 0) node.first_contact = received;
    node.last_contact = received;
    put_node(session, node);
    drop_oldest(session, newest, keep_);
    transaction.commit();
    return applied;
  });
}

Page<Event> Store::events(const std::string& cluster, Priority least, const Range& range) {
  using Row = Poco::Tuple<int64_t, std::string, std::string, std::string, int64_t, std::string,
                          std::string, std::string, int64_t>;
  return reader_->run("reading events", [&](Session& session) {
    std::string of = cluster;
    auto priority = static_cast<int64_t>(least);
    std::vector<std::string> conditions;
    if (!of.empty()) conditions.emplace_back("cluster = ?");
    conditions.emplace_back("priority >= ?");
    return select_range<Event, Row>(
        session,
        "SELECT id, cluster, node, level, priority, text, extras, sent, received FROM events", "id",
        conditions, range,
        [&](Statement& select) {
          if (!of.empty()) select, use(of);
          select, use(priority);
        },
        [](const Row& row) {
          return Event{row.get<0>(),
                       row.get<1>(),
                       row.get<2>(),
                       row.get<3>(),
                       static_cast<Priority>(row.get<4>()),
                       row.get<5>(),
                       row.get<6>(),
                       row.get<7>(),
                       row.get<8>()};
        },
        [](const Event& event) { return event.text.size() + event.extras.size() + 512; });
  });
}

Page<StoredMessage> Store::messages(const std::string& cluster, const std::string& type,
                                    const Range& range) {
  using Row = Poco::Tuple<int64_t, std::string, std::string, std::string, std::string, std::string,
                          std::string, int64_t, std::string, std::string>;
  return reader_->run("reading messages", [&](Session& session) {
    std::string of = cluster, kind = type;
    std::vector<std::string> conditions;
    if (!of.empty()) conditions.emplace_back("cluster = ?");
    if (!kind.empty()) conditions.emplace_back("type = ?");
    return select_range<StoredMessage, Row>(
        session,
        "SELECT number, id, cluster, node, instance_id, type, sent, received, session, data "
        "FROM messages",
        "number", conditions, range,
        [&](Statement& select) {
          if (!of.empty()) select, use(of);
          if (!kind.empty()) select, use(kind);
        },
        [](const Row& row) {
          return StoredMessage{row.get<0>(), row.get<1>(), row.get<2>(), row.get<3>(),
                               row.get<4>(), row.get<5>(), row.get<6>(), row.get<7>(),
                               row.get<8>(), row.get<9>()};
        },
        [](const StoredMessage& message) { return message.data.size() + 512; });
  });
}

std::vector<Node> Store::nodes(const std::string& cluster) {
  return reader_->run("reading nodes", [&](Session& session) {
    std::string of = cluster;
    std::vector<NodeRow> rows;
    Statement select(session);
    select << std::string(node_columns) + (of.empty() ? "" : " WHERE cluster = ?") +
                  " ORDER BY cluster, name";
    if (!of.empty()) select, use(of);
    select, into(rows);
    select.execute();
    std::vector<Node> nodes;
    nodes.reserve(rows.size());
    for (const auto& row : rows) nodes.push_back(to_node(row));
    return nodes;
  });
}

std::vector<Cluster> Store::clusters(const std::string& cluster) {
  return reader_->run("reading clusters", [&](Session& session) {
    std::string of = cluster;
    std::vector<Poco::Tuple<std::string, int64_t>> rows;
    Statement select(session);
    select << std::string(
                  "SELECT name, (SELECT count(*) FROM nodes WHERE cluster = clusters.name)"
                  " FROM clusters") +
                  (of.empty() ? "" : " WHERE name = ?") + " ORDER BY name";
    if (!of.empty()) select, use(of);
    select, into(rows);
    select.execute();
    std::vector<Cluster> clusters;
    clusters.reserve(rows.size());
    for (const auto& row : rows) clusters.push_back({row.get<0>(), row.get<1>()});
    return clusters;
  });
}

}  // namespace hub
