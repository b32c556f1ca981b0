// Tests of message parsing.
#include "store/messages.hpp"

#include <doctest/doctest.h>

using namespace jetpack::hub;

namespace {

std::string batch(const std::string& messages) { return R"({"messages":[)" + messages + "]}"; }

std::string log_message(const std::string& data) {
  return batch(R"({"cluster_name":"c","type":"log","data":)" + data + "}");
}

LogEntry only_entry(const std::string& data) {
  return *parse_messages(log_message(data)).at(0).log;
}

std::string refusal(const std::string& body) {
  try {
    parse_messages(body);
  } catch (const BadMessages& bad) {
    return bad.what();
  }
  return "taken";
}

}  // namespace

TEST_CASE("a message of the public form") {
  const auto messages = parse_messages(batch(
      R"({"cluster_name":"c","instance_id":"i","timestamp":"2024-10-04T13:03:40Z",)"
      R"("cluster_session_id":null,"type":"log","data":{"level":"warn","message":"m","exit_code":3}})"));
  REQUIRE(messages.size() == 1);
  const Message& message = messages[0];
  CHECK(message.id.size() == 36);
  CHECK(message.cluster == "c");
  CHECK(message.instance_id == "i");
  CHECK(message.sent == "2024-10-04T13:03:40Z");
  CHECK(message.session.empty());
  CHECK(message.data == R"({"level":"warn","message":"m","exit_code":3})");
  REQUIRE(message.log);
  CHECK(message.log->text == "m");
  CHECK(message.log->extras == R"({"exit_code":3})");
}

TEST_CASE("the sender's id is kept") {
  CHECK(parse_messages(batch(R"({"id":"x","cluster_name":"c","type":"t","data":{}})"))[0].id ==
        "x");
}

TEST_CASE("priorities follow from levels") {
  CHECK(only_entry(R"({"message":"m"})").level == "info");
  CHECK(only_entry(R"({"message":"m"})").priority == Priority::medium);
  CHECK(only_entry(R"({"message":"m","level":"warn"})").priority == Priority::medium);
  CHECK(only_entry(R"({"message":"m","level":"error"})").priority == Priority::high);
  CHECK(only_entry(R"({"message":"m","level":"error","priority":"low"})").priority ==
        Priority::low);
}

TEST_CASE("an unknown type is taken as it is") {
  const auto messages =
      parse_messages(batch(R"({"cluster_name":"c","type":"test","data":{"a":[1]}})"));
  CHECK_FALSE(messages[0].log);
  CHECK_FALSE(messages[0].properties);
  CHECK(messages[0].data == R"({"a":[1]})");
}

TEST_CASE("what is wrong is said, and where") {
  CHECK(refusal("").find("the body") != std::string::npos);
  CHECK(refusal("[]") == R"(the body must be {"messages": [...]})");
  CHECK(refusal(batch("1")) == "message 0: a message must be an object");
  const std::string good = R"({"cluster_name":"c","type":"t","data":{}})";
  CHECK(refusal(batch(good + "," + R"({"cluster_name":"c","data":{}})")) ==
        "message 1: 'type' is missing");
  CHECK(refusal(batch(R"({"type":"t","data":{}})")) == "message 0: 'cluster_name' is missing");
  CHECK(refusal(batch(R"({"cluster_name":"c","type":"t"})")) ==
        "message 0: 'data' must be an object");
  CHECK(refusal(batch(R"({"cluster_name":5,"type":"t","data":{}})")) ==
        "message 0: 'cluster_name' must be a string");
  CHECK(refusal(log_message("{}")) == "message 0: 'message' must be a string");
  CHECK(refusal(log_message(R"({"message":"m","level":"loud"})")) ==
        "message 0: 'level' must be info, warn or error");
  CHECK(refusal(log_message(R"({"message":"m","priority":"top"})")) ==
        "message 0: 'priority' must be low, medium or high");
  CHECK(refusal(batch(R"({"cluster_name":"c","type":"properties","data":{"properties":1}})")) ==
        "message 0: 'properties' must be an object");
}

TEST_CASE("a converge") {
  const auto converge = [](const std::string& steps) {
    return batch(R"({"cluster_name":"c","type":"converge","data":{"run":"r","mode":"install",)"
                 R"("status":"running","started":"2026-11-28T10:00:00Z","steps":)" +
                 steps + "}}");
  };
  const auto report =
      *parse_messages(converge(R"([{"number":3,"name":"script","status":"error",)"
                               R"("duration_ms":5,"return_code":1,"output":"o"}])"))[0]
           .converge;
  CHECK(report.started == 1795860000000);
  REQUIRE(report.steps.size() == 1);
  CHECK(report.steps[0].number == 3);
  CHECK(report.steps[0].duration_ms == 5);
  CHECK(report.steps[0].return_code == 1);
  CHECK(refusal(converge(R"([{"status":"ok"}])")) == "message 0: 'number' is missing in a step");
  CHECK(refusal(converge(R"([{"number":5000,"status":"ok"}])")) ==
        "message 0: 'number' must be a whole number from 0 to 4999");
  CHECK(refusal(converge(R"([{"number":0,"status":"done"}])")) ==
        "message 0: 'status' must be one of pending, running, ok, skipped, error");
  CHECK(refusal(converge("{}")) == "message 0: 'steps' must be an array");
}

TEST_CASE("hostile bodies") {
  CHECK(refusal(std::string(1'000'000, '[')).find("the body") != std::string::npos);
  CHECK(parse_messages(log_message("{\"message\":\"\xFF\"}")).at(0).log->text == "\xEF\xBF\xBD");
  CHECK(refusal(log_message(R"({"message":"m","x":NaN})")).find("the body, line 1") == 0);
  CHECK(
      refusal(batch(R"({"cluster_name":")" + std::string(300, 'x') + R"(","type":"t","data":{}})"))
          .find("300 bytes") != std::string::npos);
  CHECK(only_entry("{\"message\":\"a\\u0000b\"}").text ==
        "a\xEF\xBF\xBD"
        "b");
  CHECK(only_entry(R"({"message":")" + std::string(100'000, 'x') + "\"}").text.size() == 65'536);
}

TEST_CASE("properties are merged") {
  CHECK(merge_json("{}", R"({"a":1})") == R"({"a":1})");
  CHECK(merge_json(R"({"a":{"b":1,"c":2}})", R"({"a":{"b":3}})") == R"({"a":{"b":3,"c":2}})");
  CHECK(merge_json(R"({"a":1,"b":2})", R"({"a":null})") == R"({"b":2})");
  CHECK(merge_json(R"({"a":1})", R"({"a":{"b":1}})") == R"({"a":{"b":1}})");
  CHECK(merge_json("broken", R"({"a":1})") == R"({"a":1})");
}
