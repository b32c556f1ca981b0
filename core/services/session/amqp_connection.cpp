// A connection to an AMQP broker.
#include "services/session/amqp_connection.hpp"

#include <amqp_framing.h>
#include <poll.h>

#include <algorithm>
#include <vector>

#include "services/session/amqp_values.hpp"
#include "support/json.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::session {

namespace {

using std::chrono::milliseconds;

// Up to here a body is written in one go.
constexpr size_t small_body = 32 << 10;
// Of a larger one no more is written at a time than a socket with room takes at once, so that the
// library never waits in the middle.
constexpr size_t piece = 16 << 10;
constexpr milliseconds goodbye{1000};
constexpr amqp_channel_t question_channel = 2;
constexpr size_t max_words = 200;

// What the broker said, fit for a line of text.
std::string text_of(const amqp_bytes_t& bytes) {
  std::string text(static_cast<const char*>(bytes.bytes), std::min(bytes.len, max_words));
  while (!text.empty() && !support::is_utf8(text)) text.pop_back();
  return support::one_line(text);
}

// Borrows from the message.
struct Properties {
  explicit Properties(const PublishParameters& message) {
    for (size_t i = 0; i < message.header_count; ++i)
      entries.push_back(
          text_entry(bytes_of(message.headers[i].name), bytes_of(message.headers[i].value)));
    fields._flags =
        AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG;
    fields.content_type = bytes_of(message.content_type);
    fields.delivery_mode =
        message.persistent != 0 ? AMQP_DELIVERY_PERSISTENT : AMQP_DELIVERY_NONPERSISTENT;
    fields.message_id = bytes_of(message.message_id);
    if (message.user_id.size > 0) {
      fields._flags |= AMQP_BASIC_USER_ID_FLAG;
      fields.user_id = bytes_of(message.user_id);
    }
    if (!entries.empty()) {
      fields._flags |= AMQP_BASIC_HEADERS_FLAG;
      fields.headers = {static_cast<int>(entries.size()), entries.data()};
    }
  }
  Properties(const Properties&) = delete;
  Properties& operator=(const Properties&) = delete;

  std::vector<amqp_table_entry_t> entries;
  amqp_basic_properties_t fields{};
};

}  // namespace

void AmqpConnection::fail_closed(uint32_t reply, const amqp_bytes_t& text, const char* what) {
  throw ClosedByBroker(Errc::unavailable, peer_ + " closed the " + what + ": " + text_of(text),
                       reply);
}

void AmqpConnection::check_reply(const amqp_rpc_reply_t& reply, const char* doing) {
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
  if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) {
    if (reply.library_error == AMQP_STATUS_TIMEOUT)
      throw Error(Errc::unavailable, peer_ + " did not " + doing + " in time");
    throw Error(Errc::unavailable,
                peer_ + " broke off: " + amqp_error_string2(reply.library_error));
  }
  if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
    const auto* method = static_cast<const amqp_connection_close_t*>(reply.reply.decoded);
    fail_closed(method->reply_code, method->reply_text, "connection");
  }
  if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
    const auto* method = static_cast<const amqp_channel_close_t*>(reply.reply.decoded);
    fail_closed(method->reply_code, method->reply_text, "channel");
  }
  throw Error(Errc::unavailable, peer_ + " gave an unexpected answer");
}

void AmqpConnection::check_status(int status) {
  if (status == AMQP_STATUS_OK) return;
  throw Error(Errc::unavailable, peer_ + " broke off: " + amqp_error_string2(status));
}

bool AmqpConnection::has_exchange(const std::string& name, AmqpClock::time_point deadline) {
  limit(deadline);
  // On a channel of its own, which the broker closes when there is no such exchange: what waits
  // for confirms on the other must not be lost.
  amqp_channel_open(state_.get(), question_channel);
  check_reply(amqp_get_rpc_reply(state_.get()), "open a channel");
  amqp_exchange_declare(state_.get(), question_channel, bytes_of(name), amqp_empty_bytes, 1, 0, 0,
                        0, amqp_empty_table);
  try {
    check_reply(amqp_get_rpc_reply(state_.get()), "say whether an exchange exists");
  } catch (const ClosedByBroker& e) {
    if (e.reply() != amqp_reply::not_found) throw;
    amqp_channel_close_ok_t done{};
    check_status(
        amqp_send_method(state_.get(), question_channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &done));
    return false;
  }
  check_reply(amqp_channel_close(state_.get(), question_channel, AMQP_REPLY_SUCCESS),
              "close a channel");
  return true;
}

void AmqpConnection::wait_for_room(AmqpClock::time_point deadline) {
  for (;;) {
    pollfd wait{amqp_get_sockfd(state_.get()), POLLIN | POLLOUT, 0};
    const auto left = std::chrono::ceil<milliseconds>(deadline - AmqpClock::now()).count();
    if (left <= 0) throw Error(Errc::unavailable, peer_ + " takes nothing more");
    const int ready = ::poll(&wait, 1, static_cast<int>(std::min<int64_t>(left, 1000)));
    if (ready > 0 && (wait.revents & POLLIN) != 0)
      while (auto event = read(AmqpClock::now())) early_.push_back(*std::move(event));
    if (!blocked_.empty()) throw Error(Errc::unavailable, blocked_);
    if (ready > 0 && (wait.revents & POLLOUT) != 0) return;
    if (ready > 0 && (wait.revents & (POLLERR | POLLHUP)) != 0)
      throw Error(Errc::unavailable, peer_ + " broke off");
  }
}

void AmqpConnection::write_frame(const amqp_frame_t& frame, AmqpClock::time_point deadline) {
  wait_for_room(deadline);
  check_status(amqp_send_frame(state_.get(), &frame));
}

