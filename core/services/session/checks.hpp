// What a caller may publish, send and request.
#pragma once

#include <string>
#include <string_view>

#include <jetpack/abi.h>
#include "services/session/outbox.hpp"

namespace jetpack::session {

// Each throws Errc::usage, naming what is wrong; check_message Errc::corrupt for JSON that cannot
// be parsed.
void check_message(std::string_view type, std::string_view data);
void check_request(std::string_view method, std::string_view path);
void check_letter(const jp_letter& letter);

// What is wrong with a message that was read from the outbox and cannot have been stored like this;
// empty: nothing. Sent nevertheless it would spoil its batch.
std::string damage_of(const Message& message);

}  // namespace jetpack::session
