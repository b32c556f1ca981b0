// What becomes of messages when the network and the server misbehave. The transport is a fake of
// the network; outbox and lock are real.
#include "services/session/delivery.hpp"

#include <doctest/doctest.h>

#include <deque>

#include <jetpack/error.hpp>
#include "services/session/envelope.hpp"
#include "services/session/server_transport.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/random.hpp"
#include "support/testing/temporary_directory.hpp"

using namespace jetpack::session;
using jetpack::Errc;
using jetpack::Error;
using jetpack::support::find_string;
using jetpack::support::Json;
using jetpack::support::TemporaryDirectory;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// A server that does what `behave` says, and what it was sent.
struct FakeServer {
  std::function<Response(const std::vector<std::string>& datas)> behave;
  std::vector<std::vector<std::string>> batches;  // the "data" of the messages, as JSON
  std::vector<std::string> bodies;
  std::vector<std::string> letters;  // "PATH BODY KEY"
};

class FakeClient : public HttpsClient {
 public:
  explicit FakeClient(FakeServer& server) : server_(server) {}

  Response exchange(const Request& request) override {
    CHECK(request.method == "POST");
    CHECK(request.timeout > milliseconds::zero());
    if (request.path != "/clusterlink/messages") return receive_letter(request);
    server_.bodies.emplace_back(request.body);
    const jetpack::support::Json body = jetpack::support::Json::parse(request.body, "body");
    std::vector<std::string> datas;
    for (const auto& message : body.root()["messages"].GetArray())
      datas.push_back(jetpack::support::to_json(message["data"]));
    server_.batches.push_back(datas);
    return server_.behave(datas);
  }

 private:
  Response receive_letter(const Request& request) {
    REQUIRE(request.headers.size() == 1);
    CHECK(request.headers[0].first == "Idempotency-Key");
    server_.letters.push_back(std::string(request.path) + " " + std::string(request.body) + " " +
                              std::string(request.headers[0].second));
    return server_.behave({});
  }

  FakeServer& server_;
};

Response status(uint32_t code, const std::string& body = "") { return {code, std::nullopt, body}; }

const Kinds all{Kind::message, Kind::letter_to_server, Kind::letter_to_broker};

// A broker that does what `behave` says, and the ids that it was sent.
struct FakeBroker {
  std::function<Outcome(const Batch&)> behave = [](const Batch&) {
    return Outcome{Verdict::accepted, ""};
  };
  std::vector<std::string> ids;
};

class FakeBrokerTransport : public Transport {
 public:
  explicit FakeBrokerTransport(FakeBroker& broker) : broker_(broker) {}

  std::vector<Outcome> send(const std::vector<Batch>& batches, Clock::time_point) override {
    std::vector<Outcome> outcomes;
    for (const auto& batch : batches) {
      for (const auto& message : batch) broker_.ids.push_back(message.id);
      outcomes.push_back(broker_.behave(batch));
      if (outcomes.back().verdict != Verdict::accepted) break;
    }
    return outcomes;
  }

 private:
  FakeBroker& broker_;
};

struct World {
  TemporaryDirectory directory;
  FakeServer server;
  FakeBroker broker;
  Outbox outbox{{directory.path(), [] { return uint64_t{64} << 20; }, [](const std::string&) {}}};
  std::vector<milliseconds> pauses;
  std::vector<std::string> warnings;

  Message add(const std::string& data = "{}") {
    Message message;
    message.id = jetpack::support::random_uuid();
    message.type = "log";
    message.data = data;
    message.time = "2024-10-04T13:03:40.298Z";
    message.hostname = "ip-0A000004";
    return outbox.add(message);
  }

  Message add_letter(Kind kind, const std::string& address, const std::string& body = "{}") {
    Message message;
    message.id = jetpack::support::random_uuid();
    message.kind = kind;
    message.type = "letter";
    message.data = body;
    message.time = "2024-10-04T13:03:40.298Z";
    message.letter = {"POST", address, "", "application/json", {}, true};
    return outbox.add(message);
  }

  std::optional<std::string> deliver(Message message, milliseconds time = seconds(5)) {
    return delivery().deliver(message, Clock::now() + time);
  }

