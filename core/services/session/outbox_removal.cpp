// Takes messages out of the outbox: delivered, refused for good, or remembered as delivered where
// the disk lets nothing be deleted.
#include <algorithm>
#include <array>

#include "services/session/outbox_schema.hpp"

namespace jetpack::session {

namespace {

// Dead letters are kept for an administrator to see, not forever.
constexpr int64_t max_dead = 1000;
constexpr size_t max_dead_body = 256 << 10;
// Few, because each takes room in the log; there is hardly any then.
constexpr int64_t rows_at_once = 16;

// Rows of a damaged file may hold anything in any column; NULL is not allowed in `dead`.
constexpr const char* bury =
    "INSERT OR REPLACE INTO dead(seq, id, type, data, time, cluster, node, instance, session, "
    "hostname, reason, kind, target) SELECT seq, coalesce(id, ''), coalesce(type, ''), ?, "
    "coalesce(time, ''), cluster, node, instance, session, hostname, ?, ?, ? FROM outbox "
    "WHERE seq = ? AND ";

}  // namespace

// A damaged place in the order hides rows from a search for one, not from a reading of all.
void Outbox::check_gone(const Message& message) {
  Statement row(*database_, std::string("SELECT 1 FROM outbox WHERE +seq = ? AND ") + same_id);
  if (row.bind(message.seq).bind(message.id).step()) fail_damaged();
}

void Outbox::note_removed(int64_t seq) {
  constexpr size_t most = 1000;
  if (removed_.size() >= most) removed_.clear();
  removed_.insert(seq);
}

void Outbox::fail_damaged() const {
  throw DatabaseError(Errc::corrupt, path_ + " is damaged: a row cannot be removed", SQLITE_CORRUPT,
                      false);
}

void Outbox::empty_log_now() const noexcept {
  sqlite3_wal_checkpoint_v2(database_->handle(), "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr,
                            nullptr);
}

// By id too: after a repair a seq may belong to another message.
void Outbox::erase(std::span<const Message> messages) {
  try {
    Transaction transaction(*database_);
    Statement row(*database_, std::string("DELETE FROM outbox WHERE seq = ? AND ") + same_id);
    Statement body(*database_, "DELETE FROM letter WHERE seq = ?");
    for (const auto& message : messages) {
      row.bind(message.seq).bind(message.id).run();
      if (sqlite3_changes(database_->handle()) == 0) {
        check_gone(message);
      } else if (message.kind != Kind::message) {
        body.bind(message.seq).run();
      }
    }
    transaction.commit();
    for (const auto& message : messages) note_removed(message.seq);
    return;
  } catch (const DatabaseError& e) {
    if (!e.is_full() || messages.size() < 2) throw;
  }
  // Fewer need less room at once.
  empty_log_now();
  const size_t middle = messages.size() / 2;
  erase(messages.first(middle));
  erase(messages.subspan(middle));
}

void Outbox::remove(const std::vector<Message>& messages) {
  repairing([&] {
    if (!delivered_.empty()) remove_remembered();
    try {
      if (delivered_.empty()) return with_room([&] { erase(messages); });
    } catch (const DatabaseError& e) {
      if (e.is_corrupt()) throw;
      why_not_removed_ = e.what();
    }
    for (const auto& message : messages) {
      auto& place = delivered_[number(message.kind)];
      place = std::max(place, message.seq);
    }
    ballast_->remember(inode_, delivered_);
  });
}

void Outbox::erase_remembered() {
  for (const auto& [kind, place] : delivered_) {
    for (int changed = 1; changed > 0;) {
      Transaction transaction(*database_);
      const std::string some =
          " WHERE seq IN (SELECT seq FROM outbox WHERE kind = ?1 AND seq <= "
          "?2 ORDER BY seq LIMIT " +
          std::to_string(rows_at_once) + ")";
      for (const char* table : {"letter", "outbox"}) {
        Statement(*database_, std::string("DELETE FROM ") + table + some)
            .bind(kind)
            .bind(place)
            .run();
        changed = sqlite3_changes(database_->handle());
      }
      transaction.commit();
    }
  }
  delivered_.clear();
  ballast_->remember(inode_, delivered_);
}

std::optional<std::string> Outbox::remove_remembered() {
  if (delivered_.empty()) return std::nullopt;
  return repairing([&]() -> std::optional<std::string> {
    reopen_if_replaced();
    try {
      with_room([&] { erase_remembered(); });
      return std::nullopt;
    } catch (const DatabaseError& e) {
      if (e.is_corrupt()) throw;
      why_not_removed_ = e.what();
      return why_not_removed_;
    }
  });
}

void Outbox::remember_others() {
  for (const auto& [kind, place] : ballast_->delivered(inode_))
    delivered_[kind] = std::max(delivered_[kind], place);
}

void Outbox::give_back_space() {
  try {
    const int64_t unused = database_->integer("PRAGMA freelist_count");
    if (unused * page_size < static_cast<int64_t>(small)) return;
    if (2 * unused < database_->integer("PRAGMA page_count")) return;
    database_->execute("PRAGMA temp_store = MEMORY");
    with_room([&] { database_->execute("VACUUM"); });
    empty_log_now();
  } catch (const Error&) {
    // Another process uses it now; a later call will do.
  }
}

void Outbox::move_to_dead_letters(const Message& message, const std::string& reason) {
  repairing([&] {
    with_room([&] {
      Transaction transaction(*database_);
      const bool is_letter = message.kind != Kind::message;
      const bool is_kept = !is_letter || message.data.size() <= max_dead_body;
      const std::string target = target_of(message);
      Statement(*database_, std::string(bury) + same_id)
          .bind_blob(is_kept ? std::string_view(message.data) : std::string_view())
          .bind(reason)
          .bind(number(message.kind))
          .bind_known(target)
          .bind(message.seq)
          .bind(message.id)
          .run();
      if (is_letter && is_kept)
        Statement(*database_,
                  "INSERT OR REPLACE INTO dead_letter SELECT seq, kind, method, address, exchange, "
                  "content_type, headers, persistent FROM letter WHERE seq = ?")
            .bind(message.seq)
            .run();
      Statement(*database_, "DELETE FROM letter WHERE seq = ?").bind(message.seq).run();
      Statement(*database_, std::string("DELETE FROM outbox WHERE seq = ? AND ") + same_id)
          .bind(message.seq)
          .bind(message.id)
          .run();
      if (sqlite3_changes(database_->handle()) == 0) check_gone(message);
      trim_dead();
      transaction.commit();
      note_removed(message.seq);
    });
  });
}

// Keeps the newest dead letters, in number and in at most an eighth of the cap.
void Outbox::trim_dead() {
  if (cap_ == 0) cap_ = options_.max_bytes();
  const int64_t dropped = database_->integer(
      "SELECT coalesce(max(seq), 0) FROM (SELECT seq, row_number() OVER newest AS rank, "
      "sum(length(data)) OVER newest AS bytes FROM dead WINDOW newest AS (ORDER BY seq DESC)) "
      "WHERE rank > " +
      std::to_string(max_dead) + " OR bytes > " + std::to_string(cap_ / 8));
  if (dropped == 0) return;
  Statement(*database_, "DELETE FROM dead_letter WHERE seq <= ?").bind(dropped).run();
  Statement(*database_, "DELETE FROM dead WHERE seq <= ?").bind(dropped).run();
  options_.warn("dropped " + std::to_string(sqlite3_changes(database_->handle())) +
                " of the oldest messages that the server had refused: too many are kept");
}

}  // namespace jetpack::session