void AmqpConnection::write_large(const PublishParameters& message,
                                 const amqp_basic_properties_t& properties,
                                 AmqpClock::time_point deadline) {
  amqp_basic_publish_t publish{};
  publish.exchange = bytes_of(message.exchange);
  publish.routing_key = bytes_of(message.routing_key);
  publish.mandatory = 1;
  amqp_frame_t frame{};
  frame.channel = channel;
  frame.frame_type = AMQP_FRAME_METHOD;
  frame.payload.method.id = AMQP_BASIC_PUBLISH_METHOD;
  frame.payload.method.decoded = &publish;
  write_frame(frame, deadline);

  frame.frame_type = AMQP_FRAME_HEADER;
  frame.payload.properties.class_id = AMQP_BASIC_CLASS;
  frame.payload.properties.body_size = message.body.size;
  frame.payload.properties.decoded = const_cast<amqp_basic_properties_t*>(&properties);
  write_frame(frame, deadline);

  frame.frame_type = AMQP_FRAME_BODY;
  for (size_t at = 0; at < message.body.size; at += piece) {
    const size_t size = std::min(piece, message.body.size - at);
    frame.payload.body_fragment = {size, const_cast<char*>(message.body.data) + at};
    write_frame(frame, deadline);
  }
}

void AmqpConnection::write(const PublishParameters& message, AmqpClock::time_point deadline) {
  const Properties properties(message);
  if (message.body.size > small_body) return write_large(message, properties.fields, deadline);
  wait_for_room(deadline);
  check_status(amqp_basic_publish(state_.get(), channel, bytes_of(message.exchange),
                                  bytes_of(message.routing_key), 1, 0, &properties.fields,
                                  bytes_of(message.body)));
}

std::optional<AmqpConnection::Event> AmqpConnection::receive(AmqpClock::time_point deadline) {
  if (early_.empty()) return read(deadline);
  auto event = std::move(early_.front());
  early_.pop_front();
  return event;
}

std::optional<AmqpConnection::Event> AmqpConnection::read(AmqpClock::time_point deadline) {
  for (;;) {
    amqp_frame_t frame{};
    const timeval left = until(deadline);
    const int status = amqp_simple_wait_frame_noblock(state_.get(), &frame, &left);
    if (status == AMQP_STATUS_TIMEOUT) return std::nullopt;
    check_status(status);
    auto event = handle(frame);
    amqp_maybe_release_buffers(state_.get());
    if (event) return event;
  }
}

std::optional<AmqpConnection::Event> AmqpConnection::handle(const amqp_frame_t& frame) {
  if (frame.frame_type == AMQP_FRAME_METHOD) return handle_method(frame);
  if (!returned_) return std::nullopt;
  if (frame.frame_type == AMQP_FRAME_HEADER) {
    const auto* properties =
        static_cast<const amqp_basic_properties_t*>(frame.payload.properties.decoded);
    if ((properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) != 0)
      returned_->message_id = text_of(properties->message_id);
    returned_left_ = frame.payload.properties.body_size;
  } else if (frame.frame_type == AMQP_FRAME_BODY) {
    returned_left_ -= std::min<uint64_t>(returned_left_, frame.payload.body_fragment.len);
  }
  return returned_left_ == 0 ? std::exchange(returned_, std::nullopt) : std::nullopt;
}

void AmqpConnection::handle_control(const amqp_method_t& method) {
  switch (method.id) {
    case AMQP_CONNECTION_BLOCKED_METHOD:
      blocked_ = peer_ + " takes no messages now: " +
                 text_of(static_cast<const amqp_connection_blocked_t*>(method.decoded)->reason);
      return;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
      blocked_.clear();
      return;
    case AMQP_CONNECTION_CLOSE_METHOD: {
      const auto* closed = static_cast<const amqp_connection_close_t*>(method.decoded);
      amqp_connection_close_ok_t done{};
      amqp_send_method(state_.get(), 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &done);
      fail_closed(closed->reply_code, closed->reply_text, "connection");
    }
    default:
      return;
  }
}

std::optional<AmqpConnection::Event> AmqpConnection::handle_method(const amqp_frame_t& frame) {
  const amqp_method_t& method = frame.payload.method;
  if (frame.channel == 0) {
    handle_control(method);
    return std::nullopt;
  }
  if (frame.channel != channel) return std::nullopt;
  switch (method.id) {
    case AMQP_BASIC_ACK_METHOD: {
      const auto* ack = static_cast<const amqp_basic_ack_t*>(method.decoded);
      return Event{Event::Type::acknowledged, ack->delivery_tag, ack->multiple != 0, 0, "", ""};
    }
    case AMQP_BASIC_NACK_METHOD: {
      const auto* nack = static_cast<const amqp_basic_nack_t*>(method.decoded);
      return Event{Event::Type::rejected, nack->delivery_tag, nack->multiple != 0, 0, "", ""};
    }
    case AMQP_BASIC_RETURN_METHOD: {
      const auto* back = static_cast<const amqp_basic_return_t*>(method.decoded);
      returned_ =
          Event{Event::Type::returned, 0, false, back->reply_code, text_of(back->reply_text), ""};
      // Until its header has come, there is something left.
      returned_left_ = 1;
      return std::nullopt;
    }
    case AMQP_CHANNEL_CLOSE_METHOD: {
      const auto* closed = static_cast<const amqp_channel_close_t*>(method.decoded);
      fail_closed(closed->reply_code, closed->reply_text, "channel");
    }
    default:
      return std::nullopt;
  }
}

void AmqpConnection::close() {
  limit(AmqpClock::now() + goodbye);
  amqp_connection_close(state_.get(), AMQP_REPLY_SUCCESS);
}

}  // namespace jetpack::session