  Delivery delivery() {
    Delivery::Options options;
    options.lock_path = directory.file("outbox.lock");
    options.connect = [this](Route route) -> std::unique_ptr<Transport> {
      if (route == Route::broker) return std::make_unique<FakeBrokerTransport>(broker);
      const jetpack::node::Identity identity{"demo", "execute-1", "i-1", "s-1"};
      return std::make_unique<ServerTransport>(
          "https://hub", identity, [this] { return std::make_unique<FakeClient>(server); });
    };
    options.warn = [this](const std::string& text) { warnings.push_back(text); };
    options.pause = [this](milliseconds pause) { pauses.push_back(pause); };
    return {outbox, options};
  }

  size_t depth() { return outbox.oldest(all, 1000, 1 << 20).size(); }
};

}  // namespace

TEST_CASE("a message has the form that servers know, with our additions") {
  World world;
  world.server.behave = [](const auto&) { return status(202); };
  const auto message = world.add(R"({"level":"info","message":"hi \"you\""})");
  CHECK_FALSE(world.deliver(message).has_value());
  REQUIRE(world.server.bodies.size() == 1);
  CHECK(world.server.bodies[0] ==
        R"({"messages":[{"id":")" + message.id +
            R"(","cluster_name":"demo","instance_id":"i-1","cluster_session_id":"s-1",)"
            R"("node_name":"execute-1","hostname":"ip-0A000004",)"
            R"("timestamp":"2024-10-04T13:03:40.298Z","type":"log",)"
            R"("data":{"level":"info","message":"hi \"you\""}}]})");
  CHECK(world.depth() == 0);
}

TEST_CASE("what was known at publishing is kept") {
  World world;
  Message message;
  message.id = jetpack::support::random_uuid();
  message.from.cluster = "then";
  message.data = "{}";
  const auto json =
      jetpack::support::Json::parse(envelope({message}, {"now", "n", "", ""}), "envelope");
  const auto& only = json.root()["messages"][0];
  CHECK(jetpack::support::find_string(only, "cluster_name") == "then");
  CHECK(jetpack::support::find_string(only, "node_name") == "n");
  CHECK_FALSE(only.HasMember("instance_id"));
}

TEST_CASE("everything that waits goes in order, in batches") {
  World world;
  world.server.behave = [](const auto&) { return status(202); };
  for (int i = 0; i < 1200; ++i) world.add("{\"n\":" + std::to_string(i) + "}");
  CHECK_FALSE(world.deliver(world.add("{\"n\":1200}")).has_value());
  REQUIRE(world.server.batches.size() == 3);
  CHECK(world.server.batches[0].size() == 500);
  int next = 0;
  for (const auto& batch : world.server.batches)
    for (const auto& data : batch) CHECK(data == "{\"n\":" + std::to_string(next++) + "}");
}

TEST_CASE("a connection that fails is tried again with growing, random pauses") {
  World world;
  int tries = 0;
  world.server.behave = [&](const auto&) -> Response {
    if (++tries < 4)
      throw Error(Errc::unavailable, "the server at https://hub refused the connection");
    return status(202);
  };
  CHECK_FALSE(world.deliver(world.add()).has_value());
  REQUIRE(world.pauses.size() == 3);
  CHECK(world.pauses[0] >= milliseconds(50));
  CHECK(world.pauses[0] <= milliseconds(100));
  CHECK(world.pauses[2] >= milliseconds(200));
  CHECK(backoff(30) <= seconds(5));
}

TEST_CASE("no time left: it stays queued and says why") {
  World world;
  world.server.behave = [](const auto&) -> Response {
    throw Error(Errc::unavailable, "the server at https://hub refused the connection");
  };
  CHECK(world.deliver(world.add(), milliseconds(20)) ==
        "the server at https://hub refused the connection");
  CHECK(world.depth() == 1);
}

