// What an account may send.
#include "store/sent_messages.hpp"

#include <string>

namespace jetpack::hub {

void require_permitted(const Account& account, const std::vector<Message>& messages) {
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string which = "message " + std::to_string(i);
    if (messages[i].cluster != account.cluster)
      throw BadMessages(
          which + " is for a cluster other than the account's, '" + account.cluster + "'", i);
    if (messages[i].autoscale && !account.is_scheduler)
      throw BadMessages(which +
                            " asks for capacity, which only schedulers can do; mark one with "
                            "'jetpack hub node configure NODE --scheduler'",
                        i);
  }
}

}  // namespace jetpack::hub
