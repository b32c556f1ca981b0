// Publishes messages and letters at the AMQP broker, and says what its replies mean.
#include "services/session/broker_transport.hpp"

#include <algorithm>

#include <boost/crc.hpp>

#include <jetpack/boundary.hpp>
#include "services/session/envelope.hpp"

namespace jetpack::session {

namespace {

using std::chrono::milliseconds;

// The queues that hubs share the messages of all nodes by.
constexpr uint32_t partitions = 16;
constexpr size_t max_routing_key = 255;

bool holds_letter(const Batch& batch) { return batch.front().kind != Kind::message; }

// How many of the batches from `begin` on go out together. A broker confirms each for itself and
// may lose one between two others, which letters bear and the order of messages does not.
size_t run_length(const std::vector<Batch>& batches, size_t begin) {
  if (!holds_letter(batches[begin])) return 1;
  size_t end = begin;
  while (end < batches.size() && holds_letter(batches[end])) ++end;
  return end - begin;
}

// Letters are judged one by one. Messages are never refused by a broker, only by the hub behind it:
// where they cannot go, the hub or a permission is missing, and they wait for that.
Outcome outcome_of(const Batch& batch, const Published& published) {
  switch (published.status) {
    case PublishStatus::confirmed:
      return {Verdict::accepted, ""};
    case PublishStatus::unknown:
    case PublishStatus::untried:
      return {Verdict::retry, published.why};
    case PublishStatus::refused:
      break;
  }
  if (holds_letter(batch)) return {Verdict::refused, published.why};
  const bool is_hub_missing =
      published.reply == amqp_reply::not_found || published.reply == amqp_reply::unroutable;
  if (is_hub_missing)
    return {Verdict::retry,
            published.why + "; a hub that is connected to it creates what is missing"};
  return {Verdict::stop, published.why};
}

}  // namespace

std::string routing_key_of(const node::Identity& identity) {
  const std::string name = identity.cluster + '/' + identity.node;
  boost::crc_32_type crc;
  crc.process_bytes(name.data(), name.size());
  std::string key = "messages." + std::to_string(crc.checksum() % partitions) + '.' +
                    identity.cluster + '.' + identity.node;
  char cut[max_routing_key];
  return std::string(cut, boundary::copy_text(cut, sizeof cut, key));
}

BrokerTransport::BrokerTransport(BrokerTarget target, node::Identity identity, Connect connect)
    : target_(std::move(target)), identity_(std::move(identity)), connect_(std::move(connect)) {}

Publication BrokerTransport::publication_of(const Batch& batch, const std::string& body) const {
  const Message& first = batch.front();
  Publication publication;
  publication.message_id = first.id;
  if (!holds_letter(batch)) {
    publication.exchange = target_.exchange;
    publication.routing_key = target_.routing_key;
    publication.content_type = "application/json";
    publication.user_id = target_.user_id;
    publication.body = body;
    return publication;
  }
  publication.exchange = first.letter.exchange;
  publication.routing_key = first.letter.address;
  publication.content_type = first.letter.content_type;
  publication.persistent = first.letter.persistent;
  publication.headers.assign(first.letter.headers.begin(), first.letter.headers.end());
  publication.body = first.data;
  return publication;
}

std::vector<Outcome> BrokerTransport::send(const std::vector<Batch>& batches,
                                           Clock::time_point deadline) {
  const size_t count = run_length(batches, 0);
  const std::string body =
      holds_letter(batches.front()) ? "" : envelope(batches.front(), identity_);
  std::vector<Publication> publications;
  for (size_t i = 0; i < count; ++i) publications.push_back(publication_of(batches[i], body));

  std::vector<Published> results;
  try {
    if (!broker_) broker_ = connect_();
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    results = broker_->publish(publications, std::max(left, milliseconds{1}));
  } catch (const Error& e) {
    return {{e.code() == Errc::unavailable ? Verdict::retry : Verdict::stop, e.what()}};
  }
  std::vector<Outcome> outcomes;
  for (size_t i = 0; i < count; ++i) {
    if (i > 0 && results[i].status == PublishStatus::untried) break;
    outcomes.push_back(outcome_of(batches[i], results[i]));
    const Verdict verdict = outcomes.back().verdict;
    if (verdict == Verdict::retry || verdict == Verdict::stop) break;
  }
  return outcomes;
}

void BrokerTransport::heartbeat() {
  if (broker_) broker_->heartbeat();
}

}  // namespace jetpack::session