TEST_CASE("Retry-After is honoured") {
  World world;
  int tries = 0;
  world.server.behave = [&](const auto&) {
    return ++tries == 1 ? Response{429, seconds(2), ""} : status(202);
  };
  CHECK_FALSE(world.deliver(world.add()).has_value());
  REQUIRE(world.pauses.size() == 1);
  CHECK(world.pauses[0] == seconds(2));
  SUBCASE("and beyond the deadline it is left for later") {
    world.server.behave = [&](const auto&) { return Response{503, seconds(999999999), ""}; };
    world.pauses.clear();
    CHECK(world.deliver(world.add()) ==
          "the server at https://hub answered 503 and asks to wait 86400 s");
    CHECK(world.pauses.empty());
  }
}

TEST_CASE("what does not come from the server acknowledges nothing") {
  const std::string page = "\n<html>Sign in</html>";
  CHECK(judge(status(202)) == Verdict::accepted);
  CHECK(judge(status(202, page)) == Verdict::accepted);
  CHECK(judge(status(200)) == Verdict::accepted);
  CHECK(judge(status(200, R"({"ok":true})")) == Verdict::accepted);
  CHECK(judge(status(204)) == Verdict::accepted);
  CHECK(judge(status(200, page)) == Verdict::retry);
  CHECK(judge(status(200, "OK")) == Verdict::retry);
  CHECK(judge(status(206)) == Verdict::retry);
  CHECK(judge_letter(status(200, "OK")) == Verdict::accepted);
  CHECK(judge_letter(status(201, "<?xml version='1.0'?><a/>")) == Verdict::accepted);
  CHECK(judge_letter(status(200, page)) == Verdict::retry);
  CHECK(judge_letter(status(202, "\xef\xbb\xbf<!DOCTYPE html>")) == Verdict::retry);
  CHECK(judge_letter(status(404)) == Verdict::refused);
  CHECK(judge(status(404)) == Verdict::stop);
  CHECK(judge(status(421)) == Verdict::retry);

  World world;
  world.server.behave = [&](const auto&) { return status(200, page); };
  CHECK(world.deliver(world.add(), seconds(1))->find("login page") != std::string::npos);
  CHECK(world.depth() == 1);
}

TEST_CASE("a wrong password or account stops at once and loses nothing") {
  for (const uint32_t code : {301u, 401u, 403u, 404u, 405u, 407u}) {
    World world;
    world.server.behave = [&](const auto&) { return status(code); };
    const auto note = world.deliver(world.add());
    REQUIRE(note.has_value());
    CHECK(note->find("answered " + std::to_string(code)) != std::string::npos);
    CHECK(world.server.batches.size() == 1);
    CHECK(world.depth() == 1);
  }
}

TEST_CASE("what the server refuses is found in a batch, and the rest arrives in order") {
  World world;
  std::vector<std::string> arrived;
  world.server.behave = [&](const auto& datas) {
    for (const auto& data : datas)
      if (data.find("bad") != std::string::npos) return status(400, R"({"error":"no such level"})");
    arrived.insert(arrived.end(), datas.begin(), datas.end());
    return status(202);
  };
  for (int i = 0; i < 20; ++i)
    world.add(i == 7 || i == 8 ? "{\"bad\":1}" : "{\"n\":" + std::to_string(i) + "}");
  const auto last = world.add("{\"last\":1}");
  CHECK_FALSE(world.deliver(last).has_value());
  CHECK(arrived.size() == 19);
  CHECK(arrived[6] == "{\"n\":6}");
  CHECK(arrived[7] == "{\"n\":9}");
  CHECK(world.warnings.size() == 2);
  const auto state = jetpack::support::Json::parse(world.outbox.describe(), "state");
  CHECK(state.root()["depth"].GetInt() == 0);
  REQUIRE(state.root()["dead"].Size() == 2);
  CHECK(jetpack::support::find_string(state.root()["dead"][0], "reason") ==
        "the server at https://hub answered 400 (no such level)");
}

