// Prints the report of `jetpack status` for people.
#pragma once

#include <array>
#include <string>

#include <rapidjson/document.h>

#include "support/shown_time.hpp"

namespace jetpack::status {

// What a node knows of itself, by the names of Session::identity.
inline constexpr std::array facts{"cluster", "node", "instance", "url", "transport", "broker"};

// "2 messages"
std::string counted(size_t count, const char* noun);

// A line for each part of the report.
std::string to_text(const rapidjson::Value& report, const support::ShownTimes& shown);

}  // namespace jetpack::status
