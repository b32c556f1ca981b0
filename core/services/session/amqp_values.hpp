// Values as rabbitmq-c takes them; all but the times borrow.
#pragma once

#include <amqp.h>
#include <sys/time.h>

#include <algorithm>
#include <string>

#include "services/session/amqp_connection.hpp"

namespace jetpack::session {

inline amqp_bytes_t bytes_of(jp_str text) { return {text.size, const_cast<char*>(text.data)}; }

inline amqp_bytes_t bytes_of(const std::string& text) {
  return {text.size(), const_cast<char*>(text.data())};
}

inline amqp_table_entry_t text_entry(amqp_bytes_t name, amqp_bytes_t value) {
  amqp_table_entry_t entry{};
  entry.key = name;
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = value;
  return entry;
}

// What is left until the deadline.
inline timeval until(AmqpClock::time_point deadline) {
  using std::chrono::microseconds;
  const auto left =
      std::max(microseconds::zero(), std::chrono::ceil<microseconds>(deadline - AmqpClock::now()));
  return {left.count() / 1'000'000, left.count() % 1'000'000};
}

}  // namespace jetpack::session
