// Logs refused requests without letting their sender fill the log.
#include "common/refusal_log.hpp"

#include "support/utf8.hpp"

namespace jetpack::hub {

namespace {

constexpr std::chrono::minutes interval{1};
// Further addresses share one entry, so that many of them cost neither memory nor lines.
constexpr size_t most_addresses = 100;
// The text has what the client sent, such as a name.
constexpr size_t most_text = 300;
constexpr const char* others = "other addresses";

}  // namespace

void RefusalLog::warn(const std::string& address, const std::string& text) {
  const std::lock_guard lock(mutex_);
  const auto now = now_();
  if (senders_.size() >= most_addresses)
    std::erase_if(senders_, [&](const auto& known) { return now - known.second.last >= interval; });
  const bool is_known = senders_.contains(address) || senders_.size() < most_addresses;
  const auto [found, is_new] = senders_.try_emplace(is_known ? address : others);
  Sender& sender = found->second;
  if (!is_new && now - sender.last < interval) {
    ++sender.unlogged;
    return;
  }
  const std::string more = sender.unlogged == 0 ? ""
                                                : " (and " + std::to_string(sender.unlogged) +
                                                      " more refused from " + found->first +
                                                      " since the last such line)";
  sender = {now, 0};
  log_.warning(std::string(support::beginning_of(text, most_text)) + " from " + address + more);
}

}  // namespace jetpack::hub