TEST_CASE("a refusal that names a message is that message's alone, whatever the status") {
  for (const uint32_t code : {400u, 403u, 409u, 422u}) {
    World world;
    std::vector<Message> added;
    for (int i = 0; i < 20; ++i) added.push_back(world.add("{\"n\":" + std::to_string(i) + "}"));
    world.server.behave = [&](const std::vector<std::string>& datas) {
      for (size_t i = 0; i < datas.size(); ++i)
        if (datas[i] == "{\"n\":0}" || datas[i] == "{\"n\":7}")
          return status(code, "{\"error\":\"not mine\",\"message\":" + std::to_string(i) + "}");
      return status(202);
    };
    CHECK_FALSE(world.deliver(added.back()).has_value());
    CHECK(world.outbox.state_of(added[0]) == Outbox::State::dead);
    CHECK(world.outbox.state_of(added[7]) == Outbox::State::dead);
    CHECK(world.server.batches.size() == 3);
    CHECK(world.server.batches.back().size() == 18);
  }
}

TEST_CASE("what names no message of the batch refuses none") {
  for (const char* body : {"{\"message\":\"Forbidden\"}", "{\"message\":1}", "{\"message\":-1}",
                           "{\"message\":null}", "[]", "x"}) {
    World world;
    world.server.behave = [&](const auto&) { return status(403, body); };
    const auto added = world.add();
    CHECK(world.deliver(added).has_value());
    auto looked_up = added;
    CHECK(world.outbox.state_of(looked_up) == Outbox::State::waiting);
  }
}

TEST_CASE("a batch that is too large for the server is divided") {
  World world;
  world.server.behave = [](const auto& datas) { return status(datas.size() > 3 ? 413 : 202); };
  for (int i = 0; i < 20; ++i) world.add();
  CHECK_FALSE(world.deliver(world.add()).has_value());
  CHECK(world.depth() == 0);
  CHECK(jetpack::support::Json::parse(world.outbox.describe(), "state").root()["dead"].Size() == 0);
}

TEST_CASE("a server that fails in the middle of a division loses nothing") {
  World world;
  world.server.behave = [&](const auto& datas) {
    if (datas.size() > 1) return status(400);
    return status(world.server.batches.size() > 5 ? 500 : 202);
  };
  for (int i = 0; i < 4; ++i) world.add();
  CHECK(world.deliver(world.add(), milliseconds(10)).has_value());
  const auto state = jetpack::support::Json::parse(world.outbox.describe(), "state");
  CHECK(state.root()["depth"].GetInt() > 0);
  CHECK(state.root()["dead"].Size() == 0);
}

TEST_CASE("the server's own words are cleaned and cut") {
  CHECK(words_of(status(400, R"({"error":"line\nbreak"})")) == "line\\nbreak");
  CHECK(words_of(status(500, "<html>\x1b[31m")) == "<html>\\x1b[31m");
  CHECK(words_of(status(500, "\xff\xfe")).empty());
  CHECK(words_of(status(500, std::string(100000, 'x'))).size() == 200);
}

TEST_CASE("while another process delivers, its work is waited for") {
  World world;
  world.server.behave = [](const auto&) { return status(202); };
  auto message = world.add();
  auto lock = jetpack::support::FileLock::attempt(world.directory.file("outbox.lock"), 0660);
  REQUIRE(lock.has_value());
  CHECK(world.deliver(message, milliseconds(1)) ==
        "another process is delivering: pid " + std::to_string(::getpid()) + " (session_test)");
  CHECK(world.server.batches.empty());
  world.outbox.remove({message});
  CHECK_FALSE(world.deliver(message, milliseconds(1)).has_value());
}

TEST_CASE("letters and messages of a route arrive in the order of publishing") {
  World world;
  world.server.behave = [](const auto&) { return status(202); };
  world.add("{\"n\":1}");
  const auto letter = world.add_letter(Kind::letter_to_server, "/clusters/demo/scale/execute");
  CHECK_FALSE(world.deliver(world.add("{\"n\":2}")).has_value());
  REQUIRE(world.server.batches.size() == 2);
  CHECK(world.server.letters ==
        std::vector<std::string>{"/clusters/demo/scale/execute {} " + letter.id});
  CHECK(world.depth() == 0);
}

TEST_CASE("a letter that the server refuses does not hold up what is behind it") {
  for (const uint32_t code : {400u, 403u, 404u, 405u, 409u}) {
    World world;
    world.server.behave = [&](const auto& datas) {
      return datas.empty() ? status(code, R"({"error":"no such node array"})") : status(202);
    };
    const auto letter = world.add_letter(Kind::letter_to_server, "/clusters/demo/scale/none");
    CHECK_FALSE(world.deliver(world.add()).has_value());
    CHECK(world.outbox.reason_of(letter) ==
          "the server at https://hub answered " + std::to_string(code) +
              " (no such node array) to POST /clusters/demo/scale/none");
    const auto state = jetpack::support::Json::parse(world.outbox.describe(), "state");
    CHECK(jetpack::support::find_string(state.root()["dead"][0], "to") ==
          "POST /clusters/demo/scale/none");
  }
}

TEST_CASE("a wrong password holds a letter back") {
  World world;
  world.server.behave = [](const auto&) { return status(401); };
  CHECK(world.deliver(world.add_letter(Kind::letter_to_server, "/x")).has_value());
  CHECK(world.depth() == 1);
}

TEST_CASE("a drain empties both queues") {
  World world;
  world.server.behave = [](const auto&) { return status(202); };
  auto delivery = world.delivery();
  CHECK(delivery.drain(seconds(5)).outcome == JP_DRAINED);
  world.add();
  world.add_letter(Kind::letter_to_broker, "key");
  world.add_letter(Kind::letter_to_server, "/x");
  const auto drained = delivery.drain(seconds(5));
  CHECK(drained.outcome == JP_DRAINED);
  CHECK(drained.messages == 3);
  CHECK(world.depth() == 0);
}

TEST_CASE("a queue that fails does not hold up the other, and is left alone for a while") {
  World world;
  world.server.behave = [](const auto&) -> Response {
    throw Error(Errc::unavailable, "the server at https://hub refused the connection");
  };
  auto delivery = world.delivery();
  world.add();
  world.add_letter(Kind::letter_to_broker, "key");
  auto drained = delivery.drain(seconds(5));
  CHECK(drained.outcome == JP_RETRY);
  CHECK(drained.messages == 1);
  CHECK(drained.note == "the server at https://hub refused the connection");
  CHECK(drained.retry_after > milliseconds::zero());
  CHECK(world.server.batches.size() == 1);

  world.server.behave = [](const auto&) { return Response{429, seconds(3600), ""}; };
  while (world.server.batches.size() < 2) delivery.drain(seconds(5));
  world.add_letter(Kind::letter_to_broker, "key");
  drained = delivery.drain(seconds(5));
  CHECK(drained.outcome == JP_RETRY);
  CHECK(drained.messages == 1);
  CHECK(drained.retry_after > seconds(3500));
  CHECK(world.server.batches.size() == 2);
}

TEST_CASE(
    "what needs an administrator is not hammered, and is reported when nothing else is left") {
  World world;
  world.server.behave = [](const auto&) { return status(401); };
  world.add();
  auto delivery = world.delivery();
  for (int i = 0; i < 3; ++i) {
    const auto drained = delivery.drain(seconds(5));
    CHECK(drained.outcome == JP_STOPPED);
    CHECK(drained.note.find("answered 401") != std::string::npos);
  }
  CHECK(world.server.batches.size() == 1);
  world.broker.behave = [](const Batch&) { return Outcome{Verdict::retry, "blocked"}; };
  world.add_letter(Kind::letter_to_broker, "key");
  const auto drained = delivery.drain(seconds(5));
  CHECK(drained.outcome == JP_RETRY);
  CHECK(drained.note.find("; blocked") != std::string::npos);
}

TEST_CASE("a broker's refusal is a dead letter") {
  World world;
  world.broker.behave = [](const Batch&) { return Outcome{Verdict::refused, "no queue is bound"}; };
  auto delivery = world.delivery();
  const auto letter = world.add_letter(Kind::letter_to_broker, "nobody");
  const auto drained = delivery.drain(seconds(5));
  CHECK(drained.outcome == JP_DRAINED);
  CHECK(drained.dead == 1);
  CHECK(world.outbox.reason_of(letter) == "no queue is bound");
}

TEST_CASE("while another process delivers, a drain reports it") {
  World world;
  world.add();
  const auto lock = jetpack::support::FileLock::attempt(world.directory.file("outbox.lock"), 0660);
  CHECK(world.delivery().drain(seconds(5)).outcome == JP_BUSY);
}
